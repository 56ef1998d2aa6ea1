#include "publisher/http_page.h"

#include "core/link.h"
#include "core/url.h"
#include "json/pointer.h"

#define SHOWN_BYTES ((size_t)200) /* of a URL in a message */
#define DECIMALS 24               /* room for an int64 */

/* ---- the first page ---- */

static enum err set_number(struct str url, const struct http_page_param *p, struct buf *b,
                           struct errinfo *ei)
{
    struct errinfo why = ERRINFO_INIT;
    char text[DECIMALS];

    snprintf(text, sizeof text, "%lld", (long long)p->value);
    enum err err = url_query_set(url, str_of(p->name), str_of(text), b, &why);
    if (err != E_OK)
        return err_set(ei, E_POLL_CONFIG, "the URL of the first page cannot be used: %s",
                       err_text(&why, err));
    return E_OK;
}

enum err http_page_first(const struct http_page_conf *conf, struct str url, struct buf *b,
                         struct errinfo *ei)
{
    AUTO(buf_done) struct buf moved = BUF_INIT;

    if (conf->mode == HTTP_PAGE_PAGE || conf->mode == HTTP_PAGE_OFFSET) {
        enum err err = set_number(url, http_page_mover(conf), &moved, ei);
        if (err != E_OK)
            return err;
        url = buf_view(&moved);
    }
    return set_number(url, http_page_sizer(conf), b, ei);
}

/* ---- the next one ---- */

/* What the answer says of its next page; STR_NONE or empty: nothing. */
static enum err find_reference(const struct http_page_conf *conf,
                               const struct http_page_answer *page, struct str *ret,
                               struct errinfo *ei)
{
    if (conf->next.location == HTTP_NEXT_HEADER) {
        *ret = link_find(page->links, page->link_count, STR("next"), page->url);
        return E_OK;
    }
    const jval *v = jpointer_get(page->root, str_of(conf->next.pointer));
    enum jtype type = jv_type(v);
    if (type == JT_STRING)
        *ret = jv_str(v);
    else if (type == JT_NUMBER && conf->next.type == HTTP_NEXT_VALUE)
        *ret = jv_number_text(v);
    else if (type == JT_NULL || type == JT_NONE)
        *ret = STR_NONE;
    else
        return err_set(ei, E_POLL_FORMAT, "the next reference at \"%s\" is of type %s: expected %s",
                       conf->next.pointer, jtype_name(type),
                       conf->next.type == HTTP_NEXT_VALUE ? "a string or a number"
                                                          : "a string that is a URI");
    return E_OK;
}

static enum err unusable(const struct http_page_conf *conf, const char *why, struct errinfo *ei)
{
    if (conf->next.location == HTTP_NEXT_HEADER)
        return err_set(ei, E_POLL_FORMAT,
                       "the next reference in the header field Link cannot be used: %s", why);
    return err_set(ei, E_POLL_FORMAT, "the next reference at \"%s\" cannot be used: %s",
                   conf->next.pointer, why);
}

static enum err resolve(const struct http_page_conf *conf, const struct http_page_answer *page,
                        struct str reference, struct buf *b, struct errinfo *ei)
{
    AUTO(buf_done) struct buf url = BUF_INIT;
    struct errinfo why = ERRINFO_INIT;

    enum err err = url_resolve(page->url, reference, &url, &why);
    if (err != E_OK)
        return unusable(conf, err_text(&why, err), ei);
    struct str next = buf_view(&url);
    size_t shown = MIN(str_find(next, '?'), SHOWN_BYTES);
    if (!conf->allow_other_origin && !url_origin_equal(next, page->home) &&
        !url_origin_equal(next, page->url))
        return err_set(ei, E_POLL_UNKNOWN,
                       "the next page is at another origin (%.*s); ended by the guard "
                       "pagination.allowOtherOrigin, which is false",
                       (int)shown, next.p);
    buf_str(b, next);
    return E_OK;
}

enum err http_page_next(const struct http_page_conf *conf, const struct http_page_answer *page,
                        struct buf *b, bool *ret_end, struct errinfo *ei)
{
    bool is_value = conf->next.location == HTTP_NEXT_BODY && conf->next.type == HTTP_NEXT_VALUE;
    struct errinfo why = ERRINFO_INIT;
    struct str reference = STR_NONE;

    enum err err = find_reference(conf, page, &reference, ei);
    if (err != E_OK)
        return err;
    bool end = (is_value ? reference : str_trim(reference)).n == 0;
    if (!end && !is_value) {
        err = resolve(conf, page, reference, b, ei);
        if (err != E_OK)
            return err;
    } else if (!end) {
        err = url_query_set(page->asked, str_of(http_page_mover(conf)->name), reference, b, &why);
        if (err != E_OK)
            return unusable(conf, err_text(&why, err), ei);
    }
    *ret_end = end;
    return E_OK;
}
