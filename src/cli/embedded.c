#include "cli/embedded.h"

#include <ftw.h>

#include "api/api.h"
#include "api/problem.h"

static void set_text(char **at, const char *text)
{
    free(*at);
    *at = xstrdup(text);
}

void embedded_init(struct embedded *e)
{
    *e = (struct embedded){0};
    conf_init(&e->conf);
    set_text(&e->conf.listen, "127.0.0.1:0");
    e->conf.loops = 1;
    e->conf.drain_us = 0;
    e->conf.store_sync_normal = true;
    e->conf.poll_min_period_us = 100 * US_PER_MS;
    e->conf.poll_max_period_us = 7 * US_PER_DAY;
}

static char *make_directory(void)
{
    const char *tmp = getenv("TMPDIR");
    char *path = xasprintf("%s/pollcast-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");

    if (mkdtemp(path))
        return path;
    free(path);
    return NULL;
}

enum err embedded_start(struct embedded *e, struct errinfo *ei)
{
    e->directory = make_directory();
    if (!e->directory)
        return err_set(ei, E_IO, "a temporary directory cannot be made; set TMPDIR");
    set_text(&e->conf.data, e->directory);
    conf_set_current(&e->conf);
    enum err err = engine_start(&e->conf, api_handle, problem_http_body, &e->engine, ei);
    if (err == E_OK)
        engine_address(e->engine, e->address);
    return err;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void embedded_done(struct embedded *e)
{
    engine_stop(e->engine);
    conf_set_current(NULL);
    if (e->directory)
        nftw(e->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(e->directory);
    conf_done(&e->conf);
}
