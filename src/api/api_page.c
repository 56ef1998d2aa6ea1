#include "api/api_page.h"

#include "api/api_answer.h"
#include "api/problem.h"

#define PAGE_SIZE 20

bool api_page_read(struct http_request *r, const char *path, struct api_page *ret)
{
    static const char *const own[] = {"page", "pageSize", NULL};
    struct api_page p = {.path = path};

    if (!api_query_number(r, "page", 1, UINT32_MAX, 1, &p.number) ||
        !api_query_number(r, "pageSize", 1, LIMIT_PAGE_SIZE, PAGE_SIZE, &p.size))
        return false;
    p.others = http_query_without(r, own);
    *ret = p;
    return true;
}

/* ---- links ---- */

struct page_link {
    const char *rel;
    uint64_t number; /* 0: there is none */
};
#define LINKS 5

static void make_links(const struct api_page *p, uint64_t total, struct page_link ret[LINKS])
{
    uint64_t last = MAX((total + p->size - 1) / p->size, (uint64_t)1);

    ret[0] = (struct page_link){"self", p->number};
    ret[1] = (struct page_link){"first", 1};
    ret[2] = (struct page_link){"prev", MIN(p->number - 1, last)};
    ret[3] = (struct page_link){"next", p->number < last ? p->number + 1 : 0};
    ret[4] = (struct page_link){"last", last};
}

/* What was sent is repeated as it was, but for what would end the target in a Link field. */
static void put_as_sent(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("<>\"", s.p[i]))
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)s.p[i]);
        else
            buf_putc(b, s.p[i]);
    }
}

static void put_url(struct buf *b, const struct api_page *p, uint64_t number)
{
    put_as_sent(b, str_of(p->path));
    buf_printf(b, "?page=%llu&pageSize=%llu", (unsigned long long)number,
               (unsigned long long)p->size);
    if (p->others.n > 0) {
        buf_putc(b, '&');
        put_as_sent(b, p->others);
    }
}

void api_page_write_links(const struct api_page *p, uint64_t total, struct jwriter *w)
{
    struct page_link links[LINKS];

    make_links(p, total, links);
    jw_object(w);
    for (size_t i = 0; i < LINKS; i++) {
        AUTO(buf_done) struct buf url = BUF_INIT;

        if (links[i].number == 0)
            continue;
        put_url(&url, p, links[i].number);
        jw_key(w, links[i].rel);
        jw_str(w, buf_view(&url));
    }
    jw_object_end(w);
}

void api_page_put_link(const struct api_page *p, uint64_t total, struct buf *b)
{
    struct page_link links[LINKS];

    make_links(p, total, links);
    for (size_t i = 0; i < LINKS; i++) {
        if (links[i].number == 0)
            continue;
        buf_puts(b, b->len > 0 ? ", <" : "<");
        put_url(b, p, links[i].number);
        buf_printf(b, ">; rel=\"%s\"", links[i].rel);
    }
}

/* ---- the order ---- */

static bool refuse_sort(struct http_request *r, const char *detail)
{
    problem_answer(
        r, &(struct problem){
               .status = 400, .title = API_QUERY_TITLE, .detail = detail, .parameter = "sort"});
    return false;
}

static bool parse_direction(struct str text, bool *ret_descending)
{
    *ret_descending = str_case_eqz(text, "DESC");
    return *ret_descending || !text.p || str_case_eqz(text, "ASC");
}

bool api_sort_read(struct http_request *r, api_sort_field_f *field, const void *ctx,
                   const char *names, struct api_sort *ret)
{
    struct api_sort s = {.count = 0};
    struct str text;

    for (; http_query_given(r, "sort", s.count); s.count++) {
        AUTO(buf_done) struct buf detail = BUF_INIT;

        if (s.count == LIMIT_SORT_FIELDS)
            return refuse_sort(r, "expected at most 5 fields to sort by");
        if (!api_query_text(r, "sort", s.count, &text))
            return false;
        struct str rest = text, name = str_split(&rest, ',');
        struct api_sort_key *key = &s.keys[s.count];
        if (field(name, ctx, &key->field) && parse_direction(rest, &key->descending))
            continue;
        buf_printf(&detail, "expected field,ASC or field,DESC with a field of %s; found \"%.*s\"",
                   names, (int)MIN(text.n, (size_t)60), text.p);
        return refuse_sort(r, buf_cstr(&detail));
    }
    *ret = s;
    return true;
}
