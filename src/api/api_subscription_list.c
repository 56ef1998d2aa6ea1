/*
 * The subscriptions to a topic: the provisioned ones, which its owner knows, and for ways of
 * delivery with connections those that nobody provisioned, gathered from the loops that have a hub
 * for it.
 */
#include "api/api_answer.h"
#include "api/api_owner.h"
#include "api/api_page.h"
#include "api/api_subscriptions.h"
#include "core/channel.h"

struct item {
    struct subscription_conf *conf; /* NULL: a connection's */
    enum mode mode;
    int64_t created_wall; /* connections come last */
    char id[UUID_LEN + 1];
    char *keys[LIMIT_SORT_FIELDS]; /* in the order asked for; NULL: it has none */
};

/* What is gathered from one loop. */
struct visit {
    struct mail mail;
    struct list_job *job;
    struct shard *to;
    struct item *items;
    size_t count;
};

struct list_job {
    struct api_job job;
    enum subscriber_type type;
    struct api_page page;
    struct api_sort sort;
    struct item *items;
    size_t count;
    struct visit *visits; /* one per loop */
    unsigned waiting;     /* answers missing; counted by the owner */
};

static void item_done(struct item *it)
{
    subscription_conf_unref(it->conf);
    for (size_t i = 0; i < LIMIT_SORT_FIELDS; i++)
        free(it->keys[i]);
}

static void list_free(struct api_job *j)
{
    struct list_job *l = CONTAINER_OF(j, struct list_job, job);

    for (size_t i = 0; i < l->count; i++)
        item_done(&l->items[i]);
    free(l->items);
    free(l->visits);
    free(l);
}

/* ---- fields to sort by ---- */

/* attribute: of the subscription; NULL: its mode. */
static const struct sort_field {
    enum subscriber_type type;
    const char *name, *attribute;
} sort_fields[] = {
    {SUBSCRIBER_WEBHOOK, "webhookUrl", "webhookUrl"},
    {SUBSCRIBER_KAFKA, "kafkaBootstrapServers", "bootstrapServers"},
    {SUBSCRIBER_KAFKA, "kafkaTopic", "topic"},
    {SUBSCRIBER_KAFKA, "kafkaPartition", "partition"},
    {SUBSCRIBER_KAFKA, "kafkaRecordKey", "recordKey"},
};
#define BY_MODE ARRAY_LEN(sort_fields)

static bool sort_field(struct str name, const void *ctx, unsigned *ret)
{
    const enum subscriber_type *type = ctx;

    *ret = BY_MODE;
    if (str_eqz(name, "subscriptionMode"))
        return true;
    for (unsigned i = 0; i < ARRAY_LEN(sort_fields); i++) {
        if (sort_fields[i].type != *type || !str_eqz(name, sort_fields[i].name))
            continue;
        *ret = i;
        return true;
    }
    return false;
}

static void put_sort_names(enum subscriber_type type, struct buf *b)
{
    buf_puts(b, "subscriptionMode");
    for (unsigned i = 0; i < ARRAY_LEN(sort_fields); i++) {
        if (sort_fields[i].type == type)
            buf_printf(b, ", %s", sort_fields[i].name);
    }
}

/* Numbers so that they compare as texts. */
static char *key_text(const jval *v)
{
    int64_t n;

    if (jv_i64(v, &n))
        return xasprintf("%020lld", (long long)n);
    return jv_str(v).p ? str_dup(jv_str(v)) : NULL;
}

static void make_keys(struct item *it, const struct api_sort *sort)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    if (sort->count > 0 && it->conf)
        CHECK(jdoc_parse(blob_view(it->conf->json), NULL, &doc, NULL) == E_OK);
    for (size_t i = 0; i < sort->count; i++) {
        unsigned field = sort->keys[i].field;

        if (field == BY_MODE)
            it->keys[i] = xstrdup(mode_name(it->mode));
        else if (doc)
            it->keys[i] = key_text(jv_getz(jdoc_root(doc), sort_fields[field].attribute));
    }
}

/* What has no such attribute comes first. */
static int compare_keys(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

/* The oldest first, where the keys leave it open. */
static int compare(const void *x, const void *y, void *arg)
{
    const struct api_sort *sort = arg;
    const struct item *a = x, *b = y;

    for (size_t i = 0; i < sort->count; i++) {
        int c = compare_keys(a->keys[i], b->keys[i]);
        if (c)
            return sort->keys[i].descending ? -c : c;
    }
    if (a->created_wall != b->created_wall)
        return a->created_wall < b->created_wall ? -1 : 1;
    return strcmp(a->id, b->id);
}

/* ---- gathering ---- */

static struct item *add_item(struct item **items, size_t *count)
{
    if ((*count & (*count - 1)) == 0)
        *items = xrealloc(*items, MAX(2 * *count, (size_t)8) * sizeof **items);
    struct item *it = &(*items)[(*count)++];
    *it = (struct item){.conf = NULL};
    return it;
}

static void add_open(struct visit *v, struct reader *r)
{
    const struct follower *f = follower_of_reader(r);

    if (!f || f->provisioned || f->channel->wire->type != v->job->type)
        return;
    struct item *it = add_item(&v->items, &v->count);
    it->mode = (enum mode)r->mode;
    it->created_wall = INT64_MAX;
    follower_id_text(f, it->id);
}

static void on_visited(struct mail *m)
{
    struct visit *v = CONTAINER_OF(m, struct visit, mail);
    struct list_job *l = v->job;

    for (size_t i = 0; i < v->count; i++)
        *add_item(&l->items, &l->count) = v->items[i];
    free(v->items);
    if (--l->waiting == 0)
        api_job_done(&l->job);
}

/* On each loop with a hub for the topic. */
static void on_visit(struct mail *m)
{
    struct visit *v = CONTAINER_OF(m, struct visit, mail);
    struct hub *h = hub_find(v->to, v->job->job.id);

    for (int i = 0; h && i < HUB_LISTS; i++) {
        LIST_EACH (n, &h->lists[i])
            add_open(v, LIST_ITEM(n, struct reader, link));
    }
    loop_post(v->job->job.owner->loop, m, on_visited);
}

static void visit_hubs(struct list_job *l, const struct topic *t)
{
    const struct engine *e = t->shard->engine;

    l->visits = xcalloc(e->shard_count, sizeof *l->visits);
    l->waiting = (unsigned)__builtin_popcountll(t->hub_mask);
    TOPIC_EACH_HUB(t, to)
    {
        struct visit *v = &l->visits[to->index];
        v->job = l;
        v->to = to;
        loop_post(to->loop, &v->mail, on_visit);
    }
}

static void add_provisioned(struct list_job *l, const struct topic *t)
{
    LIST_EACH (n, &t->subscriptions) {
        const struct subscription *s = LIST_ITEM(n, struct subscription, link);

        if (s->conf->sink->type != l->type)
            continue;
        struct item *it = add_item(&l->items, &l->count);
        it->conf = subscription_conf_ref(s->conf);
        it->mode = s->conf->mode;
        it->created_wall = s->conf->created_wall;
        memcpy(it->id, s->conf->id, sizeof it->id);
    }
}

static void list_work(struct api_job *j, struct topic *t)
{
    struct list_job *l = CONTAINER_OF(j, struct list_job, job);

    if (t) {
        add_provisioned(l, t);
        visit_hubs(l, t);
    } else {
        j->err = err_set(&j->info, E_NOT_FOUND, "the topic was deleted");
    }
    if (l->waiting == 0)
        api_job_done(j);
}

/* ---- the answer ---- */

static void put(struct jwriter *w, const char *key, const char *text)
{
    jw_key(w, key);
    jw_strz(w, text);
}

static void write_item(const struct list_job *l, const struct item *it, struct jwriter *w)
{
    jw_object(w);
    if (it->conf) {
        subscription_conf_write(it->conf, w);
    } else {
        put(w, "id", it->id);
        put(w, "topicId", l->job.id);
        put(w, "subscriptionMode", mode_name(it->mode));
        put(w, "subscriptionStatus", subscription_status_names[SUBSCRIPTION_ACTIVE]);
        jw_key(w, "disposable");
        jw_bool(w, true);
    }
    jw_object_end(w);
}

static void write_page(const struct list_job *l, struct buf *b)
{
    struct jwriter w = jw_begin(b);
    uint64_t skip = api_page_skip(&l->page);

    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (uint64_t i = skip; i < l->count && i < skip + l->page.size; i++)
        write_item(l, &l->items[i], &w);
    jw_array_end(&w);
    jw_key(&w, "links");
    api_page_write_links(&l->page, l->count, &w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static void list_answer(struct api_job *j, struct http_request *r)
{
    struct list_job *l = CONTAINER_OF(j, struct list_job, job);
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf link = BUF_INIT;

    for (size_t i = 0; i < l->count; i++)
        make_keys(&l->items[i], &l->sort);
    if (l->count > 0)
        qsort_r(l->items, l->count, sizeof *l->items, compare, &l->sort);
    write_page(l, &body);
    api_page_put_link(&l->page, l->count, &link);
    api_answer_json(
        r, 200, (const struct http_field[]){{"Link", buf_view(&link)}, {NULL, STR_NONE}}, &body);
}

/* As it was sent: names of topics may need escapes. */
static const char *path_of(struct http_request *r)
{
    struct str target = r->target;

    return arena_strdup(&r->arena, str_split(&target, '?'));
}

void api_subscription_list(const struct api_call *call)
{
    AUTO(buf_done) struct buf names = BUF_INIT;
    struct list_job *l = xcalloc(1, sizeof *l);

    l->job = (struct api_job){.work = list_work, .answer = list_answer, .free = list_free};
    l->type = api_subscription_type(call);
    /* WebSocket has none that are provisioned, only connections. */
    if (l->type != SUBSCRIBER_WEBSOCKET && !api_subscription_sink(call)) {
        list_free(&l->job);
        return;
    }
    put_sort_names(l->type, &names);
    if (api_page_read(call->r, path_of(call->r), &l->page) &&
        api_sort_read(call->r, sort_field, &l->type, buf_cstr(&names), &l->sort))
        api_on_owner(&l->job, call);
    else
        list_free(&l->job);
}
