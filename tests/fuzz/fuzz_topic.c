/*
 * Two topics as a user writes them, the first on the first line; the second replaces the first.
 * What is accepted can be stored and loaded, and what is shown of it can be sent back.
 */
#include "core/conf.h"
#include "core/processor.h"
#include "core/topic_conf.h"
#include "publisher/pub_http_conf.h"
#include "publisher/pub_post.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1700000000000000)

static const struct processor poller = {
    .type = "http-poller",
    .polls = true,
    .attrs = http_conf_attrs,
    .attr_count = HTTP_CONF_ATTRS,
    .config_new = http_conf_new,
    .config_free = http_conf_free,
    .change = http_conf_change,
    .gate = http_conf_gate,
};

static void set_up(void)
{
    static struct conf conf;
    static bool done;

    if (done)
        return;
    done = true;
    conf_init(&conf);
    conf_set_current(&conf);
    processor_register(&poller);
    processor_register(&pub_post);
}

static struct topic_conf *make(struct str text, const struct topic_conf *was)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    faults_init(&f);
    if (jdoc_parse(text, NULL, &doc, NULL) != E_OK)
        return NULL;
    struct topic_conf *conf = topic_conf_new(jdoc_root(doc), STR_NONE, was, NOW, &f);
    CHECK((conf == NULL) == faults_any(&f));
    return conf;
}

static void show(const struct topic_conf *conf, struct buf *b)
{
    struct jwriter w = jw_begin(b);

    topic_conf_write(conf, &w);
    CHECK(jw_end(&w) == E_OK);
}

static void check(const struct topic_conf *conf)
{
    AUTO(topic_conf_unrefp) struct topic_conf *loaded = NULL;
    AUTO(topic_conf_unrefp) struct topic_conf *back = NULL;
    AUTO(buf_done) struct buf shown = BUF_INIT;
    AUTO(buf_done) struct buf again = BUF_INIT;

    CHECK(topic_conf_load(str_of(conf->id), blob_view(conf->json), 1, 1, &loaded, NULL) == E_OK);
    show(conf, &shown);
    show(loaded, &again);
    CHECK(str_eq(buf_view(&shown), buf_view(&again)));
    back = make(buf_view(&shown), conf);
    CHECK(back);
    buf_clear(&again);
    show(back, &again);
    CHECK(str_eq(buf_view(&shown), buf_view(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str second = str_make((const char *)data, size);
    struct str first = str_split(&second, '\n');
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;
    AUTO(topic_conf_unrefp) struct topic_conf *next = NULL;

    set_up();
    conf = make(first, NULL);
    if (conf)
        check(conf);
    if (conf && second.p)
        next = make(second, conf);
    if (next)
        check(next);
    return 0;
}
