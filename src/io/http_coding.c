/*
 * Which content coding an answer gets (RFC 9110 §12.5.3).
 */
#include "io/http_conn.h"

/* Below it there is little to save; above it compressing would take too long for a turn. */
#define GZIP_MIN_BYTES 1024
#define GZIP_MAX_BYTES ((size_t)1 << 20)

/* RFC 9110 §12.4.2, in thousandths: 0, 1, 0.7, 0.125, 1.000. What is none of these is no weight. */
static bool parse_weight(struct str s, unsigned *ret)
{
    unsigned weight = 0, scale = 1000;

    if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (i == 1)
            continue;
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        weight += (unsigned)(s.p[i] - '0') * scale;
        scale /= 10;
    }
    *ret = weight;
    return weight <= 1000;
}

/* "gzip;q=0.5": its name, and its weight where it has one. False: not understood. */
static bool parse_element(struct str element, struct str *ret_name, unsigned *ret_weight)
{
    *ret_name = str_trim(str_split(&element, ';'));
    *ret_weight = 1000;
    while (element.p) {
        struct str parameter = str_trim(str_split(&element, ';'));

        if (!str_case_starts(parameter, STR("q=")) ||
            !parse_weight(str_drop(parameter, 2), ret_weight))
            return false;
    }
    return true;
}

/* Weights in thousandths; -1: not named. */
struct codings {
    int gzip, deflate, identity, any;
};

static struct codings parse_field(struct str field)
{
    struct codings c = {-1, -1, -1, -1};
    struct str name;
    unsigned weight;

    while (field.p) {
        if (!parse_element(str_split(&field, ','), &name, &weight))
            continue;
        if (str_case_eqz(name, "gzip") || str_case_eqz(name, "x-gzip"))
            c.gzip = (int)weight;
        else if (str_case_eqz(name, "deflate"))
            c.deflate = (int)weight;
        else if (str_case_eqz(name, "identity"))
            c.identity = (int)weight;
        else if (str_eqz(name, "*"))
            c.any = (int)weight;
    }
    return c;
}

/* Who says nothing of the plain form does not prefer it. */
static bool is_preferred(int weight, const struct codings *c)
{
    return weight > 0 && weight >= c->identity;
}

static int or_any(int weight, const struct codings *c)
{
    return weight < 0 ? c->any : weight;
}

bool http_accepts_gzip(struct str field)
{
    struct codings c = parse_field(field);

    return is_preferred(or_any(c.gzip, &c), &c);
}

enum http_coding http_stream_coding(struct str field)
{
    struct codings c = parse_field(field);
    int gzip = or_any(c.gzip, &c), deflate = or_any(c.deflate, &c);

    if (is_preferred(gzip, &c) && gzip >= deflate)
        return HTTP_CODING_GZIP;
    return is_preferred(deflate, &c) ? HTTP_CODING_DEFLATE : HTTP_CODING_PLAIN;
}

static bool has_coding(const struct http_field *fields)
{
    for (; fields && fields->name; fields++)
        if (str_case_eqz(str_of(fields->name), "Content-Encoding"))
            return true;
    return false;
}

enum http_coding http_coding_of(struct http_request *r, int status, const struct http_field *fields,
                                size_t body_n)
{
    if (status < 200 || status == 204 || status == 205 || body_n < GZIP_MIN_BYTES ||
        body_n > GZIP_MAX_BYTES || has_coding(fields))
        return HTTP_CODING_NONE;
    return http_accepts_gzip(http_header_list(r, "Accept-Encoding")) ? HTTP_CODING_GZIP
                                                                     : HTTP_CODING_PLAIN;
}
