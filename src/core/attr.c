#include "core/attr.h"

#include "base/duration.h"
#include "core/attr_value.h"
#include "core/secret_ref.h"
#include "json/pointer.h"

/* ---- places and faults ---- */

void attr_ctx_init(struct attr_ctx *c, struct faults *f, const char *title, const char *pointer)
{
    *c = (struct attr_ctx){.faults = f, .title = title};
    buf_puts(&c->pointer, pointer);
}

void attr_ctx_done(struct attr_ctx *c)
{
    buf_done(&c->pointer);
}

size_t attr_enter(struct attr_ctx *c, struct str name)
{
    size_t was = c->pointer.len;

    jpointer_add(&c->pointer, name);
    return was;
}

size_t attr_enter_index(struct attr_ctx *c, size_t index)
{
    size_t was = c->pointer.len;

    jpointer_add_index(&c->pointer, index);
    return was;
}

void attr_leave(struct attr_ctx *c, size_t was)
{
    c->pointer.len = was;
}

void attr_fault(struct attr_ctx *c, const char *fmt, ...)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    fault_add(c->faults, buf_cstr(&c->pointer), c->title, "%s", buf_cstr(&text));
}

/* ---- defaults ---- */

static void preset_ints(const char *preset, struct attr_ints *ret)
{
    struct str rest = str_of(preset);
    size_t commas = 0;

    for (const char *p = preset; *p; p++)
        commas += *p == ',';
    ret->items = xcalloc(commas + 1, sizeof *ret->items);
    ret->count = 0;
    while (rest.p && rest.n > 0)
        CHECK(str_to_i64(str_split(&rest, ','), &ret->items[ret->count++]));
}

static void preset_number(const struct attr *row, struct str preset, void *member)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    CHECK(jdoc_parse(preset, NULL, &doc, NULL) == E_OK);
    CHECK(row->kind == ATTR_INT ? jv_i64(jdoc_root(doc), member)
                                : jv_double(jdoc_root(doc), member));
}

/* A default that is not of its row's type is a fault of the table. */
static void set_preset(const struct attr *row, void *member)
{
    struct str preset = str_of(row->preset);
    size_t place;

    switch (row->kind) {
    case ATTR_STRING:
    case ATTR_URL:
    case ATTR_POINTER:
        *(char **)member = str_dup(preset);
        return;
    case ATTR_BOOL:
        *(bool *)member = str_eqz(preset, "true");
        return;
    case ATTR_INT:
    case ATTR_NUMBER:
        preset_number(row, preset, member);
        return;
    case ATTR_DURATION:
        CHECK(duration_parse(preset, member, NULL) == E_OK);
        return;
    case ATTR_INT_LIST:
        preset_ints(row->preset, member);
        return;
    case ATTR_ENUM:
        CHECK(attr_name_find(row->names, preset, &place));
        *(int *)member = (int)place;
        return;
    default:
        panic("attribute %s: a default is not possible", row->name);
    }
}

void attr_write_preset(const struct attr *row, struct jwriter *w)
{
    struct attr_ints ints = {0};

    switch (row->kind) {
    case ATTR_BOOL:
    case ATTR_INT:
    case ATTR_NUMBER:
        jw_raw(w, str_of(row->preset));
        return;
    case ATTR_INT_LIST:
        preset_ints(row->preset, &ints);
        jw_array(w);
        for (size_t i = 0; i < ints.count; i++)
            jw_i64(w, ints.items[i]);
        jw_array_end(w);
        free(ints.items);
        return;
    default:
        jw_strz(w, row->preset);
    }
}

/* ---- objects ---- */

static bool is_absent(const struct attr *row, const jval *v)
{
    if (row->kind == ATTR_ENUM && jv_type(v) == JT_STRING && jv_str(v).n == 0)
        return true;
    return jv_type(v) == JT_NONE || jv_type(v) == JT_NULL;
}

static void free_member(const struct attr *row, void *member)
{
    struct attr_map *map;
    struct attr_ints *ints;
    struct attr_texts *texts;

    switch (row->kind) {
    case ATTR_SCALAR:
    case ATTR_STRING:
    case ATTR_URL:
    case ATTR_POINTER:
        free(TAKE(*(char **)member));
        return;
    case ATTR_STRING_MAP:
        map = member;
        for (size_t i = 0; i < map->count; i++) {
            free(map->items[i].name);
            free(map->items[i].value);
        }
        free(map->items);
        *map = (struct attr_map){0};
        return;
    case ATTR_INT_LIST:
        ints = member;
        free(ints->items);
        *ints = (struct attr_ints){0};
        return;
    case ATTR_POINTER_LIST:
    case ATTR_STRING_LIST:
        texts = member;
        for (size_t i = 0; i < texts->count; i++)
            free(texts->items[i]);
        free(texts->items);
        *texts = (struct attr_texts){0};
        return;
    case ATTR_OBJECT:
        attr_done(row->rows, row->row_count, member);
        return;
    default:
        return;
    }
}

void attr_done(const struct attr *rows, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++)
        free_member(&rows[i], (char *)out + rows[i].at);
}

static void set_default(struct attr_ctx *c, const struct attr *row, void *member)
{
    if (row->kind == ATTR_OBJECT)
        attr_parse(c, row->rows, row->row_count, NULL, member);
    else if (row->preset)
        set_preset(row, member);
}

/* What is not there has its default; a required one is missed only within an object that is. */
static void parse_absent(struct attr_ctx *c, const struct attr *row, const jval *object,
                         void *member)
{
    if (object && (row->flags & ATTR_REQUIRED)) {
        AUTO(buf_done) struct buf expected = BUF_INIT;
        size_t was = attr_enter(c, str_of(row->name));

        attr_expected(row, &expected);
        attr_fault(c, "\"%s\" is required: expected %s, found nothing", row->name,
                   buf_cstr(&expected));
        attr_leave(c, was);
    }
    set_default(c, row, member);
}

static void parse_row(struct attr_ctx *c, const struct attr *row, const jval *object, void *member)
{
    const jval *v = object ? jv_getz(object, row->name) : NULL;

    if (is_absent(row, v)) {
        parse_absent(c, row, object, member);
        return;
    }
    size_t was = attr_enter(c, str_of(row->name));
    if (attr_parse_value(c, row, v, member)) {
        if (row->check)
            row->check(c, row, member);
    } else {
        free_member(row, member);
        set_default(c, row, member);
    }
    attr_leave(c, was);
}

static const struct attr *row_find(const struct attr *rows, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eqz(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static void refuse_unknown(struct attr_ctx *c, const struct attr *rows, size_t count,
                           struct str name)
{
    AUTO(buf_done) struct buf known = BUF_INIT;
    const char **names = arena_alloc(&c->faults->arena, count * sizeof *names);
    const char *nearest;

    for (size_t i = 0; i < count; i++) {
        names[i] = rows[i].name;
        if (rows[i].kind != ATTR_IGNORED && rows[i].kind != ATTR_LATER)
            buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", rows[i].name);
    }
    nearest = str_nearest(name, names, count);
    size_t was = attr_enter(c, name);
    if (nearest)
        attr_fault(c, "unknown attribute; did you mean \"%s\"?", nearest);
    else
        attr_fault(c, "unknown attribute; known here: %s", known.len ? buf_cstr(&known) : "none");
    attr_leave(c, was);
}

void attr_parse(struct attr_ctx *c, const struct attr *rows, size_t count, const jval *object,
                void *out)
{
    struct jiter it = jiter_of(object);

    for (size_t i = 0; i < count; i++)
        parse_row(c, &rows[i], object, (char *)out + rows[i].at);
    while (object && jiter_next(&it)) {
        if (!row_find(rows, count, it.name))
            refuse_unknown(c, rows, count, it.name);
    }
}

/* ---- showing ---- */

/* A string, or an array of them. */
static void write_secret(const struct attr *row, const jval *v, struct jwriter *w)
{
    struct jiter it = jiter_of(v);

    if (jv_type(v) == JT_ARRAY) {
        jw_array(w);
        while (jiter_next(&it))
            write_secret(row, it.value, w);
        jw_array_end(w);
        return;
    }
    if ((row->flags & ATTR_REFERENCE) && secret_ref_is_plain(jv_str(v)))
        jw_value(w, v);
    else
        jw_strz(w, SECRET_MASK);
}

static void write_map(const struct attr *row, const jval *v, struct jwriter *w)
{
    struct jiter it = jiter_of(v);

    jw_object(w);
    while (jiter_next(&it)) {
        jw_key_str(w, it.name);
        if (row->is_secret && row->is_secret(it.name))
            write_secret(row, it.value, w);
        else
            jw_value(w, it.value);
    }
    jw_object_end(w);
}

static void write_row(const struct attr *row, const jval *v, struct jwriter *w)
{
    bool absent = is_absent(row, v);

    if (absent && !row->preset)
        return;
    jw_key(w, row->name);
    if (absent)
        attr_write_preset(row, w);
    else if (row->flags & ATTR_SECRET)
        write_secret(row, v, w);
    else if (row->kind == ATTR_STRING_MAP)
        write_map(row, v, w);
    else if (row->kind == ATTR_OBJECT)
        attr_write(row->rows, row->row_count, v, w);
    else
        jw_value(w, v);
}

void attr_write_members(const struct attr *rows, size_t count, const jval *object,
                        struct jwriter *w)
{
    for (size_t i = 0; i < count; i++)
        write_row(&rows[i], object ? jv_getz(object, rows[i].name) : NULL, w);
}

void attr_write(const struct attr *rows, size_t count, const jval *object, struct jwriter *w)
{
    jw_object(w);
    attr_write_members(rows, count, object, w);
    jw_object_end(w);
}

/* ---- secrets that come back masked ---- */

void attr_unmask(const jval *root, const jval *was, struct jwriter *w)
{
    struct jiter it = jiter_of(root);

    if (jv_type(root) == JT_OBJECT) {
        jw_object(w);
        while (jiter_next(&it)) {
            jw_key_str(w, it.name);
            attr_unmask(it.value, jv_get(was, it.name), w);
        }
        jw_object_end(w);
    } else if (jv_type(root) == JT_ARRAY) {
        jw_array(w);
        while (jiter_next(&it))
            attr_unmask(it.value, jv_type(was) == JT_ARRAY ? jv_at(was, it.index) : NULL, w);
        jw_array_end(w);
    } else if (str_eqz(jv_str(root), SECRET_MASK) && jv_type(was) == JT_STRING) {
        jw_value(w, was);
    } else {
        jw_value(w, root);
    }
}
