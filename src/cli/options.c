#include "cli/command.h"

void option_list_done(struct option_list *l)
{
    free(l->items);
    *l = (struct option_list){NULL, 0};
}

static void option_store(const struct option *o, const char *value)
{
    if (o->flag) {
        *o->flag = true;
    } else if (o->value) {
        *o->value = value;
    } else {
        o->list->items = xrealloc(o->list->items, (o->list->count + 1) * sizeof *o->list->items);
        o->list->items[o->list->count++] = value;
    }
}

static const struct option *option_find(const struct option *options, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eqz(name, options[i].name) || (options[i].alias && str_eqz(name, options[i].alias)))
            return &options[i];
    return NULL;
}

static int unknown(const struct option *options, size_t count, struct str name, const char *command)
{
    AUTO_FREE const char **names = xcalloc(count + 1, sizeof *names);

    for (size_t i = 0; i < count; i++)
        names[i] = options[i].name;
    const char *near = str_nearest(name, names, count);
    if (near)
        command_fail("%s: option %.*s is not known; did you mean %s?", command, STR_ARG(name),
                     near);
    else
        command_fail("%s: option %.*s is not known; `pollcast help %s` lists them", command,
                     STR_ARG(name), command);
    return -1;
}

/* A number below zero is none, nor is "-", which stands for standard input. */
static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0' && !(arg[1] >= '0' && arg[1] <= '9');
}

int options_take(const struct option *options, size_t count, int argc, char **argv)
{
    int left = 1, i = 1;

    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        struct str value = str_of(argv[i]);
        struct str name = str_split(&value, '=');
        const struct option *o = option_find(options, count, name);

        if (!is_option(argv[i])) {
            argv[left++] = argv[i];
        } else if (!o) {
            return unknown(options, count, name, argv[0]);
        } else if (o->flag || value.p) {
            if (o->flag && value.p)
                return command_fail("%s: %s takes no value", argv[0], o->name), -1;
            option_store(o, value.p);
        } else if (i + 1 == argc) {
            return command_fail("%s: %s needs a value", argv[0], o->name), -1;
        } else {
            option_store(o, argv[++i]);
        }
    }
    for (i++; i < argc; i++)
        argv[left++] = argv[i];
    return left;
}
