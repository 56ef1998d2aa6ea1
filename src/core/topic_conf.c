#include "core/topic_conf.h"

#include "base/clock.h"
#include "core/attr.h"
#include "core/limits.h"
#include "core/processor.h"
#include "json/merge.h"

#define TITLE "Validation error: Topic"
#define CONFIG_POINTER "/publisher/config"

/* ---- rows ---- */

struct payload_in {
    int type; /* enum payload_type */
};

struct publisher_in {
    char *type;
    const jval *config;
    struct payload_in payload;
    bool always_on;
};

struct subscriber_in {
    int type;       /* enum subscriber_type; -1: none given */
    unsigned modes; /* MODE_BITs; 0: all that go with the payload type */
    int preferred;  /* enum mode; -1: none given */
};

struct topic_in {
    char *name;
    struct publisher_in publisher;
    const jval *subscribers;
};

static const char *const payload_types[] = {"snapshot", "event", NULL};
static const char *const publishers_later[] = {"script", "source-sdk", NULL};
/* In the order of enum mode. */
static const char *const mode_names[] = {"snapshot-only", "snapshot-patch", "event", "changes",
                                         NULL};

static void check_publisher_type(struct attr_ctx *c, const struct attr *row, const void *value);

static const struct attr payload_attrs[] = {
    {.name = "type",
     .kind = ATTR_ENUM,
     .at = offsetof(struct payload_in, type),
     .preset = "snapshot",
     .names = payload_types,
     .help = "snapshot: each payload is the whole state, and subscribers get what changed in it. "
             "event: each payload is a message of its own. Cannot be changed later."},
};

static const struct attr publisher_attrs[] = {
    {.name = "type",
     .kind = ATTR_STRING,
     .flags = ATTR_REQUIRED,
     .at = offsetof(struct publisher_in, type),
     .min = 1,
     .max = 64,
     .check = check_publisher_type,
     .help = "Where the messages come from. Cannot be changed later."},
    {.name = "config",
     .kind = ATTR_JSON,
     .at = offsetof(struct publisher_in, config),
     .help = "The publisher's own attributes."},
    {.name = "payload",
     .kind = ATTR_OBJECT,
     .at = offsetof(struct publisher_in, payload),
     .rows = payload_attrs,
     .row_count = ARRAY_LEN(payload_attrs),
     .help = "What the payloads are."},
    {.name = "alwaysOn",
     .kind = ATTR_BOOL,
     .at = offsetof(struct publisher_in, always_on),
     .preset = "false",
     .help = "Whether the publisher works also while nobody subscribes."},
};

static const struct attr subscriber_attrs[] = {
    {.name = "type",
     .kind = ATTR_ENUM,
     .at = offsetof(struct subscriber_in, type),
     .names = subscriber_type_names,
     .help = "The way of delivery. Not needed where subscribers is a map by type."},
    {.name = "allowedSubscriptionModes",
     .kind = ATTR_NAME_LIST,
     .at = offsetof(struct subscriber_in, modes),
     .names = mode_names,
     .help = "Modes that may be asked for; empty or absent: all that go with the payload type."},
    {.name = "defaultSubscriptionMode",
     .kind = ATTR_ENUM,
     .at = offsetof(struct subscriber_in, preferred),
     .names = mode_names,
     .help = "The mode of who asks for none; without it snapshot-patch, or event for payload type "
             "event, where allowed."},
};

const struct attr topic_attrs[] = {
    {.name = "id",
     .kind = ATTR_IGNORED,
     .help = "UUID of the topic. In a POST it is passed over; elsewhere it must be the topic's."},
    {.name = "name",
     .kind = ATTR_STRING,
     .flags = ATTR_REQUIRED,
     .at = offsetof(struct topic_in, name),
     .min = 1,
     .max = LIMIT_TOPIC_NAME,
     .help = "Unique name of the topic."},
    {.name = "publisher",
     .kind = ATTR_OBJECT,
     .flags = ATTR_REQUIRED,
     .at = offsetof(struct topic_in, publisher),
     .rows = publisher_attrs,
     .row_count = ARRAY_LEN(publisher_attrs),
     .help = "Where the messages come from."},
    {.name = "subscribers",
     .kind = ATTR_TYPED_LIST,
     .at = offsetof(struct topic_in, subscribers),
     .rows = subscriber_attrs,
     .row_count = ARRAY_LEN(subscriber_attrs),
     .help = "Which ways of delivery are allowed, as an array or a map by type. Empty or absent: "
             "sse with all modes."},
    {.name = "createTimestamp",
     .kind = ATTR_IGNORED,
     .help = "When the topic was created. Set by the server."},
    {.name = "modifyTimestamp",
     .kind = ATTR_IGNORED,
     .help = "When the topic was last changed. Set by the server."},
};
const size_t topic_attr_count = ARRAY_LEN(topic_attrs);

/* ---- checks ---- */

static void check_publisher_type(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const char *names[PROCESSORS_MAX + 1] = {NULL};
    size_t place;

    (void)row;
    for (size_t n = 0; processor_nth(n); n++)
        names[n] = processor_nth(n)->type;
    (void)attr_check_name(c, names, publishers_later, str_of(*(char *const *)value), &place);
}

static void check_fixed(struct faults *f, const struct publisher_in *in,
                        const struct topic_conf *was)
{
    if (in->type && strcmp(in->type, was->processor->type) != 0)
        fault_add(f, "/publisher/type", TITLE,
                  "the type of a topic's publisher is fixed: expected \"%s\", found \"%s\"; "
                  "delete the topic and make another",
                  was->processor->type, in->type);
    if (in->payload.type != (int)was->payload)
        fault_add(f, "/publisher/payload/type", TITLE,
                  "the payload type of a topic is fixed: expected \"%s\", found \"%s\"; delete the "
                  "topic and make another",
                  payload_type_name(was->payload), payload_types[in->payload.type]);
}

static void check_id(struct faults *f, const jval *root, const char *id)
{
    const jval *given = jv_getz(root, "id");

    if (jv_type(given) != JT_NONE && jv_type(given) != JT_NULL && !str_case_eqz(jv_str(given), id))
        fault_add(f, "/id", TITLE, "the id of a topic is fixed: expected \"%s\", found %s", id,
                  fault_found(f, given));
}

/* ---- subscribers ---- */

static void set_modes(struct attr_ctx *c, const struct subscriber_in *in, struct topic_conf *conf)
{
    struct topic_delivery *d = &conf->deliveries[in->type];
    unsigned possible = mode_allowed(conf->payload);
    unsigned wrong = in->modes & ~possible;
    enum mode preferred = mode_default(conf->payload);

    if (wrong)
        attr_fault(c, "the mode \"%s\" does not go with the payload type \"%s\"",
                   mode_name((enum mode)__builtin_ctz(wrong)), payload_type_name(conf->payload));
    d->modes = in->modes ? in->modes : possible;
    if (!(d->modes & MODE_BIT(preferred)))
        preferred = (enum mode)__builtin_ctz(d->modes);
    if (in->preferred >= 0) {
        preferred = (enum mode)in->preferred;
        if (!(d->modes & MODE_BIT(preferred))) {
            size_t was = attr_enter(c, STR("defaultSubscriptionMode"));

            attr_fault(c, "the default mode \"%s\" is not among the allowed ones",
                       mode_name(preferred));
            attr_leave(c, was);
        }
    }
    d->preferred = preferred;
}

static void parse_subscriber(struct attr_ctx *c, const jval *v, int type, struct topic_conf *conf)
{
    struct subscriber_in in = {.type = type, .preferred = -1};
    size_t before = c->faults->count;

    if (jv_type(v) != JT_OBJECT) {
        attr_fault(c, "expected an object, found %s", fault_found(c->faults, v));
        return;
    }
    attr_parse(c, subscriber_attrs, ARRAY_LEN(subscriber_attrs), v, &in);
    if (c->faults->count > before)
        return;
    if (in.type < 0)
        attr_fault(c, "\"type\" is required: expected one of sse, websocket, webhook, kafka, found "
                      "nothing");
    else if (type >= 0 && in.type != type)
        attr_fault(c, "expected the type that is its name here");
    else if (conf->deliveries[in.type].modes)
        attr_fault(c, "the type \"%s\" is given twice", subscriber_type_names[in.type]);
    else
        set_modes(c, &in, conf);
}

static void parse_subscribers(struct faults *f, const jval *list, struct topic_conf *conf)
{
    struct jiter it = jiter_of(list);
    bool map = jv_type(list) == JT_OBJECT;
    bool any = false;
    struct attr_ctx c;

    attr_ctx_init(&c, f, TITLE, "/subscribers");
    while (list && jiter_next(&it)) {
        size_t was = map ? attr_enter(&c, it.name) : attr_enter_index(&c, it.index);
        size_t type = 0;

        if (!map)
            parse_subscriber(&c, it.value, -1, conf);
        else if (attr_check_name(&c, subscriber_type_names, NULL, it.name, &type))
            parse_subscriber(&c, it.value, (int)type, conf);
        any = true;
        attr_leave(&c, was);
    }
    if (!any)
        conf->deliveries[SUBSCRIBER_SSE] = (struct topic_delivery){
            mode_allowed(conf->payload),
            mode_default(conf->payload),
        };
    attr_ctx_done(&c);
}

/* ---- the publisher ---- */

static void parse_config(struct faults *f, const jval *given, struct topic_conf *conf)
{
    AUTO(jdoc_freep) struct jdoc *empty = NULL;

    if (!given) {
        CHECK(jdoc_parse(STR("{}"), NULL, &empty, NULL) == E_OK);
        given = jdoc_root(empty);
    }
    conf->config = conf->processor->config_new(given, CONFIG_POINTER, f);
    if (conf->config && conf->processor->change)
        conf->processor->change(conf->config, &conf->change);
    if (conf->config && conf->processor->gate)
        conf->gate = conf->processor->gate(conf->config);
    if (conf->config && conf->processor->share_key)
        conf->share_key = conf->processor->share_key(conf->config);
}

/* ---- the stored text ---- */

static void write_time(struct jwriter *w, const char *key, int64_t wall)
{
    char text[CLOCK_MS_LEN + 1];

    clock_text_ms(text, wall);
    jw_key(w, key);
    jw_strz(w, text);
}

static bool is_ours(struct str name)
{
    return str_eqz(name, "id") || str_eqz(name, "createTimestamp") ||
           str_eqz(name, "modifyTimestamp");
}

/* As given, but without null members, which mean nothing, and with the id and times of ours. */
static struct blob *make_json(const struct topic_conf *conf, const jval *root)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    struct jiter it = jiter_of(root);

    jw_object(&w);
    jw_key(&w, "id");
    jw_strz(&w, conf->id);
    while (jiter_next(&it)) {
        AUTO(buf_done) struct buf value = BUF_INIT;

        if (is_ours(it.name) || jv_type(it.value) == JT_NULL)
            continue;
        jw_key_str(&w, it.name);
        CHECK(jmerge(NULL, it.value, &value) == E_OK);
        jw_raw(&w, buf_view(&value));
    }
    write_time(&w, "createTimestamp", conf->created_wall);
    write_time(&w, "modifyTimestamp", conf->modified_wall);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return blob_of_buf(&text);
}

/* ---- making ---- */

static void set_id(struct topic_conf *conf, struct str id)
{
    if (!id.p) {
        uuid_make(conf->id);
        return;
    }
    CHECK(uuid_is_valid(id));
    for (size_t i = 0; i < UUID_LEN; i++)
        conf->id[i] = (char)(id.p[i] >= 'A' && id.p[i] <= 'F' ? id.p[i] - 'A' + 'a' : id.p[i]);
}

/* Between messages of their own nothing can be compared. */
static void check_payload(struct faults *f, const struct topic_conf *conf)
{
    if (conf->processor->events_only && conf->payload != PAYLOAD_EVENT)
        fault_add(f, "/publisher/payload/type", TITLE,
                  "what a %s publishes are messages of their own: expected \"%s\", found \"%s\"",
                  conf->processor->type, payload_type_name(PAYLOAD_EVENT),
                  payload_type_name(conf->payload));
}

/* conf has its id; fills in what root says. */
static void parse_topic(struct topic_conf *conf, const jval *root, const struct topic_conf *was,
                        struct faults *f)
{
    struct topic_in in = {0};
    struct attr_ctx c;

    attr_ctx_init(&c, f, TITLE, "");
    attr_parse(&c, topic_attrs, topic_attr_count, root, &in);
    attr_ctx_done(&c);
    conf->name = TAKE(in.name);
    conf->always_on = in.publisher.always_on;
    conf->payload = (enum payload_type)in.publisher.payload.type;
    conf->processor = in.publisher.type ? processor_find(str_of(in.publisher.type)) : NULL;
    if (was)
        check_fixed(f, &in.publisher, was);
    else if (conf->processor)
        check_payload(f, conf);
    /* Of another publisher than the topic's, which was a fault, the config tells nothing. */
    if (conf->processor && (!was || conf->processor == was->processor))
        parse_config(f, in.publisher.config, conf);
    parse_subscribers(f, in.subscribers, conf);
    attr_done(topic_attrs, topic_attr_count, &in);
}

static void check_size(struct faults *f, const struct topic_conf *conf)
{
    if (conf->json->len > LIMIT_TOPIC_BYTES)
        fault_add(f, "", TITLE, "expected at most %d bytes of JSON, found %zu", LIMIT_TOPIC_BYTES,
                  conf->json->len);
}

static struct topic_conf *make(const jval *root, struct str id, const struct topic_conf *was,
                               struct faults *f)
{
    struct topic_conf *conf;
    size_t before = f->count;

    if (jv_type(root) != JT_OBJECT) {
        fault_add(f, "", TITLE, "expected an object, found %s", fault_found(f, root));
        return NULL;
    }
    conf = xcalloc(1, sizeof *conf);
    atomic_init(&conf->refs, 1);
    set_id(conf, id);
    if (id.p)
        check_id(f, root, conf->id);
    parse_topic(conf, root, was, f);
    if (f->count > before) {
        topic_conf_unref(conf);
        return NULL;
    }
    return conf;
}

/* root with secrets in the place of their masks. */
static struct jdoc *unmask(const jval *root, const struct topic_conf *was)
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

struct topic_conf *topic_conf_new(const jval *root, struct str id, const struct topic_conf *was,
                                  int64_t now_wall, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *doc = was ? unmask(root, was) : NULL;
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;
    size_t before = f->count;

    if (doc)
        root = jdoc_root(doc);
    conf = make(root, was ? str_of(was->id) : id, was, f);
    if (!conf)
        return NULL;
    conf->id_given = !was && id.p;
    /* Milliseconds are what is shown and stored. */
    conf->modified_wall = now_wall / US_PER_MS * US_PER_MS;
    conf->created_wall = was ? was->created_wall : conf->modified_wall;
    conf->json = make_json(conf, root);
    check_size(f, conf);
    return f->count > before ? NULL : TAKE(conf);
}

struct topic_conf *topic_conf_ref(const struct topic_conf *c)
{
    struct topic_conf *conf = (struct topic_conf *)(uintptr_t)c;

    atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
    return conf;
}

void topic_conf_unref(const struct topic_conf *c)
{
    struct topic_conf *conf = (struct topic_conf *)(uintptr_t)c;

    if (!conf || atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (conf->config)
        conf->processor->config_free(conf->config);
    blob_unref(conf->json);
    free(conf->name);
    free(conf);
}

/* The config with defaults and secrets: what is shown, and what the masks in it stand for. */
static struct jdoc *whole_config(const struct topic_conf *c)
{
    AUTO(jdoc_freep) struct jdoc *stored = NULL;
    AUTO(jdoc_freep) struct jdoc *shown = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_wipe) struct buf whole = BUF_INIT;
    struct jwriter w = jw_begin(&text), v = jw_begin(&whole);
    struct jdoc *doc = NULL;

    CHECK(jdoc_parse(blob_view(c->json), NULL, &stored, NULL) == E_OK);
    const jval *config = jv_getz(jv_getz(jdoc_root(stored), "publisher"), "config");
    attr_write(c->processor->attrs, c->processor->attr_count, config, &w);
    CHECK(jw_end(&w) == E_OK);
    CHECK(jdoc_parse(buf_view(&text), NULL, &shown, NULL) == E_OK);
    attr_unmask(jdoc_root(shown), config, &v);
    CHECK(jw_end(&v) == E_OK);
    CHECK(jdoc_parse(buf_view(&whole), NULL, &doc, NULL) == E_OK);
    return doc;
}

bool topic_conf_same_config(const struct topic_conf *a, const struct topic_conf *b)
{
    AUTO(jdoc_freep) struct jdoc *x = whole_config(a);
    AUTO(jdoc_freep) struct jdoc *y = whole_config(b);

    return a->processor == b->processor && jv_equal(jdoc_root(x), jdoc_root(y));
}

/* ---- showing and loading ---- */

/* root NULL: without the config. */
static void write_publisher(const struct topic_conf *c, const jval *root, struct jwriter *w)
{
    const jval *config = jv_getz(jv_getz(root, "publisher"), "config");

    jw_object(w);
    jw_key(w, "type");
    jw_strz(w, c->processor->type);
    if (root) {
        jw_key(w, "config");
        attr_write(c->processor->attrs, c->processor->attr_count, config, w);
    }
    jw_key(w, "payload");
    jw_object(w);
    jw_key(w, "type");
    jw_strz(w, payload_type_name(c->payload));
    jw_object_end(w);
    jw_key(w, "alwaysOn");
    jw_bool(w, c->always_on);
    jw_object_end(w);
}

static void write_delivery(enum subscriber_type type, const struct topic_delivery *d,
                           struct jwriter *w)
{
    jw_object(w);
    jw_key(w, "type");
    jw_strz(w, subscriber_type_names[type]);
    jw_key(w, "allowedSubscriptionModes");
    jw_array(w);
    for (unsigned m = 0; m < MODE_COUNT; m++) {
        if (d->modes & MODE_BIT(m))
            jw_strz(w, mode_name((enum mode)m));
    }
    jw_array_end(w);
    jw_key(w, "defaultSubscriptionMode");
    jw_strz(w, mode_name(d->preferred));
    jw_object_end(w);
}

static void write_subscribers(const struct topic_conf *c, struct jwriter *w)
{
    jw_array(w);
    for (int type = 0; type < SUBSCRIBER_TYPES; type++) {
        if (c->deliveries[type].modes)
            write_delivery((enum subscriber_type)type, &c->deliveries[type], w);
    }
    jw_array_end(w);
}

static void write_topic(const struct topic_conf *c, const jval *root, struct jwriter *w)
{
    jw_object(w);
    jw_key(w, "id");
    jw_strz(w, c->id);
    jw_key(w, "name");
    jw_strz(w, c->name);
    jw_key(w, "publisher");
    write_publisher(c, root, w);
    jw_key(w, "subscribers");
    write_subscribers(c, w);
    write_time(w, "createTimestamp", c->created_wall);
    write_time(w, "modifyTimestamp", c->modified_wall);
    jw_object_end(w);
}

void topic_conf_write(const struct topic_conf *c, struct jwriter *w)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    CHECK(jdoc_parse(blob_view(c->json), NULL, &doc, NULL) == E_OK);
    write_topic(c, jdoc_root(doc), w);
}

void topic_conf_write_plain(const struct topic_conf *c, struct jwriter *w)
{
    write_topic(c, NULL, w);
}

static int64_t stored_time(const jval *root, const char *name)
{
    int64_t wall = 0;

    return clock_parse_wall(jv_str(jv_getz(root, name)), &wall) == E_OK ? wall : 0;
}

enum err topic_conf_load(struct str id, struct str body, uint64_t num, uint64_t rev,
                         struct topic_conf **ret, struct errinfo *ei)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct topic_conf *conf = NULL;

    faults_init(&f);
    f.stored = true;
    if (!uuid_is_valid(id))
        return err_set(ei, E_STORE_CORRUPT, "a stored topic has no UUID");
    enum err err = jdoc_parse(body, NULL, &doc, ei);
    if (err != E_OK)
        return err_prefix(ei, E_STORE_CORRUPT, "topic %.*s", STR_ARG(id));
    conf = make(jdoc_root(doc), id, NULL, &f);
    if (!conf)
        return err_set(ei, E_STORE_CORRUPT, "topic %.*s: %s: %s", STR_ARG(id), f.items[0].pointer,
                       f.items[0].detail);
    conf->created_wall = stored_time(jdoc_root(doc), "createTimestamp");
    conf->modified_wall = stored_time(jdoc_root(doc), "modifyTimestamp");
    conf->json = blob_new(body.p, body.n);
    conf->num = num;
    conf->rev = rev;
    *ret = conf;
    return E_OK;
}
