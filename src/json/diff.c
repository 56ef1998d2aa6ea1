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
    n += JVF_PAD;
    if (UNLIKELY(w->path.cap - w->path.len < n) && buf_reserve(&w->path, n) != E_OK)
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

size_t walk_down_end(struct walk *w, size_t count)
{
    size_t was = w->path.len;
    char *p;

    if (count < 10)
        return walk_down(w, count);
    p = path_room(w, 2);
    p[0] = '/';
    p[1] = '-';
    w->path.len += 2;
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

static inline bool has_byte(uint64_t word, char c)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t zero_where = word ^ ones * (unsigned char)c;

    return ((zero_where - ones) & ~zero_where & ones << 7) != 0;
}

static bool needs_escape(const jval *name)
{
    const char *p = name->uni.str;
    size_t n = jvf_len(name);

    if (!jvf_is_plain(name))
        return true;
    for (; n >= 8; n -= 8, p += 8)
        if (has_byte(jvf_load8(p), '~') || has_byte(jvf_load8(p), '/'))
            return true;
    return has_byte(jvf_head(p, n), '~') || has_byte(jvf_head(p, n), '/');
}

size_t walk_down_name(struct walk *w, const jval *name)
{
    size_t was = w->path.len, n = jvf_len(name);
    char *p = path_room(w, n + 1);

    *p = '/';
    w->path.len++;
    if (UNLIKELY(needs_escape(name))) {
        push_escaped(w, jvf_text(name));
        return was;
    }
    jvf_copy(p + 1, name->uni.str, n);
    w->path.len += n;
    return was;
}

/* ---- operations ---- */

static void look_at_clock(struct walk *w)
{
    if (w->deadline != TIME_NEVER && clock_now() > w->deadline)
        w->hurry = true;
}

static void tick(struct walk *w)
{
    if (++w->ticks % TICKS == 0)
        look_at_clock(w);
}

bool walk_is_late(struct walk *w)
{
    tick(w);
    return w->hurry;
}

/* The text in front of a path, with a comma; what follows its end is copied with it. */
#define HEAD_BYTES 32
struct head {
    char text[1 + HEAD_BYTES];
    size_t n;
};
#define HEAD(op)                                                                                   \
    {                                                                                              \
        ",{\"op\":\"" op "\",\"path\":\"", sizeof(",{\"op\":\"" op "\",\"path\":\"") - 1           \
    }

static const struct head head_add = HEAD("add"), head_remove = HEAD("remove"),
                         head_replace = HEAD("replace");

/* Only the text; false when the buffer is full. */
static inline bool write_operation(struct walk *w, const struct head *head, const jval *value)
{
    struct buf *out = w->out;
    bool first = out->len == w->start + 1;
    bool text = value && jvf_is_verbatim(value);
    size_t need = HEAD_BYTES + w->path.len + (text ? jvf_len(value) : 0) + 4 * JVF_PAD;

    if (UNLIKELY(out->cap - out->len < need) && buf_reserve(out, need) != E_OK)
        return false;

    char *p = out->p + out->len;

    memcpy(p, head->text + first, HEAD_BYTES);
    p = jvf_copy(p + head->n - first, w->path.p, w->path.len);
    if (text) {
        memcpy(p, "\",\"value\":", 10);
        p = jvf_put_verbatim(p + 10, value);
        *p++ = '}';
        out->len = (size_t)(p - out->p);
        return true;
    }
    memcpy(p, value ? "\",\"value\":" : "\"}\0\0\0\0\0\0\0\0", 10);
    out->len = (size_t)(p - out->p) + (value ? 10 : 2);
    return !value || (jvf_write(value, out) && buf_try_append(out, "}", 1) == E_OK);
}

static inline void count_operation(struct walk *w, bool written)
{
    w->res.ops++;
    w->full = !written || w->res.ops > w->max_ops || w->out->len > w->max_len;
    tick(w);
}

void walk_replace(struct walk *w, const jval *value)
{
    if (!w->full)
        count_operation(w, write_operation(w, &head_replace, value));
}

void walk_add(struct walk *w, const jval *value)
{
    if (!w->full)
        count_operation(w, write_operation(w, &head_add, value));
}

void walk_remove(struct walk *w)
{
    if (!w->full)
        count_operation(w, write_operation(w, &head_remove, NULL));
}

void walk_move(struct walk *w, size_t from, size_t to)
{
    struct buf *out = w->out;

    if (w->full)
        return;
    if (buf_reserve(out, 2 * w->path.len + 96 + JVF_PAD) != E_OK) {
        count_operation(w, false);
        return;
    }
    char *p = out->p + out->len;

    if (out->len > w->start + 1)
        *p++ = ',';
    p = mempcpy(p, "{\"op\":\"move\",\"from\":\"", 21);
    p = jvf_copy(p, w->path.p, w->path.len);
    *p++ = '/';
    p += put_decimal(p, from);
    p = mempcpy(p, "\",\"path\":\"", 10);
    p = jvf_copy(p, w->path.p, w->path.len);
    *p++ = '/';
    p += put_decimal(p, to);
    p = mempcpy(p, "\"}", 2);
    out->len = (size_t)(p - out->p);
    count_operation(w, true);
}

/* ---- replacing a whole pair where that is smaller, or the only way within the limits ---- */

/* Bytes that a slot takes at least, with the comma or colon behind it. Escapes are not counted, and
 * containers as if empty ones needed no comma. */
static inline size_t least_bytes(const jval *v)
{
    static const unsigned char fixed[8] = {
        [YYJSON_TYPE_RAW] = 1,  [YYJSON_TYPE_STR] = 3, [YYJSON_TYPE_NULL] = 5,
        [YYJSON_TYPE_BOOL] = 5, [YYJSON_TYPE_ARR] = 2, [YYJSON_TYPE_OBJ] = 2,
    };

    return fixed[jvf_kind(v)] + (jvf_has_text(v) ? jvf_len(v) : 0);
}

/* What each slot takes at least, summed up. */
static void make_sizes(struct walk *w)
{
    size_t n = jvf_span(w->after), sum = 0;

    w->after_sizes = jpool_get((n + 1) * sizeof *w->after_sizes);
    for (size_t i = 0; i < n; i++) {
        w->after_sizes[i] = sum;
        sum += least_bytes(w->after + i);
    }
    w->after_sizes[n] = sum;
}

/* Does b take less than so many bytes, as far as can be told without writing it? Adding up ends where
 * it is too much; when that was done for as many slots as there are, the sums are made once for all. */
static bool takes_below(struct walk *w, const jval *b, size_t bytes)
{
    size_t span = jvf_span(b), sum = 0, i = 0;

    if (!w->after_sizes && w->summed > jvf_span(w->after))
        make_sizes(w);
    if (w->after_sizes) {
        const size_t *sizes = w->after_sizes + (b - w->after);

        return sizes[span] - sizes[0] < bytes;
    }
    while (i < span && sum < bytes)
        sum += least_bytes(b + i++);
    w->summed += i;
    return sum < bytes;
}

/* Could replacing the pair by b take less than `bytes`? */
static bool replace_may_be_below(struct walk *w, const jval *b, size_t bytes)
{
    size_t fixed = REPLACE_BYTES + w->path.len;

    if (bytes <= fixed + 2 * jvf_span(b)) /* every slot takes two at least */
        return false;
    return takes_below(w, b, bytes - fixed + 1);
}

struct walk_mark walk_mark_of(const struct walk *w)
{
    return (struct walk_mark){w->out->len, w->res.ops, w->res.coarse};
}

static void go_back(struct walk *w, const struct walk_mark *m)
{
    w->out->len = m->len;
    w->res.ops = m->ops;
    w->res.coarse = m->coarse;
    w->full = false;
}

/* Bytes that are not needed of what was written behind the operations of the pair: the comma, where
 * it becomes the first. */
static size_t needless(const struct walk *w, const struct walk_mark *m)
{
    return m->len == w->start + 1;
}

/* What was written behind the operations of the pair, which end at `end`, takes their place. */
static void put_in_place(struct walk *w, const struct walk_mark *m, size_t end)
{
    struct buf *out = w->out;
    size_t from = end + needless(w, m), n = out->len - from;

    memmove(out->p + m->len, out->p + from, n);
    out->len = m->len + n;
}

/* Writes the replacement behind the operations of the pair and keeps the shorter of the two. */
static void keep_shorter(struct walk *w, const jval *b, const struct walk_mark *m)
{
    struct buf *out = w->out;
    size_t end = out->len;

    if (!write_operation(w, &head_replace, b) || out->len - end - needless(w, m) >= end - m->len) {
        out->len = end;
        look_at_clock(w); /* all that was written in vain, and may be at every level */
        return;
    }
    put_in_place(w, m, end);
    w->res.ops = m->ops + 1;
    w->res.coarse = m->coarse + 1;
}

/* A limit was hit within the pair: one operation for all of it may still fit. */
static void fall_back(struct walk *w, const jval *b, const struct walk_mark *m)
{
    go_back(w, m);
    if (m->len >= w->max_len || !replace_may_be_below(w, b, w->max_len - m->len + 1)) {
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

static void settle(struct walk *w, const jval *b, const struct walk_mark *m)
{
    size_t fine = w->out->len - m->len;

    if (w->full)
        fall_back(w, b, m);
    else if (fine && !w->hurry && replace_may_be_below(w, b, fine))
        keep_shorter(w, b, m);
}

void walk_settle(struct walk *w, const jval *b, const struct walk_mark *m, size_t least)
{
    if (w->full || least + REPLACE_BYTES + w->path.len <= w->out->len - m->len)
        settle(w, b, m);
}

/* Arrays of which elements were found elsewhere: the same once more, with every element compared with
 * the one in its place, and the shorter of the two is kept. So no patch is longer than those of who
 * compares by place only. It ends as soon as it is not shorter, which is soon as a rule. */
static void try_by_place(struct walk *w, const jval *a, const jval *b, const struct walk_mark *m)
{
    struct walk_mark aligned = walk_mark_of(w);
    size_t max_len = w->max_len;

    if (w->full || w->hurry || aligned.len == m->len)
        return;
    w->max_len = 2 * aligned.len - m->len + needless(w, m) - 1;
    w->res.ops = m->ops;
    w->res.coarse = m->coarse;
    w->by_place = true;
    walk_arrays(w, a, b, false);
    w->by_place = false;
    w->max_len = max_len;
    if (w->full || w->hurry)
        go_back(w, &aligned);
    else
        put_in_place(w, m, aligned.len);
}

/* ---- pairs ---- */

/* Most members are the same. Larger containers are found out by walking them. */
static inline bool same_at_once(const jval *a, const jval *b)
{
    if (!jvf_is_container(b))
        return walk_same_scalar(a, b);
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

        if (!was_there)
            walk_add(w, name + 1);
        else if (jvf_is_container(name + 1))
            walk_pair(w, was_there, name + 1, hashed);
        else
            walk_replace(w, name + 1);
        walk_up(w, was);
    }
    if (matched < jvf_len(a))
        remove_members(w, a, b);
}

/* Time is up: what differs is replaced. */
static void walk_hurried(struct walk *w, const jval *a, const jval *b)
{
    if (jv_equal(a, b))
        return;
    walk_replace(w, b);
    w->res.coarse++;
}

void walk_pair(struct walk *w, const jval *a, const jval *b, bool hashed)
{
    struct walk_mark m = walk_mark_of(w);
    bool aligned = false;

    if (w->full)
        return;
    if (!jvf_is_container(b) || jvf_kind(a) != jvf_kind(b)) {
        if (!walk_same_scalar(a, b))
            walk_replace(w, b);
        return;
    }
    if (walk_is_late(w)) {
        walk_hurried(w, a, b);
        return;
    }
    if (jvf_is_object(b))
        walk_objects(w, a, b, hashed);
    else
        aligned = walk_arrays(w, a, b, hashed);
    if (!w->by_place)
        settle(w, b, &m);
    if (aligned)
        try_by_place(w, a, b, &m);
}

/* ---- the whole ---- */

static void start_clock(struct walk *w)
{
    w->deadline = w->opt->max_us ? clock_now() + w->opt->max_us : TIME_NEVER;
    w->hurry = false;
    w->ticks = 0;
}

void walk_begin(struct walk *w, const jval *after, const struct jdiff_options *opt, struct buf *b)
{
    *w = (struct walk){.opt = opt, .out = b, .start = b->len, .after = after};
    path_room(w, 256); /* from here on there is a pointer to copy from */
    w->max_ops = opt->max_ops ? opt->max_ops : SIZE_MAX;
    w->max_len = opt->max_bytes ? w->start + opt->max_bytes - 1 : SIZE_MAX / 4;
    w->full = buf_try_append(b, "[", 1) != E_OK;
    start_clock(w);
}

void walk_begin_again(struct walk *w)
{
    w->out->len = MIN(w->out->len, w->start + 1);
    w->full = w->out->len == w->start; /* not even the bracket fits */
    w->res = (struct jdiff_result){0};
    w->path.len = 0;
    start_clock(w);
}

void walk_both(struct walk *w, const jval *before)
{
    w->before = before;
    walk_pair(w, before, w->after, false);
}

void walk_end(struct walk *w, struct jdiff_result *ret)
{
    w->res.over = w->full || buf_try_append(w->out, "]", 1) != E_OK;
    w->res.equal = !w->res.over && w->res.ops == 0;
    *ret = w->res;
    buf_done(&w->path);
    jpool_put(w->before_hashes);
    jpool_put(w->after_hashes);
    jpool_put(w->after_sizes);
}

void jdiff(const jval *before, const jval *after, const struct jdiff_options *opt, struct buf *b,
           struct jdiff_result *ret)
{
    struct walk w;

    walk_begin(&w, after, opt, b);
    walk_both(&w, before);
    walk_end(&w, ret);
}
