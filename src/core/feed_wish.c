/*
 * Which notes a consumer wants: those of its feed, and of the event types that it asked for.
 */
#include "core/feed_impl.h"

struct feed_wish *feed_wish_new(const struct feed_conf *conf, char *const *types, size_t count)
{
    struct feed_wish *w = xcalloc(1, sizeof *w);

    atomic_init(&w->refs, 1);
    w->conf = feed_conf_ref(conf);
    w->types = xcalloc(count + 1, sizeof(char *));
    w->type_count = count;
    for (size_t i = 0; i < count; i++)
        w->types[i] = xstrdup(types[i]);
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
    for (size_t i = 0; i < w->type_count; i++)
        free(w->types[i]);
    free(w->types);
    free(w);
}

bool feed_wish_wants(struct str label, const void *arg)
{
    const struct feed_wish *w = arg;
    AUTO(buf_done) struct buf type = BUF_INIT;
    struct note n;

    if (!feed_conf_wants(label, w->conf))
        return false;
    if (!w->type_count)
        return true;
    if (!note_label(label, &n))
        return false;
    note_event_type(&n, &type);
    struct str name = feed_conf_event_type(w->conf, &type);
    for (size_t i = 0; i < w->type_count; i++)
        if (feed_glob(str_of(w->types[i]), name))
            return true;
    return false;
}
