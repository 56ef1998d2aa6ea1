/*
 * The http-poller: life of its state, and the first and last of its steps.
 *
 *   setup     the URL of the first request (computed query parameters, first page) and whether it
 *             can be conditional: the validators of what was published last, bound to that request
 *   request   one exchange with retries: http_exchange.c
 *   response  unchanged, the next page, or a payload: http_cycle.c
 */
#include "publisher/pub_http.h"

#include "publisher/http_page.h"
#include "publisher/http_run.h"
#include "publisher/http_share.h"

void http_known_done(struct http_known *k)
{
    free(k->etag);
    free(k->last_modified);
    *k = (struct http_known){0};
}

/* ---- what a run learnt ---- */

static void settle(void *state, bool kept)
{
    struct http_state *s = state;

    if (!s->learnt)
        return;
    if (kept) {
        http_known_done(&s->kept);
        s->kept = *s->learnt;
    } else {
        http_known_done(s->learnt);
    }
    free(TAKE(s->learnt));
}

static void put_hex(struct jwriter *w, const char *name, uint64_t high, const uint64_t *low)
{
    char hex[33];

    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)high);
    if (low)
        snprintf(hex + 16, sizeof hex - 16, "%016llx", (unsigned long long)*low);
    jw_key(w, name);
    jw_strz(w, hex);
}

static void put_text(struct jwriter *w, const char *name, const char *text)
{
    if (!text)
        return;
    jw_key(w, name);
    jw_strz(w, text);
}

static void save(const void *state, struct buf *b)
{
    const struct http_state *s = state;
    const struct http_known *k = s->learnt ? s->learnt : &s->kept;
    struct jwriter w = jw_begin(b);

    jw_object(&w);
    if (k->success_wall) {
        jw_key(&w, "success");
        jw_i64(&w, k->success_wall);
    }
    if (k->has_hash) {
        put_hex(&w, "hash", k->hash.hi, &k->hash.lo);
        put_hex(&w, "config", k->config_key, NULL);
        put_hex(&w, "request", k->request_key, NULL);
        put_text(&w, "etag", k->etag);
        put_text(&w, "lastModified", k->last_modified);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

static bool parse_hex(struct str s, uint64_t *ret)
{
    char z[17];
    char *end;

    if (s.n != 16)
        return false;
    memcpy(z, s.p, 16);
    z[16] = '\0';
    *ret = strtoull(z, &end, 16);
    return end == z + 16;
}

static char *copy_member(const jval *object, const char *name)
{
    struct str s = jv_str(jv_getz(object, name));

    return s.n ? str_dup(s) : NULL;
}

static void restore(void *state, const jval *saved)
{
    struct http_state *s = state;
    struct http_known k = {0};
    struct str hash = jv_str(jv_getz(saved, "hash"));

    (void)jv_i64(jv_getz(saved, "success"), &k.success_wall);
    if (hash.n == 32 && parse_hex(str_make(hash.p, 16), &k.hash.hi) &&
        parse_hex(str_drop(hash, 16), &k.hash.lo) &&
        parse_hex(jv_str(jv_getz(saved, "config")), &k.config_key) &&
        parse_hex(jv_str(jv_getz(saved, "request")), &k.request_key)) {
        k.has_hash = true;
        k.etag = copy_member(saved, "etag");
        k.last_modified = copy_member(saved, "lastModified");
    }
    http_known_done(&s->kept);
    s->kept = k;
}

/* ---- life of the state ---- */

static uint64_t add_key(uint64_t key, const char *text)
{
    return text ? hash64_seed(text, strlen(text), key) : key + 1;
}

static uint64_t add_page_key(uint64_t key, const struct http_page_conf *p)
{
    const int64_t numbers[] = {p->mode,         p->page.value,  p->page_size.value,
                               p->offset.value, p->limit.value, p->next.location,
                               p->next.type,    p->max_pages};
    const char *const texts[] = {p->page.name, p->page_size.name, p->offset.name, p->limit.name,
                                 p->key.name,  p->cursor.name,    p->next.pointer};

    key = hash64_seed(numbers, sizeof numbers, key);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        key = add_key(key, texts[i]);
    return key;
}

static uint64_t add_gate_key(uint64_t key, const struct gate_conf *gate)
{
    key = hash64_seed(&gate->min_items, sizeof gate->min_items, key);
    key = hash64_seed(&gate->max_shrink, sizeof gate->max_shrink, key);
    for (size_t i = 0; i < gate->pointers.count; i++)
        key = add_key(key, gate->pointers.items[i]);
    return key;
}

/* What is asked for, what part of the answer is the payload, whether that passes and what of it
 * counts: as long as this is the same, the same bytes mean the same payload, and need not be looked
 * at. Computed query parameters do not count, their values are of the
 * single request. */
static uint64_t config_key(const struct http_conf *conf)
{
    uint64_t key = hash64(conf->url, strlen(conf->url));

    key = add_key(key, conf->payload_pointer);
    for (size_t i = 0; i < conf->fields.headers.count; i++) {
        key = add_key(key, conf->fields.headers.items[i].name);
        key = add_key(key + 1, conf->fields.headers.items[i].value);
    }
    for (size_t i = 0; i < conf->ignore.count; i++)
        key = add_key(key, conf->ignore.items[i]);
    if (http_conf_gate(conf))
        key = add_gate_key(key, &conf->gate);
    key = add_key(key + (uint64_t)conf->fields.auth.type, conf->fields.auth.client_id);
    key = add_key(key, conf->fields.auth.username);
    return conf->pagination.mode == HTTP_PAGE_NONE ? key : add_page_key(key, &conf->pagination);
}

static void *start(struct topic *t)
{
    const struct http_conf *conf = t->conf->config;
    struct http_state *s = xcalloc(1, sizeof *s);
    struct errinfo ei = ERRINFO_INIT;

    s->config_key = config_key(conf);
    s->target = fetch_target_new(str_of(conf->url), &ei);
    if (s->target && http_fields_set(s->target, &conf->fields, &ei) != E_OK)
        fetch_target_free(TAKE(s->target));
    if (!s->target) {
        s->flaw = xmalloc(sizeof *s->flaw);
        *s->flaw = ei;
    }
    return s;
}

static void stop(void *state)
{
    struct http_state *s = state;

    fetch_target_free(s->target);
    http_known_done(&s->kept);
    settle(s, false);
    page_memo_done(&s->memo);
    free(s->flaw);
    free(s);
}

/* ---- setup ---- */

static enum err begin_pages(struct request *r, struct str url, struct errinfo *ei)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;

    run->pages = arena_alloc(&r->arena, sizeof *run->pages);
    run->pages->kept_end = &run->pages->kept;
    page_guard_init(&run->pages->guard, (size_t)conf->pagination.max_pages);
    page_merge_init(&run->pages->merge, str_of(conf->payload_pointer),
                    str_of(conf->pagination.next.pointer),
                    (size_t)r->topic->shard->engine->conf->payload_max_bytes);
    enum err err = http_page_first(&conf->pagination, url, &run->call.url, ei);
    if (err != E_OK)
        return err;
    return page_guard_enter(&run->pages->guard, buf_view(&run->call.url), ei);
}

/* Where the topic's URL is not what is asked for, run->call.url gets what is. */
static enum err make_url(struct request *r, struct errinfo *ei)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    AUTO(buf_done) struct buf computed = BUF_INIT;
    struct str url = str_of(conf->url);

    if (conf->params.count > 0) {
        enum err err = http_params_apply(&conf->params, url, run->state->kept.success_wall,
                                         clock_now_wall(), http_conf_period(conf), &computed, ei);
        if (err != E_OK)
            return err;
        url = buf_view(&computed);
    }
    if (conf->pagination.mode != HTTP_PAGE_NONE)
        return begin_pages(r, url, ei);
    if (conf->params.count > 0)
        buf_str(&run->call.url, url);
    return E_OK;
}

static void setup(struct request *r)
{
    struct http_state *s = r->topic->poller.state;
    struct http_run *run = arena_alloc(&r->arena, sizeof *run);
    const struct http_known *known = &s->kept;
    const struct http_conf *conf = r->conf->config;
    struct errinfo ei = ERRINFO_INIT;

    run->state = s;
    r->step = run;
    http_exchange_init(&run->call, r);
    run->call.target = s->target;
    run->call.retries = &conf->retries;
    run->call.part = "page";
    run->call.send = http_share_wanted(r) ? http_share_send : NULL;
    if (!s->target) {
        request_end(r, EXIT_ERROR, E_POLL_CONFIG, s->flaw);
        return;
    }
    enum err err = make_url(r, &ei);
    if (err == E_OK)
        err = http_fields_renew(s->target, &conf->fields, r->topic->shard->engine->conf,
                                &run->call.client, &ei);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err, &ei);
        return;
    }
    run->request_key = run->call.url.len
                           ? hash64_seed(run->call.url.p, run->call.url.len, s->config_key)
                           : s->config_key;
    /* An answer "not modified" is of use only where the document it speaks of is still there, and
     * the first page alone does not speak of the others. */
    if (!run->pages && r->topic->document && known->has_hash &&
        known->request_key == run->request_key) {
        run->call.etag = str_of(known->etag);
        run->call.last_modified = str_of(known->last_modified);
    }
    request_step_done(r);
}

static void send_first(struct request *r)
{
    http_exchange_send(&((struct http_run *)r->step)->call);
}

static void finish(struct request *r)
{
    struct http_run *run = r->step;

    if (!run)
        return;
    fetch_share_cancel(TAKE(run->ask));
    http_exchange_stop(&run->call);
    if (run->pages) {
        page_guard_done(&run->pages->guard);
        page_merge_done(&run->pages->merge);
    }
}

/* ---- the row ---- */

static int64_t deadline(const void *config)
{
    return http_deadline(http_conf_period(config));
}

const struct processor pub_http = {
    .type = "http-poller",
    .polls = true,
    .attrs = http_conf_attrs,
    .attr_count = HTTP_CONF_ATTRS,
    .config_new = http_conf_new,
    .config_free = http_conf_free,
    .change = http_conf_change,
    .gate = http_conf_gate,
    .share_key = http_share_key,
    .period = http_conf_period,
    .deadline = deadline,
    .start = start,
    .stop = stop,
    .save = save,
    .restore = restore,
    .settle = settle,
    .setup = setup,
    .request = send_first,
    .response = http_cycle_response,
    .finish = finish,
};
