/*
 * pollcast diff, pollcast patch: the differences of JSON documents, and applying them.
 */
#include "cli/cli.h"

#include "cli/input.h"
#include "json/diff.h"
#include "json/patch.h"

static const char *shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* "line 3 column 7: what" becomes "file:3:7: what", the form that editors know. */
static int fail_parse(const char *path, struct str text, enum err e, const struct errinfo *ei)
{
    const char *what = err_text(ei, e), *behind = strstr(what, ": ");
    unsigned line, column;

    if (e == E_LIMIT)
        return command_fail("%s: %s; give a smaller document", shown(path), what);
    json_position(text, json_error_offset(), &line, &column);
    return command_fail("%s:%u:%u: %s; correct the file there and try again", shown(path), line,
                        column, behind ? behind + 2 : what);
}

/* Returns an exit status; the document when it is STATUS_OK. */
static int load(const char *path, struct jdoc **ret)
{
    AUTO(buf_done) struct buf text = BUF_INIT_MAX(json_limits_default.max_bytes);
    struct errinfo ei = ERRINFO_INIT;
    enum err e = input_read(path, &text, &ei);

    if (e != E_OK)
        return command_fail("%s; give the path of a JSON file, or - for standard input",
                            err_text(&ei, e));
    e = jdoc_parse(buf_view(&text), NULL, ret, &ei);
    return e == E_OK ? STATUS_OK : fail_parse(path, buf_view(&text), e, &ei);
}

static int load_two(char **argv, struct jdoc **ret_first, struct jdoc **ret_second)
{
    if (strcmp(argv[1], "-") == 0 && strcmp(argv[2], "-") == 0)
        return command_fail("%s: standard input can be only one of the two documents; give a path "
                            "for the other",
                            argv[0]);

    int status = load(argv[1], ret_first);

    return status == STATUS_OK ? load(argv[2], ret_second) : status;
}

/* Both commands take two paths. */
static int count_paths(int argc, const char *command, const char *usage)
{
    if (argc < 0 || argc == 3)
        return argc;
    command_fail("%s: expected two paths, found %d; usage: %s", command, argc - 1, usage);
    return -1;
}

static int print(const jval *v, bool pretty)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    enum err e = pretty ? jv_write_pretty(v, &text) : jv_write(v, &text);

    if (e != E_OK)
        return command_fail("the result is larger than can be printed");
    buf_putc(&text, '\n');
    fwrite(text.p, 1, text.len, stdout);
    return STATUS_OK;
}

static int print_text(struct str json, bool pretty)
{
    struct json_limits limits = json_limits_default;
    AUTO(jdoc_freep) struct jdoc *d = NULL;

    limits.max_bytes = json.n;
    if (jdoc_parse(json, &limits, &d, NULL) != E_OK)
        return command_fail("the patch is too large; compare smaller documents");
    return print(jdoc_root(d), pretty);
}

#define DIFF_USAGE "pollcast diff BEFORE.json AFTER.json [--key NAME] [--allow-move] [--pretty]"

int cli_diff(int argc, char **argv)
{
    AUTO(jdoc_freep) struct jdoc *before = NULL, *after = NULL;
    AUTO(buf_done) struct buf patch = BUF_INIT;
    struct jdiff_options options = {.max_ops = 0};
    struct jdiff_result result;
    const char *key = NULL;
    bool pretty = false;
    const struct option known[] = {
        {.name = "--key", .value = &key},
        {.name = "--allow-move", .flag = &options.allow_move},
        {.name = "--pretty", .flag = &pretty},
    };

    argc = count_paths(options_take(known, ARRAY_LEN(known), argc, argv), argv[0], DIFF_USAGE);
    if (argc < 0 || load_two(argv, &before, &after) != STATUS_OK)
        return STATUS_FAULT;
    options.array_key = str_of(key);
    jdiff(jdoc_root(before), jdoc_root(after), &options, &patch, &result);
    if (result.over || print_text(buf_view(&patch), pretty) != STATUS_OK)
        return STATUS_FAULT;
    return result.equal ? STATUS_OK : STATUS_NO;
}

#define PATCH_USAGE "pollcast patch DOCUMENT.json PATCH.json [--pretty]"

int cli_patch(int argc, char **argv)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL, *patch = NULL, *result = NULL;
    struct errinfo ei = ERRINFO_INIT;
    bool pretty = false;
    const struct option known[] = {{.name = "--pretty", .flag = &pretty}};

    argc = count_paths(options_take(known, ARRAY_LEN(known), argc, argv), argv[0], PATCH_USAGE);
    if (argc < 0 || load_two(argv, &doc, &patch) != STATUS_OK)
        return STATUS_FAULT;

    enum err e = jpatch_apply(doc, jdoc_root(patch), &result, &ei);

    if (e == E_OK)
        return print(jdoc_root(result), pretty);
    if (e == E_PATCH_SYNTAX)
        return command_fail("%s: %s; see RFC 6902 for what a patch may hold", shown(argv[2]),
                            err_text(&ei, e));
    command_fail("%s: %s; the patch was made for another state of the document", shown(argv[2]),
                 err_text(&ei, e));
    return STATUS_NO;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "Print the difference of two JSON files as a JSON Patch",
    .run = cli_diff,
    .help =
        "usage: " DIFF_USAGE "\n"
        "\n"
        "Prints the JSON Patch (RFC 6902) that turns BEFORE into AFTER; [] when they are equal.\n"
        "Numbers are compared by value, objects whatever the order of their members.\n"
        "A path of - is standard input.\n"
        "\n"
        "  --key NAME     match elements of arrays of objects by this member (or JSON pointer,\n"
        "                 such as /meta/id); without it id, _id, uuid, key and name are tried\n"
        "  --allow-move   use move operations for elements that changed their place\n"
        "  --pretty       print on several lines\n"
        "\n"
        "examples:\n"
        "  pollcast diff yesterday.json today.json\n"
        "  pollcast diff --key sku old.json new.json >patch.json\n"
        "  curl -s http://127.0.0.1:9000/prices | pollcast diff --pretty last.json -\n"
        "\n"
        "exit status: 0 equal, 1 they differ, 2 a fault\n",
};

const struct command command_patch = {
    .name = "patch",
    .summary = "Apply a JSON Patch to a JSON file",
    .run = cli_patch,
    .help =
        "usage: " PATCH_USAGE "\n"
        "\n"
        "Prints DOCUMENT as changed by the JSON Patch (RFC 6902). All of the patch applies, or\n"
        "none of it. The file is not written to. A path of - is standard input.\n"
        "\n"
        "  --pretty       print on several lines\n"
        "\n"
        "examples:\n"
        "  pollcast patch old.json patch.json >new.json\n"
        "  pollcast diff old.json new.json | pollcast patch old.json -\n"
        "\n"
        "exit status: 0 applied, 1 the patch does not apply to this document, 2 a fault\n",
};
