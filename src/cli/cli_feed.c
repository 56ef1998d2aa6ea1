/*
 * pollcast feed: what a consumer of a feed does, and how it stands.
 */
#include "base/clock.h"
#include "base/duration.h"
#include "cli/command.h"
#include "cli/feed_client.h"
#include "cli/feed_follow.h"
#include "cli/feed_print.h"
#include "core/feed_conf.h"
#include "core/limits.h"

static const char help[] =
    "usage: pollcast feed next|complete|discard|follow|stats FEED [BATCH] [OPTIONS]\n"
    "\n"
    "Empties a feed, batch by batch.\n"
    "\n"
    "  next FEED             print the batch that is to be completed: its id, then a line for "
    "each\n"
    "                        notification. It stays the same until it is completed\n"
    "  complete FEED BATCH   the batch is processed; the next one follows\n"
    "  discard FEED          move all that is queued to the archive\n"
    "  follow FEED           print each notification as a line of JSON, complete its batch, and "
    "wait\n"
    "                        for more until Ctrl-C; or give each batch to a command. What is not\n"
    "                        completed comes again: after a crash some are printed twice, none is "
    "lost\n"
    "  stats FEED            how much is queued for the feed and each of its consumers\n"
    "\n"
    "examples:\n"
    "  pollcast feed next journey\n"
    "  pollcast feed complete journey 1642925639481\n"
    "  pollcast feed next journey --json --max 500 --wait PT30S | jq .notifications\n"
    "  pollcast feed follow journey >> journey.jsonl\n"
    "  pollcast feed follow journey --consumer mail --exec './send-mails'\n"
    "  pollcast feed stats journey\n"
    "\n"
    "exit status: 0 done, 1 nothing is queued, or the batch is not the one to be completed,\n"
    "2 it could not be done: no such feed, no server, …\n"
    "\n"
    "options:\n"
    "  --consumer NAME   a consumer with a position of its own; there is one from its first `next` "
    "on\n"
    "  --tenant T        whose feed it is, where feeds have tenants\n"
    "  --max N           next, follow: notifications of a new batch, 1 to 1000\n"
    "  --wait DURATION   next: how long to wait for something to come, up to PT5M\n"
    "  --json            next: the batch as the server gave it; stats: the same, a line for each\n"
    "  --exec COMMAND    follow: a command of the shell that gets each batch on its standard "
    "input;\n"
    "                    the batch is completed when it ends with 0, and tried again otherwise\n"
    "  --count N         follow: end after N batches\n"
    "  --server URL      the server (else POLLCAST_SERVER, else http://127.0.0.1:8080)\n";

struct feed_args {
    const char *server, *consumer, *tenant, *max, *wait, *exec, *count;
    bool json;
    const char *batch; /* of complete */
    int64_t wait_us;
    uint64_t batches;
};

/* ---- verbs ---- */

static int fail(const char *verb, enum err err, const struct errinfo *ei)
{
    command_fail("feed %s: %s", verb, err_text(ei, err));
    return err == E_CONFLICT ? STATUS_NO : STATUS_FAULT;
}

/* As the shell takes it for one word. */
static void put_word(FILE *out, const char *word)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.,:/@%+=";

    fputc(' ', out);
    if (word[0] && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, out);
    fputc('\'', out);
}

/* How to complete it, to be typed as it stands. */
static void tell_how(const struct feed_args *a, const char *feed, const jval *batch)
{
    AUTO_FREE char *id = str_dup(jv_str(jv_getz(batch, "batchId")));
    const char *words[] = {feed,
                           id,
                           a->consumer ? "--consumer" : NULL,
                           a->consumer,
                           a->tenant ? "--tenant" : NULL,
                           a->tenant,
                           a->server ? "--server" : NULL,
                           a->server};

    feed_print_gap(batch);
    if (jv_bool(jv_getz(batch, "moreAvailable")))
        command_fail("more is queued behind it");
    fputs("pollcast: when it is processed: pollcast feed complete", stderr);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i])
            put_word(stderr, words[i]);
    fputc('\n', stderr);
}

static int run_next(const struct feed_args *a, struct feed_client *f)
{
    AUTO_FREE char *tail = xasprintf("/next?wait=%s%s%s", a->wait ? a->wait : "PT0S",
                                     a->max ? "&max=" : "", a->max ? a->max : "");
    AUTO(client_answer_done) struct client_answer answer = {0};
    const struct terminal terminal = terminal_make();
    struct errinfo ei = ERRINFO_INIT;

    client_wait(f->client, a->wait_us + 60 * US_PER_S);
    enum err err = feed_client_ask(f, "GET", tail, &answer, &ei);
    if (err != E_OK)
        return fail("next", err, &ei);
    if (answer.status == 204) {
        command_fail("feed next: nothing is queued for %s%s%s", f->feed,
                     f->consumer ? ", consumer " : "", f->consumer ? f->consumer : "");
        return STATUS_NO;
    }
    const jval *batch = feed_client_batch(f, &answer, &ei);
    if (!batch)
        return fail("next", E_INVALID, &ei);
    if (a->json)
        printf("%.*s\n", STR_ARG(buf_view(&answer.body)));
    else
        feed_print_batch(&terminal, batch);
    fflush(stdout);
    tell_how(a, f->feed, batch);
    return STATUS_OK;
}

static int run_complete(const struct feed_args *a, struct feed_client *f)
{
    struct errinfo ei = ERRINFO_INIT;
    enum err err = feed_client_complete(f, str_of(a->batch), &ei);

    if (err != E_OK)
        return fail("complete", err, &ei);
    printf("completed %s\n", a->batch);
    return STATUS_OK;
}

/* The server does not say how many there were; so it is counted just before. */
static int run_discard(const struct feed_args *a, struct feed_client *f)
{
    AUTO(client_answer_done) struct client_answer stats = {0}, answer = {0};
    struct errinfo ei = ERRINFO_INIT;
    enum err err = feed_client_ask(f, "GET", "/stats", &stats, &ei);
    struct str queued = jv_number_text(jv_getz(jdoc_root(stats.doc), "queued"));

    (void)a;
    if (err == E_OK)
        err = feed_client_ask(f, "PUT", "/discardAll", &answer, &ei);
    if (err != E_OK)
        return fail("discard", err, &ei);
    if (str_eqz(queued, "0")) {
        printf("nothing was queued a moment ago\n");
        return STATUS_OK;
    }
    printf("discarded what was queued, %.*s notification%s a moment ago: it is in the archive\n",
           STR_ARG(queued), str_eqz(queued, "1") ? "" : "s");
    return STATUS_OK;
}

static int run_follow(const struct feed_args *a, struct feed_client *f)
{
    const struct feed_follow conf = {
        .feed = f, .command = a->exec, .max = a->max, .count = a->batches};

    return feed_follow(&conf);
}

/* ---- stats ---- */

static enum err print_one(const struct feed_args *a, const struct feed_client *f, bool first,
                          struct client_answer *ret, struct errinfo *ei)
{
    const struct terminal terminal = terminal_make();
    enum err err = feed_client_ask(f, "GET", "/stats", ret, ei);

    if (err != E_OK)
        return err;
    if (a->json) {
        printf("%.*s\n", STR_ARG(buf_view(&ret->body)));
        return E_OK;
    }
    if (first)
        feed_print_stats_head(&terminal);
    feed_print_stats(&terminal, jdoc_root(ret->doc));
    return E_OK;
}

static int run_stats(const struct feed_args *a, struct feed_client *f)
{
    AUTO(client_answer_done) struct client_answer own = {0};
    struct errinfo ei = ERRINFO_INIT;
    enum err err = print_one(a, f, true, &own, &ei);
    struct jiter it = jiter_of(jv_getz(jdoc_root(own.doc), "consumers"));
    while (err == E_OK && jiter_next(&it)) {
        AUTO_FREE char *name = str_dup(jv_str(it.value));
        AUTO(client_answer_done) struct client_answer answer = {0};
        const struct feed_client named = {f->client, f->feed, name};

        err = print_one(a, &named, false, &answer, &ei);
    }
    return err == E_OK ? STATUS_OK : fail("stats", err, &ei);
}

/* ---- the command line ---- */

enum {
    NEXT = 1,
    COMPLETE = 2,
    DISCARD = 4,
    FOLLOW = 8,
    STATS = 16,
    ALL = 31,
};

static const struct verb {
    const char *name;
    unsigned bit;
    int (*run)(const struct feed_args *a, struct feed_client *f);
} verbs[] = {
    {"next", NEXT, run_next},          {"complete", COMPLETE, run_complete},
    {"discard", DISCARD, run_discard}, {"follow", FOLLOW, run_follow},
    {"stats", STATS, run_stats},
};

static const struct verb *find_verb(const char *name)
{
    const char *names[ARRAY_LEN(verbs)];

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(names[i], name) == 0)
            return &verbs[i];
    }
    const char *near = str_nearest(str_of(name), names, ARRAY_LEN(names));
    if (near)
        command_fail("feed: \"%s\" is not known; did you mean %s?", name, near);
    else
        command_fail("feed: \"%s\" is not known; there are: next, complete, discard, follow, stats",
                     name);
    return NULL;
}

/* False after saying which option is none of the verb's. */
static bool check_options(const struct verb *v, const struct option *options,
                          const unsigned *used_by, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool given = options[i].flag ? *options[i].flag : *options[i].value != NULL;

        if (given && !(used_by[i] & v->bit)) {
            AUTO(buf_done) struct buf others = BUF_INIT;

            for (size_t n = 0; n < ARRAY_LEN(verbs); n++)
                if (used_by[i] & verbs[n].bit)
                    buf_printf(&others, "%s%s", others.len ? ", " : "", verbs[n].name);
            command_fail("feed %s: %s goes with %s", v->name, options[i].name, buf_cstr(&others));
            return false;
        }
    }
    return true;
}

static bool check_id(const char *verb, const char *what, const char *id)
{
    if (!id || feed_id_is_valid(str_of(id)))
        return true;
    command_fail("feed %s: \"%s\" is no %s: expected at most %d of the characters "
                 "A-Z a-z 0-9 . _ - and no dot at the start",
                 verb, id, what, FEED_ID_MAX);
    return false;
}

static bool check_values(const struct verb *v, struct feed_args *a)
{
    const int64_t longest = LIMIT_FEED_WAIT_S * US_PER_S;
    uint64_t max;

    if (a->max && (!str_to_u64(str_of(a->max), LIMIT_FEED_BATCH, &max) || max == 0)) {
        command_fail("feed %s: --max \"%s\": expected a number from 1 to %d", v->name, a->max,
                     LIMIT_FEED_BATCH);
        return false;
    }
    if (a->count && (!str_to_u64(str_of(a->count), UINT64_MAX, &a->batches) || !a->batches)) {
        command_fail("feed %s: --count \"%s\": expected a number from 1", v->name, a->count);
        return false;
    }
    if (a->wait &&
        (duration_parse(str_of(a->wait), &a->wait_us, NULL) != E_OK || a->wait_us > longest)) {
        command_fail("feed %s: --wait \"%s\": expected an ISO-8601 duration up to PT5M, such as "
                     "PT30S",
                     v->name, a->wait);
        return false;
    }
    if (a->exec && !a->exec[0]) {
        command_fail("feed %s: --exec: expected a command, found nothing", v->name);
        return false;
    }
    return check_id(v->name, "name of a consumer", a->consumer);
}

/* What stands behind the verb. */
static bool check_arguments(const struct verb *v, int argc, char **argv, struct feed_args *a)
{
    int wanted = v->bit == COMPLETE ? 4 : 3;

    if (argc < 3)
        command_fail("feed %s: which feed? `pollcast get feeds` lists them", v->name);
    else if (argc < wanted)
        command_fail("feed complete: which batch? `pollcast feed next %s` prints its id", argv[2]);
    else if (argc > wanted)
        command_fail("feed %s: \"%s\" is too much", v->name, argv[wanted]);
    else if (check_id(v->name, "id of a feed", argv[2])) {
        a->batch = argc > 3 ? argv[3] : NULL;
        if (!a->batch || (a->batch[0] && a->batch[0] != '.'))
            return true;
        command_fail("feed complete: \"%s\" is no id of a batch", a->batch);
    }
    return false;
}

static int start(const struct verb *v, const struct feed_args *a, const char *feed)
{
    AUTO(client_freep) struct client *c = NULL;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = client_new(a->server, &c, &ei);

    if (err == E_OK && a->tenant)
        err = client_header(c, "X-TENANT-ID", a->tenant, &ei);
    if (err != E_OK)
        return fail(v->name, err, &ei);
    return v->run(a, &(struct feed_client){c, feed, a->consumer});
}

static int run(int argc, char **argv)
{
    struct feed_args a = {.server = NULL};
    const struct option options[] = {
        {.name = "--server", .value = &a.server}, {.name = "--consumer", .value = &a.consumer},
        {.name = "--tenant", .value = &a.tenant}, {.name = "--max", .value = &a.max},
        {.name = "--wait", .value = &a.wait},     {.name = "--json", .flag = &a.json},
        {.name = "--exec", .value = &a.exec},     {.name = "--count", .value = &a.count},
    };
    static const unsigned used_by[] = {ALL,  ALL - DISCARD, ALL,    NEXT | FOLLOW,
                                       NEXT, NEXT | STATS,  FOLLOW, FOLLOW};

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    if (argc < 0)
        return STATUS_FAULT;
    if (argc < 2)
        return command_fail("feed: what? `pollcast feed next FEED`, or complete, discard, follow, "
                            "stats");
    const struct verb *v = find_verb(argv[1]);
    if (!v || !check_options(v, options, used_by, ARRAY_LEN(options)) || !check_values(v, &a) ||
        !check_arguments(v, argc, argv, &a))
        return STATUS_FAULT;
    return start(v, &a, argv[2]);
}

const struct command command_feed = {
    .name = "feed",
    .summary = "Empty a feed, batch by batch",
    .help = help,
    .run = run,
};
