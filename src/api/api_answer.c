#include "api/api_answer.h"

#include "api/problem.h"

/* ---- answers ---- */

void api_answer_json(struct http_request *r, int status, const struct http_field *fields,
                     const struct buf *body)
{
    struct http_field all[API_FIELDS_MAX + 2] = {{"Content-Type", STR("application/json")}};
    size_t n = 1;

    for (; fields && fields->name; fields++) {
        CHECK(n <= API_FIELDS_MAX);
        all[n++] = *fields;
    }
    http_respond(r, status, all, buf_view(body));
}

void api_answer_no_topic(struct http_request *r, struct str id_or_name)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err =
        err_set(&ei, E_NOT_FOUND, "no topic has the id or name \"%.*s\"", STR_ARG(id_or_name));

    problem_answer_err(r, err, &ei);
}

/* ---- bodies ---- */

/* JSON is UTF-8 (RFC 8259 §8.1): saying so is harmless, and all that may be said. */
static bool is_utf8_parameter(struct str parameter)
{
    struct str name = str_trim(str_split(&parameter, '='));
    struct str value = str_trim(parameter);

    return str_case_eqz(name, "charset") &&
           (str_case_eqz(value, "utf-8") || str_case_eqz(value, "\"utf-8\""));
}

static bool is_type(struct str field, const char *const *types)
{
    struct str type = str_trim(str_split(&field, ';'));
    bool known = false;

    for (size_t i = 0; types[i]; i++)
        known |= str_case_eqz(type, types[i]);
    while (field.p && known)
        known = is_utf8_parameter(str_trim(str_split(&field, ';')));
    return known;
}

static void list_types(const char *const *types, struct buf *b)
{
    for (size_t i = 0; types[i]; i++)
        buf_printf(b, "%s%s", i > 0 ? ", " : "", types[i]);
}

static void refuse_type(struct http_request *r, const char *const *types, const char *detail)
{
    AUTO(buf_done) struct buf names = BUF_INIT;
    bool patch = r->method == HTTP_PATCH_;

    list_types(types, &names);
    /* RFC 5789 §2.2 has a field of its own for PATCH; for others RFC 9110 §12.5.1 has this. */
    const struct http_field fields[] = {
        {patch ? "Accept-Patch" : "Accept", buf_view(&names)},
        {"Accept-Encoding", STR("identity")},
        {NULL, STR_NONE},
    };
    problem_answer(r, &(struct problem){.status = 415, .detail = detail, .fields = fields});
}

/* A missing Content-Type is refused like a wrong one: a web page of anybody can send such a request
 * across origins without the browser asking the server first. */
static bool check_type(struct http_request *r, const char *const *types)
{
    AUTO(buf_done) struct buf detail = BUF_INIT;
    struct str field = http_header(r, "Content-Type");
    struct str coding = http_header_list(r, "Content-Encoding");

    if (!field.p || http_header_nth(r, "Content-Type", 1).p || !is_type(field, types)) {
        buf_puts(&detail, "expected Content-Type: ");
        list_types(types, &detail);
        buf_printf(&detail, " (of parameters, only charset=utf-8), found %.*s",
                   field.p ? (int)MIN(field.n, (size_t)100) : 4, field.p ? field.p : "none");
    } else if (str_trim(coding).n > 0 && !str_case_eqz(str_trim(coding), "identity")) {
        buf_printf(&detail, "expected a body without Content-Encoding, found %.*s",
                   (int)MIN(coding.n, (size_t)100), coding.p);
    }
    if (detail.len == 0)
        return true;
    refuse_type(r, types, buf_cstr(&detail));
    return false;
}

static void answer_bad_json(struct http_request *r, enum err err, const struct errinfo *ei)
{
    struct problem p = {.status = err_row(err)->http_status, .detail = err_text(ei, err)};

    if (err != E_LIMIT)
        json_position(r->body, json_error_offset(), &p.line, &p.column);
    problem_answer(r, &p);
}

struct jdoc *api_body(struct http_request *r, const char *const *types, size_t max_bytes)
{
    struct json_limits limits = json_limits_default;
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *doc = NULL;

    if (!check_type(r, types))
        return NULL;
    if (r->body.n > max_bytes) {
        enum err err = err_set(&ei, E_LIMIT, "expected at most %zu bytes of JSON, found %zu",
                               max_bytes, r->body.n);
        problem_answer_err(r, err, &ei);
        return NULL;
    }
    limits.max_bytes = max_bytes;
    enum err err = jdoc_parse(r->body.p ? r->body : STR(""), &limits, &doc, &ei);
    if (err != E_OK) {
        answer_bad_json(r, err, &ei);
        return NULL;
    }
    return doc;
}

/* ---- Accept ---- */

/* How exactly a media range names the type: 3 itself, 2 type, 1 anything, 0 not at all. */
static int range_fits(struct str range, struct str type)
{
    size_t slash = str_find(type, '/');

    if (str_case_eq(range, type))
        return 3;
    if (str_eq(range, STR("*/*")) || str_eq(range, STR("*")))
        return 1;
    if (str_ends(range, STR("/*")) &&
        str_case_eq(str_make(range.p, range.n - 2), str_make(type.p, slash)))
        return 2;
    return 0;
}

/* Is the weight of these parameters zero? */
static bool is_refused(struct str params)
{
    while (params.p) {
        struct str p = str_trim(str_split(&params, ';'));

        if (!str_case_starts(p, STR("q=")))
            continue;
        p = str_drop(p, 2);
        for (size_t i = 0; i < p.n; i++) {
            if (p.p[i] != '0' && p.p[i] != '.')
                return false;
        }
        return p.n > 0;
    }
    return false;
}

bool api_accepts(struct str accept, struct str type)
{
    int best = 0;
    bool accepted = str_trim(accept).n == 0;

    while (accept.p) {
        struct str params = str_trim(str_split(&accept, ','));
        int fits = range_fits(str_trim(str_split(&params, ';')), type);

        if (fits > best) {
            best = fits;
            accepted = !is_refused(params);
        }
    }
    return accepted;
}

/* ---- query ---- */

bool api_query_text(struct http_request *r, const char *name, size_t n, struct str *ret)
{
    *ret = STR_NONE;
    if (!http_query_given(r, name, n) || http_query(r, name, n, ret))
        return true;
    problem_answer(r, &(struct problem){.status = 400,
                                        .title = API_QUERY_TITLE,
                                        .detail = "expected percent escapes that are text",
                                        .parameter = name});
    return false;
}

bool api_query_number(struct http_request *r, const char *name, uint64_t min, uint64_t max,
                      uint64_t preset, uint64_t *ret)
{
    AUTO(buf_done) struct buf detail = BUF_INIT;
    struct str text;

    if (!api_query_text(r, name, 0, &text))
        return false;
    if (!text.p) {
        *ret = preset;
        return true;
    }
    if (str_to_u64(text, max, ret) && *ret >= min)
        return true;
    buf_printf(&detail, "expected a whole number from %llu to %llu, found \"%.*s\"",
               (unsigned long long)min, (unsigned long long)max, (int)MIN(text.n, (size_t)60),
               text.p);
    problem_answer(r, &(struct problem){.status = 400,
                                        .title = API_QUERY_TITLE,
                                        .detail = buf_cstr(&detail),
                                        .parameter = name});
    return false;
}
