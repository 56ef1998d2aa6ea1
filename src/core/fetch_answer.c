#include "core/fetch_answer.h"

#include "core/token.h"

/* ---- one answer ---- */

static bool is_failure(const struct fetch_result *res, const struct fetch_asked *asked)
{
    if (res->err != E_OK)
        return true;
    /* Behind a redirect, and to a request without a condition, "not modified" says nothing. */
    if (res->status == 304)
        return !asked->conditional || res->redirects > 0;
    return res->status < 200 || res->status > 299;
}

struct fetch_answer *fetch_answer_new(const struct fetch_result *res,
                                      const struct fetch_asked *asked)
{
    static atomic_uint_fast64_t last_serial;
    size_t size = res->body.n + res->head.n + res->url.n;
    struct fetch_answer *a = xmalloc(sizeof *a + size);
    char *at = a->text;

    atomic_init(&a->refs, 1);
    a->serial = atomic_fetch_add_explicit(&last_serial, 1, memory_order_relaxed) + 1;
    a->asked = *asked;
    if (asked->token)
        token_ref(asked->token);
    a->failed = is_failure(res, asked);
    a->bytes = sizeof *a + size;
    a->res = *res;
    a->res.body = str_put(&at, res->body);
    a->res.head = str_put(&at, res->head);
    a->res.url = str_put(&at, res->url);
    return a;
}

struct fetch_answer *fetch_answer_ref(struct fetch_answer *a)
{
    atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    return a;
}

void fetch_answer_unref(struct fetch_answer *a)
{
    if (!a || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (a->asked.token)
        explicit_bzero(a->text, a->bytes - sizeof *a);
    token_unref(a->asked.token);
    free(a);
}

/* ---- the answers to one request ---- */

bool fetch_need_fits(const struct fetch_need *need, const struct fetch_asked *asked)
{
    return asked->started >= need->after &&
           (need->same_round || need->due - asked->due < need->period);
}

struct fetch_answer *fetch_answers_good(const struct fetch_answers *s,
                                        const struct fetch_need *need)
{
    return s->good && fetch_need_fits(need, &s->good->asked) ? s->good : NULL;
}

struct fetch_answer *fetch_answers_failure(const struct fetch_answers *s,
                                           const struct fetch_need *need)
{
    struct fetch_answer *a = need->attempt < s->failure_count ? s->failures[need->attempt] : NULL;

    return a && fetch_need_fits(need, &a->asked) ? a : NULL;
}

static void drop(struct fetch_answers *s, struct fetch_answer **at)
{
    if (!*at)
        return;
    s->bytes -= (*at)->bytes;
    fetch_answer_unref(TAKE(*at));
}

static void set(struct fetch_answers *s, struct fetch_answer **at, struct fetch_answer *a)
{
    drop(s, at);
    *at = fetch_answer_ref(a);
    s->bytes += a->bytes;
}

static void drop_failures(struct fetch_answers *s)
{
    for (unsigned i = 0; i < s->failure_count; i++)
        drop(s, &s->failures[i]);
    free(TAKE(s->failures));
    s->failure_count = 0;
}

static void set_failure(struct fetch_answers *s, struct fetch_answer *a)
{
    unsigned attempt = a->asked.attempt;

    if (attempt >= s->failure_count) {
        s->failures = xrealloc(s->failures, (attempt + 1) * sizeof(struct fetch_answer *));
        while (s->failure_count <= attempt)
            s->failures[s->failure_count++] = NULL;
    }
    set(s, &s->failures[attempt], a);
}

void fetch_answers_keep(struct fetch_answers *s, struct fetch_answer *a)
{
    if (s->good && s->good->asked.started > a->asked.started)
        return;
    if (a->failed) {
        drop(s, &s->good);
        set_failure(s, a);
    } else {
        drop_failures(s);
        set(s, &s->good, a);
    }
}

bool fetch_answers_empty(const struct fetch_answers *s)
{
    return !s->good && s->failure_count == 0;
}

void fetch_answers_clear(struct fetch_answers *s)
{
    drop_failures(s);
    drop(s, &s->good);
}
