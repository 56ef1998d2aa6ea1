#include "base/sign.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>

/* Looking an algorithm up costs more than a short text: it is done once. */
static EVP_MAC *hmac;

static void find_hmac(void)
{
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    CHECK(hmac);
}

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.n ? s.p : "");
}

void sign_hmac_sha256(struct str key, const struct str *parts, size_t count,
                      unsigned char ret[SIGN_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    size_t n = 0;

    pthread_once(&once, find_hmac);
    EVP_MAC_CTX *c = EVP_MAC_CTX_new(hmac);
    CHECK(c && EVP_MAC_init(c, bytes_of(key), key.n, params) == 1);
    for (size_t i = 0; i < count; i++)
        CHECK(EVP_MAC_update(c, bytes_of(parts[i]), parts[i].n) == 1);
    CHECK(EVP_MAC_final(c, ret, &n, SIGN_BYTES) == 1 && n == SIGN_BYTES);
    EVP_MAC_CTX_free(c); /* wipes the key */
}
