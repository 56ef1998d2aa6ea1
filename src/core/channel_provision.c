/*
 * Followers that carry a provisioned subscription: which is open is known on the loop that accepted
 * its connection. A subscription has one at a time: of several, the last that was opened stays,
 * whatever loops they are on.
 */
#include "core/channel_provision.h"

#include "base/trace.h"
#include "core/shard.h"

#define TAKEN_OVER "the subscription was opened on another connection"

/* Value of shard->provisioned. */
struct provisioned {
    struct follower *follower;
    uint64_t order;
};

struct takeover {
    struct mail mail;
    struct shard *to;
    uint64_t order;
    char id[FOLLOWER_ID_LEN + 1];
};

static struct provisioned *find(const struct shard *sh, const char *id)
{
    return map_get(&sh->provisioned, str_of(id));
}

static void on_takeover(struct mail *mail)
{
    AUTO_FREE struct takeover *t = CONTAINER_OF(mail, struct takeover, mail);
    const struct provisioned *p = find(t->to, t->id);

    if (p && p->order < t->order)
        follower_fail(p->follower, 40000, STR(TAKEN_OVER));
}

static void tell_others(const struct shard *sh, const char *id, uint64_t order)
{
    const struct engine *e = sh->engine;

    for (unsigned i = 0; i < e->shard_count; i++) {
        if (e->shards[i] == sh)
            continue;
        struct takeover *t = xcalloc(1, sizeof *t);
        t->to = e->shards[i];
        t->order = order;
        memcpy(t->id, id, FOLLOWER_ID_LEN);
        loop_post(t->to->loop, &t->mail, on_takeover);
    }
}

/* The opposite of follower_id_text(). */
static void set_id(struct follower *f, const char *id)
{
    unsigned a, b, c, d;
    unsigned long long e;

    CHECK(sscanf(id, "%8x-%4x-%4x-%4x-%12llx", &a, &b, &c, &d, &e) == 5);
    f->id[0] = (uint64_t)a << 32 | (uint64_t)b << 16 | c;
    f->id[1] = (uint64_t)d << 48 | e;
}

void follower_provision(struct follower *f, const char *id)
{
    static atomic_uint_fast64_t last;
    struct shard *sh = f->channel->shard;
    struct provisioned *p = find(sh, id);

    set_id(f, id);
    f->provisioned = true;
    if (p) {
        follower_fail(p->follower, 40000, STR(TAKEN_OVER));
    } else {
        p = xcalloc(1, sizeof *p);
        map_put(&sh->provisioned, str_of(id), p);
    }
    p->follower = f;
    p->order = atomic_fetch_add(&last, 1) + 1;
    trace(channel, "subscription %s: opened, %llu", id, (unsigned long long)p->order);
    tell_others(sh, id, p->order);
}

void follower_unprovision(struct follower *f)
{
    struct shard *sh = f->channel->shard;
    char id[FOLLOWER_ID_LEN + 1];

    if (!f->provisioned)
        return;
    f->provisioned = false;
    follower_id_text(f, id);
    struct provisioned *p = find(sh, id);
    /* Another may have taken its place while it was told its end. */
    if (p && p->follower == f)
        free(map_remove(&sh->provisioned, str_of(id)));
}

struct follower *follower_provisioned(struct shard *sh, const char *id)
{
    const struct provisioned *p = find(sh, id);

    return p ? p->follower : NULL;
}
