/*
 * What the answers of a cycle mean: whether there is anything new, and, of a source that answers
 * page by page, what comes next and what all pages are together.
 *
 * The same bytes as last time are not parsed. Where one request is the whole cycle that is plain.
 * Pages are kept as they came for as long as each is the one of last time, which says which is next;
 * with the first that is another they are looked into and merged, and so are those that follow, as
 * they arrive.
 */
#include "base/count.h"
#include "base/trace.h"
#include "core/payload.h"
#include "core/trial.h"
#include "publisher/http_page.h"
#include "publisher/http_run.h"
#include "json/pointer.h"

/* Link fields of one answer that are looked at. */
#define LINK_FIELDS 64

/* ---- what is known of the source ---- */

/* A field of the answer that says which version it is of what was asked for. Behind a redirect it
 * is of something else, and where that is may change: none. A page alone is not the whole. */
static struct str validator(const struct http_run *run, const char *name)
{
    const struct fetch_result *res = run->call.result;

    return res->redirects || run->pages ? STR_NONE : fetch_header(res, name, 0);
}

static char *copy_validator(const struct http_run *run, const char *name)
{
    struct str v = validator(run, name);

    return v.n ? str_dup(v) : NULL;
}

static void learn(struct http_run *run)
{
    struct http_state *s = run->state;

    if (s->learnt)
        http_known_done(s->learnt);
    else
        s->learnt = xmalloc(sizeof *s->learnt);
    *s->learnt = (struct http_known){
        .success_wall = run->call.began_wall,
        .config_key = s->config_key,
        .request_key = run->request_key,
        .has_hash = true,
        .hash = run->hash,
        .etag = copy_validator(run, "ETag"),
        .last_modified = copy_validator(run, "Last-Modified"),
    };
}

static bool has_same_validators(const struct http_run *run)
{
    const struct http_known *known = &run->state->kept;

    return known->request_key == run->request_key &&
           str_eq(validator(run, "ETag"), str_of(known->etag)) &&
           str_eq(validator(run, "Last-Modified"), str_of(known->last_modified));
}

/* The bodies of this cycle are those of the last, and what they gave is still there. A trial looks
 * at them all the same: it is to show what they give. */
static bool is_same(const struct request *r, const struct http_run *run)
{
    const struct http_known *known = &run->state->kept;

    return !r->topic->trial && r->topic->document && known->has_hash &&
           known->config_key == run->state->config_key && hash_eq(known->hash, run->hash);
}

static void end_unchanged(struct request *r)
{
    struct http_run *run = r->step;

    if (run->call.result->status != 304 && !has_same_validators(run))
        learn(run);
    run->state->kept.success_wall = run->call.began_wall;
    request_end(r, EXIT_UNCHANGED, E_OK, NULL);
}

/* ---- one answer is all ---- */

static size_t max_bytes(const struct request *r)
{
    return (size_t)r->topic->shard->engine->conf->payload_max_bytes;
}

/* next: the URL of the page after it; error: NULL, or why the page cannot be used. */
static void tell_page(const struct request *r, size_t number, const struct payload *p,
                      struct str next, const char *error)
{
    const struct http_run *run = r->step;
    const struct trial_page page = {
        .number = number,
        .res = run->call.result,
        .value = p->value,
        .bytes = p->text.len,
        .next = next,
        .error = error,
    };

    trial_page_came(r->topic->trial, &page);
}

static void single_response(struct request *r)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    const struct fetch_result *res = run->call.result;
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
    struct errinfo ei = ERRINFO_INIT;

    run->hash = res->hash;
    if (res->status == 304 || is_same(r, run)) {
        if (res->status != 304)
            count_one(COUNT_fetch_same_hash);
        tell_page(r, 1, &p, STR_NONE, NULL);
        end_unchanged(r);
        return;
    }
    enum err err = payload_make(res->body, fetch_header(res, "Content-Encoding", 0),
                                str_of(conf->payload_pointer), max_bytes(r), &p, &ei);
    tell_page(r, 1, &p, STR_NONE, err == E_OK ? NULL : ei.text);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err, &ei);
        return;
    }
    learn(run);
    request_publish(r, p.value, &p.text);
}

/* ---- pages ---- */

/* A page that is kept as it came. */
struct http_page_kept {
    struct http_page_kept *next;
    struct str body, coding;
};

static struct hash128 hash_both(struct hash128 a, struct hash128 b)
{
    struct hash128 both[2] = {a, b};

    return hash_bytes(both, sizeof both);
}

static struct hash128 hash_text(struct hash128 h, struct str s)
{
    return hash_both(h, hash_bytes(s.p, s.n));
}

static void add_hash(struct http_run *run)
{
    run->hash = hash_both(run->hash, run->call.result->hash);
}

/* Of all that says what an answer means and which page is next. */
static struct hash128 exchange_hash(const struct http_run *run)
{
    const struct fetch_result *res = run->call.result;
    struct hash128 h = hash_text(res->hash, buf_view(&run->call.url));
    struct str link;

    h = hash_text(h, res->url);
    h = hash_text(h, fetch_header(res, "Content-Encoding", 0));
    for (size_t i = 0; i < LINK_FIELDS && (link = fetch_header(res, "Link", i)).p; i++)
        h = hash_text(h, link);
    return h;
}

static enum err go_on(struct http_run *run, struct str next, struct errinfo *ei)
{
    buf_clear(&run->call.url);
    buf_str(&run->call.url, next);
    return page_guard_enter(&run->pages->guard, next, ei);
}

/* Put the URL of the page after this one into run->call.url; *ret_end: there is none. */
static enum err find_next(struct request *r, const jval *root, bool *ret_end, struct errinfo *ei)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    AUTO(buf_done) struct buf next = BUF_INIT;
    struct str links[LINK_FIELDS];
    size_t count = 0;

    while (count < LINK_FIELDS && (links[count] = fetch_header(run->call.result, "Link", count)).p)
        count++;
    struct http_page_answer page = {
        .home = str_of(conf->url),
        .asked = buf_view(&run->call.url),
        .url = run->call.result->url,
        .root = root,
        .links = links,
        .link_count = count,
    };
    enum err err = http_page_next(&conf->pagination, &page, &next, ret_end, ei);
    return err != E_OK || *ret_end ? err : go_on(run, buf_view(&next), ei);
}

/* Parse and merge one. Its text is of use only to a trial. */
static enum err merge_page(struct request *r, struct str body, struct str coding, struct payload *p,
                           struct errinfo *ei)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;

    enum err err = (r->topic->trial ? payload_make : payload_parse)(
        body, coding, str_of(conf->payload_pointer), max_bytes(r), p, ei);
    return err == E_OK ? page_merge_add(&run->pages->merge, p->value, ei) : err;
}

/* From here on pages are merged as they come, after those that were kept. */
static enum err merge_kept(struct request *r, struct errinfo *ei)
{
    struct http_pages *pages = ((struct http_run *)r->step)->pages;
    enum err err = E_OK;

    pages->merging = true;
    for (struct http_page_kept *k = TAKE(pages->kept); k && err == E_OK; k = k->next) {
        AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
        err = merge_page(r, k->body, k->coding, &p, ei);
    }
    return err;
}

/* next, as page_memo_find() gave it: the page is the one of last time. */
static enum err keep_page(struct request *r, struct str next, bool *ret_end, struct errinfo *ei)
{
    struct http_run *run = r->step;
    const struct fetch_result *res = run->call.result;
    struct str coding = fetch_header(res, "Content-Encoding", 0);
    struct http_page_kept *k = arena_alloc(&r->arena, sizeof *k);

    k->body = str_make(arena_strdup(&r->arena, res->body), res->body.n);
    if (coding.p)
        k->coding = str_make(arena_strdup(&r->arena, coding), coding.n);
    *run->pages->kept_end = k;
    run->pages->kept_end = &k->next;
    run->pages->kept_bytes += res->body.n;
    add_hash(run);
    *ret_end = next.n == 0;
    return *ret_end ? E_OK : go_on(run, next, ei);
}

static enum err take_page(struct request *r, struct payload *p, bool *ret_end, struct errinfo *ei)
{
    struct http_run *run = r->step;
    const struct fetch_result *res = run->call.result;

    enum err err = merge_kept(r, ei);
    if (err != E_OK)
        return err;
    err = merge_page(r, res->body, fetch_header(res, "Content-Encoding", 0), p, ei);
    if (err != E_OK)
        return err;
    add_hash(run);
    return find_next(r, jdoc_root(p->doc), ret_end, ei);
}

static enum err look_into_page(struct request *r, size_t number, struct hash128 exchange,
                               bool *ret_end, struct errinfo *ei)
{
    struct http_run *run = r->step;
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
    enum err err = take_page(r, &p, ret_end, ei);
    struct str next = err == E_OK && !*ret_end ? buf_view(&run->call.url) : STR_NONE;

    if (err == E_OK)
        page_memo_put(&run->state->memo, number, exchange, next);
    tell_page(r, number, &p, next, err == E_OK ? NULL : ei->text);
    return err;
}

static enum err add_page(struct request *r, size_t number, bool *ret_end, struct errinfo *ei)
{
    struct http_run *run = r->step;
    struct hash128 exchange = exchange_hash(run);
    struct str next = STR_NONE;

    if (!run->pages->merging && run->pages->kept_bytes + run->call.result->body.n <= max_bytes(r))
        next = page_memo_find(&run->state->memo, number, exchange);
    return next.p ? keep_page(r, next, ret_end, ei)
                  : look_into_page(r, number, exchange, ret_end, ei);
}

static void publish_pages(struct request *r)
{
    struct http_run *run = r->step;
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;

    enum err err = merge_kept(r, &ei);
    if (err == E_OK)
        err = page_merge_finish(&run->pages->merge, &text, &ei);
    if (err == E_OK)
        err = jdoc_parse(buf_view(&text), NULL, &doc, &ei);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err, &ei);
        return;
    }
    learn(run);
    request_publish(r, jdoc_root(doc), &text);
}

static void page_response(struct request *r)
{
    struct http_run *run = r->step;
    size_t number = http_run_page(run);
    struct errinfo ei = ERRINFO_INIT;
    bool end = false;

    enum err err = add_page(r, number, &end, &ei);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err,
                    number > 1 ? (err_prefix(&ei, err, "page %zu", number), &ei) : &ei);
        return;
    }
    if (!end) {
        r->attempt = 0; /* each page is retried on its own */
        run->call.number = number + 1;
        http_exchange_send(&run->call);
        return;
    }
    trace(poller, "%s: %zu pages", r->conf->name, number);
    if (is_same(r, run))
        end_unchanged(r);
    else
        publish_pages(r);
}

void http_cycle_response(struct request *r)
{
    struct http_run *run = r->step;

    if (!run->call.send)
        run->state->seen = MAX(run->state->seen, run->call.result->started);
    if (run->pages)
        page_response(r);
    else
        single_response(r);
}
