#include "subscriber/sub_webhook_sign.h"

#include "base/base64.h"
#include "base/sign.h"

#define PREFIX STR("whsec_")

enum err webhook_keys_add(struct webhook_keys *keys, struct str secret, struct errinfo *ei)
{
    AUTO(buf_wipe) struct buf key = BUF_INIT;

    CHECK(keys->count < LIMIT_SIGNING_SECRETS);
    if (!str_starts(secret, PREFIX))
        return err_set(ei, E_INVALID, "it does not begin with whsec_");
    if (base64_decode(&key, str_drop(secret, PREFIX.n)) != E_OK)
        return err_set(ei, E_INVALID, "what follows whsec_ is not Base64 (RFC 4648)");
    if (key.len < WEBHOOK_KEY_MIN || key.len > WEBHOOK_KEY_MAX)
        return err_set(ei, E_INVALID, "it stands for %zu bytes, not for %d to %d", key.len,
                       WEBHOOK_KEY_MIN, WEBHOOK_KEY_MAX);
    keys->items[keys->count++] = key;
    key = (struct buf)BUF_INIT;
    return E_OK;
}

void webhook_keys_wipe(struct webhook_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        buf_wipe(&keys->items[i]);
    *keys = (struct webhook_keys){.count = 0};
}

void webhook_sign(const struct webhook_keys *keys, struct str id, int64_t time_s, struct str body,
                  struct buf *b)
{
    char time[24];

    snprintf(time, sizeof time, ".%lld.", (long long)time_s);
    const struct str parts[] = {id, str_of(time), body};
    for (size_t i = 0; i < keys->count; i++) {
        unsigned char code[SIGN_BYTES];

        sign_hmac_sha256(buf_view(&keys->items[i]), parts, ARRAY_LEN(parts), code);
        buf_puts(b, i > 0 ? " v1," : "v1,");
        base64_encode(b, str_make((const char *)code, sizeof code));
    }
}
