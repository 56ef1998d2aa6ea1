/*
 * pollcast serve: the server. This thread starts it and then waits for signals.
 */
#include <signal.h>
#include <unistd.h>

#include "api/api.h"
#include "api/problem.h"
#include "base/log.h"
#include "base/trace.h"
#include "cli/command.h"
#include "cli/serve_settings.h"
#include "core/engine.h"

static const char help[] =
    "usage: pollcast serve [--config FILE] [SETTINGS]\n"
    "\n"
    "Polls the APIs that topics name, keeps what changes in a journal and streams it to whoever\n"
    "follows a topic. Listens on 127.0.0.1:8080 unless told otherwise.\n"
    "\n"
    "examples:\n"
    "  pollcast serve                                     # data in ./pollcast-data\n"
    "  pollcast serve --data /var/lib/pollcast --listen 127.0.0.1:9000\n"
    "  pollcast serve --config /etc/pollcast.json --log debug\n"
    "  POLLCAST_LISTEN=[::1]:0 pollcast serve             # settings from the environment\n"
    "  pollcast serve --config pollcast.json --print-config   # what is in force, and why\n"
    "\n"
    "A settings file is JSON: {\"listen\": \"127.0.0.1:9000\", \"poll\": {\"minPeriod\": "
    "\"PT1S\"}}.\n"
    "A flag beats the environment, that the file, that the default.\n"
    "\n"
    "signals: TERM and INT stop it in order (a second one at once), HUP reads the settings again\n"
    "and takes over what can change while it runs: log.level, log.format, trace\n"
    "\n"
    "exit status: 0 stopped by a signal, 2 it could not start\n"
    "\n"
    "options:\n"
    "  --config FILE\n"
    "      Settings file [POLLCAST_CONFIG]\n"
    "  --print-config\n"
    "      Print all settings in force and where each came from, and end\n";

static void more_help(void)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    settings_help(conf_rows, conf_row_count, &b);
    fputs(buf_cstr(&b), stdout);
    puts("\nareas to trace:");
    for (unsigned i = 0; i < TRACE_COUNT; i++)
        printf("  %-8s %s\n", trace_area_name((enum trace_area)i),
               trace_area_text((enum trace_area)i));
}

static void apply_log(const struct conf *c)
{
    log_set((enum log_level)c->log_level, (enum log_format)c->log_format);
}

/* ---- reload ---- */

static void note_change(const struct settings_row *row, const struct conf *was,
                        const struct conf *now)
{
    AUTO(buf_done) struct buf before = BUF_INIT, after = BUF_INIT;

    settings_format(row, was, &before);
    settings_format(row, now, &after);
    if (str_eq(buf_view(&before), buf_view(&after)))
        return;
    if (conf_row_reloads(row))
        log_info("setting changed", LOG_S("setting", row->name), LOG_STR("was", buf_view(&before)),
                 LOG_STR("now", buf_view(&after)));
    else
        log_warn("setting differs, and takes effect only at the next start",
                 LOG_S("setting", row->name), LOG_STR("was", buf_view(&before)),
                 LOG_STR("then", buf_view(&after)));
}

/* `now` holds what is in force of the settings that can change; it takes over the new ones. */
static void reload(struct serve_settings *now, int argc, char **argv)
{
    struct serve_settings next;
    struct errinfo ei = ERRINFO_INIT;

    if (!serve_settings_read(&next, argc, argv)) {
        for (size_t i = 0; i < settings_fault_count(next.settings); i++)
            log_error("settings not reloaded", LOG_S("why", settings_fault(next.settings, i)));
    } else if (trace_set(str_of(next.conf.trace), &ei) != E_OK) {
        log_error("settings not reloaded", LOG_S("why", err_text(&ei, E_INVALID)));
    } else {
        apply_log(&next.conf);
        for (size_t i = 0; i < conf_row_count; i++)
            note_change(&conf_rows[i], &now->conf, &next.conf);
        /* The rest of the struct is read by the loops and must stay as it is. */
        now->conf.log_level = next.conf.log_level;
        now->conf.log_format = next.conf.log_format;
        char *was = now->conf.trace;
        now->conf.trace = next.conf.trace;
        next.conf.trace = was;
        log_info("settings reloaded");
    }
    serve_settings_done(&next);
}

/* ---- run ---- */

static void greet(const struct engine *e, const struct conf *c)
{
    char address[ADDRESS_TEXT_MAX];

    engine_address(e, address);
    log_info("listening", LOG_S("address", address), LOG_S("data", c->data),
             LOG_I("loops", e->shard_count), LOG_S("version", POLLCAST_VERSION));
    if (!isatty(STDERR_FILENO))
        return;
    const char *scheme = c->tls_cert[0] ? "https" : "http";
    fprintf(stderr,
            "\n"
            "Make a topic of a URL, then follow it (in another terminal):\n"
            "\n"
            "  curl -s %s://%s/streams/hub/api/v1/topics -H 'Content-Type: application/json' \\\n"
            "    -d '{\"name\":\"demo\",\"publisher\":{\"type\":\"http-poller\","
            "\"config\":{\"url\":\"http://…\"}}}'\n"
            "  curl -N %s://%s/streams/subscribers/sse/api/v1/topics/demo\n"
            "\n",
            scheme, address, scheme, address);
}

/* Signals that end or reload the server are taken by sigwait() alone; threads inherit the mask. */
static sigset_t block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}

static void wait_for_end(const sigset_t *set, struct serve_settings *s, int argc, char **argv)
{
    int sig;

    while (sigwait(set, &sig) == 0 && sig == SIGHUP)
        reload(s, argc, argv);
    log_info("stopping", LOG_S("signal", sig == SIGINT ? "INT" : "TERM"));
    /* From here on a second signal ends the process at once. */
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static int serve(struct serve_settings *s, int argc, char **argv)
{
    sigset_t signals = block_signals();
    struct engine *engine;
    struct errinfo ei = ERRINFO_INIT;

    apply_log(&s->conf);
    panic_set_hook(trace_dump);
    if (trace_set(str_of(s->conf.trace), &ei) != E_OK)
        return command_fail("trace: %s", err_text(&ei, E_INVALID));
    conf_set_current(&s->conf);
    enum err err = engine_start(&s->conf, api_handle, problem_http_body, &engine, &ei);
    if (err != E_OK) {
        conf_set_current(NULL);
        return command_fail("cannot start: %s", err_text(&ei, err));
    }
    greet(engine, &s->conf);
    wait_for_end(&signals, s, argc, argv);
    engine_stop(engine);
    conf_set_current(NULL);
    log_info("stopped");
    return STATUS_OK;
}

static int run(int argc, char **argv)
{
    struct serve_settings s;
    int status = STATUS_OK;

    if (!serve_settings_read(&s, argc, argv)) {
        status = serve_settings_complain(&s);
    } else if (s.print) {
        AUTO(buf_done) struct buf b = BUF_INIT;
        settings_print(s.settings, &b);
        fputs(buf_cstr(&b), stdout);
    } else {
        status = serve(&s, argc, argv);
    }
    serve_settings_done(&s);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "Poll, journal and stream: the server",
    .help = help,
    .run = run,
    .more_help = more_help,
};
