#include "cli/feed_client.h"

#define SERVED "/eventnotifications/v2/"

static enum err call(const struct feed_client *f, const char *method, const char *tail,
                     struct client_answer *ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf path = BUF_INIT;

    buf_puts(&path, SERVED);
    client_path_part(&path, str_of(f->feed));
    if (f->consumer) {
        buf_puts(&path, "/consumers/");
        client_path_part(&path, str_of(f->consumer));
    }
    buf_puts(&path, tail);
    return client_call(f->client, method, buf_cstr(&path), STR_NONE, ret, ei);
}

/* ---- what is not there ---- */

/* Which feeds there are, as far as that tells what was meant. */
struct look {
    struct str id;
    bool found, has_tenant;
    char *near; /* the same but for the case, or else the nearest */
    char **ids;
    size_t count;
};

static void look_done(struct look *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->ids[i]);
    free(l->ids);
    free(l->near);
}

static enum err on_feed(const jval *feed, void *arg, struct errinfo *ei)
{
    struct look *l = arg;
    struct str id = jv_str(jv_getz(feed, "id"));

    (void)ei;
    if (str_eq(id, l->id)) {
        l->found = true;
        l->has_tenant = jv_getz(feed, "tenant") != NULL;
    }
    if (str_case_eq(id, l->id) && !l->near)
        l->near = str_dup(id);
    l->ids = xrealloc(l->ids, (l->count + 1) * sizeof *l->ids);
    l->ids[l->count++] = str_dup(id);
    return E_OK;
}

static enum err no_such_feed(const struct feed_client *f, const struct look *l, struct errinfo *ei)
{
    const char *near =
        l->near ? l->near : str_nearest(l->id, (const char *const *)l->ids, l->count);

    if (near)
        return err_set(ei, E_NOT_FOUND,
                       "no feed has the id \"%s\"; did you mean \"%s\"? (ids are case-sensitive)",
                       f->feed, near);
    return err_set(ei, E_NOT_FOUND,
                   "no feed has the id \"%s\"; `pollcast get feeds` lists those that there are",
                   f->feed);
}

/* Something that the path names is not there: what? */
static enum err not_found(const struct feed_client *f, struct errinfo *ei)
{
    AUTO(look_done) struct look l = {.id = str_of(f->feed)};
    struct errinfo own = ERRINFO_INIT;

    if (client_each(f->client, CLIENT_FEEDS, on_feed, &l, &own) != E_OK)
        return err_set(ei, E_NOT_FOUND, "%s has no feed \"%s\"%s (ids are case-sensitive)",
                       client_server(f->client), f->feed,
                       f->consumer ? ", or no such consumer of it" : "");
    if (!l.found)
        return no_such_feed(f, &l, ei);
    if (l.has_tenant)
        return err_set(ei, E_NOT_FOUND, "feed \"%s\" is not that tenant's: see --tenant%s", f->feed,
                       f->consumer ? "; or it has no such consumer" : "");
    if (f->consumer)
        return err_set(ei, E_NOT_FOUND,
                       "feed \"%s\" has no consumer \"%s\"; there is one from its first `next` on",
                       f->feed, f->consumer);
    return err_set(ei, E_NOT_FOUND, "%s does not answer as pollcast does: is it the right server?",
                   client_server(f->client));
}

/* ---- calls ---- */

static enum err refusal(const struct feed_client *f, const struct client_answer *a,
                        struct errinfo *ei)
{
    struct str code = jv_str(jv_getz(jdoc_root(a->doc), "errorCode"));

    if (a->status == 404)
        return not_found(f, ei);
    if (str_eqz(code, "MissingTenantHeader"))
        return err_set(ei, E_INVALID, "feed \"%s\" is a tenant's: name it by --tenant", f->feed);
    return client_refusal(f->client, a, ei);
}

enum err feed_client_ask(const struct feed_client *f, const char *method, const char *tail,
                         struct client_answer *ret, struct errinfo *ei)
{
    struct client_answer a;
    enum err err = call(f, method, tail, &a, ei);

    if (err != E_OK)
        return err;
    if (a.status / 100 != 2) {
        err = refusal(f, &a, ei);
        client_answer_done(&a);
        return err;
    }
    *ret = a;
    return E_OK;
}

/* Which batch is the one to be completed. */
static enum err not_open(const struct feed_client *f, struct str batch, struct errinfo *ei)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    struct errinfo own = ERRINFO_INIT;
    enum err err = feed_client_ask(f, "GET", "/stats", &a, &own);
    struct str open = jv_str(jv_getz(jv_getz(jdoc_root(a.doc), "batch"), "batchId"));

    if (err != E_OK)
        return err_set(ei, err, "%s", err_text(&own, err));
    if (open.n)
        return err_set(ei, E_CONFLICT,
                       "batch %.*s is not to be completed, but %.*s is: that one is open",
                       STR_ARG(batch), STR_ARG(open));
    return err_set(ei, E_CONFLICT,
                   "batch %.*s is not to be completed: none is open; `next` gives one",
                   STR_ARG(batch));
}

enum err feed_client_complete(const struct feed_client *f, struct str batch, struct errinfo *ei)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    AUTO(buf_done) struct buf tail = BUF_INIT;

    buf_putc(&tail, '/');
    client_path_part(&tail, batch);
    buf_puts(&tail, "/complete");
    enum err err = call(f, "POST", buf_cstr(&tail), &a, ei);
    if (err != E_OK)
        return err;
    if (a.status == 404)
        return not_open(f, batch, ei);
    return a.status / 100 == 2 ? E_OK : refusal(f, &a, ei);
}

const jval *feed_client_batch(const struct feed_client *f, const struct client_answer *a,
                              struct errinfo *ei)
{
    const jval *batch = jdoc_root(a->doc);

    if (jv_str(jv_getz(batch, "batchId")).n > 0 &&
        jv_type(jv_getz(batch, "notifications")) == JT_ARRAY)
        return batch;
    (void)err_set(ei, E_INVALID, "%s does not answer with a batch: is it the right server?",
                  client_server(f->client));
    return NULL;
}
