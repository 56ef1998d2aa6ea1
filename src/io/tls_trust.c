#include "io/tls_trust.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

struct tls_trust {
    X509_STORE *store;
};

enum err tls_trust_new(const char *ca_file, struct tls_trust **ret, struct errinfo *ei)
{
    char reason[160];
    X509_STORE *store = X509_STORE_new();

    if (!store)
        panic("out of memory for trusted certificates");
    ERR_clear_error();
    if (X509_STORE_load_file(store, ca_file) != 1) {
        ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
        ERR_clear_error();
        X509_STORE_free(store);
        return err_set(ei, E_POLL_TLS, "the CA file %s cannot be used: %s", ca_file, reason);
    }
    /* A certificate that stands in the file itself is enough, whoever signed it. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    *ret = xmalloc(sizeof **ret);
    (*ret)->store = store;
    return E_OK;
}

void tls_trust_free(struct tls_trust *t)
{
    if (!t)
        return;
    X509_STORE_free(t->store);
    free(t);
}

void tls_trust_use(const struct tls_trust *t, void *ssl_ctx)
{
    SSL_CTX_set1_cert_store(ssl_ctx, t->store);
}
