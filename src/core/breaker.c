#include "core/breaker.h"

#include "base/count.h"
#include "base/log.h"
#include "base/map.h"

struct breakers {
    struct map by_host;
    int64_t gap_us;
};

struct breaker {
    struct breakers *all;
    unsigned refs;
    unsigned failures; /* in a row */
    bool open;
    bool probing;
    int64_t probe_at; /* while it is open: no probe before */
    char host[];
};

struct breakers *breakers_new(int64_t gap_us)
{
    struct breakers *bs = xcalloc(1, sizeof *bs);

    bs->gap_us = gap_us;
    return bs;
}

void breakers_free(struct breakers *bs)
{
    if (!bs)
        return;
    CHECK(bs->by_host.count == 0);
    map_done(&bs->by_host);
    free(bs);
}

struct breaker *breaker_get(struct breakers *bs, struct str host)
{
    struct breaker *b = map_get(&bs->by_host, host);

    if (!b) {
        b = xcalloc(1, sizeof *b + host.n + 1);
        memcpy(b->host, host.p, host.n);
        b->all = bs;
        map_put(&bs->by_host, host, b);
    }
    b->refs++;
    return b;
}

static void set_open(struct breaker *b, bool open)
{
    b->open = open;
    count_add(COUNT_breakers_open, open ? 1 : -1);
}

void breaker_put(struct breaker *b)
{
    if (!b || --b->refs > 0)
        return;
    if (b->open)
        set_open(b, false);
    map_remove(&b->all->by_host, str_of(b->host));
    free(b);
}

/* ---- requests ---- */

enum breaker_pass breaker_enter(struct breaker *b, int64_t now, int64_t *ret_wait_us)
{
    *ret_wait_us = 0;
    if (!b->open)
        return BREAKER_CLOSED;
    if (!b->probing && now >= b->probe_at) {
        b->probing = true;
        return BREAKER_PROBE;
    }
    if (!b->probing)
        *ret_wait_us = b->probe_at - now;
    count_one(COUNT_breaker_refusals);
    return BREAKER_REFUSED;
}

static void failed(struct breaker *b, int64_t now)
{
    b->failures++;
    if (!b->open && b->failures >= BREAKER_FAILURES) {
        set_open(b, true);
        log_warn("a host does not answer: deliveries to it wait", LOG_S("host", b->host));
    }
    if (b->open)
        b->probe_at = now + b->all->gap_us;
}

static void answered(struct breaker *b)
{
    b->failures = 0;
    if (!b->open)
        return;
    set_open(b, false);
    log_info("a host answers again", LOG_S("host", b->host));
}

void breaker_leave(struct breaker *b, enum breaker_pass pass, enum breaker_end end, int64_t now)
{
    CHECK(pass != BREAKER_REFUSED);
    if (pass == BREAKER_PROBE)
        b->probing = false;
    if (end == BREAKER_ANSWERED)
        answered(b);
    else if (end == BREAKER_SILENT)
        failed(b, now);
}
