#include "core/trial.h"

#include "base/trace.h"
#include "core/topic_detached.h"

struct trial {
    struct shard *shard;
    struct list link; /* on shard->trials */
    struct topic_conf *conf;
    struct topic_loader loader; /* of the topic it is compared with */
    struct topic *topic;        /* its own; NULL: not made yet */
    struct request *request;    /* under way, or NULL */
    trial_done_f *done;
    void *arg;
    struct deferred end;
    /* the topic it is compared with; id empty: none */
    char like_id[UUID_LEN + 1];
    char *like_name;
    uint64_t like_seq;
    /* what happened */
    struct trial_record record;
    struct fetch_hops hops; /* of the request under way */
    int64_t started, asked_at, ended;
    struct blob *payload;
    bool judged; /* by the gate */
    bool refused;
    struct blob *patch; /* NULL: the whole */
    enum request_exit exit;
    enum err err;
    struct errinfo info;
    enum err failure; /* it could not be run: why */
};

/* ---- life ---- */

static void on_end(struct deferred *d, void *arg)
{
    struct trial *t = arg;

    (void)d;
    t->done(t, t->failure, &t->info, t->arg);
}

/* It could not be run. */
static void fail(struct trial *t, enum err err, const struct errinfo *ei)
{
    t->failure = err;
    err_clear(&t->info);
    err_set(&t->info, err, "%s", err_text(ei, err));
    loop_defer(t->shard->loop, &t->end);
}

static void start(struct trial *t, const struct topic *like)
{
    t->topic = topic_new_detached(t->shard, t->conf, like, t);
    t->request = request_start(t->topic, loop_now(t->shard->loop));
}

static void on_loaded(struct topic_loader *l, struct topic *like, enum err err,
                      const struct errinfo *ei)
{
    struct trial *t = CONTAINER_OF(l, struct trial, loader);

    if (err != E_OK) {
        fail(t, err, ei);
        return;
    }
    memcpy(t->like_id, like->conf->id, sizeof t->like_id);
    t->like_name = xstrdup(like->conf->name);
    t->like_seq = like->seq;
    start(t, like);
}

static void hide_secrets(struct trial *t)
{
    const struct processor *p = t->conf->processor;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    CHECK(jdoc_parse(blob_view(t->conf->json), NULL, &doc, NULL) == E_OK);
    trial_record_hide_all(&t->record, p->attrs, p->attr_count,
                          jv_getz(jv_getz(jdoc_root(doc), "publisher"), "config"));
}

struct trial *trial_new(struct shard *sh, struct topic_conf *conf, struct topic *like,
                        trial_done_f *done, void *arg)
{
    struct trial *t = xcalloc(1, sizeof *t);

    CHECK(conf->processor->polls);
    t->shard = sh;
    t->conf = topic_conf_ref(conf);
    t->done = done;
    t->arg = arg;
    t->started = t->record.began = clock_now();
    hide_secrets(t);
    t->loader.fn = on_loaded;
    deferred_init(&t->end, on_end, t);
    list_append(&sh->trials, &t->link);
    trace(poller, "%s: a trial starts", conf->name);
    if (like)
        topic_load(like, &t->loader);
    else
        start(t, NULL);
    return t;
}

void trial_free(struct trial *t)
{
    if (!t)
        return;
    if (t->request)
        request_cancel(t->request);
    deferred_cancel(&t->end);
    list_remove(&t->loader.link);
    list_remove(&t->link);
    topic_free_detached(t->topic);
    topic_conf_unref(t->conf);
    free(t->like_name);
    fetch_hops_clear(&t->hops);
    trial_record_done(&t->record);
    blob_unref(t->payload);
    blob_unref(t->patch);
    loop_bury(t->shard->loop, t, free);
}

void trial_stop_all(struct shard *sh)
{
    LIST_EACH (n, &sh->trials) {
        struct trial *t = LIST_ITEM(n, struct trial, link);

        if (t->request)
            request_cancel(t->request);
        else if (list_linked(&t->loader.link))
            list_remove(&t->loader.link);
        else
            continue; /* it has ended */
        fail(t, E_UNAVAILABLE, NULL);
    }
}

void trial_free_all(struct shard *sh)
{
    LIST_EACH_SAFE (n, &sh->trials)
        trial_free(LIST_ITEM(n, struct trial, link));
}

/* ---- what the run tells ---- */

struct fetch_hops *trial_asks(struct trial *t)
{
    if (!t)
        return NULL;
    fetch_hops_clear(&t->hops);
    t->asked_at = clock_now();
    return &t->hops;
}

void trial_answered(struct trial *t, const struct request *r, size_t page,
                    const struct fetch_result *res, const char *error)
{
    if (!t)
        return;
    const struct trial_answer a = {
        .page = page,
        .attempt = r->attempt + 1,
        .asked_at = t->asked_at,
        .hops = &t->hops,
        .res = res,
        .error = error,
    };
    trial_record_answer(&t->record, &a);
}

void trial_asks_token(struct trial *t)
{
    if (t)
        t->asked_at = clock_now();
}

void trial_token_came(struct trial *t, const struct token_conf *client,
                      const struct token_result *res)
{
    if (!t)
        return;
    const struct trial_token token = {
        .provider = token_conf_provider(client),
        .asked_at = t->asked_at,
        .exchange = &res->exchange,
        .error = res->err == E_OK ? NULL : err_text(&res->info, res->err),
    };
    if (res->token) {
        struct str line = token_header(res->token);
        trial_record_hide(&t->record, str_drop(line, str_find(line, ' ') + sizeof "Bearer"));
    }
    trial_record_token(&t->record, &token);
}

void trial_page_came(struct trial *t, const struct trial_page *p)
{
    if (t)
        trial_record_page(&t->record, p);
}

bool trial_payload_came(struct trial *t, const jval *value, const struct buf *text, enum err err)
{
    if (!t)
        return false;
    t->payload = blob_of_buf(text);
    t->judged = t->conf->gate != NULL;
    t->refused = err != E_OK;
    return err == E_OK && topic_find_change(t->topic, value, text->len, &t->patch);
}

void trial_request_ended(struct trial *t, enum request_exit exit, enum err err,
                         const struct errinfo *ei)
{
    t->request = NULL;
    t->ended = clock_now();
    t->exit = exit;
    t->err = err;
    if (err != E_OK)
        err_set(&t->info, err, "%s", err_text(ei, err));
    if (exit != EXIT_CANCELLED)
        loop_defer(t->shard->loop, &t->end);
}

/* ---- the answer ---- */

static void put_i64(struct jwriter *w, const char *name, int64_t v)
{
    jw_key(w, name);
    jw_i64(w, v);
}

static void put_like(const struct trial *t, struct jwriter *w)
{
    jw_key(w, "comparedWith");
    if (!t->like_id[0]) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_key(w, "id");
    jw_strz(w, t->like_id);
    jw_key(w, "name");
    jw_strz(w, t->like_name);
    put_i64(w, "sequence", (int64_t)t->like_seq);
    jw_object_end(w);
}

/* A source that says "not modified" speaks of the document that stands, which is shown only where
 * the topic has one to show. */
static const struct blob *payload_of(const struct trial *t)
{
    bool stands = t->exit == EXIT_UNCHANGED && t->conf->payload == PAYLOAD_SNAPSHOT;

    return !t->payload && stands ? t->topic->document : t->payload;
}

static void put_payload(const struct trial *t, struct jwriter *w)
{
    const struct blob *payload = payload_of(t);

    jw_key(w, "payload");
    if (payload)
        jw_raw(w, blob_view(payload));
    else
        jw_null(w);
    put_i64(w, "payloadBytes", payload ? (int64_t)payload->len : 0);
}

static void put_gate(const struct trial *t, struct jwriter *w)
{
    jw_key(w, "gate");
    if (!t->judged) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_key(w, "passed");
    jw_bool(w, !t->refused);
    jw_key(w, "message");
    if (t->refused)
        trial_record_text(&t->record, str_of(err_text(&t->info, t->err)), w);
    else
        jw_null(w);
    jw_object_end(w);
}

static const char *event_name(const struct trial *t)
{
    if (t->conf->payload == PAYLOAD_EVENT)
        return event_type_name(EVENT_EVENT);
    return event_type_name(t->patch ? EVENT_PATCH : EVENT_SNAPSHOT);
}

/* The data of all but a patch is the payload. */
static void put_event(const struct trial *t, struct jwriter *w)
{
    const struct blob *patch = t->patch;
    const struct blob *body = patch ? patch : t->payload;

    jw_key(w, "event");
    if (t->exit != EXIT_OK) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_key(w, "type");
    jw_strz(w, event_name(t));
    put_i64(w, "bytes", (int64_t)body->len);
    if (patch) {
        jw_key(w, "data");
        jw_raw(w, blob_view(patch));
    }
    jw_object_end(w);
}

static const char *outcome_of(const struct trial *t)
{
    if (t->refused)
        return "refused";
    if (t->exit == EXIT_ERROR)
        return "error";
    if (t->exit == EXIT_UNCHANGED)
        return "unchanged";
    return event_name(t);
}

static void put_result(const struct trial *t, struct jwriter *w)
{
    int code = err_row(t->err)->channel_code;

    jw_key(w, "result");
    jw_object(w);
    jw_key(w, "outcome");
    jw_strz(w, outcome_of(t));
    jw_key(w, "code");
    if (t->err == E_OK)
        jw_null(w);
    else
        jw_i64(w, code ? code : err_row(E_POLL)->channel_code);
    jw_key(w, "message");
    if (t->err == E_OK)
        jw_null(w);
    else
        trial_record_text(&t->record, str_of(err_text(&t->info, t->err)), w);
    put_event(t, w);
    jw_object_end(w);
}

void trial_write(const struct trial *t, struct jwriter *w)
{
    put_like(t, w);
    trial_record_write(&t->record, w);
    put_payload(t, w);
    put_gate(t, w);
    put_result(t, w);
    trial_record_ms(w, "durationMs", t->ended - t->started);
}
