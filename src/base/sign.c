#include "base/sign.h"

#include <sodium.h>

_Static_assert(SIGN_BYTES == crypto_auth_hmacsha256_BYTES, "the size of a code");

static const unsigned char *bytes_of(struct str s)
{
    return (const unsigned char *)(s.n ? s.p : "");
}

void sign_hmac_sha256(struct str key, const struct str *parts, size_t count,
                      unsigned char ret[SIGN_BYTES])
{
    crypto_auth_hmacsha256_state state;

    CHECK(crypto_auth_hmacsha256_init(&state, bytes_of(key), key.n) == 0);
    for (size_t i = 0; i < count; i++)
        CHECK(crypto_auth_hmacsha256_update(&state, bytes_of(parts[i]), parts[i].n) == 0);
    CHECK(crypto_auth_hmacsha256_final(&state, ret) == 0);
    sodium_memzero(&state, sizeof state);
}
