/*
 * Which notes a consumer wants: those of its feed, and of the event types that it asked for.
 */
#include "core/feed_impl.h"

struct feed_wish *feed_wish_new(const struct feed_conf *conf, struct blob *filter)
{
    struct feed_wish *w = xcalloc(1, sizeof *w);

    atomic_init(&w->refs, 1);
    w->conf = feed_conf_ref(conf);
    w->filter = filter ? blob_ref(filter) : NULL;
    return w;
}

struct feed_wish *feed_wish_ref(struct feed_wish *w)
{
    atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
    return w;
}

void feed_wish_unref(struct feed_wish *w)
{
    if (!w || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) > 1)
        return;
    feed_conf_unref(w->conf);
    blob_unref(w->filter);
    free(w);
}

bool feed_wish_takes_all(const struct feed_wish *w)
{
    return w->conf->everything && !w->filter;
}

static bool is_among(struct str types, struct str name)
{
    while (types.n) {
        if (feed_glob(str_split(&types, '\0'), name))
            return true;
    }
    return false;
}

bool feed_wish_wants(struct str label, const void *arg)
{
    const struct feed_wish *w = arg;
    AUTO(buf_done) struct buf type = BUF_INIT;
    struct note n;

    if (!feed_conf_wants(label, w->conf))
        return false;
    if (!w->filter)
        return true;
    if (!note_label(label, &n))
        return false;
    note_event_type(&n, &type);
    return is_among(blob_view(w->filter), feed_conf_event_type(w->conf, &type));
}

/* ---- a consumer's ---- */

void feed_wish_set(struct feed_consumer *c, struct blob *filter)
{
    struct feed_wish *was = c->wish;

    if (was && was->conf == c->feed->conf && str_eq(blob_view(was->filter), blob_view(filter)))
        return;
    c->wish = feed_wish_new(c->feed->conf, filter);
    feed_wish_unref(was);
    c->ahead = false;
}

void feed_wish_renew(struct feed_consumer *c)
{
    feed_wish_set(c, c->wish ? c->wish->filter : NULL);
}
