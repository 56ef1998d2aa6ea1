/*
 * A change of a topic goes its way as a struct change: made from the request, stored by the
 * directory, answered when all loops have it. Its client may leave meanwhile; what was handed to
 * the store is carried out all the same.
 */
#include "api/api_topics.h"

#include "api/api_answer.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/limits.h"
#include "json/merge.h"

/* How often a change is made anew because somebody else changed the topic meanwhile. */
#define CONFLICTS_MAX 100

enum change_kind { CHANGE_CREATE, CHANGE_REPLACE, CHANGE_PATCH, CHANGE_DELETE };

struct change {
    enum change_kind kind;
    struct http_request *r; /* NULL: the client left */
    struct shard *sh;
    struct jdoc *body;
    struct topic_conf *was; /* NULL: new */
    char id[UUID_LEN + 1];
    unsigned conflicts;
};

static const char *const json_types[] = {"application/json", NULL};
static const char *const patch_types[] = {"application/merge-patch+json", "application/json", NULL};

static void on_abort(struct http_request *r)
{
    struct change *ch = r->user;

    ch->r = NULL;
}

static struct change *change_new(const struct api_call *call, enum change_kind kind,
                                 struct jdoc *body, struct topic_conf *was)
{
    struct change *ch = xcalloc(1, sizeof *ch);

    ch->kind = kind;
    ch->r = call->r;
    ch->sh = call->sh;
    ch->body = body;
    ch->was = was ? topic_conf_ref(was) : NULL;
    if (was)
        memcpy(ch->id, was->id, sizeof ch->id);
    ch->r->user = ch;
    ch->r->on_abort = on_abort;
    return ch;
}

/* The request to answer, if its client is still there; the change is gone. */
static struct http_request *change_end(struct change *ch)
{
    struct http_request *r = ch->r;

    if (r)
        r->on_abort = NULL;
    jdoc_free(ch->body);
    topic_conf_unref(ch->was);
    free(ch);
    return r;
}

/* ---- answers ---- */

static void write_topic(struct buf *b, const struct topic_conf *conf)
{
    struct jwriter w = jw_begin(b);

    topic_conf_write(conf, &w);
    CHECK(jw_end(&w) == E_OK);
}

static void answer_topic(struct http_request *r, int status, const struct topic_conf *conf)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct http_field fields[] = {
        {status == 201 ? "Location" : NULL,
         str_of(arena_printf(&r->arena, API_TOPICS "/%s", conf->id))},
        {NULL, STR_NONE},
    };

    write_topic(&body, conf);
    api_answer_json(r, status, fields, &body);
}

static void answer_taken(struct http_request *r, const char *name)
{
    AUTO(buf_done) struct buf detail = BUF_INIT;

    buf_printf(&detail, "another topic has the name \"%s\": names are unique", name);
    problem_answer(
        r, &(struct problem){.status = 409, .detail = buf_cstr(&detail), .pointer = "/name"});
}

static void answer_failed(struct http_request *r, enum err err, const struct errinfo *ei,
                          const struct topic_conf *now)
{
    if (err == E_EXISTS)
        answer_taken(r, now->name);
    else
        problem_answer_err(r, err, ei);
}

/* ---- create, replace, patch ---- */

static void store_change(struct change *ch);

/* Somebody was quicker: a PATCH means the topic as it is then, a PUT replaces whatever there is. By
 * now this loop knows what the other made of it. */
static bool try_again(struct change *ch, enum err err)
{
    if (err != E_CONFLICT || ch->kind == CHANGE_CREATE || !ch->r || ++ch->conflicts > CONFLICTS_MAX)
        return false;
    topic_conf_unrefp(&ch->was);
    ch->was = directory_find_id(ch->sh, str_of(ch->id));
    if (ch->was)
        topic_conf_ref(ch->was);
    else if (ch->kind == CHANGE_PATCH)
        return false;
    store_change(ch);
    return true;
}

static void on_stored(void *arg, enum err err, const struct errinfo *ei, struct topic_conf *now)
{
    struct change *ch = arg;

    if (try_again(ch, err))
        return;
    bool created = !ch->was && ch->kind != CHANGE_PATCH;
    bool gone = err == E_CONFLICT && !directory_find_id(ch->sh, str_of(now->id));
    struct http_request *r = change_end(ch);
    if (err == E_OK)
        log_info(created ? "topic created" : "topic changed", LOG_S("topic", now->name),
                 LOG_S("id", now->id));
    if (!r)
        return;
    if (err == E_OK)
        answer_topic(r, created ? 201 : 200, now);
    else if (gone)
        api_answer_no_topic(r, str_of(now->id));
    else
        answer_failed(r, err, ei, now);
}

/* The topic that the change asks for; NULL after faults. */
static struct topic_conf *make_conf(const struct change *ch, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *stored = NULL;
    AUTO(jdoc_freep) struct jdoc *merged = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT;
    const jval *root = jdoc_root(ch->body);
    struct str id = ch->id[0] ? str_of(ch->id) : STR_NONE;

    if (ch->kind == CHANGE_PATCH) {
        CHECK(jdoc_parse(blob_view(ch->was->json), NULL, &stored, NULL) == E_OK);
        CHECK(jmerge(jdoc_root(stored), root, &text) == E_OK);
        CHECK(jdoc_parse(buf_view(&text), NULL, &merged, NULL) == E_OK);
        root = jdoc_root(merged);
    }
    return topic_conf_new(root, id, ch->was, clock_now_wall(), f);
}

/* Nothing but the time would change: the poller need not start anew for it. */
static bool is_same(const struct topic_conf *a, const struct topic_conf *b)
{
    static const char *const members[] = {"name", "publisher", "subscribers"};
    AUTO(jdoc_freep) struct jdoc *x = NULL;
    AUTO(jdoc_freep) struct jdoc *y = NULL;

    CHECK(jdoc_parse(blob_view(a->json), NULL, &x, NULL) == E_OK);
    CHECK(jdoc_parse(blob_view(b->json), NULL, &y, NULL) == E_OK);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const jval *v = jv_getz(jdoc_root(x), members[i]);
        const jval *u = jv_getz(jdoc_root(y), members[i]);

        if ((!v) != (!u) || (v && !jv_equal(v, u)))
            return false;
    }
    return true;
}

static bool is_taken(const struct change *ch, const struct topic_conf *conf)
{
    const struct topic_conf *other = map_get(&ch->sh->by_name, str_of(conf->name));

    return other && strcmp(other->id, conf->id) != 0;
}

static void store_change(struct change *ch)
{
    AUTO(faults_done) struct faults f;
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;

    faults_init(&f);
    conf = make_conf(ch, &f);
    if (!conf) {
        problem_answer_faults(change_end(ch), &f);
    } else if (is_taken(ch, conf)) {
        answer_taken(change_end(ch), conf->name);
    } else if (ch->was && is_same(ch->was, conf)) {
        AUTO(topic_conf_unrefp) struct topic_conf *was = topic_conf_ref(ch->was);

        answer_topic(change_end(ch), 200, was);
    } else {
        directory_store(ch->sh, conf, ch->was, on_stored, ch);
    }
}

void api_topic_create(const struct api_call *call)
{
    struct jdoc *body = api_body(call->r, json_types, LIMIT_TOPIC_BYTES);

    if (body)
        store_change(change_new(call, CHANGE_CREATE, body, NULL));
}

void api_topic_put(const struct api_call *call)
{
    struct str id = call->params[0];
    struct topic_conf *was = directory_find(call->sh, id);
    struct errinfo ei = ERRINFO_INIT;

    if (!was && !uuid_is_valid(id)) {
        enum err err = err_set(&ei, E_INVALID,
                               "no topic is called \"%.*s\", and a new one can only "
                               "be put at a UUID",
                               STR_ARG(id));
        problem_answer_err(call->r, err, &ei);
        return;
    }
    struct jdoc *body = api_body(call->r, json_types, LIMIT_TOPIC_BYTES);
    if (!body)
        return;
    struct change *ch = change_new(call, CHANGE_REPLACE, body, was);
    if (!was)
        memcpy(ch->id, id.p, UUID_LEN);
    store_change(ch);
}

void api_topic_patch(const struct api_call *call)
{
    struct topic_conf *was = directory_find(call->sh, call->params[0]);

    if (!was) {
        api_answer_no_topic(call->r, call->params[0]);
        return;
    }
    struct jdoc *body = api_body(call->r, patch_types, LIMIT_TOPIC_BYTES);
    if (body)
        store_change(change_new(call, CHANGE_PATCH, body, was));
}

/* ---- delete ---- */

static void on_deleted(void *arg, enum err err, const struct errinfo *ei, struct topic_conf *now)
{
    struct http_request *r = change_end(arg);

    if (err == E_OK)
        log_info("topic deleted", LOG_S("topic", now->name), LOG_S("id", now->id));
    if (!r)
        return;
    if (err == E_OK)
        http_respond(r, 204, NULL, STR_NONE);
    else
        problem_answer_err(r, err, ei);
}

void api_topic_delete(const struct api_call *call)
{
    struct topic_conf *conf = directory_find(call->sh, call->params[0]);

    if (!conf) {
        api_answer_no_topic(call->r, call->params[0]);
        return;
    }
    directory_delete(call->sh, conf, on_deleted, change_new(call, CHANGE_DELETE, NULL, conf));
}

/* ---- show ---- */

void api_topic_get(const struct api_call *call)
{
    const struct topic_conf *conf = directory_find(call->sh, call->params[0]);

    if (conf)
        answer_topic(call->r, 200, conf);
    else
        api_answer_no_topic(call->r, call->params[0]);
}

static int by_name(const void *a, const void *b)
{
    const struct topic_conf *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* All topics in the order of their names; borrowed for the turn. Heap. */
static const struct topic_conf **sorted_topics(const struct shard *sh, size_t *ret_count)
{
    const struct topic_conf **all = xcalloc(sh->by_id.count + 1, sizeof *all);
    const struct topic_conf *conf;
    size_t n = 0;

    for (size_t i = 0; (conf = map_next(&sh->by_id, &i)) != NULL;)
        all[n++] = conf;
    qsort(all, n, sizeof *all, by_name);
    *ret_count = n;
    return all;
}

struct page {
    uint64_t number, size, last;
};

struct page_link {
    const char *rel;
    uint64_t number; /* 0: there is none */
};
#define PAGE_LINKS 5

static void page_links(const struct page *p, struct page_link ret[PAGE_LINKS])
{
    ret[0] = (struct page_link){"self", p->number};
    ret[1] = (struct page_link){"first", 1};
    ret[2] = (struct page_link){"prev", MIN(p->number - 1, p->last)};
    ret[3] = (struct page_link){"next", p->number < p->last ? p->number + 1 : 0};
    ret[4] = (struct page_link){"last", p->last};
}

static void put_page_url(struct buf *b, const struct page *p, uint64_t number)
{
    buf_printf(b, API_TOPICS "?page=%llu&pageSize=%llu", (unsigned long long)number,
               (unsigned long long)p->size);
}

static void write_links(struct jwriter *w, const struct page *p)
{
    struct page_link links[PAGE_LINKS];

    page_links(p, links);
    jw_object(w);
    for (size_t i = 0; i < PAGE_LINKS; i++) {
        AUTO(buf_done) struct buf url = BUF_INIT;

        if (links[i].number == 0)
            continue;
        put_page_url(&url, p, links[i].number);
        jw_key(w, links[i].rel);
        jw_str(w, buf_view(&url));
    }
    jw_object_end(w);
}

/* RFC 8288 */
static void put_link_field(struct buf *b, const struct page *p)
{
    struct page_link links[PAGE_LINKS];

    page_links(p, links);
    for (size_t i = 0; i < PAGE_LINKS; i++) {
        if (links[i].number == 0)
            continue;
        buf_puts(b, b->len > 0 ? ", <" : "<");
        put_page_url(b, p, links[i].number);
        buf_printf(b, ">; rel=\"%s\"", links[i].rel);
    }
}

static void answer_page(struct http_request *r, const struct page *p,
                        const struct topic_conf *const *all, size_t count)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf link = BUF_INIT;
    struct jwriter w = jw_begin(&body);

    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    for (uint64_t i = (p->number - 1) * p->size; i < count && i < p->number * p->size; i++)
        topic_conf_write(all[i], &w);
    jw_array_end(&w);
    jw_key(&w, "links");
    write_links(&w, p);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    put_link_field(&link, p);
    api_answer_json(
        r, 200, (const struct http_field[]){{"Link", buf_view(&link)}, {NULL, STR_NONE}}, &body);
}

/* Only the order by name is offered, and no search: another order or all topics in answer to
 * either would mislead. */
static bool check_order(struct http_request *r)
{
    const char *parameter = NULL;
    struct str text;

    if (http_query(r, "search", 0, &text) && text.n > 0)
        parameter = "search";
    else if (http_query(r, "sort", 0, &text) && !str_eqz(text, "name") &&
             !str_case_eqz(text, "name,asc"))
        parameter = "sort";
    if (!parameter)
        return true;
    problem_answer(r, &(struct problem){.status = 400,
                                        .title = "Validation error: Query",
                                        .detail = "not offered by this version yet; topics come "
                                                  "sorted by name",
                                        .parameter = parameter});
    return false;
}

void api_topic_list(const struct api_call *call)
{
    AUTO_FREE const struct topic_conf **all = NULL;
    struct http_request *r = call->r;
    struct page p;
    size_t count;

    if (!check_order(r) || !api_query_number(r, "page", 1, UINT32_MAX, 1, &p.number) ||
        !api_query_number(r, "pageSize", 1, LIMIT_PAGE_SIZE, 20, &p.size))
        return;
    all = sorted_topics(call->sh, &count);
    p.last = MAX((count + p.size - 1) / p.size, 1);
    answer_page(r, &p, all, count);
}
