/*
 * What the files of token.h share: token.c (a loop's copies, those who wait), token_source.c (the
 * owner's side), token_wire.c (texts), token_conf.c (counted objects).
 *
 * Between loops there is one object, the ask of a copy: it travels to the owner of the client, waits
 * there, and comes back with the answer. A copy has one ask and does not go while it is away, so
 * nothing has to be allocated or freed on the way.
 */
#ifndef CORE_TOKEN_IMPL_H
#define CORE_TOKEN_IMPL_H

#include "base/map.h"
#include "core/shard.h"
#include "core/token_wire.h"

/* Of a map by client; those whose hashes are equal form a chain. */
struct token_entry {
    struct token_entry *next;
    struct token_conf *conf;
    int64_t used;
    struct list idle; /* while the idle ones are collected */
};

struct tokens {
    struct shard *shard;
    struct map copies, sources;
    struct list dirty; /* copies that have something to decide */
    struct deferred settle;
    struct timer sweep;
};

/* Why there is no (newer) token; err E_OK: no failure. */
struct token_failure {
    enum err err;
    bool passing;
    int64_t retry_at;
    struct errinfo info;
};

struct token_ask {
    struct mail mail;
    struct list link; /* on the source's list, at the owner */
    struct tokens *from, *to;
    struct token_conf *conf; /* the copy's */
    bool away;               /* the copy's own note: the rest is not its to touch */
    /* to the owner */
    uint64_t have; /* serial of the copy's token, or 0 */
    bool refused;  /* the API refuses that one */
    /* back */
    struct token *token; /* a reference, or NULL */
    struct token_failure failure;
    struct token_exchange exchange;
};

/* ---- token.c ---- */

struct token_entry *token_entry_find(const struct map *m, const struct token_conf *c);
/* Takes its place in the map with a reference of its own. */
void token_entry_add(struct map *m, struct token_entry *e, struct token_conf *c);
/* Send the ask back to its copy. */
void token_answer_ask(struct token_ask *ask);

/* ---- token_source.c: on the owner's loop ---- */

/* Takes the ask until it is answered. */
void token_source_ask(struct tokens *t, struct token_ask *ask);
bool token_source_is_idle(const struct token_entry *e, int64_t now);
/* After it left its map. Asks that wait are not looked at: their copies may be gone. */
void token_source_free(struct token_entry *e);

#endif
