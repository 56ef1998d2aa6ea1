#include "cli/kind.h"

#include "base/clock.h"
#include "cli/client.h"
#include "core/feed_conf.h"
#include "core/topic_conf.h"

/* What was just written is JSON. */
static struct jdoc *parsed(const struct buf *text)
{
    struct jdoc *d;

    if (jdoc_parse(buf_view(text), NULL, &d, NULL) != E_OK)
        panic("what the API would show is no JSON");
    return d;
}

/* ---- topics ---- */

static struct jdoc *make_topic(const jval *given, struct faults *f)
{
    AUTO(topic_conf_unrefp)
    struct topic_conf *conf = topic_conf_new(given, STR_NONE, NULL, clock_now_wall(), f);
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    if (!conf)
        return NULL;
    topic_conf_write(conf, &w);
    CHECK(jw_end(&w) == E_OK);
    return parsed(&b);
}

static void describe_topic(const jval *topic, struct buf *b)
{
    struct str name = jv_str(jv_getz(topic, "name"));
    const jval *publisher = jv_getz(topic, "publisher");
    struct str type = jv_str(jv_getz(publisher, "type"));
    struct str url = jv_str(jv_getz(jv_getz(publisher, "config"), "url"));

    buf_printf(b, "%-28.*s %-12.*s %.*s", STR_ARG(name), STR_ARG(type), STR_ARG(url));
}

static const char *const set_of_topic[] = {"id", "createTimestamp", "modifyTimestamp", NULL};

const struct kind kind_topic = {
    .name = "topic",
    .plural = "topics",
    .collection = CLIENT_TOPICS,
    .key = "name",
    .set = set_of_topic,
    .make = make_topic,
    .describe = describe_topic,
};

/* ---- feeds ---- */

static struct jdoc *make_feed(const jval *given, struct faults *f)
{
    AUTO(feed_conf_unrefp)
    struct feed_conf *conf = feed_conf_new(given, NULL, 0, clock_now_wall(), f);
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);

    if (!conf)
        return NULL;
    jw_object(&w);
    feed_conf_write(conf, &w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    return parsed(&b);
}

static void describe_feed(const jval *feed, struct buf *b)
{
    struct str id = jv_str(jv_getz(feed, "id"));

    buf_printf(b, "%-28.*s %-12s ", STR_ARG(id),
               jv_bool(jv_getz(feed, "active")) ? "active" : "not active");
    if (jv_write(jv_getz(feed, "topics"), b) != E_OK)
        buf_puts(b, "…");
}

static const char *const set_of_feed[] = {"active", "createTimestamp", "modifyTimestamp", NULL};

const struct kind kind_feed = {
    .name = "feed",
    .plural = "feeds",
    .collection = CLIENT_FEEDS,
    .key = "id",
    .set = set_of_feed,
    .setting = "retention",
    .lasting = FEED_ALL,
    .make = make_feed,
    .describe = describe_feed,
};

/* ---- all ---- */

const struct kind *const kinds[] = {&kind_feed, &kind_topic};
const size_t kind_count = ARRAY_LEN(kinds);

const struct kind *kind_find(struct str plural)
{
    for (size_t i = 0; i < kind_count; i++)
        if (str_eqz(plural, kinds[i]->plural))
            return kinds[i];
    return NULL;
}

const struct kind *kind_of(const jval *v)
{
    bool is_feed = (jv_getz(v, "id") || jv_getz(v, "topics")) && !jv_getz(v, "name") &&
                   !jv_getz(v, "publisher");

    return is_feed ? &kind_feed : &kind_topic;
}

void kind_list(struct buf *b)
{
    for (size_t i = 0; i < kind_count; i++)
        buf_printf(b, "%s%s", i ? ", " : "", kinds[i]->plural);
}

void kind_count_text(const struct kind *k, size_t count, struct buf *b)
{
    buf_printf(b, "%zu %s", count, count == 1 ? k->name : k->plural);
}
