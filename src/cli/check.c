/*
 * pollcast check: is a file of settings, or of topics and feeds, valid? Nothing is sent or changed.
 */
#include "cli/command.h"
#include "cli/json_file.h"
#include "cli/serve_settings.h"

static const char help[] =
    "usage: pollcast check [--config SETTINGS] FILE…\n"
    "\n"
    "Checks files of settings, topics and feeds, and names every fault with its line and JSON\n"
    "pointer. A file holds settings, one topic or feed, an array of them, or\n"
    "{\"topics\": […], \"feeds\": […]}; \"-\" is standard input.\n"
    "\n"
    "examples:\n"
    "  pollcast check topic.json\n"
    "  pollcast check pollcast.json topics/*.json\n"
    "  pollcast check --config pollcast.json topic.json   # with the bounds that a server has\n"
    "  pollcast get topics prices | pollcast check -\n"
    "  pollcast get feeds --json | pollcast check -\n"
    "\n"
    "exit status: 0 no fault, 1 faults found, 2 a file could not be read\n"
    "\n"
    "options:\n"
    "  --config SETTINGS   settings file whose bounds (poll.minPeriod, …) topics are checked "
    "against\n";

/* How many of each kind, and how many of all with a fault. */
struct checked {
    size_t counts[8];
    size_t faulty;
};

static void check_lists(const struct json_file *f, struct checked *c)
{
    AUTO(faults_done) struct faults faults;

    faults_init(&faults);
    json_file_check_lists(f, &faults);
    json_file_print_faults(f, STR_NONE, &faults, stdout);
    c->faulty += faults.count;
}

/* False: it was the last. */
static bool check_item(const struct json_file *f, size_t n, struct checked *c)
{
    AUTO(buf_done) struct buf pointer = BUF_INIT;
    AUTO(faults_done) struct faults faults;
    AUTO(jdoc_freep) struct jdoc *made = NULL;
    const struct kind *k;
    const jval *item = json_file_item(f, n, &k, &pointer);

    faults_init(&faults);
    if (!item)
        return false;
    made = k->make(item, &faults);
    json_file_print_faults(f, buf_view(&pointer), &faults, stdout);
    c->faulty += !made;
    for (size_t i = 0; i < kind_count; i++)
        c->counts[i] += kinds[i] == k;
    return true;
}

static int check_things(const struct json_file *f)
{
    AUTO(buf_done) struct buf counts = BUF_INIT;
    struct checked c = {.faulty = 0};

    CHECK(kind_count <= ARRAY_LEN(c.counts));
    check_lists(f, &c);
    for (size_t n = 0; check_item(f, n, &c); n++)
        continue;
    for (size_t i = 0; i < kind_count; i++) {
        if (!json_file_speaks_of(f, kinds[i]))
            continue;
        kind_count_text(kinds[i], c.counts[i], &counts);
        buf_puts(&counts, ", ");
    }
    if (c.faulty == 0)
        printf("%s: %sno fault\n", f->path, buf_cstr(&counts));
    return c.faulty ? STATUS_NO : STATUS_OK;
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
    return json_file_is_settings(&f) ? check_settings(&f) : check_things(&f);
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
    .summary = "Name every fault of a file of settings, topics or feeds",
    .help = help,
    .run = run,
};
