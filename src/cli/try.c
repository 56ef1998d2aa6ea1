/*
 * pollcast try: runs one cycle of a topic or a URL and shows what it does. Without --server a server
 * within this process runs it, so that both ways are the same: the API answers, and this prints.
 */
#include <signal.h>

#include "base/log.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/embedded.h"
#include "cli/interrupt.h"
#include "cli/json_file.h"
#include "cli/try_print.h"
#include "cli/url_topic.h"
#include "core/limits.h"
#include "json/locate.h"

static const char help[] =
    "usage: pollcast try FILE|URL [OPTIONS]\n"
    "\n"
    "Runs one cycle of a topic, or of a URL, and shows it: each request as sent, each answer, "
    "what\n"
    "was taken of it, page by page, the payload, and what would be published. Nothing is stored "
    "or\n"
    "published. Needs no server. Secrets are shown as ********.\n"
    "\n"
    "examples:\n"
    "  pollcast try http://127.0.0.1:9000/prices\n"
    "  pollcast try https://example.com/api/items --pointer /items -H 'X-Api-Key: abc'\n"
    "  pollcast try topic.json                            # before `pollcast apply topic.json`\n"
    "  pollcast try topics.json --topic prices --full     # one topic of many, nothing cut\n"
    "  pollcast try topic.json --server http://hub:8080   # as that server would do it, compared\n"
    "                                                     # with the topic that it has\n"
    "  pollcast get topics prices | pollcast try - --server http://127.0.0.1:8080\n"
    "  pollcast try topic.json --json | jq .requests\n"
    "\n"
    "exit status: 0 something would be published, or nothing is new, 1 the cycle failed or its\n"
    "payload was refused, 2 it could not be tried: bad usage or topic, no server\n"
    "\n"
    "options:\n"
    "  --topic NAME       of a file with several topics only this one (else all, one by one)\n"
    "  --pointer POINTER  with a URL: the part of the answer to take, such as /items\n"
    "  --key NAME         with a URL: member that identifies the elements of arrays\n"
    "  -H 'NAME: VALUE'   with a URL: header field to send; may be repeated\n"
    "  --server URL       ask this server to do it\n"
    "  --full             cut nothing, and show all header fields of the answers\n"
    "  --json             print the answer of the API (docs/api.md), a line for each topic\n";

/* A trial may take as long as the deadline of its poll. */
#define PATIENCE_US (8 * US_PER_DAY)

struct
try {
    struct url_topic url;
    const char *input, *topic, *server;
    bool full, json;
    struct client *client;
};

/* ---- faults ---- */

/* What the command line calls a part of the topic that was made of it. */
static const struct {
    const char *pointer, *name;
} flags[] = {
    {"/publisher/config/url", "URL"},
    {"/publisher/config/payloadPointer", "--pointer"},
    {"/publisher/config/arrayKey", "--key"},
    {"/publisher/config/headers", "-H"},
};

static const char *flag_of(struct str pointer)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (str_starts(pointer, str_of(flags[i].pointer)))
            return flags[i].name;
    }
    return "the topic";
}

/* Where the topic came from; file NULL: the command line. */
struct origin {
    const struct json_file *file;
    struct str base; /* pointer to the topic in it */
};

static void print_fault(const struct origin *o, const jval *error)
{
    struct str pointer = jv_str(jv_getz(jv_getz(error, "source"), "pointer"));
    struct str detail = jv_str(jv_getz(error, "detail"));

    if (!o->file) {
        command_fail("try: %s: %.*s", flag_of(pointer), STR_ARG(detail));
        return;
    }
    AUTO_FREE char *whole = xasprintf("%.*s%.*s", STR_ARG(o->base), STR_ARG(pointer));
    unsigned line = json_locate_line(buf_view(&o->file->text), str_of(whole));
    fprintf(stderr, "%s:%u: %s%s%.*s\n", o->file->path, line, whole, whole[0] ? ": " : "",
            STR_ARG(detail));
}

static int print_faults(const struct origin *o, const jval *errors)
{
    struct jiter it = jiter_of(errors);

    while (jiter_next(&it))
        print_fault(o, it.value);
    return STATUS_FAULT;
}

/* ---- one topic ---- */

static int print_answer(const struct try *t, const struct client_answer *a)
{
    const jval *result = jv_getz(jdoc_root(a->doc), "result");
    const struct terminal terminal = terminal_make();

    if (jv_type(result) != JT_OBJECT)
        return command_fail("try: %s does not answer as pollcast does: is it the right server?",
                            client_server(t->client));
    if (t->json)
        printf("%.*s\n", STR_ARG(buf_view(&a->body)));
    else
        try_print(&terminal, t->full, jdoc_root(a->doc));
    struct str outcome = jv_str(jv_getz(result, "outcome"));
    return str_eqz(outcome, "error") || str_eqz(outcome, "refused") ? STATUS_NO : STATUS_OK;
}

static int try_topic(const struct try *t, const struct origin *o, struct str topic)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    struct errinfo ei = ERRINFO_INIT;
    enum err err = client_call(t->client, "POST", CLIENT_TOPICS ":test", topic, &a, &ei);

    if (err == E_OK && a.status == 400 && jv_count(jv_getz(jdoc_root(a.doc), "errors")) > 0)
        return print_faults(o, jv_getz(jdoc_root(a.doc), "errors"));
    if (err == E_OK && a.status != 200)
        err = client_refusal(t->client, &a, &ei);
    if (err != E_OK)
        return command_fail("try: %s", err_text(&ei, err));
    return print_answer(t, &a);
}

/* ---- all of them ---- */

static int try_url(const struct try *t)
{
    AUTO(buf_done) struct buf topic = BUF_INIT;
    const struct origin o = {.file = NULL};
    struct errinfo ei = ERRINFO_INIT;
    enum err err = url_topic_write(&t->url, &topic, &ei);

    if (err != E_OK)
        return command_fail("try: %s", err_text(&ei, err));
    return try_topic(t, &o, buf_view(&topic));
}

static int try_one_of(const struct try *t, const struct origin *o, const jval *topic, bool first)
{
    const struct terminal terminal = terminal_make();
    AUTO(buf_done) struct buf text = BUF_INIT;

    if (jv_write(topic, &text) != E_OK)
        return command_fail("try: %s: a topic is too large", t->input);
    if (!t->json && !t->topic) {
        AUTO_FREE char *head =
            xasprintf("%stopic %.*s", first ? "" : "\n", STR_ARG(jv_str(jv_getz(topic, "name"))));
        terminal_paint(&terminal, TERMINAL_BOLD, str_of(head));
        putchar('\n');
    }
    return try_topic(t, o, buf_view(&text));
}

static int try_file(const struct try *t, const struct json_file *f)
{
    int worst = STATUS_OK;
    size_t tried = 0;

    for (size_t n = 0; !interrupted(); n++) {
        AUTO(buf_done) struct buf pointer = BUF_INIT;
        const struct kind *kind;
        const jval *topic = json_file_item(f, n, &kind, &pointer);
        const struct origin o = {f, buf_view(&pointer)};

        if (!topic)
            break;
        if (kind != &kind_topic)
            continue;
        if (t->topic && !str_eqz(jv_str(jv_getz(topic, "name")), t->topic))
            continue;
        worst = command_worst(worst, try_one_of(t, &o, topic, tried++ == 0));
        fflush(stdout);
    }
    if (tried == 0 && !interrupted() && t->topic)
        return command_fail("try: no topic of %s has the name \"%s\"", f->path, t->topic);
    if (tried == 0 && !interrupted())
        return command_fail("try: there is no topic in %s", f->path);
    return worst;
}

static int try_all(struct try *t, const char *server, const struct json_file *f)
{
    AUTO(client_freep) struct client *c = NULL;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = client_new(server, &c, &ei);

    if (err != E_OK)
        return command_fail("try: %s", err_text(&ei, err));
    client_wait(c, PATIENCE_US);
    t->client = c;
    interrupt_client(c);
    int status = f ? try_file(t, f) : try_url(t);
    interrupt_client(NULL);
    return interrupted() ? STATUS_FAULT : status;
}

/* ---- where ---- */

static int try_here(struct try *t, const struct json_file *f)
{
    struct errinfo ei = ERRINFO_INIT;
    struct embedded e;
    sigset_t before;
    int status;

    log_set(LOG_ERROR, LOG_LOGFMT);
    embedded_init(&e);
    interrupt_take(&before); /* also of the threads of the engine */
    enum err err = embedded_start(&e, &ei);
    if (err == E_OK) {
        AUTO_FREE char *server = xasprintf("http://%s", e.address);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        status = try_all(t, server, f);
    } else {
        status = command_fail("try: %s", err_text(&ei, err));
    }
    embedded_done(&e);
    return status;
}

static int start(struct try *t, const struct json_file *f)
{
    return t->server ? try_all(t, t->server, f) : try_here(t, f);
}

static int start_file(struct try *t)
{
    AUTO(json_file_done) struct json_file f;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = json_file_read(&f, t->input, &ei);

    if (t->url.pointer || t->url.key || t->url.headers.count)
        return command_fail(
            "try: --pointer, --key and -H go with a URL; a file says it all itself");
    if (err != E_OK)
        return command_fail("try: %s", err_text(&ei, err));
    if (json_file_is_settings(&f))
        return command_fail("try: %s holds no topic: expected one, an array of them, or "
                            "{\"topics\": […]}",
                            t->input);
    return start(t, &f);
}

static bool is_url(const char *s)
{
    return strstr(s, "://") != NULL;
}

static int start_input(struct try *t)
{
    if (!is_url(t->input))
        return start_file(t);
    if (t->topic)
        return command_fail("try: --topic goes with a file");
    /* On a server this must not be the name of a topic of its own. */
    AUTO_FREE char *name = xasprintf("%.*s", LIMIT_TOPIC_NAME, t->input);
    t->url.name = name;
    t->url.url = t->input;
    return start(t, NULL);
}

static int run(int argc, char **argv)
{
    struct try t = {0};
    const struct option options[] = {
        {.name = "--topic", .value = &t.topic},
        {.name = "--pointer", .value = &t.url.pointer},
        {.name = "--key", .value = &t.url.key},
        {.name = "--header", .alias = "-H", .list = &t.url.headers},
        {.name = "--server", .value = &t.server},
        {.name = "--full", .flag = &t.full},
        {.name = "--json", .flag = &t.json},
    };
    int status = STATUS_FAULT;

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    if (argc > 2) {
        status = command_fail("try: one file or URL at a time");
    } else if (argc == 1) {
        status = command_fail("try: which file or URL? `pollcast try http://…`");
    } else if (argc == 2) {
        t.input = argv[1];
        status = start_input(&t);
    }
    option_list_done(&t.url.headers);
    return status;
}

const struct command command_try = {
    .name = "try",
    .summary = "Run one cycle of a file's topic or a URL, and show it",
    .help = help,
    .run = run,
};
