/*
 * pollcast check: is a file of settings or topics valid? Nothing is sent or changed.
 */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/serve_settings.h"
#include "cli/topic_file.h"
#include "core/topic_conf.h"

static const char help[] =
    "usage: pollcast check [--config SETTINGS] FILE…\n"
    "\n"
    "Checks files of settings or topics and names every fault with its line and JSON pointer.\n"
    "A file of topics is one topic, an array of them, or {\"topics\": […]}; \"-\" is standard "
    "input.\n"
    "\n"
    "examples:\n"
    "  pollcast check topic.json\n"
    "  pollcast check pollcast.json topics/*.json\n"
    "  pollcast check --config pollcast.json topic.json   # with the bounds that a server has\n"
    "  pollcast get topics prices | pollcast check -\n"
    "\n"
    "exit status: 0 no fault, 1 faults found, 2 a file could not be read\n"
    "\n"
    "options:\n"
    "  --config SETTINGS   settings file whose bounds (poll.minPeriod, …) topics are checked "
    "against\n";

static int check_topics(const struct json_file *f)
{
    size_t count = 0, faulty = 0;
    const jval *topic;

    for (;; count++) {
        AUTO(buf_done) struct buf pointer = BUF_INIT;
        AUTO(faults_done) struct faults faults;
        AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;

        faults_init(&faults);
        topic = json_file_topic(f, count, &pointer);
        if (!topic)
            break;
        conf = topic_conf_new(topic, STR_NONE, NULL, clock_now_wall(), &faults);
        json_file_print_faults(f, buf_view(&pointer), &faults, stdout);
        faulty += !conf;
    }
    if (faulty == 0)
        printf("%s: %zu topic%s, no fault\n", f->path, count, count == 1 ? "" : "s");
    return faulty ? STATUS_NO : STATUS_OK;
}

static int check_settings(const struct json_file *f)
{
    struct conf conf = {0};
    AUTO(settings_freep) struct settings *s = settings_new(conf_rows, conf_row_count, &conf);

    conf_read_file(s, buf_view(&f->text), f->path);
    conf_check(&conf, s);
    bool good = settings_check(s);
    for (size_t i = 0; i < settings_fault_count(s); i++)
        puts(settings_fault(s, i));
    if (good)
        printf("%s: settings, no fault\n", f->path);
    conf_done(&conf);
    return good ? STATUS_OK : STATUS_NO;
}

static int check_file(const char *path)
{
    AUTO(json_file_done) struct json_file f;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = json_file_read(&f, path, &ei);

    if (err == E_IO || err == E_LIMIT)
        return command_fail("%s", err_text(&ei, err));
    if (err != E_OK) {
        puts(err_text(&ei, err));
        return STATUS_NO;
    }
    return json_file_has_topics(&f) ? check_topics(&f) : check_settings(&f);
}

static int check_files(int argc, char **argv)
{
    int worst = STATUS_OK;

    for (int i = 1; i < argc; i++)
        worst = command_worst(worst, check_file(argv[i]));
    return worst;
}

static int run(int argc, char **argv)
{
    const char *config = NULL;
    const struct option options[] = {{.name = "--config", .value = &config}};
    struct serve_settings s;
    int status;

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    if (argc < 0)
        return STATUS_FAULT;
    if (argc < 2)
        return command_fail("check: which file? `pollcast check topic.json`");
    if (!config)
        return check_files(argc, argv);
    if (serve_settings_read(&s, 3, (char *[]){"serve", "--config", (char *)config, NULL})) {
        conf_set_current(&s.conf);
        status = check_files(argc, argv);
        conf_set_current(NULL);
    } else {
        status = serve_settings_complain(&s);
    }
    serve_settings_done(&s);
    return status;
}

const struct command command_check = {
    .name = "check",
    .summary = "Name every fault of a file of settings or topics",
    .help = help,
    .run = run,
};
