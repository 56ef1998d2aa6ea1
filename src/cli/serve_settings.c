#include "cli/serve_settings.h"

#include "cli/command.h"
#include "cli/input.h"

extern char **environ;

/* The flags that are no settings. False for one that is not known. */
static bool take_own(struct serve_settings *s, char **argv, int *i)
{
    struct str value = str_of(argv[*i]);
    struct str flag = str_split(&value, '=');

    if (str_eqz(flag, "--print-config") && !value.p) {
        s->print = true;
        return true;
    }
    if (!str_eqz(flag, "--config"))
        return false;
    if (!value.p && !argv[*i + 1]) {
        settings_add_fault(s->settings, "--config: no file follows");
        return true;
    }
    s->file = value.p ? value.p : argv[++*i];
    return true;
}

static void read_flags(struct serve_settings *s, int argc, char *const *argv)
{
    AUTO_FREE char **copy = xcalloc((size_t)argc + 1, sizeof *copy);

    memcpy(copy, argv, (size_t)argc * sizeof *copy);
    argc = settings_flags(s->settings, argc, copy);
    copy[argc] = NULL;
    for (int i = 1; i < argc; i++) {
        if (take_own(s, copy, &i))
            continue;
        if (copy[i][0] != '-') {
            settings_add_fault(s->settings, "argument \"%s\" is not expected", copy[i]);
            continue;
        }
        settings_unknown_flag(s->settings, copy[i]);
        /* What follows is likely its value. */
        if (!strchr(copy[i], '=') && copy[i + 1] && copy[i + 1][0] != '-')
            i++;
    }
}

static void read_file(struct serve_settings *s)
{
    AUTO(buf_done) struct buf text = BUF_INIT_MAX(SERVE_FILE_MAX);
    struct errinfo ei = ERRINFO_INIT;
    enum err err;

    if (!s->file)
        s->file = getenv("POLLCAST_CONFIG");
    if (!s->file)
        return;
    err = input_read(s->file, &text, &ei);
    if (err == E_OK)
        conf_read_file(s->settings, buf_view(&text), s->file);
    else
        settings_add_fault(s->settings, "settings file %s", err_text(&ei, err));
}

bool serve_settings_read(struct serve_settings *s, int argc, char *const *argv)
{
    *s = (struct serve_settings){0};
    s->settings = settings_new(conf_rows, conf_row_count, &s->conf);
    read_flags(s, argc, argv);
    settings_env(s->settings, (const char *const *)environ);
    read_file(s);
    conf_check(&s->conf, s->settings);
    return settings_check(s->settings);
}

void serve_settings_done(struct serve_settings *s)
{
    settings_free(s->settings);
    conf_done(&s->conf);
}

int serve_settings_complain(const struct serve_settings *s)
{
    for (size_t i = 0; i < settings_fault_count(s->settings); i++)
        fprintf(stderr, "pollcast: %s\n", settings_fault(s->settings, i));
    fputs("`pollcast help serve` lists all settings\n", stderr);
    return STATUS_FAULT;
}
