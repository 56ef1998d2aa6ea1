/*
 * The program's entry: picks the command that the first argument names.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "core/subscription.h"
#include "publisher/pub_feed.h"
#include "publisher/pub_http.h"
#include "publisher/pub_post.h"
#include "subscriber/sub_kafka.h"
#include "subscriber/sub_sse.h"
#include "subscriber/sub_webhook.h"

static const struct command *const commands[] = {
    &command_serve,  &command_try,  &command_tail, &command_check, &command_apply, &command_get,
    &command_delete, &command_feed, &command_diff, &command_patch, &command_date,
};

static const char *const command_names[] = {
    "serve",  "try",  "tail", "check", "apply", "get",
    "delete", "feed", "diff", "patch", "date",  "help",
};

int command_fail(const char *fmt, ...)
{
    va_list ap;

    fputs("pollcast: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return STATUS_FAULT;
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *near = str_nearest(str_of(name), command_names, ARRAY_LEN(command_names));

    if (near)
        return command_fail("there is no command \"%s\"; did you mean %s?", name, near);
    return command_fail("there is no command \"%s\"; `pollcast --help` lists them", name);
}

static void print_overview(void)
{
    puts("pollcast turns any HTTP API that answers with JSON into a live, durable stream of "
         "changes\n"
         "\n"
         "usage: pollcast COMMAND [ARGUMENTS]\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
    puts("  help     Explain a command: pollcast help COMMAND\n"
         "\n"
         "examples:\n"
         "  pollcast try http://127.0.0.1:9000/prices      # what does one poll of it do?\n"
         "  pollcast tail http://127.0.0.1:9000/prices     # watch one URL, no server needed\n"
         "  pollcast serve --data /var/lib/pollcast        # the server, on 127.0.0.1:8080\n"
         "  pollcast check topic.json                      # is the file valid?\n"
         "  pollcast try topic.json                        # and does it do what it should?\n"
         "  pollcast apply topic.json                      # make the server's topic equal to it\n"
         "  pollcast feed follow journey                   # print what a feed has queued, as it "
         "comes\n"
         "\n"
         "exit status: 0 done, 1 the answer is no (a difference, a fault in the file checked, …),\n"
         "2 it could not be done");
}

static int print_help(const char *name)
{
    const struct command *c;

    if (!name) {
        print_overview();
        return STATUS_OK;
    }
    c = command_find(name);
    if (!c)
        return unknown_command(name);
    fputs(c->help, stdout);
    if (c->more_help)
        c->more_help();
    return STATUS_OK;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int dispatch(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name) {
        command_fail("a command is missing; `pollcast --help` lists them");
        return STATUS_FAULT;
    }
    if (strcmp(name, "--version") == 0) {
        puts("pollcast " POLLCAST_VERSION);
        return STATUS_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_help(NULL);
    if (strcmp(name, "help") == 0)
        return print_help(argc > 2 ? argv[2] : NULL);

    const struct command *c = command_find(name);
    if (!c)
        return unknown_command(name);
    if (asks_for_help(argc - 1, argv + 1))
        return print_help(name);
    return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    processor_register(&pub_http);
    processor_register(&pub_post);
    processor_register(&pub_feed);
    sink_register(&sub_sse_sink);
    sink_register(&sub_kafka_sink);
    sink_register(&sub_webhook_sink);
    subscription_on_gone(sub_sse_gone);
    int status = dispatch(argc, argv);

    /* A result that nobody could read was not given: the disk may be full. */
    if (fflush(stdout) != 0 && status == STATUS_OK)
        return command_fail("standard output cannot be written");
    return status;
}
