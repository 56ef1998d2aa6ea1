#include "core/page_merge.h"

#include "base/map.h"
#include "core/limits.h"
#include "json/pointer.h"

#define INDEX_FROM ((size_t)8) /* members; fewer are found faster by looking at each */
#define OFF_THE_WAY SIZE_MAX   /* see struct page_merge, skip */

/* An object taken apart. */
struct page_object {
    struct page_node *first, **tail;
    struct page_node *expected; /* pages tend to have their members in the same order */
    struct map index;           /* of all members, or empty */
    size_t count;
};

struct page_node {
    struct page_node *next;
    struct page_object *object; /* NULL: the value is text */
    struct buf text;            /* minified */
    enum jtype type;
    size_t name_len;
    char name[];
};

/* Where a walk is, from the value up to the root. */
struct trail {
    const struct trail *up;
    struct str name;
};

/* ---- life ---- */

static struct page_node *node_new(const struct page_merge *m, struct str name)
{
    struct page_node *n = xmalloc(sizeof *n + name.n);

    *n = (struct page_node){.text = BUF_INIT_MAX(m->max_bytes), .name_len = name.n};
    if (name.n > 0)
        memcpy(n->name, name.p, name.n);
    return n;
}

/* Recursion is bounded by the depth of the documents, as everywhere below. */
static void node_free(struct page_node *n)
{
    if (!n)
        return;
    if (n->object) {
        while (n->object->first) {
            struct page_node *member = n->object->first;
            n->object->first = member->next;
            node_free(member);
        }
        map_done(&n->object->index);
        free(n->object);
    }
    buf_done(&n->text);
    free(n);
}

static struct str name_of(const struct page_node *n)
{
    return str_make(n->name, n->name_len);
}

/* Keep the tokens of the pointer, without their escapes. */
static void set_skip(struct page_merge *m, struct str pointer)
{
    char *to = m->skip_text = xmalloc(pointer.n);

    m->skip = xcalloc(pointer.n, sizeof *m->skip);
    pointer = str_drop(pointer, 1);
    while (pointer.p) {
        size_t n = jpointer_unescape(str_split(&pointer, '/'), to);
        m->skip[m->skip_count++] = str_make(to, n);
        to += n;
    }
}

void page_merge_init(struct page_merge *m, struct str payload, struct str next, size_t max_bytes)
{
    *m = (struct page_merge){.max_bytes = max_bytes};
    if (!str_starts(next, payload))
        return;
    next = str_drop(next, payload.n);
    if (next.n > 0 && next.p[0] == '/')
        set_skip(m, next);
}

void page_merge_done(struct page_merge *m)
{
    node_free(m->root);
    free(m->skip);
    free(m->skip_text);
    *m = (struct page_merge){0};
}

/* ---- the way to the next reference ---- */

/* Of the container at place `at` of the way: the place of its child called name. */
static size_t skip_into(const struct page_merge *m, size_t at, struct str name)
{
    return at < m->skip_count && str_eq(m->skip[at], name) ? at + 1 : OFF_THE_WAY;
}

static bool is_index(struct str token, size_t index)
{
    size_t wanted;

    return jpointer_index(token, &wanted) && wanted == index;
}

static void write_value(const struct page_merge *m, struct jwriter *w, const jval *v, size_t at)
{
    bool object = jv_type(v) == JT_OBJECT;
    struct jiter it = jiter_of(v);

    if (at >= m->skip_count || (!object && jv_type(v) != JT_ARRAY)) {
        jw_value(w, v);
        return;
    }
    (object ? jw_object : jw_array)(w);
    while (jiter_next(&it)) {
        bool on = object ? str_eq(m->skip[at], it.name) : is_index(m->skip[at], it.index);

        if (on && at + 1 == m->skip_count)
            continue;
        if (object)
            jw_key_str(w, it.name);
        write_value(m, w, it.value, on ? at + 1 : OFF_THE_WAY);
    }
    (object ? jw_object_end : jw_array_end)(w);
}

/* ---- texts ---- */

static enum err over_size(const struct page_merge *m, size_t pages, struct errinfo *ei)
{
    return err_set(ei, E_POLL_SIZE,
                   "the first %zu pages together have more bytes than a payload may "
                   "have; the guard payload.maxBytes is %zu",
                   pages, m->max_bytes);
}

/* Append v's text to n's. */
static enum err put_text(struct page_merge *m, struct page_node *n, const jval *v, size_t at,
                         struct errinfo *ei)
{
    struct jwriter w = jw_begin(&n->text);

    write_value(m, &w, v, at);
    return jw_end(&w) == E_OK ? E_OK : over_size(m, m->pages + 1, ei);
}

static enum err set_value(struct page_merge *m, struct page_node *n, const jval *v, size_t at,
                          struct errinfo *ei)
{
    m->held -= n->text.len;
    buf_clear(&n->text);
    enum err err = put_text(m, n, v, at, ei);
    if (err != E_OK)
        return err;
    n->type = jv_type(v);
    m->held += n->text.len;
    return m->held > m->max_bytes ? over_size(m, m->pages + 1, ei) : E_OK;
}

/* "[1,2" and "[3]" make "[1,2,3]": the second opening bracket becomes the comma. */
static enum err append_array(struct page_merge *m, struct page_node *n, const jval *v, size_t at,
                             struct errinfo *ei)
{
    size_t before = n->text.len, joint = before - 1;

    if (before == strlen("[]"))
        return set_value(m, n, v, at, ei);
    n->text.len = joint;
    enum err err = put_text(m, n, v, at, ei);
    if (err != E_OK)
        return err;
    bool empty = n->text.len == joint + strlen("[]");
    n->text.p[joint] = empty ? ']' : ',';
    if (empty)
        n->text.len = before;
    m->held += n->text.len - before;
    return m->held > m->max_bytes ? over_size(m, m->pages + 1, ei) : E_OK;
}

/* ---- objects ---- */

static enum err add_member(struct page_merge *m, struct page_object *o, struct str name,
                           const jval *v, size_t at, struct errinfo *ei)
{
    struct page_node *n = node_new(m, name);

    n->next = NULL;
    *o->tail = n;
    o->tail = &n->next;
    o->count++;
    if (o->index.count > 0)
        map_put(&o->index, name, n);
    if (++m->members > LIMIT_MERGE_MEMBERS)
        return err_set(ei, E_POLL_SIZE, "the pages merged have objects with more than %d members",
                       LIMIT_MERGE_MEMBERS);
    m->held += name.n + strlen("\"\":");
    return set_value(m, n, v, at, ei);
}

static struct page_node *find_anywhere(struct page_object *o, struct str name)
{
    struct page_node *n = o->first;

    if (o->count < INDEX_FROM) {
        while (n && !str_eq(name_of(n), name))
            n = n->next;
        return n;
    }
    if (o->index.count == 0) {
        for (; n; n = n->next)
            map_put(&o->index, name_of(n), n);
    }
    return map_get(&o->index, name);
}

static struct page_node *find_member(struct page_object *o, struct str name)
{
    struct page_node *n = o->expected;

    if (!n || !str_eq(name_of(n), name))
        n = find_anywhere(o, name);
    if (n)
        o->expected = n->next;
    return n;
}

static enum err parse_text(const struct page_node *n, struct jdoc **ret, struct errinfo *ei)
{
    struct json_limits limits = {n->text.len, LIMIT_JSON_NODES, LIMIT_JSON_DEPTH};
    struct errinfo why = ERRINFO_INIT;

    enum err err = jdoc_parse(buf_view(&n->text), &limits, ret, &why);
    if (err != E_OK)
        return err_set(ei, E_POLL_FORMAT, "the pages cannot be merged: %s", err_text(&why, err));
    return E_OK;
}

/* Take an object apart that is text. */
static enum err open_object(struct page_merge *m, struct page_node *n, struct errinfo *ei)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    enum err err = parse_text(n, &doc, ei);
    if (err != E_OK)
        return err;
    m->held -= n->text.len;
    buf_done(&n->text);
    n->object = xcalloc(1, sizeof *n->object);
    n->object->tail = &n->object->first;
    for (struct jiter it = jiter_of(jdoc_root(doc)); jiter_next(&it) && err == E_OK;)
        err = add_member(m, n->object, it.name, it.value, OFF_THE_WAY, ei);
    return err;
}

/* ---- merging ---- */

static void put_trail(struct buf *b, const struct trail *t)
{
    if (!t)
        return;
    put_trail(b, t->up);
    jpointer_add(b, t->name);
}

static enum err mismatch(const struct page_merge *m, const struct page_node *n, const jval *v,
                         const struct trail *t, struct errinfo *ei)
{
    AUTO(buf_done) struct buf pointer = BUF_INIT;

    put_trail(&pointer, t);
    return err_set(ei, E_POLL_FORMAT,
                   "page %zu does not go with the pages before: at \"%s\" of what is merged it "
                   "has type %s, they have type %s",
                   m->pages + 1, buf_cstr(&pointer), jtype_name(jv_type(v)), jtype_name(n->type));
}

static bool is_container(enum jtype t)
{
    return t == JT_ARRAY || t == JT_OBJECT;
}

static enum err merge_object(struct page_merge *m, struct page_node *n, const jval *v, size_t at,
                             const struct trail *t, struct errinfo *ei);

static enum err merge_value(struct page_merge *m, struct page_node *n, const jval *v, size_t at,
                            const struct trail *t, struct errinfo *ei)
{
    enum jtype type = jv_type(v);

    if (type == JT_NULL && is_container(n->type))
        return E_OK;
    if (type != n->type && n->type != JT_NULL && (is_container(type) || is_container(n->type)))
        return mismatch(m, n, v, t, ei);
    if (type != n->type || !is_container(type))
        return set_value(m, n, v, at, ei);
    return type == JT_ARRAY ? append_array(m, n, v, at, ei) : merge_object(m, n, v, at, t, ei);
}

static enum err merge_object(struct page_merge *m, struct page_node *n, const jval *v, size_t at,
                             const struct trail *t, struct errinfo *ei)
{
    enum err err = n->object ? E_OK : open_object(m, n, ei);

    if (err != E_OK)
        return err;
    n->object->expected = n->object->first;
    for (struct jiter it = jiter_of(v); jiter_next(&it) && err == E_OK;) {
        struct trail below = {t, it.name};
        size_t place = skip_into(m, at, it.name);

        if (place == m->skip_count)
            continue;
        struct page_node *member = find_member(n->object, it.name);
        err = member ? merge_value(m, member, it.value, place, &below, ei)
                     : add_member(m, n->object, it.name, it.value, place, ei);
    }
    return err;
}

/* The first page was kept as it came; now that there is a second one its next reference goes. */
static enum err strip_first(struct page_merge *m, struct errinfo *ei)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    if (m->skip_count == 0)
        return E_OK;
    enum err err = parse_text(m->root, &doc, ei);
    return err == E_OK ? set_value(m, m->root, jdoc_root(doc), 0, ei) : err;
}

enum err page_merge_add(struct page_merge *m, const jval *value, struct errinfo *ei)
{
    enum err err = E_OK;

    if (m->pages == 0) {
        m->root = node_new(m, STR_NONE);
        err = set_value(m, m->root, value, OFF_THE_WAY, ei);
    } else {
        if (m->pages == 1)
            err = strip_first(m, ei);
        if (err == E_OK)
            err = merge_value(m, m->root, value, 0, NULL, ei);
    }
    if (err == E_OK)
        m->pages++;
    return err;
}

/* ---- the result ---- */

static void write_node(struct jwriter *w, const struct page_node *n)
{
    if (!n->object) {
        jw_raw(w, buf_view(&n->text));
        return;
    }
    jw_object(w);
    for (const struct page_node *member = n->object->first; member; member = member->next) {
        jw_key_str(w, name_of(member));
        write_node(w, member);
    }
    jw_object_end(w);
}

enum err page_merge_finish(struct page_merge *m, struct buf *ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf text = BUF_INIT_MAX(m->max_bytes);
    struct jwriter w = jw_begin(&text);

    CHECK(m->pages > 0);
    if (m->root->object) {
        write_node(&w, m->root);
        if (jw_end(&w) != E_OK)
            return over_size(m, m->pages, ei);
    } else {
        text = m->root->text;
        m->root->text = (struct buf)BUF_INIT;
    }
    buf_done(ret);
    *ret = text;
    text = (struct buf)BUF_INIT;
    page_merge_done(m);
    return E_OK;
}
