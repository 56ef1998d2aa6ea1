#include "subscriber/sub_sse.h"

#include "core/channel_provision.h"
#include "core/channel_sse.h"
#include "core/limits.h"
#include "core/subscription.h"

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

static enum err choose_mode(struct http_request *r, unsigned allowed, enum mode by_default,
                            enum mode *ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf accept = BUF_INIT;
    struct str name;

    if (!http_query(r, "mode", 0, &name) || name.n == 0) {
        join_accept(r, &accept);
        return sub_sse_accept(buf_view(&accept), allowed, by_default, ret, ei);
    }
    enum mode mode;
    if (!mode_parse(name, &mode) || !(allowed & MODE_BIT(mode)))
        return not_acceptable(allowed, ei);
    *ret = mode;
    return E_OK;
}

/* Empty: none was given. */
static struct str last_event_id(struct http_request *r)
{
    struct str id = http_header(r, "Last-Event-ID");

    if (!id.p && !http_query(r, "lastEventId", 0, &id))
        return STR_NONE;
    return str_trim(id);
}

/* *ret 0: none was given. */
static enum err resume_point(struct http_request *r, const char *topic_id, uint64_t *ret,
                             struct errinfo *ei)
{
    struct str id = last_event_id(r);

    *ret = 0;
    return id.n ? event_id_parse(id, topic_id, ret, ei) : E_OK;
}

static enum err check_running(const struct shard *sh, struct errinfo *ei)
{
    if (atomic_load(&sh->engine->stage) == ENGINE_DRAINING)
        return err_set(ei, E_UNAVAILABLE, "the server is stopping");
    return E_OK;
}

static unsigned offered(const struct topic_conf *conf)
{
    return conf->deliveries[SUBSCRIBER_SSE].modes & mode_allowed(conf->payload);
}

static enum err find_topic(struct http_request *r, struct shard *sh, struct str id_or_name,
                           struct sse_topic *ret, struct errinfo *ei)
{
    struct topic_conf *conf = directory_find(sh, id_or_name);
    enum mode mode;

    if (!conf)
        return err_set(ei, E_NOT_FOUND, "there is no topic %.*s", STR_ARG(id_or_name));
    enum err err =
        choose_mode(r, offered(conf), conf->deliveries[SUBSCRIBER_SSE].preferred, &mode, ei);
    if (err == E_OK)
        *ret = (struct sse_topic){.conf = conf, .mode = mode};
    return err;
}

static enum err open_channel(struct http_request *r, struct shard *sh, struct sse_wish *wish)
{
    wish->coding = http_stream_coding(http_header_list(r, "Accept-Encoding"));
    /* Gone before it was answered: there is nobody to tell. */
    if (channel_open(sh, r, wish) != E_OK)
        return E_OK;
    return E_OK;
}

enum err sub_sse_open(struct http_request *r, struct shard *sh, struct str id_or_name,
                      struct errinfo *ei)
{
    struct sse_topic topic;
    enum err err = find_topic(r, sh, id_or_name, &topic, ei);

    if (err == E_OK)
        err = check_running(sh, ei);
    if (err == E_OK)
        err = resume_point(r, topic.conf->id, &topic.after, ei);
    if (err != E_OK)
        return err;
    topic.resume = topic.after > 0;
    return open_channel(r, sh, &(struct sse_wish){.topics = &topic, .count = 1});
}

/* ---- several topics ---- */

static struct sse_topic *topic_in(struct sse_topic *topics, size_t count, struct str id)
{
    for (size_t i = 0; i < count; i++) {
        if (str_case_eqz(id, topics[i].conf->id))
            return &topics[i];
    }
    return NULL;
}

enum err sub_sse_resume_points(struct str ids, struct sse_topic *topics, size_t count,
                               struct errinfo *ei)
{
    struct str id;
    uint64_t seq;

    while (ids.p) {
        struct str each = str_trim(str_split(&ids, ','));
        if (!event_id_split(each, &id, &seq))
            return err_set(ei, E_INVALID,
                           "the last event id is not of the form <topic id>#<number>,…");
        struct sse_topic *t = topic_in(topics, count, id);
        if (!t)
            continue; /* of a topic that was followed then */
        if (t->resume)
            return err_set(ei, E_INVALID, "the last event id names topic %.*s twice", STR_ARG(id));
        t->resume = true;
        t->after = seq;
    }
    return E_OK;
}

enum err sub_sse_open_joint(struct http_request *r, struct shard *sh, const struct str *names,
                            size_t count, struct errinfo *ei)
{
    struct sse_topic topics[LIMIT_CHANNEL_TOPICS];
    struct sse_wish wish = {.topics = topics, .joint = true};
    enum err err = check_running(sh, ei);

    CHECK(count <= LIMIT_CHANNEL_TOPICS);
    for (size_t i = 0; i < count && err == E_OK; i++) {
        struct sse_topic *t = &topics[wish.count];
        err = find_topic(r, sh, names[i], t, ei);
        if (err == E_NOT_ACCEPTABLE)
            err = err_prefix(ei, err, "topic %.*s", STR_ARG(names[i]));
        else if (err == E_OK && !topic_in(topics, wish.count, str_of(t->conf->id)))
            wish.count++;
    }
    struct str ids = last_event_id(r);
    if (err == E_OK && ids.n)
        err = sub_sse_resume_points(ids, topics, wish.count, ei);
    return err == E_OK ? open_channel(r, sh, &wish) : err;
}

/* ---- provisioned subscriptions ---- */

enum err sub_sse_subscribe(struct http_request *r, struct shard *sh,
                           const struct subscription_conf *s, struct errinfo *ei)
{
    struct topic_conf *conf = directory_find_id(sh, str_of(s->topic));
    struct sse_topic topic = {.conf = conf};

    if (!conf)
        return err_set(ei, E_NOT_FOUND, "the topic of the subscription was deleted");
    if (s->status == SUBSCRIPTION_SUSPENDED)
        return err_set(ei, E_CONFLICT, "the subscription is suspended");
    enum err err = check_running(sh, ei);
    if (err == E_OK && !(offered(conf) & MODE_BIT(s->mode)))
        err = err_set(ei, E_NOT_ACCEPTABLE, "the topic does not offer mode %s any more",
                      mode_name(s->mode));
    if (err == E_OK)
        err = choose_mode(r, MODE_BIT(s->mode), s->mode, &topic.mode, ei);
    if (err == E_OK)
        err = resume_point(r, conf->id, &topic.after, ei);
    if (err != E_OK)
        return err;
    topic.resume = topic.after > 0;
    return open_channel(r, sh,
                        &(struct sse_wish){.topics = &topic, .count = 1, .subscription = s->id});
}

/* Its topic's channels are told by their hub when the topic is deleted. */
void sub_sse_gone(struct shard *sh, const struct subscription_conf *s)
{
    struct follower *f = follower_provisioned(sh, s->id);

    if (!f)
        return;
    if (subscription_find(sh, str_of(s->id)))
        follower_fail(f, 40000, STR("the subscription is suspended"));
    else
        follower_fail(f, 40405, STR("the subscription was deleted"));
}

/* Of those that all have, nothing more. */
struct sub_sse_config {
    struct subscription_common common;
};

static const struct attr rows[] = {SUBSCRIPTION_ROWS(struct sub_sse_config)};

static void *config_new(const jval *root, struct faults *f)
{
    AUTO_FREE struct sub_sse_config *c = xcalloc(1, sizeof *c);
    size_t before = f->count + f->dropped;
    struct attr_ctx ctx;

    c->common.mode = -1;
    attr_ctx_init(&ctx, f, "Validation error: Subscription", "");
    attr_parse(&ctx, rows, ARRAY_LEN(rows), root, c);
    attr_ctx_done(&ctx);
    return f->count + f->dropped > before ? NULL : TAKE(c);
}

static void config_free(void *config)
{
    free(config);
}

/* Without start: what follows it are the channels that its clients open. */
const struct sink sub_sse_sink = {
    .type = SUBSCRIBER_SSE,
    .attrs = rows,
    .attr_count = ARRAY_LEN(rows),
    .config_new = config_new,
    .config_free = config_free,
};
