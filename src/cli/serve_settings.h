/*
 * The server's settings from all their sources, for every command that needs them.
 */
#ifndef CLI_SERVE_SETTINGS_H
#define CLI_SERVE_SETTINGS_H

#include "core/conf.h"

/* What the command line and the surroundings said, and what came of it. */
struct serve_settings {
    struct conf conf;
    struct settings *settings;
    const char *file; /* borrowed from argv or the environment; NULL: none */
    bool print;       /* --print-config */
};

#define SERVE_FILE_MAX ((size_t)4 << 20)

/* Read file, environment and flags of argv. True if there is no fault; they are in s->settings.
 * Done by serve_settings_done() in any case. */
bool serve_settings_read(struct serve_settings *s, int argc, char *const *argv);
void serve_settings_done(struct serve_settings *s);
/* Print the faults. Returns STATUS_FAULT. */
int serve_settings_complain(const struct serve_settings *s);

#endif
