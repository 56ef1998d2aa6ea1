/*
 * pollcast get, pollcast delete: what a server has.
 */
#include "cli/client.h"
#include "cli/command.h"

#define SERVER_HELP                                                                                \
    "  --server URL   the server (else POLLCAST_SERVER, else http://127.0.0.1:8080)\n"

static const char get_help[] =
    "usage: pollcast get topics|feeds [NAME] [--json] [--server URL]\n"
    "\n"
    "Lists the topics or feeds of a server, or shows one by its name or id.\n"
    "\n"
    "examples:\n"
    "  pollcast get topics\n"
    "  pollcast get topics prices\n"
    "  pollcast get feeds\n"
    "  pollcast get topics --json > topics.json           # for `pollcast apply`, say\n"
    "\n"
    "exit status: 0 shown, 1 there is none of this name, 2 the server could not be asked\n"
    "\n"
    "options:\n"
    "  --json         the list as a JSON array\n" SERVER_HELP;

static const char delete_help[] =
    "usage: pollcast delete topics|feeds NAME… [--server URL]\n"
    "\n"
    "Deletes topics by name or id, with their journals: whoever follows them is told. Or feeds, "
    "with\n"
    "what is queued for them.\n"
    "\n"
    "examples:\n"
    "  pollcast delete topics prices\n"
    "  pollcast delete topics a b --server http://127.0.0.1:9000\n"
    "\n"
    "exit status: 0 deleted, 1 there is none of this name, 2 the server could not be asked\n"
    "\n"
    "options:\n" SERVER_HELP;

static int fail(const char *command, enum err err, const struct errinfo *ei)
{
    command_fail("%s: %s", command, err_text(ei, err));
    return err == E_NOT_FOUND ? STATUS_NO : STATUS_FAULT;
}

/* The collection of the kind that is named; NULL: none is. */
static const char *collection_of(const char *command, int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "topics") == 0)
        return CLIENT_TOPICS;
    if (argc >= 2 && strcmp(argv[1], "feeds") == 0)
        return CLIENT_FEEDS;
    if (argc < 2)
        command_fail("%s: of what? `pollcast %s topics`", command, command);
    else
        command_fail("%s: \"%s\" is not known; there are: topics, feeds", command, argv[1]);
    return NULL;
}

/* ---- get ---- */

static int print_pretty(const jval *v)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    if (jv_write_pretty(v, &b) != E_OK)
        return command_fail("the answer is too large to print");
    puts(buf_cstr(&b));
    return STATUS_OK;
}

static int get_one(struct client *c, const char *collection, const char *name)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    struct errinfo ei = ERRINFO_INIT;
    enum err err = client_one(c, collection, name, &a, &ei);

    return err == E_OK ? print_pretty(jdoc_root(a.doc)) : fail("get", err, &ei);
}

static enum err print_line(const jval *topic, void *arg, struct errinfo *ei)
{
    struct str name = jv_str(jv_getz(topic, "name"));
    const jval *publisher = jv_getz(topic, "publisher");
    struct str type = jv_str(jv_getz(publisher, "type"));
    struct str url = jv_str(jv_getz(jv_getz(publisher, "config"), "url"));

    (void)arg;
    (void)ei;
    printf("%-28.*s %-12.*s %.*s\n", STR_ARG(name), STR_ARG(type), STR_ARG(url));
    return E_OK;
}

static enum err print_feed(const jval *feed, void *arg, struct errinfo *ei)
{
    AUTO(buf_done) struct buf topics = BUF_INIT;
    struct str id = jv_str(jv_getz(feed, "id"));
    enum err err = jv_write(jv_getz(feed, "topics"), &topics);

    (void)arg;
    if (err != E_OK)
        return err_set(ei, err, "a feed is too large to print");
    printf("%-28.*s %-12s %s\n", STR_ARG(id),
           jv_bool(jv_getz(feed, "active")) ? "active" : "not active", buf_cstr(&topics));
    return E_OK;
}

static enum err print_item(const jval *topic, void *arg, struct errinfo *ei)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    bool *any = arg;
    enum err err = jv_write(topic, &b);

    if (err != E_OK)
        return err_set(ei, err, "a topic is too large to print");
    printf("%s%s", *any ? ",\n" : "[\n", buf_cstr(&b));
    *any = true;
    return E_OK;
}

static int get_all(struct client *c, const char *collection, bool json)
{
    struct errinfo ei = ERRINFO_INIT;
    bool any = false;
    client_topic_f *line = strcmp(collection, CLIENT_FEEDS) == 0 ? print_feed : print_line;
    enum err err = client_each(c, collection, json ? print_item : line, &any, &ei);

    if (err != E_OK)
        return fail("get", err, &ei);
    if (json)
        puts(any ? "\n]" : "[]");
    return STATUS_OK;
}

static int run_get(int argc, char **argv)
{
    const char *server = NULL;
    bool json = false;
    const struct option options[] = {{.name = "--server", .value = &server},
                                     {.name = "--json", .flag = &json}};
    AUTO(client_freep) struct client *c = NULL;
    struct errinfo ei = ERRINFO_INIT;

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    const char *collection = argc < 0 ? NULL : collection_of("get", argc, argv);
    if (!collection)
        return STATUS_FAULT;
    if (argc > 3)
        return command_fail("get: one name at a time; \"%s\" is too much", argv[3]);
    enum err err = client_new(server, &c, &ei);
    if (err != E_OK)
        return fail("get", err, &ei);
    return argc == 3 ? get_one(c, collection, argv[2]) : get_all(c, collection, json);
}

/* ---- delete ---- */

static int delete_one(struct client *c, const char *collection, const char *name)
{
    AUTO(client_answer_done) struct client_answer a = {0}, deleted = {0};
    AUTO(buf_done) struct buf path = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = client_one(c, collection, name, &a, &ei);

    if (err == E_OK) {
        buf_printf(&path, "%s/", collection);
        client_path_part(&path, jv_str(jv_getz(jdoc_root(a.doc), "id")));
        err = client_ask(c, "DELETE", buf_cstr(&path), STR_NONE, &deleted, &ei);
    }
    if (err != E_OK) {
        (void)err_prefix(&ei, err, "%s", name);
        return fail("delete", err, &ei);
    }
    printf("deleted %s\n", name);
    return STATUS_OK;
}

static int run_delete(int argc, char **argv)
{
    const char *server = NULL;
    const struct option options[] = {{.name = "--server", .value = &server}};
    AUTO(client_freep) struct client *c = NULL;
    struct errinfo ei = ERRINFO_INIT;
    int worst = STATUS_OK;

    argc = options_take(options, ARRAY_LEN(options), argc, argv);
    const char *collection = argc < 0 ? NULL : collection_of("delete", argc, argv);
    if (!collection)
        return STATUS_FAULT;
    if (argc < 3)
        return command_fail("delete: which? `pollcast get %s` lists them", argv[1]);
    enum err err = client_new(server, &c, &ei);
    if (err != E_OK)
        return fail("delete", err, &ei);
    for (int i = 2; i < argc && worst != STATUS_FAULT; i++)
        worst = command_worst(worst, delete_one(c, collection, argv[i]));
    return worst;
}

const struct command command_get = {
    .name = "get",
    .summary = "Show the topics or feeds of a server",
    .help = get_help,
    .run = run_get,
};

const struct command command_delete = {
    .name = "delete",
    .summary = "Delete topics or feeds of a server",
    .help = delete_help,
    .run = run_delete,
};
