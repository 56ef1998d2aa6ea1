/*
 * The owner's side: the requests that this loop makes for all, those who wait for them, and the
 * answers that are kept.
 *
 * An entry lives as long as its request is under way or one of its answers may serve somebody: until
 * the longest period of those who asked is over. All answers together are bounded by number and
 * bytes; over that the oldest go, which costs no more than a request that might have been spared.
 */
#include "base/count.h"
#include "base/trace.h"
#include "core/fetch_share_impl.h"
#include "core/limits.h"
#include "core/token.h"

/* Polls start a little after they are due. */
#define LATE_US (1 * US_PER_S)

struct share_entry {
    struct hash128 key;
    struct fetch_shares *shares;
    struct list fetches; /* under way, the newest last; several only where asked for afresh */
    struct fetch_answers answers;
    /* The longest of those who asked. */
    int64_t period;
    int64_t run;      /* from the time a poll is due to its deadline */
    int64_t last_due; /* of the answers */
    struct list kept;
    struct heap_node end;
};

struct share_fetch {
    struct list link;
    struct share_entry *entry;
    struct list asks;
    struct fetch *fetch;
    struct fetch_target *target;
    struct fetch_asked asked; /* its token is a reference */
    int64_t deadline;
    struct str header; /* of the token */
    char text[];
};

static int64_t now_of(const struct fetch_shares *s)
{
    return loop_now(s->shard->loop);
}

static struct str key_of(const struct share_entry *e)
{
    return str_make((const char *)&e->key, sizeof e->key);
}

/* ---- entries ---- */

static struct share_entry *entry_get(struct fetch_shares *s, struct hash128 key)
{
    struct share_entry *e = map_get(&s->entries, str_make((const char *)&key, sizeof key));

    if (e)
        return e;
    e = xcalloc(1, sizeof *e);
    e->key = key;
    e->shares = s;
    list_init(&e->fetches);
    map_put(&s->entries, key_of(e), e);
    return e;
}

static void entry_drop_if_idle(struct share_entry *e)
{
    if (!list_empty(&e->fetches) || !fetch_answers_empty(&e->answers))
        return;
    map_remove(&e->shares->entries, key_of(e));
    free(e);
}

/* ---- answers that are kept ---- */

static void count_kept(struct fetch_shares *s, int64_t number, int64_t bytes)
{
    s->kept_count += (size_t)number;
    s->kept_bytes += (size_t)bytes;
    count_add(COUNT_fetch_shared_kept, number);
    count_add(COUNT_fetch_shared_bytes, bytes);
}

static void drop_answers(struct share_entry *e)
{
    struct fetch_shares *s = e->shares;

    if (fetch_answers_empty(&e->answers))
        return;
    count_kept(s, -1, -(int64_t)e->answers.bytes);
    fetch_answers_clear(&e->answers);
    list_remove(&e->kept);
    heap_remove(&s->ends, &e->end);
    entry_drop_if_idle(e);
}

static void set_timer(struct fetch_shares *s)
{
    struct heap_node *n = heap_min(&s->ends);

    if (n)
        timer_set(s->shard->loop, &s->end, n->key);
    else
        timer_clear(s->shard->loop, &s->end);
}

/* Where attempts failed, a poll that was due in time may still be at its retries. */
static void set_end(struct share_entry *e)
{
    const struct fetch_answer *good = e->answers.good;

    if (fetch_answers_empty(&e->answers))
        return;
    int64_t late = good && good->asked.attempt == 0 ? LATE_US : LATE_US + e->run;
    heap_set(&e->shares->ends, &e->end, e->last_due + e->period + late);
    set_timer(e->shares);
}

static void on_end(struct timer *t, void *arg)
{
    struct fetch_shares *s = arg;
    struct heap_node *n;
    int64_t now = now_of(s);

    (void)t;
    while ((n = heap_min(&s->ends)) && n->key <= now)
        drop_answers(CONTAINER_OF(n, struct share_entry, end));
    set_timer(s);
}

static void make_room(struct fetch_shares *s)
{
    while (s->kept_count > LIMIT_SHARED_ANSWERS || s->kept_bytes > LIMIT_SHARED_BYTES)
        drop_answers(LIST_ITEM(s->kept.next, struct share_entry, kept));
}

static void keep(struct share_entry *e, struct fetch_answer *a)
{
    struct fetch_shares *s = e->shares;
    bool first = fetch_answers_empty(&e->answers);
    size_t was = e->answers.bytes;

    fetch_answers_keep(&e->answers, a);
    count_kept(s, first, (int64_t)e->answers.bytes - (int64_t)was);
    e->last_due = MAX(e->last_due, a->asked.due);
    list_remove(&e->kept);
    list_append(&s->kept, &e->kept);
    set_end(e);
    make_room(s);
}

/* ---- requests under way ---- */

static void fetch_free(void *p)
{
    struct share_fetch *f = p;

    fetch_target_free(f->target);
    token_unref(f->asked.token);
    free(f);
}

/* Those whose time is not over do not fail because that of the poll was which made the request: the
 * one with the most time left makes a new one, and the others wait for that. */
static void ask_again(struct fetch_shares *s, struct list *asks)
{
    struct share_ask *longest = NULL;
    struct list *n;

    LIST_EACH (at, asks) {
        struct share_ask *ask = LIST_ITEM(at, struct share_ask, link);
        if (!longest || ask->p.deadline > longest->p.deadline)
            longest = ask;
    }
    if (!longest)
        return;
    list_remove(&longest->link);
    list_prepend(asks, &longest->link);
    while ((n = list_pop(asks)))
        share_keep_ask(s, LIST_ITEM(n, struct share_ask, link));
}

/* out_of_time: only those whose time is over, too; again gets the others. */
static void answer_all(struct share_fetch *f, struct fetch_answer *a, bool out_of_time,
                       struct list *again)
{
    struct list *n;

    while ((n = list_pop(&f->asks))) {
        struct share_ask *ask = LIST_ITEM(n, struct share_ask, link);

        if (out_of_time && ask->p.deadline > f->deadline) {
            ask->made = false;
            ask->fetch = NULL;
            list_append(again, &ask->link);
        } else {
            share_ask_answer(ask, a);
        }
    }
}

static void end(struct share_fetch *f, const struct fetch_result *res)
{
    struct share_entry *e = f->entry;
    struct fetch_shares *s = e->shares;
    struct fetch_answer *a = fetch_answer_new(res, &f->asked);
    bool out_of_time = res->err == E_POLL_TIMEOUT && now_of(s) >= f->deadline;
    struct list again;

    list_init(&again);
    list_remove(&f->link);
    trace(fetch, "shared request %016llx: attempt %u, %s, status %d%s",
          (unsigned long long)e->key.hi, a->asked.attempt, err_row(res->err)->name, res->status,
          out_of_time ? ", for those with time left again" : "");
    answer_all(f, a, out_of_time, &again);
    if (out_of_time)
        entry_drop_if_idle(e);
    else
        keep(e, a);
    fetch_answer_unref(a);
    ask_again(s, &again);
    loop_bury(s->shard->loop, f, fetch_free);
}

static void on_fetched(const struct fetch_result *res, void *arg)
{
    struct share_fetch *f = arg;

    f->fetch = NULL;
    end(f, res);
}

static void wait_for(struct share_fetch *f, struct share_ask *ask)
{
    ask->fetch = f;
    list_append(&f->asks, &ask->link);
}

static struct share_fetch *fetch_new(struct share_entry *e, const struct share_params *p)
{
    struct share_fetch *f = xcalloc(1, sizeof *f + p->url.n + p->etag.n + p->last_modified.n);

    f->entry = e;
    f->deadline = p->deadline;
    f->asked = (struct fetch_asked){
        .due = p->need.due,
        .started = clock_now(),
        .started_wall = clock_now_wall(),
        .attempt = p->need.attempt,
        .conditional = p->etag.p || p->last_modified.p,
        .token = p->token ? token_ref(p->token) : NULL,
    };
    list_init(&f->asks);
    list_append(&e->fetches, &f->link);
    return f;
}

static void send_request(struct share_fetch *f, const struct share_params *p)
{
    char *at = f->text;
    struct fetch_params fp = {
        .url = str_put(&at, p->url),
        .etag = str_put(&at, p->etag),
        .last_modified = str_put(&at, p->last_modified),
        .deadline = p->deadline,
        .max_bytes = p->max_bytes,
        .max_redirects = p->max_redirects,
    };

    if (f->asked.token) {
        f->header = token_header(f->asked.token);
        fp.headers = &f->header;
        fp.header_count = 1;
        fp.secret = true;
    }
    f->fetch = fetch_start(f->entry->shares->shard->fetcher, f->target, &fp, on_fetched, f);
}

static void make_request(struct share_entry *e, struct share_ask *ask)
{
    const struct share_params *p = &ask->p;
    struct share_fetch *f = fetch_new(e, p);
    struct fetch_result res = {.err = E_POLL_CONFIG};

    ask->made = true;
    wait_for(f, ask);
    f->target = p->target(p->conf, &res.info);
    if (f->target) {
        send_request(f, p);
        return;
    }
    if (res.info.err)
        res.err = res.info.err;
    end(f, &res);
}

/* ---- asks ---- */

static void learn_times(struct share_entry *e, const struct share_params *p)
{
    int64_t run = p->deadline - p->need.due;

    if (p->need.period <= e->period && run <= e->run)
        return;
    e->period = MAX(e->period, p->need.period);
    e->run = MAX(e->run, run);
    set_end(e);
}

void share_keep_ask(struct fetch_shares *s, struct share_ask *ask)
{
    const struct share_params *p = &ask->p;
    struct share_entry *e = entry_get(s, p->key);
    struct share_fetch *newest =
        list_empty(&e->fetches) ? NULL : LIST_ITEM(e->fetches.prev, struct share_fetch, link);
    struct fetch_answer *a;

    learn_times(e, p);
    if (p->fresh)
        make_request(e, ask);
    else if ((a = fetch_answers_good(&e->answers, &p->need)))
        share_ask_answer(ask, a);
    else if (newest && newest->asked.started >= p->need.after)
        wait_for(newest, ask);
    else if ((a = fetch_answers_failure(&e->answers, &p->need)))
        share_ask_answer(ask, a);
    else
        make_request(e, ask);
}

void share_keep_forget(struct share_ask *ask)
{
    struct share_fetch *f = TAKE(ask->fetch);

    if (!f)
        return;
    list_remove(&ask->link);
    if (!list_empty(&f->asks))
        return;
    list_remove(&f->link);
    if (f->fetch)
        fetch_cancel(TAKE(f->fetch));
    entry_drop_if_idle(f->entry);
    fetch_free(f);
}

/* ---- life ---- */

void share_keep_init(struct fetch_shares *s)
{
    list_init(&s->kept);
    timer_init(&s->end, on_end, s);
}

static void close_fetch(struct share_fetch *f)
{
    struct list *n;

    while ((n = list_pop(&f->asks)))
        LIST_ITEM(n, struct share_ask, link)->fetch = NULL;
    if (f->fetch)
        fetch_cancel(TAKE(f->fetch));
    fetch_free(f);
}

void share_keep_close(struct fetch_shares *s)
{
    struct share_entry *e;
    struct list *n;

    while (!list_empty(&s->kept))
        drop_answers(LIST_ITEM(s->kept.next, struct share_entry, kept));
    for (size_t i = 0; (e = map_next(&s->entries, &i));) {
        while ((n = list_pop(&e->fetches)))
            close_fetch(LIST_ITEM(n, struct share_fetch, link));
        free(e);
    }
    map_done(&s->entries);
    heap_done(&s->ends);
    timer_clear(s->shard->loop, &s->end);
}
