/*
 * What a fetch sent, request by request, for who wants to see it (fetch_params.hops).
 */
#include "io/fetch_impl.h"

#define SENT_MAX (FETCH_LINES_MAX + FETCH_URL_MAX + 1024)

void fetch_hops_clear(struct fetch_hops *h)
{
    for (size_t i = 0; i < h->count; i++) {
        free(h->items[i].url);
        buf_wipe(&h->items[i].sent);
    }
    *h = (struct fetch_hops){.count = 0};
}

/* The one under way; NULL: nobody wants to see it, or there were too many. */
static struct fetch_hop *hop_of(const struct fetch *f)
{
    struct fetch_hops *h = f->params.hops;

    return h && h->count == f->redirects + 1 ? &h->items[f->redirects] : NULL;
}

void fetch_hop_begin(struct fetch *f)
{
    struct fetch_hops *h = f->params.hops;

    if (!h || h->count == FETCH_HOPS_MAX)
        return;
    h->items[h->count++] = (struct fetch_hop){
        .url = xstrdup(f->url->text),
        .sent = BUF_INIT_MAX(SENT_MAX),
    };
}

/* A request may leave in parts, and once more from its beginning when a kept connection turned out
 * to be closed. */
void fetch_hop_sent(struct fetch *f, const char *p, size_t n)
{
    struct fetch_hop *hop = hop_of(f);

    if (!hop)
        return;
    if (str_ends(buf_view(&hop->sent), STR("\r\n\r\n")))
        buf_clear(&hop->sent);
    /* At once: growing would leave copies of credentials behind. */
    if (buf_reserve(&hop->sent, hop->sent.cap ? n : SENT_MAX) == E_OK)
        buf_append(&hop->sent, p, n);
}

void fetch_hop_redirected(struct fetch *f)
{
    struct fetch_hops *h = f->params.hops;

    /* The redirect is counted already. */
    if (h && h->count == f->redirects)
        h->items[h->count - 1].status = f->status;
}
