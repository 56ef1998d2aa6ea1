/*
 * A change of a topic goes its way as a struct change: made from the request, stored by the
 * directory, answered when all loops have it. Its client may leave meanwhile; what was handed to
 * the store is carried out all the same.
 */
#include "api/api_topics.h"

#include "api/api_answer.h"
#include "api/api_etag.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/limits.h"
#include "core/topic_merge.h"

/* How often a change is made anew because somebody else changed the topic meanwhile: of so many
 * clients that change one topic at a time, each gets through. */
#define CONFLICTS_MAX 1000

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
    char etag[API_ETAG_MAX];
    struct http_field fields[] = {
        {"ETag", STR_NONE},
        {status == 201 ? "Location" : NULL,
         str_of(arena_printf(&r->arena, API_TOPICS "/%s", conf->id))},
        {NULL, STR_NONE},
    };

    api_etag_of_topic(conf, etag);
    fields[0].value = str_of(etag);
    write_topic(&body, conf);
    api_answer_json(r, status, fields, &body);
}

/* conf NULL: there is none yet. */
static enum err check_conditions(struct http_request *r, const struct topic_conf *conf,
                                 bool *ret_not_modified, struct errinfo *ei)
{
    char etag[API_ETAG_MAX];

    if (conf)
        api_etag_of_topic(conf, etag);
    return api_check_conditions(r, conf ? str_of(etag) : STR_NONE, ret_not_modified, ei);
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
static void delete_topic(struct change *ch);

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
    else if (ch->kind != CHANGE_REPLACE)
        return false;
    if (ch->kind == CHANGE_DELETE)
        delete_topic(ch);
    else
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
    AUTO(jdoc_freep) struct jdoc *merged = NULL;
    AUTO(buf_wipe) struct buf text = BUF_INIT;
    const jval *root = jdoc_root(ch->body);
    struct str id = ch->id[0] ? str_of(ch->id) : STR_NONE;

    if (ch->kind == CHANGE_PATCH) {
        topic_merge(ch->was, root, &text);
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

/* False: answered, and the change is gone. */
static bool pass_conditions(struct change *ch)
{
    struct errinfo ei = ERRINFO_INIT;
    bool unused;
    enum err err = check_conditions(ch->r, ch->was, &unused, &ei);

    if (err != E_OK)
        problem_answer_err(change_end(ch), err, &ei);
    return err == E_OK;
}

/* Makes and stores it, each time it is tried, from what stands then. The client is there. */
static void store_change(struct change *ch)
{
    AUTO(faults_done) struct faults f;
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;

    faults_init(&f);
    if (ch->kind != CHANGE_CREATE && !pass_conditions(ch))
        return;
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

/* Repeating a PUT must do the same again: with a name in its place it would not, since the body may
 * give the topic another. */
static void answer_no_uuid(const struct api_call *call)
{
    struct str id = call->params[0];
    const struct topic_conf *named = directory_find(call->sh, id);
    struct errinfo ei = ERRINFO_INIT;
    enum err err = err_set(&ei, E_INVALID, "expected the id of a topic, a UUID, found \"%.*s\"%s%s",
                           STR_ARG(id), named ? "; the topic of this name has the id " : "",
                           named ? named->id : "");

    problem_answer_err(call->r, err, &ei);
}

void api_topic_put(const struct api_call *call)
{
    struct str id = call->params[0];
    struct topic_conf *was = directory_find_id(call->sh, id);

    if (!uuid_is_valid(id)) {
        answer_no_uuid(call);
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
    struct change *ch = arg;

    if (try_again(ch, err))
        return;
    struct http_request *r = change_end(ch);
    if (err == E_OK)
        log_info("topic deleted", LOG_S("topic", now->name), LOG_S("id", now->id));
    if (!r)
        return;
    if (err == E_OK)
        http_respond(r, 204, NULL, STR_NONE);
    else
        problem_answer_err(r, err, ei);
}

/* Where conditions are given, just the topic for which they hold. */
static void delete_topic(struct change *ch)
{
    if (!pass_conditions(ch))
        return;
    if (http_header(ch->r, "If-Match").p || http_header(ch->r, "If-None-Match").p)
        directory_delete_unchanged(ch->sh, ch->was, on_deleted, ch);
    else
        directory_delete(ch->sh, ch->was, on_deleted, ch);
}

void api_topic_delete(const struct api_call *call)
{
    struct topic_conf *conf = directory_find(call->sh, call->params[0]);

    if (conf)
        delete_topic(change_new(call, CHANGE_DELETE, NULL, conf));
    else
        api_answer_no_topic(call->r, call->params[0]);
}

/* ---- show ---- */

void api_topic_get(const struct api_call *call)
{
    const struct topic_conf *conf = directory_find(call->sh, call->params[0]);
    struct errinfo ei = ERRINFO_INIT;
    bool not_modified;

    if (!conf) {
        api_answer_no_topic(call->r, call->params[0]);
        return;
    }
    enum err err = check_conditions(call->r, conf, &not_modified, &ei);
    if (err != E_OK)
        problem_answer_err(call->r, err, &ei);
    else
        answer_topic(call->r, not_modified ? 304 : 200, conf);
}
