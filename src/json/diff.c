/*
 * The walk over two documents in step: objects, operations, limits. Arrays are in diff_array.c.
 *
 * Nothing is looked at before it has to be: values are compared directly, and hashes and sizes of
 * subtrees are made only when an array has to be aligned, or a patch becomes large. Each of these
 * tables is made once per document.
 */
#include "json/diff.h"

#include "base/clock.h"
#include "json/diff_walk.h"

/* Operations or pairs between two looks at the clock. */
#define TICKS 64

/* {"op":"replace","path":"","value":} */
#define REPLACE_BYTES 35

/* ---- the path ---- */

static char *path_room(struct walk *w, size_t n)
{
    if (UNLIKELY(buf_reserve(&w->path, n) != E_OK))
        panic("a path of over %zu bytes", w->path.len);
    return w->path.p + w->path.len;
}

static size_t put_decimal(char *p, size_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    memcpy(p, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

size_t walk_down(struct walk *w, size_t index)
{
    size_t was = w->path.len;
    char *p = path_room(w, 21);

    *p = '/';
    w->path.len += 1 + put_decimal(p + 1, index);
    return was;
}

static void push_escaped(struct walk *w, struct str name)
{
    while (name.n) {
        char *p = path_room(w, STR_JSON_CHAR);
        char c = *name.p;

        if (c == '~' || c == '/') {
            memcpy(p, c == '~' ? "~0" : "~1", 2);
            w->path.len += 2;
            name = str_drop(name, 1);
        } else {
            w->path.len += str_json_char(&name, p);
        }
    }
}

static bool needs_escape(const jval *name)
{
    struct str s = jvf_text(name);

    if (!jvf_is_plain(name))
        return true;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '~' || s.p[i] == '/')
            return true;
    return false;
}

static size_t walk_down_name(struct walk *w, const jval *name)
{
    size_t was = w->path.len, n = jvf_len(name);
    char *p = path_room(w, n + 1);

    *p = '/';
    w->path.len++;
    if (UNLIKELY(needs_escape(name))) {
        push_escaped(w, jvf_text(name));
        return was;
    }
    memcpy(p + 1, name->uni.str, n);
    w->path.len += n;
    return was;
}

/* ---- operations ---- */

static void tick(struct walk *w)
{
    if (w->deadline != TIME_NEVER && ++w->ticks % TICKS == 0 && clock_now() > w->deadline)
        w->hurry = true;
}

static inline char *copy(char *to, const char *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}
#define COPY(to, literal) copy(to, literal, sizeof(literal) - 1)

/* Only the text; false when the buffer is full. */
static bool write_operation(struct walk *w, struct str head, const jval *value)
{
    struct buf *out = w->out;

    if (buf_reserve(out, head.n + w->path.len + 16) != E_OK)
        return false;

    char *p = out->p + out->len;

    if (out->len > w->start + 1)
        *p++ = ',';
    p = copy(p, head.p, head.n);
    p = copy(p, w->path.p, w->path.len);
    p = value ? COPY(p, "\",\"value\":") : COPY(p, "\"");
    out->len = (size_t)(p - out->p);
    return (!value || jvf_write(value, out)) && buf_try_append(out, "}", 1) == E_OK;
}

static void count_operation(struct walk *w, bool written)
{
    const struct jdiff_options *opt = w->opt;

    w->res.ops++;
    w->full = !written || (opt->max_ops && w->res.ops > opt->max_ops) ||
              (opt->max_bytes && w->out->len + 1 - w->start > opt->max_bytes);
    tick(w);
}

static void operation(struct walk *w, struct str head, const jval *value)
{
    if (!w->full)
        count_operation(w, write_operation(w, head, value));
}

#define HEAD_REPLACE STR("{\"op\":\"replace\",\"path\":\"")

void walk_replace(struct walk *w, const jval *value)
{
    operation(w, HEAD_REPLACE, value);
}

void walk_add(struct walk *w, const jval *value)
{
    operation(w, STR("{\"op\":\"add\",\"path\":\""), value);
}

void walk_remove(struct walk *w)
{
    operation(w, STR("{\"op\":\"remove\",\"path\":\""), NULL);
}

void walk_move(struct walk *w, size_t from, size_t to)
{
    struct buf *out = w->out;

    if (w->full)
        return;
    if (buf_reserve(out, 2 * w->path.len + 96) != E_OK) {
        count_operation(w, false);
        return;
    }
    char *p = out->p + out->len;

    if (out->len > w->start + 1)
        *p++ = ',';
    p = COPY(p, "{\"op\":\"move\",\"from\":\"");
    p = copy(p, w->path.p, w->path.len);
    *p++ = '/';
    p += put_decimal(p, from);
    p = COPY(p, "\",\"path\":\"");
    p = copy(p, w->path.p, w->path.len);
    *p++ = '/';
    p += put_decimal(p, to);
    p = COPY(p, "\"}");
    out->len = (size_t)(p - out->p);
    count_operation(w, true);
}

/* ---- replacing a whole pair where that is smaller, or the only way within the limits ---- */

/* Bytes that each slot takes at least, with the comma or colon behind it, summed up. Escapes are not
 * counted, and containers as if empty ones needed no comma. */
static void make_sizes(struct walk *w)
{
    static const unsigned char fixed[8] = {
        [YYJSON_TYPE_RAW] = 1,  [YYJSON_TYPE_STR] = 3, [YYJSON_TYPE_NULL] = 5,
        [YYJSON_TYPE_BOOL] = 5, [YYJSON_TYPE_ARR] = 2, [YYJSON_TYPE_OBJ] = 2,
    };
    size_t n = jvf_span(w->after), sum = 0;

    w->after_sizes = jpool_get((n + 1) * sizeof *w->after_sizes);
    for (size_t i = 0; i < n; i++) {
        const jval *v = w->after + i;

        w->after_sizes[i] = sum;
        sum += fixed[jvf_kind(v)] + (jvf_has_text(v) ? jvf_len(v) : 0);
    }
    w->after_sizes[n] = sum;
}

/* Could replacing the pair by b take less than `bytes`? */
static bool replace_may_be_below(struct walk *w, const jval *b, size_t bytes)
{
    size_t fixed = REPLACE_BYTES + w->path.len, span = jvf_span(b);
    const size_t *sizes;

    if (bytes <= fixed + 2 * span) /* every slot takes two at least */
        return false;
    if (!w->after_sizes)
        make_sizes(w);
    sizes = w->after_sizes + (b - w->after);
    return fixed + sizes[span] - sizes[0] - 1 < bytes;
}

/* What the patch was when the walk came to a pair. */
struct mark {
    size_t len, ops, coarse;
};

static void go_back(struct walk *w, const struct mark *m)
{
    w->out->len = m->len;
    w->res.ops = m->ops;
    w->res.coarse = m->coarse;
    w->full = false;
}

/* Writes the replacement behind the operations of the pair and keeps the shorter of the two. */
static void keep_shorter(struct walk *w, const jval *b, const struct mark *m)
{
    struct buf *out = w->out;
    size_t end = out->len, fine = end - m->len;
    size_t skip = m->len == w->start + 1; /* the comma, where it would be the first operation */

    if (!write_operation(w, HEAD_REPLACE, b) || out->len - end - skip >= fine) {
        out->len = end;
        return;
    }
    size_t coarse = out->len - end - skip;

    memmove(out->p + m->len, out->p + end + skip, coarse);
    go_back(w, m);
    out->len = m->len + coarse;
    w->res.ops++;
    w->res.coarse++;
}

/* A limit was hit within the pair: one operation for all of it may still fit. */
static void fall_back(struct walk *w, const jval *b, const struct mark *m)
{
    size_t max = w->opt->max_bytes, used = m->len - w->start;

    go_back(w, m);
    if (max && (used >= max || !replace_may_be_below(w, b, max - used))) {
        w->full = true;
        return;
    }
    walk_replace(w, b);
    w->res.coarse++;
    if (w->full) {
        go_back(w, m);
        w->full = true;
    }
}

static void settle(struct walk *w, const jval *b, const struct mark *m)
{
    size_t fine = w->out->len - m->len;

    if (w->full)
        fall_back(w, b, m);
    else if (fine && replace_may_be_below(w, b, fine))
        keep_shorter(w, b, m);
}

/* ---- pairs ---- */

static bool same_scalar(const jval *a, const jval *b)
{
    if (jvf_kind(a) != jvf_kind(b))
        return false;
    if (!jvf_has_text(a))
        return a->tag == b->tag;
    return jvf_same_text(a, b) ||
           (jvf_kind(a) == JVF_NUMBER && json_number_equal(jvf_text(a), jvf_text(b)));
}

/* Most members are the same. Larger containers are found out by walking them. */
static inline bool same_at_once(const jval *a, const jval *b)
{
    if (!jvf_is_container(b))
        return same_scalar(a, b);
    return jvf_span(b) <= 16 && jvf_same_slots(a, b);
}

static void remove_members(struct walk *w, const jval *a, const jval *b)
{
    AUTO(jfinder_done) struct jfinder finder;
    const jval *name = jvf_first(a);

    jfinder_init(&finder, b);
    for (size_t left = jvf_len(a); left && !w->full; left--, name = jvf_next(name + 1)) {
        if (jfinder_find(&finder, name))
            continue;

        size_t was = walk_down_name(w, name);

        walk_remove(w);
        walk_up(w, was);
    }
}

static void walk_objects(struct walk *w, const jval *a, const jval *b, bool hashed)
{
    AUTO(jfinder_done) struct jfinder finder;
    const jval *name = jvf_first(b);
    size_t matched = 0;

    jfinder_init(&finder, a);
    for (size_t left = jvf_len(b); left && !w->full; left--, name = jvf_next(name + 1)) {
        const jval *was_there = jfinder_find(&finder, name);

        matched += was_there != NULL;
        if (was_there && same_at_once(was_there, name + 1))
            continue;

        size_t was = walk_down_name(w, name);

        if (was_there)
            walk_pair(w, was_there, name + 1, hashed);
        else
            walk_add(w, name + 1);
        walk_up(w, was);
    }
    if (matched < jvf_len(a))
        remove_members(w, a, b);
}

void walk_pair(struct walk *w, const jval *a, const jval *b, bool hashed)
{
    struct mark m = {w->out->len, w->res.ops, w->res.coarse};

    if (w->full)
        return;
    if (!jvf_is_container(b) || jvf_kind(a) != jvf_kind(b)) {
        if (!same_scalar(a, b))
            walk_replace(w, b);
        return;
    }
    tick(w);
    if (w->hurry) {
        if (!jv_equal(a, b)) {
            walk_replace(w, b);
            w->res.coarse++;
        }
        return;
    }
    if (jvf_is_object(b))
        walk_objects(w, a, b, hashed);
    else
        walk_arrays(w, a, b, hashed);
    settle(w, b, &m);
}

void jdiff(const jval *before, const jval *after, const struct jdiff_options *opt, struct buf *b,
           struct jdiff_result *ret)
{
    struct walk w = {.opt = opt, .out = b, .start = b->len, .before = before, .after = after};

    path_room(&w, 256); /* from here on there is a pointer to copy from */
    w.deadline = opt->max_us ? clock_now() + opt->max_us : TIME_NEVER;
    w.full = buf_try_append(b, "[", 1) != E_OK;
    walk_pair(&w, before, after, false);
    w.res.over = w.full || buf_try_append(b, "]", 1) != E_OK;
    w.res.equal = !w.res.over && w.res.ops == 0;
    *ret = w.res;
    buf_done(&w.path);
    jpool_put(w.before_hashes);
    jpool_put(w.after_hashes);
    jpool_put(w.after_sizes);
}
