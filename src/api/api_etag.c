#include "api/api_etag.h"

void api_etag_make(uint64_t num, uint64_t rev, char ret[API_ETAG_MAX])
{
    snprintf(ret, API_ETAG_MAX, "\"%llu.%llu\"", (unsigned long long)num, (unsigned long long)rev);
}

/* "x-gzip" without what makes it the tag of the compressed form, and without its quote. */
static struct str plain_form(struct str tag)
{
    if (str_ends(tag, STR(HTTP_GZIP_TAG "\"")))
        return str_make(tag.p, tag.n - strlen(HTTP_GZIP_TAG "\""));
    return str_ends(tag, STR("\"")) ? str_make(tag.p, tag.n - 1) : STR_NONE;
}

bool api_etag_matches(struct str field, struct str etag, bool strong)
{
    if (str_eq(str_trim(field), STR("*")))
        return true;
    while (field.p) {
        struct str one = str_trim(str_split(&field, ','));
        bool weak = str_starts(one, STR("W/"));

        if (weak && strong)
            continue;
        one = plain_form(weak ? str_drop(one, 2) : one);
        if (one.p && str_eq(one, plain_form(etag)))
            return true;
    }
    return false;
}

enum err api_check_conditions(struct http_request *r, struct str etag, bool *ret_not_modified,
                              struct errinfo *ei)
{
    struct str match = http_header_list(r, "If-Match");
    struct str none_match = http_header_list(r, "If-None-Match");
    bool reads = r->method == HTTP_GET_ || r->method == HTTP_HEAD_;

    *ret_not_modified = false;
    if (match.p && !etag.p)
        return err_set(ei, E_PRECONDITION, "If-Match is given, but there is nothing here yet");
    if (match.p && !api_etag_matches(match, etag, true))
        return err_set(ei, E_PRECONDITION,
                       "If-Match does not hold the tag of what is here now, %.*s", STR_ARG(etag));
    if (!none_match.p || !etag.p || !api_etag_matches(none_match, etag, false))
        return E_OK;
    if (!reads)
        return err_set(ei, E_PRECONDITION, "If-None-Match holds the tag of what is here now, %.*s",
                       STR_ARG(etag));
    *ret_not_modified = true;
    return E_OK;
}
