#include "publisher/pub_post.h"

#include "core/attr.h"

/* All configs are the same: there is nothing in them. */
static char no_config;

static void *config_new(const jval *config, const char *pointer, struct faults *f)
{
    size_t before = f->count + f->dropped;
    struct attr_ctx c;

    attr_ctx_init(&c, f, "Validation error: Publisher config", pointer);
    attr_parse(&c, NULL, 0, config, NULL);
    attr_ctx_done(&c);
    return f->count + f->dropped > before ? NULL : &no_config;
}

static void config_free(void *config)
{
    (void)config;
}

const struct processor pub_post = {
    .type = "http-post",
    .config_new = config_new,
    .config_free = config_free,
};
