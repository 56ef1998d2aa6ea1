/*
 * Clients and tokens as shared objects: one block of memory each, so that one call overwrites it.
 */
#include "base/hash.h"
#include "core/token_wire.h"

/* The last holder overwrites and frees. */
static bool was_last(atomic_uint *refs)
{
    unsigned was = atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel);

    CHECK(was > 0);
    return was == 1;
}

static void count_up(atomic_uint *refs)
{
    unsigned was = atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);

    CHECK(was > 0 && was < UINT32_MAX);
}

/* ---- clients ---- */

static struct str put(char **at, struct str s)
{
    struct str copy = str_make(*at, s.n);

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static uint64_t hash_of(const struct token_client *c)
{
    uint64_t h = hash64_seed(c->provider.p, c->provider.n, c->mode);

    h = hash64_seed(c->id.p, c->id.n, h);
    h = hash64_seed(c->secret.p, c->secret.n, h);
    return hash64_seed(c->scope.p, c->scope.n, h);
}

struct token_conf *token_conf_new(const struct token_client *client)
{
    size_t size = client->provider.n + client->id.n + client->secret.n + client->scope.n;
    struct token_conf *c = xmalloc(sizeof *c + size);
    char *at = c->text;

    atomic_init(&c->refs, 1);
    c->size = size;
    c->client = (struct token_client){
        .provider = put(&at, client->provider),
        .id = put(&at, client->id),
        .secret = put(&at, client->secret),
        .scope = put(&at, client->scope),
        .mode = client->mode,
    };
    c->hash = hash_of(&c->client);
    return c;
}

struct token_conf *token_conf_ref(struct token_conf *c)
{
    count_up(&c->refs);
    return c;
}

void token_conf_unref(struct token_conf *c)
{
    if (!c || !was_last(&c->refs))
        return;
    explicit_bzero(c->text, c->size);
    free(c);
}

struct str token_conf_provider(const struct token_conf *c)
{
    return c->client.provider;
}

bool token_conf_equal(const struct token_conf *a, const struct token_conf *b)
{
    const struct token_client *x = &a->client, *y = &b->client;

    return a == b || (a->hash == b->hash && x->mode == y->mode && str_eq(x->id, y->id) &&
                      str_eq(x->provider, y->provider) && str_eq(x->secret, y->secret) &&
                      str_eq(x->scope, y->scope));
}

/* ---- tokens ---- */

#define HEADER "Authorization: Bearer "

struct token *token_new(struct str access_token, int64_t asked_at, int64_t life_us)
{
    static atomic_uint_fast64_t last_serial;
    size_t prefix = sizeof HEADER - 1;
    struct token *t = xmalloc(sizeof *t + prefix + access_token.n);

    atomic_init(&t->refs, 1);
    t->serial = atomic_fetch_add_explicit(&last_serial, 1, memory_order_relaxed) + 1;
    t->asked_at = asked_at;
    t->renew_at = asked_at + life_us / 10 * 9;
    t->expires_at = asked_at + life_us;
    t->size = prefix + access_token.n;
    memcpy(t->header, HEADER, prefix);
    memcpy(t->header + prefix, access_token.p, access_token.n);
    return t;
}

struct token *token_ref(struct token *t)
{
    count_up(&t->refs);
    return t;
}

void token_unref(struct token *t)
{
    if (!t || !was_last(&t->refs))
        return;
    explicit_bzero(t->header, t->size);
    free(t);
}

struct str token_header(const struct token *t)
{
    return str_make(t->header, t->size);
}
