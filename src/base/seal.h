/*
 * Sealing of what is stored: secret-key encryption with authentication, by a key in a file of its
 * own. A door to libsodium, as base/sign.h is.
 *
 * A seal is immutable and may be used by many threads.
 */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include "base/blob.h"
#include "base/err.h"
#include "base/hash.h"

struct seal;

/* The key of this file; made (readable by its owner alone) when there is none. Errors name the file
 * and what to do: E_IO; E_INVALID: it is no key, or others may read it. */
MUST_USE enum err seal_open(const char *path, struct seal **ret, struct errinfo *ei);
void seal_free(struct seal *s);

/* A new blob with the text sealed. */
struct blob *seal_make(const struct seal *s, struct str plain);
/* Was this made by seal_make()? Text of JSON never looks like it. */
bool seal_is(struct str sealed);
/* Append the text to b. E_STORE_CORRUPT: it was sealed with another key, or damaged. */
MUST_USE enum err seal_undo(const struct seal *s, struct str sealed, struct buf *b,
                            struct errinfo *ei);

/* A mark of texts, secrets among them: only the same texts in the same order have the same, whoever
 * chose them, and it tells nothing of them. Good within this process: the key is a random one. */
struct hash128 seal_mark(const struct str *texts, size_t count);

#endif
