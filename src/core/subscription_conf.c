#include "core/subscription_conf.h"

#include "base/clock.h"
#include "core/limits.h"
#include "json/merge.h"

#define TITLE "Validation error: Subscription"

/* In the order of enum mode. */
const char *const subscription_mode_names[] = {"snapshot-only", "snapshot-patch", "event",
                                               "changes", NULL};
const char *const subscription_status_names[] = {"active", "suspended", NULL};

/* ---- checks ---- */

/* -1: none, or none that is known, which the sink finds. */
static int given_mode(const jval *root)
{
    enum mode mode;

    return mode_parse(jv_str(jv_getz(root, "subscriptionMode")), &mode) ? (int)mode : -1;
}

static void put_modes(struct buf *b, unsigned modes)
{
    for (unsigned m = 0; m < MODE_COUNT; m++) {
        if (modes & MODE_BIT(m))
            buf_printf(b, "%s%s", b->len ? ", " : "", mode_name((enum mode)m));
    }
}

static void check_offered(const struct subscription_conf *conf, const struct topic_conf *topic,
                          struct faults *f)
{
    AUTO(buf_done) struct buf offered = BUF_INIT;
    const struct topic_delivery *d = &topic->deliveries[conf->sink->type];
    const char *type = subscriber_type_names[conf->sink->type];

    if (d->modes & MODE_BIT(conf->mode))
        return;
    if (!d->modes) {
        fault_add(f, "", TITLE,
                  "the topic is not delivered by %s: add {\"type\":\"%s\"} to its subscribers",
                  type, type);
        return;
    }
    put_modes(&offered, d->modes);
    fault_add(f, "/subscriptionMode", TITLE,
              "expected a mode that the topic offers by %s (%s), found %s", type,
              buf_cstr(&offered), mode_name(conf->mode));
}

static void check_same(const jval *root, const char *name, const char *was, struct faults *f)
{
    const jval *v = jv_getz(root, name);
    AUTO_FREE char *pointer = xasprintf("/%s", name);

    if (v && jv_type(v) != JT_NULL && !str_case_eqz(jv_str(v), was))
        fault_add(f, pointer, TITLE, "cannot be changed: expected \"%s\", found %s", was,
                  fault_found(f, v));
}

static void check_fixed(const jval *root, const struct subscription_conf *was, struct faults *f)
{
    int mode = given_mode(root);

    check_same(root, "id", was->id, f);
    check_same(root, "topicId", was->topic, f);
    if (mode >= 0 && (enum mode)mode != was->mode)
        fault_add(f, "/subscriptionMode", TITLE,
                  "the mode of a subscription is fixed: expected \"%s\", found \"%s\"; delete the "
                  "subscription and make another",
                  mode_name(was->mode), mode_name((enum mode)mode));
}

static void check_size(const struct subscription_conf *conf, struct faults *f)
{
    if (conf->json->len > LIMIT_TOPIC_BYTES)
        fault_add(f, "", TITLE, "expected at most %d bytes of JSON, found %zu", LIMIT_TOPIC_BYTES,
                  conf->json->len);
}

/* ---- making ---- */

static struct subscription_conf *conf_alloc(const struct sink *sink, struct str id,
                                            struct str topic)
{
    struct subscription_conf *conf = xcalloc(1, sizeof *conf);

    atomic_init(&conf->refs, 1);
    conf->sink = sink;
    memcpy(conf->id, id.p, MIN(id.n, (size_t)UUID_LEN));
    memcpy(conf->topic, topic.p, MIN(topic.n, (size_t)UUID_LEN));
    return conf;
}

static bool is_ours(struct str name)
{
    return str_eqz(name, "id") || str_eqz(name, "topicId") || str_eqz(name, "createTimestamp") ||
           str_eqz(name, "modifyTimestamp") || str_eqz(name, "subscriptionMode") ||
           str_eqz(name, "subscriptionStatus");
}

/* As given, but without null members, which mean nothing, and with mode and status as they are. */
static struct blob *make_json(const struct subscription_conf *conf, const jval *root)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    struct jiter it = jiter_of(root);

    jw_object(&w);
    jw_key(&w, "subscriptionMode");
    jw_strz(&w, mode_name(conf->mode));
    jw_key(&w, "subscriptionStatus");
    jw_strz(&w, subscription_status_names[conf->status]);
    while (jiter_next(&it)) {
        AUTO(buf_done) struct buf value = BUF_INIT;

        if (is_ours(it.name) || jv_type(it.value) == JT_NULL)
            continue;
        jw_key_str(&w, it.name);
        CHECK(jmerge(NULL, it.value, &value) == E_OK);
        jw_raw(&w, buf_view(&value));
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&text);
}

/* Of a new one, or one that is active (again). One that is suspended may stay so, whatever became
 * of its topic. */
static void check_against_topic(struct subscription_conf *conf, const jval *root,
                                const struct topic_conf *topic, const struct subscription_conf *was,
                                struct faults *f)
{
    bool suspended = str_eqz(jv_str(jv_getz(root, "subscriptionStatus")),
                             subscription_status_names[SUBSCRIPTION_SUSPENDED]);

    if (was) {
        conf->mode = was->mode;
        check_fixed(root, was, f);
    } else if (given_mode(root) < 0) {
        conf->mode = topic->deliveries[conf->sink->type].preferred;
    }
    if (!was || !suspended)
        check_offered(conf, topic, f);
}

/* Fills in config, mode and status. topic NULL: it was accepted before. */
static bool parse(struct subscription_conf *conf, const jval *root, const struct topic_conf *topic,
                  const struct subscription_conf *was, struct faults *f)
{
    size_t before = f->count;

    if (jv_type(root) != JT_OBJECT) {
        fault_add(f, "", TITLE, "expected an object, found %s", fault_found(f, root));
        return false;
    }
    conf->config = conf->sink->config_new(root, f);
    conf->mode = (enum mode)MAX(given_mode(root), 0);
    if (topic)
        check_against_topic(conf, root, topic, was, f);
    if (f->count > before)
        return false;
    const struct subscription_common *common = conf->config;
    conf->status = (enum subscription_status)common->status;
    return true;
}

/* root with secrets in the place of their masks. */
static struct jdoc *unmask(const jval *root, const struct subscription_conf *was)
{
    AUTO(jdoc_freep) struct jdoc *stored = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    struct jdoc *doc = NULL;

    CHECK(jdoc_parse(blob_view(was->json), NULL, &stored, NULL) == E_OK);
    attr_unmask(root, jdoc_root(stored), &w);
    CHECK(jw_end(&w) == E_OK);
    CHECK(jdoc_parse(buf_view(&text), NULL, &doc, NULL) == E_OK);
    return doc;
}

struct subscription_conf *subscription_conf_new(const struct sink *sink,
                                                const struct topic_conf *topic, const jval *root,
                                                const struct subscription_conf *was, uint64_t since,
                                                int64_t now_wall, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *doc = was ? unmask(root, was) : NULL;
    AUTO(subscription_conf_unrefp) struct subscription_conf *conf = NULL;
    char id[UUID_LEN + 1];

    if (!was)
        uuid_make(id);
    conf = conf_alloc(sink, str_of(was ? was->id : id), str_of(topic->id));
    conf->since = was ? was->since : since;
    /* Milliseconds are what is shown and stored. */
    conf->modified_wall = now_wall / US_PER_MS * US_PER_MS;
    conf->created_wall = was ? was->created_wall : conf->modified_wall;
    size_t before = f->count;
    if (!parse(conf, doc ? jdoc_root(doc) : root, topic, was, f))
        return NULL;
    conf->json = make_json(conf, doc ? jdoc_root(doc) : root);
    check_size(conf, f);
    return f->count > before ? NULL : TAKE(conf);
}

struct subscription_conf *subscription_conf_with_status(const struct subscription_conf *was,
                                                        enum subscription_status status,
                                                        int64_t now_wall)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(faults_done) struct faults f;
    struct subscription_conf *conf = conf_alloc(was->sink, str_of(was->id), str_of(was->topic));

    faults_init(&f);
    f.stored = true;
    CHECK(jdoc_parse(blob_view(was->json), NULL, &doc, NULL) == E_OK);
    CHECK(parse(conf, jdoc_root(doc), NULL, NULL, &f));
    conf->status = status;
    conf->since = was->since;
    conf->created_wall = was->created_wall;
    conf->modified_wall = now_wall / US_PER_MS * US_PER_MS;
    conf->json = make_json(conf, jdoc_root(doc));
    return conf;
}

struct subscription_conf *subscription_conf_ref(const struct subscription_conf *c)
{
    struct subscription_conf *conf = (struct subscription_conf *)(uintptr_t)c;

    atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
    return conf;
}

void subscription_conf_unref(const struct subscription_conf *c)
{
    struct subscription_conf *conf = (struct subscription_conf *)(uintptr_t)c;

    if (!conf || atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (conf->config)
        conf->sink->config_free(conf->config);
    blob_unref(conf->json);
    free(conf);
}

/* ---- showing ---- */

static void put_time(struct jwriter *w, const char *key, int64_t wall)
{
    char text[CLOCK_MS_LEN + 1];

    clock_text_ms(text, wall);
    jw_key(w, key);
    jw_strz(w, text);
}

void subscription_conf_write(const struct subscription_conf *c, struct jwriter *w)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    CHECK(jdoc_parse(blob_view(c->json), NULL, &doc, NULL) == E_OK);
    jw_key(w, "id");
    jw_strz(w, c->id);
    jw_key(w, "topicId");
    jw_strz(w, c->topic);
    attr_write_members(c->sink->attrs, c->sink->attr_count, jdoc_root(doc), w);
    put_time(w, "createTimestamp", c->created_wall);
    put_time(w, "modifyTimestamp", c->modified_wall);
}

/* ---- the record ---- */

struct blob *subscription_conf_record(const struct subscription_conf *c)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);

    jw_object(&w);
    jw_key(&w, "type");
    jw_strz(&w, subscriber_type_names[c->sink->type]);
    jw_key(&w, "topicId");
    jw_strz(&w, c->topic);
    jw_key(&w, "since");
    jw_i64(&w, (int64_t)c->since);
    put_time(&w, "createTimestamp", c->created_wall);
    put_time(&w, "modifyTimestamp", c->modified_wall);
    jw_key(&w, "subscription");
    jw_raw(&w, blob_view(c->json));
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&text);
}

static const struct sink *stored_sink(const jval *root)
{
    for (int t = 0; t < SUBSCRIBER_TYPES; t++) {
        if (str_eqz(jv_str(jv_getz(root, "type")), subscriber_type_names[t]))
            return sink_find((enum subscriber_type)t);
    }
    return NULL;
}

static int64_t stored_time(const jval *root, const char *name)
{
    int64_t wall = 0;

    return clock_parse_wall(jv_str(jv_getz(root, name)), &wall) == E_OK ? wall : 0;
}

/* root is of this version, as far as it can be seen without the sink. */
static bool is_record(const jval *root, int64_t *ret_since)
{
    return stored_sink(root) && uuid_is_valid(jv_str(jv_getz(root, "topicId"))) &&
           jv_i64(jv_getz(root, "since"), ret_since) && *ret_since >= 0;
}

enum err subscription_conf_load(struct str id, struct str body, uint64_t num, uint64_t rev,
                                struct subscription_conf **ret, struct errinfo *ei)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    AUTO(subscription_conf_unrefp) struct subscription_conf *conf = NULL;
    int64_t since;

    faults_init(&f);
    f.stored = true;
    enum err err = jdoc_parse(body, NULL, &doc, ei);
    if (err != E_OK)
        return err_prefix(ei, E_STORE_CORRUPT, "subscription %.*s", STR_ARG(id));
    const jval *root = jdoc_root(doc);
    if (!uuid_is_valid(id) || !is_record(root, &since))
        return err_set(ei, E_STORE_CORRUPT, "subscription %.*s is none that this version knows",
                       STR_ARG(id));
    conf = conf_alloc(stored_sink(root), id, jv_str(jv_getz(root, "topicId")));
    if (!parse(conf, jv_getz(root, "subscription"), NULL, NULL, &f))
        return err_set(ei, E_STORE_CORRUPT, "subscription %.*s: %s: %s", STR_ARG(id),
                       f.items[0].pointer, f.items[0].detail);
    conf->since = (uint64_t)since;
    conf->created_wall = stored_time(root, "createTimestamp");
    conf->modified_wall = stored_time(root, "modifyTimestamp");
    conf->json = make_json(conf, jv_getz(root, "subscription"));
    conf->num = num;
    conf->rev = rev;
    *ret = TAKE(conf);
    return E_OK;
}
