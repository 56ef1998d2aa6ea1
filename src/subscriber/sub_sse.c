#include "subscriber/sub_sse.h"

#include "core/channel.h"

#define VENDOR "application/vnd.axway.streams+"

/* ---- Accept ---- */

/* How exactly a media range names a mode. */
enum exactness { EXACT_ANY, EXACT_TYPE, EXACT_STREAM, EXACT_MODE };

struct range {
    enum mode mode; /* the topic's default unless EXACT_MODE */
    enum exactness exactness;
    unsigned q; /* thousandths */
};

/* Take the part before sep off *rest; a sep within quotes (RFC 9110 §5.6.4) is none. */
static struct str split_unquoted(struct str *rest, char sep)
{
    struct str all = *rest;
    bool quoted = false;

    for (size_t i = 0; i < all.n; i++) {
        if (quoted && all.p[i] == '\\') {
            i++;
        } else if (all.p[i] == '"') {
            quoted = !quoted;
        } else if (all.p[i] == sep && !quoted) {
            *rest = str_drop(all, i + 1);
            return str_trim(str_make(all.p, i));
        }
    }
    *rest = STR_NONE;
    return str_trim(all);
}

/* RFC 9110 §12.4.2: 0, 1, 0.7, 0.125, 1.000. */
static bool parse_q(struct str s, unsigned *ret)
{
    unsigned q = 0, scale = 1000;

    if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (i == 1)
            continue;
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        q += (unsigned)(s.p[i] - '0') * scale;
        scale /= 10;
    }
    if (q > 1000)
        return false;
    *ret = q;
    return true;
}

/* False: a type that has nothing to do with this. */
static bool parse_type(struct str type, enum mode by_default, struct range *ret)
{
    *ret = (struct range){by_default, EXACT_ANY, 1000};
    if (str_case_eqz(type, "*/*"))
        return true;
    if (str_case_eqz(type, "text/*") || str_case_eqz(type, "application/*"))
        ret->exactness = EXACT_TYPE;
    else if (str_case_eqz(type, "text/event-stream"))
        ret->exactness = EXACT_STREAM;
    else if (str_case_starts(type, STR(VENDOR)))
        ret->exactness = EXACT_MODE;
    else
        return false;
    if (ret->exactness != EXACT_MODE)
        return true;
    for (int m = 0; m < MODE_COUNT; m++) {
        if (str_case_eqz(str_drop(type, sizeof VENDOR - 1), mode_name((enum mode)m))) {
            ret->mode = (enum mode)m;
            return true;
        }
    }
    return false;
}

static bool parse_range(struct str element, enum mode by_default, struct range *ret)
{
    struct range r;

    if (!parse_type(split_unquoted(&element, ';'), by_default, &r))
        return false;
    while (element.p) {
        struct str parameter = split_unquoted(&element, ';');
        if (str_case_starts(parameter, STR("q=")) && !parse_q(str_drop(parameter, 2), &r.q))
            return false;
    }
    *ret = r;
    return true;
}

static bool is_better(const struct range *a, const struct range *b)
{
    return a->q != b->q ? a->q > b->q : a->exactness > b->exactness;
}

/* Whoever names a mode with q=0 does not want it by default either. */
static unsigned unwanted_modes(struct str accept, enum mode by_default)
{
    unsigned unwanted = 0;
    struct range r;

    while (accept.p) {
        if (parse_range(split_unquoted(&accept, ','), by_default, &r) && r.q == 0 &&
            r.exactness >= EXACT_STREAM)
            unwanted |= MODE_BIT(r.mode);
    }
    return unwanted;
}

static enum err not_acceptable(unsigned allowed, struct errinfo *ei)
{
    AUTO(buf_done) struct buf names = BUF_INIT;

    for (int m = 0; m < MODE_COUNT; m++) {
        if (allowed & MODE_BIT(m))
            buf_printf(&names, "%s%s", names.len ? ", " : "", mode_name((enum mode)m));
    }
    return err_set(ei, E_NOT_ACCEPTABLE, "the mode asked for is not offered; offered: %s",
                   buf_cstr(&names));
}

enum err sub_sse_accept(struct str accept, unsigned allowed, enum mode by_default, enum mode *ret,
                        struct errinfo *ei)
{
    struct range best = {.q = 0}, r;

    accept = str_trim(accept);
    if (accept.n == 0) {
        *ret = by_default;
        return E_OK;
    }
    unsigned usable = allowed & ~unwanted_modes(accept, by_default);
    while (accept.p) {
        if (parse_range(split_unquoted(&accept, ','), by_default, &r) &&
            (usable & MODE_BIT(r.mode)) && is_better(&r, &best))
            best = r;
    }
    if (best.q == 0)
        return not_acceptable(allowed, ei);
    *ret = best.mode;
    return E_OK;
}

/* ---- the request ---- */

/* All Accept fields as one list (RFC 9110 §5.3). */
static void join_accept(const struct http_request *r, struct buf *b)
{
    struct str value;

    for (size_t i = 0; (value = http_header_nth(r, "Accept", i)).p; i++) {
        if (i > 0)
            buf_putc(b, ',');
        buf_str(b, value);
    }
}

static enum err choose_mode(struct http_request *r, const struct topic_conf *conf, enum mode *ret,
                            struct errinfo *ei)
{
    AUTO(buf_done) struct buf accept = BUF_INIT;
    unsigned allowed = conf->sse_modes & mode_allowed(conf->payload);
    struct str name;

    if (!http_query(r, "mode", 0, &name) || name.n == 0) {
        join_accept(r, &accept);
        return sub_sse_accept(buf_view(&accept), allowed, conf->sse_default, ret, ei);
    }
    enum mode mode;
    if (!mode_parse(name, &mode) || !(allowed & MODE_BIT(mode)))
        return not_acceptable(allowed, ei);
    *ret = mode;
    return E_OK;
}

/* *ret 0: none was given. */
static enum err resume_point(struct http_request *r, const char *topic_id, uint64_t *ret,
                             struct errinfo *ei)
{
    struct str id = http_header(r, "Last-Event-ID");

    *ret = 0;
    if (!id.p && !http_query(r, "lastEventId", 0, &id))
        return E_OK;
    id = str_trim(id);
    return id.n ? event_id_parse(id, topic_id, ret, ei) : E_OK;
}

enum err sub_sse_open(struct http_request *r, struct shard *sh, struct str id_or_name,
                      struct errinfo *ei)
{
    struct topic_conf *conf = directory_find(sh, id_or_name);
    enum mode mode;
    uint64_t after;

    if (!conf)
        return err_set(ei, E_NOT_FOUND, "there is no topic %.*s", STR_ARG(id_or_name));
    if (atomic_load(&sh->engine->stage) == ENGINE_DRAINING)
        return err_set(ei, E_UNAVAILABLE, "the server is stopping");
    enum err err = choose_mode(r, conf, &mode, ei);
    if (err == E_OK)
        err = resume_point(r, conf->id, &after, ei);
    if (err != E_OK)
        return err;
    /* Gone before it was answered: there is nobody to tell. */
    if (channel_open(sh, r, conf, mode, after > 0, after) != E_OK)
        return E_OK;
    return E_OK;
}
