/*
 * A line is owned by its topic, made with the first post. It goes on by the topic's loaders: these
 * are called when the document is known and no event is being committed, which is when the next
 * commit can be made. Posts that are being committed belong to the commit, which may outlive both.
 */
#include "core/post.h"

#include "base/count.h"
#include "core/limits.h"
#include "core/topic.h"

struct post_line {
    struct topic *topic;
    struct list waiting; /* of struct post */
    size_t count, bytes; /* of them */
    struct deferred begin;
    struct topic_loader loader;
};

/* Posts that are committed together. */
struct post_group {
    size_t count;
    struct post *posts[];
};

/* ---- ends ---- */

static void end(struct post *p, enum err err, const struct errinfo *ei)
{
    count_one(err == E_OK ? COUNT_posts : COUNT_posts_failed);
    p->done(p, err, ei);
}

/* The journal is gone when the topic was deleted, of which this loop hears in a moment. */
static void on_committed(void *arg, enum err err, const struct errinfo *ei)
{
    AUTO_FREE struct post_group *g = arg;

    for (size_t i = 0; i < g->count; i++) {
        if (err == E_NOT_FOUND)
            end(g->posts[i], E_GONE, NULL);
        else
            end(g->posts[i], err, ei);
    }
}

static struct post *pop(struct post_line *line)
{
    struct post *p = LIST_ITEM(list_pop(&line->waiting), struct post, link);

    line->count--;
    line->bytes -= p->text->len;
    return p;
}

static void fail_all(struct post_line *line, enum err err, const struct errinfo *ei)
{
    while (!list_empty(&line->waiting))
        end(pop(line), err, ei);
}

/* ---- commits ---- */

/* As many as wait, up to what the rings of hubs hold with ease: readers that keep up must find all
 * of it there. At least one. */
static struct post_group *take_group(struct post_line *line)
{
    size_t max = MIN(line->count, (size_t)LIMIT_POST_GROUP), bytes = 0;
    struct post_group *g = xcalloc(1, sizeof *g + max * sizeof g->posts[0]);

    while (g->count < max) {
        const struct post *next = LIST_ITEM(line->waiting.next, struct post, link);

        bytes += next->text->len;
        if (g->count > 0 && bytes > LIMIT_POST_GROUP_BYTES)
            break;
        g->posts[g->count++] = pop(line);
    }
    return g;
}

static void commit_messages(struct post_line *line)
{
    struct topic *t = line->topic;
    struct post_group *g = take_group(line);
    struct blob *bodies[LIMIT_POST_GROUP];

    for (size_t i = 0; i < g->count; i++) {
        g->posts[i]->seq = t->seq + 1 + i;
        bodies[i] = g->posts[i]->text;
    }
    topic_publish_messages(t, bodies, g->count, on_committed, g);
}

/* One that changes nothing is done at once. */
static void commit_document(struct post_line *line)
{
    struct topic *t = line->topic;
    struct post_group *g = xcalloc(1, sizeof *g + sizeof g->posts[0]);
    struct post *p = pop(line);
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;

    g->count = 1;
    g->posts[0] = p;
    enum err err = jdoc_parse(blob_view(p->text), NULL, &doc, &ei);
    if (err == E_OK) {
        p->seq = t->seq + 1;
        if (topic_publish_document(t, jdoc_root(doc), p->text, on_committed, g))
            return;
        p->seq = 0;
        count_one(COUNT_posts_unchanged);
        topic_checked(t, clock_now_wall());
    }
    on_committed(g, err, &ei);
}

static void on_ready(struct topic_loader *l, struct topic *t, enum err err,
                     const struct errinfo *ei)
{
    struct post_line *line = CONTAINER_OF(l, struct post_line, loader);

    if (err != E_OK) {
        fail_all(line, err, ei);
        return;
    }
    if (t->conf->payload == PAYLOAD_EVENT)
        commit_messages(line);
    else
        commit_document(line);
    /* After a commit the loader's turn comes by itself; without one the loop has others to serve. */
    if (line->count > 0 && t->commit)
        topic_load(t, l);
    else if (line->count > 0)
        loop_defer(t->shard->loop, &line->begin);
}

/* What comes in within one turn of the loop is gathered. */
static void on_begin(struct deferred *d, void *arg)
{
    struct post_line *line = arg;

    (void)d;
    if (line->count > 0 && !list_linked(&line->loader.link))
        topic_load(line->topic, &line->loader);
}

/* ---- the line ---- */

static struct post_line *line_of(struct topic *t)
{
    struct post_line *line = t->posts;

    if (line)
        return line;
    line = t->posts = xcalloc(1, sizeof *line);
    line->topic = t;
    list_init(&line->waiting);
    deferred_init(&line->begin, on_begin, line);
    line->loader.fn = on_ready;
    return line;
}

static enum err check_followed(const struct topic *t, struct errinfo *ei)
{
    if (t->conf->always_on || topic_is_followed(t))
        return E_OK;
    /* They were sent away. */
    if (atomic_load(&t->shard->engine->stage) == ENGINE_DRAINING)
        return err_set(ei, E_UNAVAILABLE, "the server is stopping");
    return err_set(ei, E_GONE, "nobody subscribes to the topic \"%s\", and it is not alwaysOn",
                   t->conf->name);
}

static enum err check_room(const struct topic *t, const struct post *p, struct errinfo *ei)
{
    const struct post_line *line = t->posts;

    if (!line || line->count == 0 ||
        (line->count < LIMIT_POSTS && line->bytes + p->text->len <= LIMIT_POSTS_BYTES))
        return E_OK;
    return err_set(ei, E_TOO_MANY, "%zu documents wait to be published in the topic \"%s\"",
                   line->count, t->conf->name);
}

enum err post_submit(struct topic *t, struct post *p, struct errinfo *ei)
{
    enum err err = check_followed(t, ei);

    if (err == E_OK)
        err = check_room(t, p, ei);
    if (err != E_OK) {
        count_one(COUNT_posts_failed);
        return err;
    }
    struct post_line *line = line_of(t);
    list_append(&line->waiting, &p->link);
    line->count++;
    line->bytes += p->text->len;
    loop_defer(t->shard->loop, &line->begin);
    return E_OK;
}

size_t post_count(const struct topic *t)
{
    return t->posts ? t->posts->count : 0;
}

void post_line_close(struct topic *t)
{
    struct post_line *line = TAKE(t->posts);

    if (!line)
        return;
    deferred_cancel(&line->begin);
    list_remove(&line->loader.link);
    fail_all(line, t->deleted ? E_GONE : E_UNAVAILABLE, NULL);
    free(line);
}
