#include "core/page_memo.h"

#define PAGES_MAX ((size_t)256)
#define URL_MAX ((size_t)1024)

struct page_memo_row {
    struct hash128 exchange;
    char *next; /* NULL: not known */
};

void page_memo_done(struct page_memo *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->rows[i].next);
    free(m->rows);
    *m = (struct page_memo)PAGE_MEMO_INIT;
}

struct str page_memo_find(const struct page_memo *m, size_t n, struct hash128 exchange)
{
    const struct page_memo_row *row = n <= m->count ? &m->rows[n - 1] : NULL;

    return row && row->next && hash_eq(row->exchange, exchange) ? str_of(row->next) : STR_NONE;
}

void page_memo_put(struct page_memo *m, size_t n, struct hash128 exchange, struct str next)
{
    CHECK(n > 0);
    if (n > PAGES_MAX)
        return;
    if (n > m->count) {
        m->rows = xrealloc(m->rows, n * sizeof *m->rows);
        memset(m->rows + m->count, 0, (n - m->count) * sizeof *m->rows);
        m->count = n;
    }
    struct page_memo_row *row = &m->rows[n - 1];
    free(TAKE(row->next));
    row->exchange = exchange;
    if (next.n <= URL_MAX)
        row->next = str_dup(next);
}
