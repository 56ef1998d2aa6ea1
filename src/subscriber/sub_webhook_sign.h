/*
 * Signatures of webhooks as Standard Webhooks 1.0 has them: HMAC-SHA256 of the message's id, the time
 * and the body, by up to two secrets at once, so that one can be replaced by another.
 */
#ifndef SUBSCRIBER_SUB_WEBHOOK_SIGN_H
#define SUBSCRIBER_SUB_WEBHOOK_SIGN_H

#include "base/buf.h"
#include "core/limits.h"

#define WEBHOOK_KEY_MIN 24
#define WEBHOOK_KEY_MAX 64

/* Keys of now; zeroed: none. They own secrets. */
struct webhook_keys {
    struct buf items[LIMIT_SIGNING_SECRETS];
    size_t count;
};

/* Add the key that a secret ("whsec_" and the Base64 of 24 to 64 bytes) stands for; there is room
 * for it. E_INVALID; ei never quotes it. */
MUST_USE enum err webhook_keys_add(struct webhook_keys *keys, struct str secret,
                                   struct errinfo *ei);
/* Overwrite them; it is empty then. */
void webhook_keys_wipe(struct webhook_keys *keys);

/* Append the value of webhook-signature: "v1,…" for each key, with blanks between. time_s: Unix
 * time, the value of webhook-timestamp. */
void webhook_sign(const struct webhook_keys *keys, struct str id, int64_t time_s, struct str body,
                  struct buf *b);

#endif
