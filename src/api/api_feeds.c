/*
 * A change goes its way as those of topics do (api_topics.c): made from the request, stored, answered
 * when all loops have it. Its client may leave meanwhile; what was handed to the store is carried out
 * all the same.
 */
#include "api/api_feeds.h"

#include "api/api_answer.h"
#include "api/api_etag.h"
#include "api/api_page.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/feed.h"
#include "core/limits.h"
#include "store/store_notes.h"
#include "json/merge.h"

#define CONFLICTS_MAX 1000
#define FEEDS "/streams/hub/api/v1/feeds"

static const char *const json_types[] = {"application/json", NULL};
static const char *const patch_types[] = {"application/merge-patch+json", "application/json", NULL};

/* ---- answers ---- */

static void answer_none(struct http_request *r, struct str id)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = err_set(&ei, E_NOT_FOUND, "no feed has the id \"%.*s\" (case-sensitive)",
                           (int)MIN(id.n, (size_t)100), id.p);

    problem_answer_err(r, err, &ei);
}

static void answer_feed(struct http_request *r, int status, const struct feed_conf *c)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct jwriter w = jw_begin(&body);
    char etag[API_ETAG_MAX];

    api_etag_make(c->num, c->rev, etag);
    const struct http_field fields[] = {
        {"ETag", str_of(etag)},
        {status == 201 ? "Location" : NULL,
         str_of(arena_printf(&r->arena, FEEDS "/%s", c->config.id))},
        {NULL, STR_NONE},
    };
    jw_object(&w);
    feed_conf_write(c, &w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    api_answer_json(r, status, fields, &body);
}

/* c NULL: there is none. */
static enum err check_conditions(struct http_request *r, const struct feed_conf *c,
                                 bool *ret_not_modified, struct errinfo *ei)
{
    char etag[API_ETAG_MAX];

    if (c)
        api_etag_make(c->num, c->rev, etag);
    return api_check_conditions(r, c ? str_of(etag) : STR_NONE, ret_not_modified, ei);
}

void api_feed_get(const struct api_call *call)
{
    const struct feed_conf *c = feed_find(call->sh, call->params[0]);
    struct errinfo ei = ERRINFO_INIT;
    bool not_modified;

    if (!c) {
        answer_none(call->r, call->params[0]);
        return;
    }
    enum err err = check_conditions(call->r, c, &not_modified, &ei);
    if (err != E_OK)
        problem_answer_err(call->r, err, &ei);
    else
        answer_feed(call->r, not_modified ? 304 : 200, c);
}

/* ---- the collection ---- */

static void write_items(struct jwriter *w, struct feed_conf *const *all, size_t count,
                        const struct api_page *page)
{
    for (uint64_t i = api_page_skip(page); i < count && i < api_page_skip(page) + page->size; i++) {
        jw_object(w);
        feed_conf_write(all[i], w);
        jw_object_end(w);
    }
}

void api_feed_list(const struct api_call *call)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf link = BUF_INIT;
    struct jwriter w = jw_begin(&body);
    struct api_page page;
    size_t count;

    if (!api_page_read(call->r, FEEDS, &page))
        return;
    AUTO_FREE struct feed_conf **all = feed_all(call->sh, &count);
    jw_object(&w);
    jw_key(&w, "items");
    jw_array(&w);
    write_items(&w, all, count, &page);
    jw_array_end(&w);
    jw_key(&w, "links");
    api_page_write_links(&page, count, &w);
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
    api_page_put_link(&page, count, &link);
    const struct http_field fields[] = {{"Link", buf_view(&link)}, {NULL, STR_NONE}};
    api_answer_json(call->r, 200, fields, &body);
}

/* ---- a change ---- */

enum change_kind { CHANGE_CREATE, CHANGE_REPLACE, CHANGE_PATCH, CHANGE_DELETE };

struct change {
    enum change_kind kind;
    struct http_request *r; /* NULL: the client left */
    struct shard *sh;
    struct jdoc *body;
    struct str id;         /* of the path; the request's */
    struct feed_conf *was; /* NULL: new */
    unsigned conflicts;
};

static void on_abort(struct http_request *r)
{
    struct change *ch = r->user;

    ch->r = NULL;
}

/* The request to answer, if its client is still there; the change is gone. */
static struct http_request *change_end(struct change *ch)
{
    struct http_request *r = ch->r;

    if (r)
        r->on_abort = NULL;
    jdoc_free(ch->body);
    feed_conf_unref(ch->was);
    free(ch);
    return r;
}

static void change_run(struct change *ch);

static void on_stored(void *arg, enum err err, const struct errinfo *ei, struct feed_conf *now)
{
    struct change *ch = arg;
    enum change_kind kind = ch->kind;
    bool created = !ch->was;

    if (err == E_CONFLICT && kind != CHANGE_CREATE && ch->r && ++ch->conflicts < CONFLICTS_MAX) {
        change_run(ch);
        return;
    }
    if (err == E_OK)
        log_info(kind == CHANGE_DELETE ? "feed deleted"
                 : created             ? "feed created"
                                       : "feed changed",
                 LOG_S("feed", now->config.id));
    struct http_request *r = change_end(ch);
    if (!r)
        return;
    if (err == E_OK && kind == CHANGE_DELETE)
        http_respond(r, 204, NULL, STR_NONE);
    else if (err == E_OK)
        answer_feed(r, created ? 201 : 200, now);
    else if (err == E_NOT_FOUND)
        answer_none(r, str_of(now->config.id));
    else
        problem_answer_err(r, err, ei);
}

static void refuse(struct change *ch, enum err err, const struct errinfo *ei)
{
    problem_answer_err(change_end(ch), err, ei);
}

/* What is to be; NULL after faults. */
static struct feed_conf *make(const struct change *ch, struct faults *f)
{
    AUTO(jdoc_freep) struct jdoc *stored = NULL;
    AUTO(jdoc_freep) struct jdoc *merged = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT;
    const jval *root = jdoc_root(ch->body);

    if (ch->kind == CHANGE_PATCH) {
        CHECK(jdoc_parse(blob_view(ch->was->json), NULL, &stored, NULL) == E_OK);
        CHECK(jmerge(jdoc_root(stored), root, &text) == E_OK);
        CHECK(jdoc_parse(buf_view(&text), NULL, &merged, NULL) == E_OK);
        root = jdoc_root(merged);
    }
    return feed_conf_new(root, ch->was, store_notes_head(ch->sh->engine->store), clock_now_wall(),
                         f);
}

static bool is_same(const struct feed_conf *a, const struct feed_conf *b)
{
    AUTO(jdoc_freep) struct jdoc *x = NULL;
    AUTO(jdoc_freep) struct jdoc *y = NULL;

    CHECK(jdoc_parse(blob_view(a->json), NULL, &x, NULL) == E_OK);
    CHECK(jdoc_parse(blob_view(b->json), NULL, &y, NULL) == E_OK);
    return a->active == b->active && jv_equal(jdoc_root(x), jdoc_root(y));
}

static void check_path(const struct change *ch, const struct feed_conf *conf, struct faults *f)
{
    if (conf && ch->id.p && !str_eqz(ch->id, conf->config.id))
        fault_add(f, "/id", "Validation error: Feed", "expected the id of the path, found \"%s\"",
                  conf->config.id);
}

static void store(struct change *ch)
{
    AUTO(faults_done) struct faults f;
    AUTO(feed_conf_unrefp) struct feed_conf *conf = NULL;
    struct errinfo ei = ERRINFO_INIT;

    faults_init(&f);
    conf = make(ch, &f);
    check_path(ch, conf, &f);
    const struct feed_conf *there = conf ? feed_find(ch->sh, str_of(conf->config.id)) : NULL;
    if (faults_any(&f))
        problem_answer_faults(change_end(ch), &f);
    else if (ch->kind == CHANGE_CREATE && there)
        refuse(ch, err_set(&ei, E_EXISTS, "there is another feed \"%s\"", conf->config.id), &ei);
    else if (!there && feed_count(ch->sh) >= LIMIT_FEEDS)
        refuse(ch, err_set(&ei, E_TOO_MANY, "there are %d feeds, and may not be more", LIMIT_FEEDS),
               &ei);
    else if (ch->was && is_same(conf, ch->was))
        answer_feed(change_end(ch), 200, there);
    else
        feed_store(ch->sh, conf, ch->was, on_stored, ch);
}

static void delete_feed(struct change *ch)
{
    bool conditional = http_header(ch->r, "If-Match").p || http_header(ch->r, "If-None-Match").p;

    /* What exists by default cannot go. */
    if (!ch->was->num)
        http_respond(change_end(ch), 204, NULL, STR_NONE);
    else
        feed_remove(ch->sh, ch->was, conditional ? ch->was->rev : 0, on_stored, ch);
}

/* Each time it is tried, from what stands then. The client is there. */
static void change_run(struct change *ch)
{
    struct feed_conf *now = ch->id.p ? feed_find(ch->sh, ch->id) : NULL;
    struct errinfo ei = ERRINFO_INIT;
    bool unused;

    now = now ? feed_conf_ref(now) : NULL;
    feed_conf_unref(ch->was);
    ch->was = now;
    if (!now && ch->kind >= CHANGE_PATCH) {
        struct str id = ch->id;
        answer_none(change_end(ch), id);
        return;
    }
    enum err err = check_conditions(ch->r, now, &unused, &ei);
    if (err != E_OK)
        refuse(ch, err, &ei);
    else if (ch->kind == CHANGE_DELETE)
        delete_feed(ch);
    else
        store(ch);
}

static void change_start(const struct api_call *call, enum change_kind kind, struct jdoc *body)
{
    struct change *ch = xcalloc(1, sizeof *ch);

    ch->kind = kind;
    ch->r = call->r;
    ch->sh = call->sh;
    ch->body = body;
    ch->id = call->params[0];
    ch->r->user = ch;
    ch->r->on_abort = on_abort;
    change_run(ch);
}

void api_feed_create(const struct api_call *call)
{
    struct jdoc *body = api_body(call->r, json_types, LIMIT_TOPIC_BYTES);

    if (body)
        change_start(call, CHANGE_CREATE, body);
}

void api_feed_put(const struct api_call *call)
{
    struct jdoc *body = api_body(call->r, json_types, LIMIT_TOPIC_BYTES);

    if (body)
        change_start(call, CHANGE_REPLACE, body);
}

void api_feed_patch(const struct api_call *call)
{
    struct jdoc *body = api_body(call->r, patch_types, LIMIT_TOPIC_BYTES);

    if (body)
        change_start(call, CHANGE_PATCH, body);
}

void api_feed_delete(const struct api_call *call)
{
    change_start(call, CHANGE_DELETE, NULL);
}
