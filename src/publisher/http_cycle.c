/*
 * What the answers of a cycle mean: whether there is anything new, and, of a source that answers
 * page by page, what comes next and what all pages are together.
 *
 * The same bytes as last time are neither parsed nor copied where one request is the whole cycle;
 * pages have to be looked into for the next reference and are merged as they arrive, but what is the
 * same as last time is neither written out nor compared.
 */
#include "base/count.h"
#include "base/trace.h"
#include "core/payload.h"
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
    const struct fetch_result *res = run->result;

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

    http_known_done(&s->learnt);
    s->learnt = (struct http_known){
        .success_wall = run->began_wall,
        .config_key = s->config_key,
        .request_key = run->request_key,
        .has_hash = true,
        .hash = run->hash,
        .etag = copy_validator(run, "ETag"),
        .last_modified = copy_validator(run, "Last-Modified"),
    };
    s->has_learnt = true;
}

static bool has_same_validators(const struct http_run *run)
{
    const struct http_known *known = &run->state->kept;

    return known->request_key == run->request_key &&
           str_eq(validator(run, "ETag"), str_of(known->etag)) &&
           str_eq(validator(run, "Last-Modified"), str_of(known->last_modified));
}

/* The bodies of this cycle are those of the last, and what they gave is still there. */
static bool is_same(const struct request *r, const struct http_run *run)
{
    const struct http_known *known = &run->state->kept;

    return r->topic->document && known->has_hash && known->config_key == run->state->config_key &&
           hash_eq(known->hash, run->hash);
}

static void end_unchanged(struct request *r)
{
    struct http_run *run = r->step;

    if (run->result->status != 304 && !has_same_validators(run))
        learn(run);
    run->state->kept.success_wall = run->began_wall;
    request_end(r, EXIT_UNCHANGED, E_OK, NULL);
}

/* ---- one answer is all ---- */

static size_t max_bytes(const struct request *r)
{
    return (size_t)r->topic->shard->engine->conf->payload_max_bytes;
}

static void single_response(struct request *r)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    const struct fetch_result *res = run->result;
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
    struct errinfo ei = ERRINFO_INIT;

    run->hash = res->hash;
    if (res->status == 304 || is_same(r, run)) {
        if (res->status != 304)
            count_one(COUNT_fetch_same_hash);
        end_unchanged(r);
        return;
    }
    enum err err = payload_make(res->body, fetch_header(res, "Content-Encoding", 0),
                                str_of(conf->payload_pointer), max_bytes(r), &p, &ei);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err, &ei);
        return;
    }
    learn(run);
    request_publish(r, p.value, &p.text);
}

/* ---- pages ---- */

static void add_hash(struct http_run *run)
{
    struct hash128 both[2] = {run->hash, run->result->hash};

    run->hash = hash_bytes(both, sizeof both);
}

/* Put the URL of the page after this one into run->url; *ret_end: there is none. */
static enum err find_next(struct request *r, const jval *root, bool *ret_end, struct errinfo *ei)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    AUTO(buf_done) struct buf next = BUF_INIT;
    struct str links[LINK_FIELDS];
    size_t count = 0;

    while (count < LINK_FIELDS && (links[count] = fetch_header(run->result, "Link", count)).p)
        count++;
    struct http_page_answer page = {
        .home = str_of(conf->url),
        .asked = buf_view(&run->url),
        .url = run->result->url,
        .root = root,
        .links = links,
        .link_count = count,
    };
    enum err err = http_page_next(&conf->pagination, &page, &next, ret_end, ei);
    if (err != E_OK || *ret_end)
        return err;
    buf_clear(&run->url);
    buf_str(&run->url, buf_view(&next));
    return page_guard_enter(&run->pages->guard, buf_view(&run->url), ei);
}

static enum err add_page(struct request *r, bool *ret_end, struct errinfo *ei)
{
    const struct http_conf *conf = r->conf->config;
    struct http_run *run = r->step;
    const struct fetch_result *res = run->result;
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};

    enum err err = payload_make(res->body, fetch_header(res, "Content-Encoding", 0),
                                str_of(conf->payload_pointer), max_bytes(r), &p, ei);
    if (err != E_OK)
        return err;
    add_hash(run);
    err = page_merge_add(&run->pages->merge, p.value, ei);
    if (err != E_OK)
        return err;
    return find_next(r, jdoc_root(p.doc), ret_end, ei);
}

static void publish_pages(struct request *r)
{
    struct http_run *run = r->step;
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;

    enum err err = page_merge_finish(&run->pages->merge, &text, &ei);
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
    size_t number = page_guard_count(&run->pages->guard);
    struct errinfo ei = ERRINFO_INIT;
    bool end = false;

    enum err err = add_page(r, &end, &ei);
    if (err != E_OK) {
        request_end(r, EXIT_ERROR, err,
                    number > 1 ? (err_prefix(&ei, err, "page %zu", number), &ei) : &ei);
        return;
    }
    if (!end) {
        r->attempt = 0; /* each page is retried on its own */
        http_exchange_send(r);
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

    if (run->pages)
        page_response(r);
    else
        single_response(r);
}
