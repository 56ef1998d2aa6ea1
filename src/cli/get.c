/*
 * pollcast get, pollcast delete: what a server has.
 */
#include "cli/client.h"
#include "cli/command.h"
#include "cli/kind.h"

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
    "  pollcast get feeds --json > feeds.json             # likewise\n"
    "\n"
    "exit status: 0 shown, 1 there is none of this name, 2 the server could not be asked\n"
    "\n"
    "options:\n"
    "  --json         the list as a JSON array\n" SERVER_HELP;

static const char delete_help[] =
    "usage: pollcast delete topics|feeds NAME… [--server URL]\n"
    "\n"
    "Deletes topics by name or id, with their journals: whoever follows them is told. Or feeds by "
    "id,\n"
    "with what is queued for them; `all`, which is always there, becomes what it was at first.\n"
    "\n"
    "examples:\n"
    "  pollcast delete topics prices\n"
    "  pollcast delete topics a b --server http://127.0.0.1:9000\n"
    "  pollcast delete feeds journey\n"
    "\n"
    "exit status: 0 deleted, 1 there is none of this name, 2 the server could not be asked\n"
    "\n"
    "options:\n" SERVER_HELP;

static int fail(const char *command, enum err err, const struct errinfo *ei)
{
    command_fail("%s: %s", command, err_text(ei, err));
    return err == E_NOT_FOUND ? STATUS_NO : STATUS_FAULT;
}

/* The kind that is named; NULL: none is. */
static const struct kind *kind_named(const char *command, int argc, char **argv)
{
    AUTO(buf_done) struct buf all = BUF_INIT;
    const struct kind *k = argc >= 2 ? kind_find(str_of(argv[1])) : NULL;

    kind_list(&all);
    if (argc < 2)
        command_fail("%s: of what? `pollcast %s topics`", command, command);
    else if (!k)
        command_fail("%s: \"%s\" is not known; there are: %s", command, argv[1], buf_cstr(&all));
    return k;
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

static int get_one(struct client *c, const struct kind *k, const char *name)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    struct errinfo ei = ERRINFO_INIT;
    enum err err = client_one(c, k->collection, name, &a, &ei);

    return err == E_OK ? print_pretty(jdoc_root(a.doc)) : fail("get", err, &ei);
}

/* A listing that is being printed. */
struct listed {
    const struct kind *kind;
    bool any;
};

static enum err print_line(const jval *one, void *arg, struct errinfo *ei)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    const struct listed *l = arg;

    (void)ei;
    l->kind->describe(one, &b);
    puts(buf_cstr(&b));
    return E_OK;
}

static enum err print_item(const jval *one, void *arg, struct errinfo *ei)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct listed *l = arg;
    enum err err = jv_write(one, &b);

    if (err != E_OK)
        return err_set(ei, err, "a %s is too large to print", l->kind->name);
    printf("%s%s", l->any ? ",\n" : "[\n", buf_cstr(&b));
    l->any = true;
    return E_OK;
}

static int get_all(struct client *c, const struct kind *k, bool json)
{
    struct errinfo ei = ERRINFO_INIT;
    struct listed l = {.kind = k};
    enum err err = client_each(c, k->collection, json ? print_item : print_line, &l, &ei);

    if (err != E_OK)
        return fail("get", err, &ei);
    if (json)
        puts(l.any ? "\n]" : "[]");
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
    const struct kind *k = argc < 0 ? NULL : kind_named("get", argc, argv);
    if (!k)
        return STATUS_FAULT;
    if (argc > 3)
        return command_fail("get: one name at a time; \"%s\" is too much", argv[3]);
    enum err err = client_new(server, &c, &ei);
    if (err != E_OK)
        return fail("get", err, &ei);
    return argc == 3 ? get_one(c, k, argv[2]) : get_all(c, k, json);
}

/* ---- delete ---- */

static int delete_one(struct client *c, const struct kind *k, const char *name)
{
    AUTO(client_answer_done) struct client_answer a = {0}, deleted = {0};
    AUTO(buf_done) struct buf path = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = client_one(c, k->collection, name, &a, &ei);

    if (err == E_OK) {
        buf_printf(&path, "%s/", k->collection);
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
    const struct kind *k = argc < 0 ? NULL : kind_named("delete", argc, argv);
    if (!k)
        return STATUS_FAULT;
    if (argc < 3)
        return command_fail("delete: which? `pollcast get %s` lists them", argv[1]);
    enum err err = client_new(server, &c, &ei);
    if (err != E_OK)
        return fail("delete", err, &ei);
    for (int i = 2; i < argc && worst != STATUS_FAULT; i++)
        worst = command_worst(worst, delete_one(c, k, argv[i]));
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
