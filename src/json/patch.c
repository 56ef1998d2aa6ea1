/*
 * A document under change is a tree of items. An item is a value of a parsed document (the target
 * or a patch) until an operation goes through it; only then is it opened into a node of its own.
 * So an operation costs what lies on its path, not the size of the document.
 *
 * All memory is of one arena, and values stay in the documents they came from: nothing is freed
 * before the whole run ends.
 */
#include "json/patch.h"

#include "base/hash.h"
#include "json/pointer.h"
#include "json/value_inner.h"

/* Items that copies of opened nodes may make in one run: a patch can double the document with each
 * operation. */
#define CLONE_MAX ((size_t)1 << 20)

struct node;

struct item {
    const jval *value; /* if not opened */
    struct node *node; /* if opened */
};

struct node {
    bool object;
    size_t count, cap;
    struct item *items;
    struct str *names; /* of an object */
    uint32_t *marks;   /* of the names, to search quickly */
};

struct run {
    struct arena arena;
    struct item root;
    size_t cloned;
    /* the operation at work, for messages */
    size_t index;
    struct str op, path;
    struct errinfo *ei;
};

/* Where a path leads: a member or an element, perhaps not there (yet), of an opened parent. */
struct place {
    struct node *parent; /* NULL: the root */
    struct str token;
    size_t at; /* index in the parent, if found */
    bool found;
};

static void run_done(struct run *r)
{
    arena_done(&r->arena);
}

static enum err fail(struct run *r, enum err e, const char *what)
{
    return err_set(r->ei, e, "operation %zu (%.*s \"%.*s\"): %s", r->index,
                   (int)MIN(r->op.n, (size_t)20), r->op.p ? r->op.p : "",
                   (int)MIN(r->path.n, (size_t)200), r->path.p ? r->path.p : "", what);
}

/* ---- nodes ---- */

static uint32_t mark_of(struct str name)
{
    return (uint32_t)hash64(name.p, name.n);
}

static void node_reserve(struct run *r, struct node *n, size_t cap)
{
    struct node was = *n;

    n->cap = cap;
    n->items = arena_alloc(&r->arena, cap * sizeof *n->items);
    if (was.count)
        memcpy(n->items, was.items, was.count * sizeof *n->items);
    if (!n->object)
        return;
    n->names = arena_alloc(&r->arena, cap * sizeof *n->names);
    n->marks = arena_alloc(&r->arena, cap * sizeof *n->marks);
    if (was.count) {
        memcpy(n->names, was.names, was.count * sizeof *n->names);
        memcpy(n->marks, was.marks, was.count * sizeof *n->marks);
    }
}

static struct node *node_new(struct run *r, bool object, size_t cap)
{
    struct node *n = arena_alloc(&r->arena, sizeof *n);

    n->object = object;
    node_reserve(r, n, cap);
    return n;
}

static void node_insert(struct run *r, struct node *n, size_t at, struct str name, struct item it)
{
    if (n->count == n->cap)
        node_reserve(r, n, MAX(n->cap * 2, (size_t)8));
    memmove(n->items + at + 1, n->items + at, (n->count - at) * sizeof *n->items);
    n->items[at] = it;
    n->count++;
    if (n->object) { /* members are only ever appended */
        n->names[at] = name;
        n->marks[at] = mark_of(name);
    }
}

static void node_remove(struct node *n, size_t at)
{
    size_t behind = --n->count - at;

    memmove(n->items + at, n->items + at + 1, behind * sizeof *n->items);
    if (n->object) {
        memmove(n->names + at, n->names + at + 1, behind * sizeof *n->names);
        memmove(n->marks + at, n->marks + at + 1, behind * sizeof *n->marks);
    }
}

static bool node_find(const struct node *n, struct str name, size_t *ret)
{
    uint32_t mark = mark_of(name);

    for (size_t i = 0; i < n->count; i++) {
        if (n->marks[i] == mark && str_eq(n->names[i], name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* NULL for a value without content. */
static struct node *open_item(struct run *r, struct item *it)
{
    if (it->node || jv_count(it->value) == 0) {
        if (!it->node && it->value && jvf_is_container(it->value))
            it->node = node_new(r, jvf_is_object(it->value), 8);
        return it->node;
    }

    struct jiter walk = jiter_of(it->value);
    size_t count = jv_count(it->value);
    struct node *n = node_new(r, jvf_is_object(it->value), count + 4);

    while (jiter_next(&walk))
        node_insert(r, n, n->count, walk.name, (struct item){.value = walk.value});
    it->node = n;
    return n;
}

static enum err clone(struct run *r, const struct item *from, unsigned depth, struct item *ret)
{
    *ret = *from;
    if (!from->node)
        return E_OK;
    r->cloned += from->node->count + 1;
    if (r->cloned > CLONE_MAX || depth > JVF_DEPTH_MAX)
        return fail(r, E_LIMIT, "the copies make the document too large or too deep");
    ret->node = node_new(r, from->node->object, from->node->count + 4);
    for (size_t i = 0; i < from->node->count; i++) {
        struct str name = from->node->object ? from->node->names[i] : STR_NONE;
        struct item copy;
        enum err e = clone(r, &from->node->items[i], depth + 1, &copy);

        if (e != E_OK)
            return e;
        node_insert(r, ret->node, i, name, copy);
    }
    return E_OK;
}

/* False when too deep. */
static bool write_item(struct jwriter *w, const struct item *it, unsigned depth)
{
    const struct node *n = it->node;

    if (!n) {
        jw_value(w, it->value);
        return true;
    }
    if (depth > JVF_DEPTH_MAX)
        return false;
    if (n->object)
        jw_object(w);
    else
        jw_array(w);
    for (size_t i = 0; i < n->count; i++) {
        if (n->object)
            jw_key_str(w, n->names[i]);
        if (!write_item(w, &n->items[i], depth + 1))
            return false;
    }
    if (n->object)
        jw_object_end(w);
    else
        jw_array_end(w);
    return true;
}

static enum err write_root(struct run *r, const struct item *it, struct buf *b)
{
    size_t was = b->len;
    struct jwriter w = jw_begin(b);
    bool ok = write_item(&w, it, 0);

    if (jw_end(&w) == E_OK && ok)
        return E_OK;
    b->len = was;
    return err_set(r->ei, E_LIMIT, "the patched document is too large or too deep");
}

/* ---- paths ---- */

static struct str unescape(struct run *r, struct str token)
{
    if (!memchr(token.p, '~', token.n))
        return token;

    char *text = arena_alloc(&r->arena, token.n);

    return str_make(text, jpointer_unescape(token, text));
}

static void look_up(struct run *r, struct node *parent, struct str token, struct place *ret)
{
    *ret = (struct place){.parent = parent, .token = token};
    if (parent->object) {
        ret->token = unescape(r, token);
        ret->found = node_find(parent, ret->token, &ret->at);
    } else {
        ret->found = jpointer_index(token, &ret->at) && ret->at < parent->count;
    }
}

static struct item *item_at(struct run *r, const struct place *p)
{
    return p->parent ? &p->parent->items[p->at] : &r->root;
}

/* All but the last step must lead somewhere. */
static enum err walk(struct run *r, struct str pointer, struct place *ret)
{
    struct place p = {.found = true};

    for (struct str rest = str_drop(pointer, 1); pointer.n && rest.p;) {
        if (!p.found)
            return fail(r, E_PATCH_APPLY, "the path leads through what is not there");

        struct node *parent = open_item(r, item_at(r, &p));

        if (!parent)
            return fail(r, E_PATCH_APPLY, "the path leads through a value that has no content");
        look_up(r, parent, str_split(&rest, '/'), &p);
    }
    *ret = p;
    return E_OK;
}

static enum err walk_to_existing(struct run *r, struct str pointer, struct place *ret)
{
    struct place p = {0};
    enum err e = walk(r, pointer, &p);

    if (e != E_OK)
        return e;
    if (!p.found)
        return fail(r, E_PATCH_APPLY, "there is nothing at this place");
    *ret = p;
    return E_OK;
}

/* ---- operations (RFC 6902 §4) ---- */

static enum err add_to_array(struct run *r, const struct place *p, struct item it)
{
    size_t at;

    if (str_eqz(p->token, "-"))
        at = p->parent->count;
    else if (!jpointer_index(p->token, &at))
        return fail(r, E_PATCH_APPLY,
                    "not an array index (digits without leading zeros, or \"-\")");
    if (at > p->parent->count)
        return fail(r, E_PATCH_APPLY, "the index is past the end of the array");
    node_insert(r, p->parent, at, STR_NONE, it);
    return E_OK;
}

static enum err add(struct run *r, struct str pointer, struct item it)
{
    struct place p = {0};
    enum err e = walk(r, pointer, &p);

    if (e != E_OK)
        return e;
    if (p.parent && !p.parent->object)
        return add_to_array(r, &p, it);
    if (p.found)
        *item_at(r, &p) = it;
    else
        node_insert(r, p.parent, p.parent->count, p.token, it);
    return E_OK;
}

static enum err take_out(struct run *r, struct str pointer, struct item *ret)
{
    struct place p = {0};
    enum err e = walk_to_existing(r, pointer, &p);

    if (e != E_OK)
        return e;
    if (!p.parent)
        return fail(r, E_PATCH_APPLY, "removing the whole document would leave none");
    *ret = *item_at(r, &p);
    node_remove(p.parent, p.at);
    return E_OK;
}

static enum err op_add(struct run *r, const jval *op)
{
    return add(r, r->path, (struct item){.value = jv_getz(op, "value")});
}

static enum err op_remove(struct run *r, const jval *op)
{
    struct item gone;

    (void)op;
    return take_out(r, r->path, &gone);
}

static enum err op_replace(struct run *r, const jval *op)
{
    struct place p = {0};
    enum err e = walk_to_existing(r, r->path, &p);

    if (e == E_OK)
        *item_at(r, &p) = (struct item){.value = jv_getz(op, "value")};
    return e;
}

static enum err op_move(struct run *r, const jval *op)
{
    struct str from = jv_str(jv_getz(op, "from"));
    struct place p = {0};
    struct item it;
    enum err e;

    if (str_eq(from, r->path))
        return walk_to_existing(r, from, &p);
    if (str_starts(r->path, from) && r->path.p[from.n] == '/')
        return fail(r, E_PATCH_APPLY, "a value cannot be moved into itself");
    e = take_out(r, from, &it);
    return e != E_OK ? e : add(r, r->path, it);
}

static enum err op_copy(struct run *r, const jval *op)
{
    struct place p = {0};
    struct item copy;
    enum err e = walk_to_existing(r, jv_str(jv_getz(op, "from")), &p);

    if (e == E_OK)
        e = clone(r, item_at(r, &p), 0, &copy);
    return e != E_OK ? e : add(r, r->path, copy);
}

/* An opened item is written and parsed: linear whatever the order of members. */
static enum err equals(struct run *r, const struct item *it, const jval *value, bool *ret)
{
    AUTO(buf_done) struct buf text = BUF_INIT_MAX(json_limits_default.max_bytes);
    struct json_limits limits = json_limits_default;
    AUTO(jdoc_freep) struct jdoc *d = NULL;
    enum err e;

    if (!it->node) {
        *ret = jv_equal(it->value, value);
        return E_OK;
    }
    limits.max_depth = JVF_DEPTH_MAX;
    e = write_root(r, it, &text);
    if (e == E_OK)
        e = jdoc_parse(buf_view(&text), &limits, &d, r->ei);
    if (e == E_OK)
        *ret = jv_equal(jdoc_root(d), value);
    return e;
}

static enum err op_test(struct run *r, const jval *op)
{
    struct place p = {0};
    bool same = false;
    enum err e = walk(r, r->path, &p);

    if (e != E_OK)
        return e;
    if (!p.found)
        return fail(r, E_PATCH_TEST, "there is nothing at this place");
    e = equals(r, item_at(r, &p), jv_getz(op, "value"), &same);
    if (e != E_OK)
        return e;
    return same ? E_OK : fail(r, E_PATCH_TEST, "the value there is another");
}

static const struct operation {
    const char *name;
    bool value, from; /* members it must have */
    enum err (*apply)(struct run *r, const jval *op);
} operations[] = {
    {"add", true, false, op_add},         {"remove", false, false, op_remove},
    {"replace", true, false, op_replace}, {"move", false, true, op_move},
    {"copy", false, true, op_copy},       {"test", true, false, op_test},
};

static const struct operation *operation_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        if (str_eqz(name, operations[i].name))
            return &operations[i];
    return NULL;
}

static enum err check_pointer(struct run *r, const jval *op, const char *member)
{
    const jval *v = jv_getz(op, member);
    struct errinfo why = ERRINFO_INIT;
    char what[ERRINFO_TEXT];

    if (jv_type(v) == JT_STRING && jpointer_check(jv_str(v), &why) == E_OK)
        return E_OK;
    if (jv_type(v) == JT_STRING)
        snprintf(what, sizeof what, "\"%s\" is not a JSON pointer: %.200s", member, why.text);
    else
        snprintf(what, sizeof what, "\"%s\" must be a JSON pointer in a string, found %s", member,
                 jtype_name(jv_type(v)));
    return fail(r, E_PATCH_SYNTAX, what);
}

static enum err apply_one(struct run *r, const jval *op)
{
    const struct operation *o = operation_find(jv_str(jv_getz(op, "op")));
    enum err e;

    r->op = jv_str(jv_getz(op, "op"));
    r->path = jv_str(jv_getz(op, "path"));
    if (jv_type(op) != JT_OBJECT)
        return fail(r, E_PATCH_SYNTAX, "an operation must be an object");
    if (!o)
        return fail(r, E_PATCH_SYNTAX,
                    "\"op\" must be one of add, remove, replace, move, copy, test");
    e = check_pointer(r, op, "path");
    if (e == E_OK && o->from)
        e = check_pointer(r, op, "from");
    if (e != E_OK)
        return e;
    if (o->value && !jv_getz(op, "value"))
        return fail(r, E_PATCH_SYNTAX, "\"value\" is missing");
    return o->apply(r, op);
}

static enum err apply_all(struct run *r, const jval *patch)
{
    struct jiter it = jiter_of(patch);

    if (jv_type(patch) != JT_ARRAY)
        return err_set(r->ei, E_PATCH_SYNTAX,
                       "a JSON Patch must be an array of operations, found %s",
                       jtype_name(jv_type(patch)));
    while (jiter_next(&it)) {
        r->index = it.index;

        enum err e = apply_one(r, it.value);

        if (e != E_OK)
            return e;
    }
    return E_OK;
}

enum err jpatch_apply(const struct jdoc *doc, const jval *patch, struct jdoc **ret,
                      struct errinfo *ei)
{
    AUTO(run_done) struct run r = {.root = {.value = jdoc_root(doc)}, .ei = ei};
    AUTO(buf_done) struct buf text = BUF_INIT_MAX(json_limits_default.max_bytes);
    enum err e = apply_all(&r, patch);

    if (e == E_OK)
        e = write_root(&r, &r.root, &text);
    return e != E_OK ? e : jdoc_parse(buf_view(&text), NULL, ret, ei);
}

struct docs {
    struct jdoc **list;
    size_t count;
};

static void docs_done(struct docs *d)
{
    for (size_t i = 0; i < d->count; i++)
        jdoc_free(d->list[i]);
    free(d->list);
}

static enum err parse_next(struct docs *d, struct str text, struct errinfo *ei)
{
    enum err e = jdoc_parse(text, NULL, &d->list[d->count], ei);

    if (e == E_OK)
        d->count++;
    return e;
}

enum err jpatch_apply_texts(struct str doc, const struct str *patches, size_t count,
                            struct buf *ret, struct errinfo *ei)
{
    AUTO(docs_done) struct docs docs = {xcalloc(count + 1, sizeof(struct jdoc *)), 0};
    AUTO(run_done) struct run r = {.ei = ei};
    enum err e = parse_next(&docs, doc, ei);

    if (e != E_OK)
        return err_prefix(ei, e, "document");
    r.root.value = jdoc_root(docs.list[0]);
    for (size_t i = 0; i < count; i++) {
        e = parse_next(&docs, patches[i], ei);
        if (e == E_OK)
            e = apply_all(&r, jdoc_root(docs.list[i + 1]));
        if (e != E_OK)
            return err_prefix(ei, e, "patch %zu", i);
    }
    return write_root(&r, &r.root, ret);
}
