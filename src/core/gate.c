#include "core/gate.h"

#include "core/limits.h"
#include "json/pointer.h"

#define ROW(kind_, member_, name_, ...)                                                            \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct gate_conf, member_),            \
        __VA_ARGS__                                                                                \
    }

const struct attr gate_attrs[GATE_ATTRS] = {
    ROW(INT, min_items, "minItems", .flags = ATTR_BEYOND, .max = LIMIT_JSON_NODES,
        .help = "The payload must be an array or object of at least so many elements or members."),
    ROW(NUMBER, max_shrink, "maxShrink", .flags = ATTR_BEYOND, .max = 1,
        .help = "By what share of the last good payload this one may be smaller: in elements when "
                "both are arrays, else in bytes."),
    ROW(POINTER_LIST, pointers, "pointerExists", .flags = ATTR_BEYOND, .max = LIMIT_GATE_POINTERS,
        .help = "Each must select something in the payload, be it null."),
};

void gate_conf_init(struct gate_conf *conf)
{
    *conf = (struct gate_conf){.min_items = -1, .max_shrink = -1};
}

bool gate_has_rules(const struct gate_conf *conf)
{
    return conf->min_items >= 0 || conf->max_shrink >= 0 || conf->pointers.count > 0;
}

/* ---- rules ---- */

static enum err check_min_items(int64_t min, const jval *value, struct errinfo *ei)
{
    enum jtype type = jv_type(value);

    if (type != JT_ARRAY && type != JT_OBJECT)
        return err_set(ei, E_POLL_FORMAT,
                       "refused by assert.minItems: expected an array or object, found a payload "
                       "of type %s",
                       jtype_name(type));
    if (jv_count(value) < (size_t)min)
        return err_set(ei, E_POLL_FORMAT,
                       "refused by assert.minItems: expected at least %lld %s, found %zu",
                       (long long)min, type == JT_ARRAY ? "elements" : "members", jv_count(value));
    return E_OK;
}

/* Elements of the last one; false when it was no array. */
static bool count_last(struct str last, size_t *ret)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    if (!str_starts(last, STR("[")) || jdoc_parse(last, NULL, &doc, NULL) != E_OK)
        return false;
    *ret = jv_count(jdoc_root(doc));
    return true;
}

/* What is left at least of n. A share such as 0.29 is a little less in binary than it says: 100
 * shall shrink by 29 all the same. */
static size_t least_of(size_t n, double max_shrink)
{
    double less = (double)n * max_shrink * (1 + 1e-12);

    return n - MIN(n, (size_t)less);
}

static enum err check_max_shrink(double max_shrink, struct str last, const jval *value,
                                 size_t bytes, struct errinfo *ei)
{
    bool arrays;
    size_t was = 0, now;

    if (!last.p)
        return E_OK;
    arrays = jv_type(value) == JT_ARRAY && count_last(last, &was);
    now = arrays ? jv_count(value) : bytes;
    if (!arrays)
        was = last.n;
    if (now >= least_of(was, max_shrink))
        return E_OK;
    return err_set(ei, E_POLL_FORMAT,
                   "refused by assert.maxShrink: expected at least %zu %s (the last good payload "
                   "has %zu), found %zu",
                   least_of(was, max_shrink), arrays ? "elements" : "bytes", was, now);
}

static enum err check_pointers(const struct attr_texts *pointers, const jval *value,
                               struct errinfo *ei)
{
    for (size_t i = 0; i < pointers->count; i++) {
        if (!jpointer_get(value, str_of(pointers->items[i])))
            return err_set(ei, E_POLL_FORMAT,
                           "refused by assert.pointerExists: expected something, found nothing at "
                           "\"%s\"",
                           pointers->items[i]);
    }
    return E_OK;
}

enum err gate_check(const struct gate_conf *conf, struct str last, const jval *value, size_t bytes,
                    struct errinfo *ei)
{
    enum err err = E_OK;

    if (conf->min_items >= 0)
        err = check_min_items(conf->min_items, value, ei);
    if (err == E_OK && conf->max_shrink >= 0)
        err = check_max_shrink(conf->max_shrink, last, value, bytes, ei);
    return err == E_OK ? check_pointers(&conf->pointers, value, ei) : err;
}
