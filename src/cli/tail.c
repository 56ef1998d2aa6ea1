/*
 * pollcast tail: follows one URL without a server. The whole engine runs in this process, with one
 * topic and a data directory that goes when it ends; what it says is read back as a stream.
 */
#include <signal.h>

#include "base/log.h"
#include "base/trace.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/embedded.h"
#include "cli/interrupt.h"
#include "cli/sse_client.h"
#include "cli/tail_print.h"
#include "cli/url_topic.h"
#include "core/mode.h"

static const char help[] =
    "usage: pollcast tail URL [OPTIONS]\n"
    "\n"
    "Polls a URL and prints its JSON, then every change as it comes. Needs no server and leaves\n"
    "nothing behind. Ctrl-C ends it.\n"
    "\n"
    "examples:\n"
    "  pollcast tail http://127.0.0.1:9000/prices\n"
    "  pollcast tail https://example.com/api/items --every PT10S --pointer /items --key id\n"
    "  pollcast tail http://127.0.0.1:9000/prices -H 'Authorization: Bearer abc'\n"
    "  pollcast tail http://127.0.0.1:9000/prices --json --count 2 | jq .data\n"
    "\n"
    "exit status: 0 ended by Ctrl-C or --count, 1 the last of --count events was an error,\n"
    "2 it could not start\n"
    "\n"
    "options:\n"
    "  --every DURATION   time between polls, PT0.1S to P7D (PT5S)\n"
    "  --pointer POINTER  the part of the document to follow, such as /items\n"
    "  --key NAME         member that identifies the elements of arrays (else guessed)\n"
    "  --mode MODE        snapshot-patch: the document, then differences (the default);\n"
    "                     snapshot-only: the whole document at each change;\n"
    "                     changes: the document, then what happened to each element\n"
    "  -H 'NAME: VALUE'   header field to send; may be repeated\n"
    "  --count N          end after N events\n"
    "  --json             one line of JSON per event: {\"time\",\"event\",\"id\",\"data\"}\n"
    "  --trace AREAS      trace areas of the program; `pollcast help serve` lists them\n";

struct tail {
    struct url_topic topic;
    const char *mode, *count_text, *trace;
    bool json;
    uint64_t count; /* 0: no end */
    sigset_t while_waiting;
};

/* ---- the topic ---- */

static enum err make_topic(const char *address, const struct buf *topic, struct errinfo *ei)
{
    AUTO(client_freep) struct client *c = NULL;
    AUTO(client_answer_done) struct client_answer a = {0};
    AUTO_FREE char *server = xasprintf("http://%s", address);
    enum err err = client_new(server, &c, ei);

    return err == E_OK ? client_ask(c, "POST", CLIENT_TOPICS, buf_view(topic), &a, ei) : err;
}

/* ---- events ---- */

static int print_events(const struct tail *t, struct sse_client *stream)
{
    AUTO(sse_event_done) struct sse_event e = {0};
    struct errinfo ei = ERRINFO_INIT;
    const struct tail_style style = tail_style_make(t->json);
    uint64_t seen = 0;

    while (!interrupted()) {
        enum err err = sse_client_next(stream, &t->while_waiting, &e, &ei);

        if (err == E_CANCELLED)
            break;
        if (err != E_OK)
            return command_fail("tail: %s", err_text(&ei, err));
        tail_print(&style, &e);
        if (fflush(stdout) != 0)
            return STATUS_OK; /* the reader has seen enough */
        if (++seen == t->count)
            return str_eqz(buf_view(&e.type), "error") ? STATUS_NO : STATUS_OK;
    }
    return STATUS_OK;
}

static int follow(const struct tail *t, const char *address, const struct buf *topic)
{
    AUTO(sse_client_closep) struct sse_client *stream = NULL;
    AUTO_FREE char *path =
        xasprintf("/streams/subscribers/sse/api/v1/topics/tail?mode=%s", t->mode);
    struct errinfo ei = ERRINFO_INIT;
    struct address parsed;
    enum err err = address_parse(str_of(address), &parsed, &ei);

    if (err == E_OK)
        err = make_topic(address, topic, &ei);
    if (err == E_OK)
        err = sse_client_open(parsed.ip, parsed.port, path, &stream, &ei);
    if (err != E_OK)
        return command_fail("tail: %s", err_text(&ei, err));
    return print_events(t, stream);
}

/* ---- the engine ---- */

static int run_engine(struct tail *t, const struct buf *topic)
{
    struct errinfo ei = ERRINFO_INIT;
    struct embedded e;
    int status;

    embedded_init(&e);
    e.conf.payload_max_bytes = INT64_C(64) << 20;
    /* Ctrl-C is taken only while the stream is waited for, so that it is never missed. */
    interrupt_take(&t->while_waiting);
    interrupt_let_through(&t->while_waiting);
    enum err err = embedded_start(&e, &ei);
    if (err == E_OK)
        status = follow(t, e.address, topic);
    else
        status = command_fail("tail: %s", err_text(&ei, err));
    embedded_done(&e);
    return status;
}

static int start(struct tail *t)
{
    AUTO(buf_done) struct buf topic = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    enum mode mode = MODE_SNAPSHOT_PATCH;

    if (t->mode &&
        (!mode_parse(str_of(t->mode), &mode) || !(mode_allowed(PAYLOAD_SNAPSHOT) & MODE_BIT(mode))))
        return command_fail(
            "tail: --mode \"%s\": expected snapshot-patch, snapshot-only or changes", t->mode);
    t->mode = mode_name(mode);
    if (t->count_text && (!str_to_u64(str_of(t->count_text), UINT64_MAX, &t->count) || !t->count))
        return command_fail("tail: --count \"%s\": expected a number from 1", t->count_text);
    if (t->trace && trace_set(str_of(t->trace), &ei) != E_OK)
        return command_fail("tail: --trace: %s", err_text(&ei, E_INVALID));
    enum err err = url_topic_write(&t->topic, &topic, &ei);
    if (err != E_OK)
        return command_fail("tail: %s", err_text(&ei, err));
    log_set(LOG_ERROR, LOG_LOGFMT);
    return run_engine(t, &topic);
}

static int run(int argc, char **argv)
{
    struct tail t = {.topic = {.name = "tail", .every = "PT5S", .always_on = true}};
    const struct option options[] = {
        {.name = "--every", .value = &t.topic.every},
        {.name = "--pointer", .value = &t.topic.pointer},
        {.name = "--key", .value = &t.topic.key},
        {.name = "--mode", .value = &t.mode},
        {.name = "--header", .alias = "-H", .list = &t.topic.headers},
        {.name = "--count", .value = &t.count_text},
        {.name = "--trace", .value = &t.trace},
        {.name = "--json", .flag = &t.json},
    };
    int status;

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    if (argc < 0)
        status = STATUS_FAULT;
    else if (argc != 2)
        status = command_fail(argc < 2 ? "tail: which URL? `pollcast tail http://…`"
                                       : "tail: one URL at a time");
    else {
        t.topic.url = argv[1];
        status = start(&t);
    }
    option_list_done(&t.topic.headers);
    return status;
}

const struct command command_tail = {
    .name = "tail",
    .summary = "Follow one URL, without a server",
    .help = help,
    .run = run,
};
