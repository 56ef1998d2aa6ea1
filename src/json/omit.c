#include "json/omit.h"

#include "json/pointer.h"
#include "json/value_inner.h"

/* A set of patterns that are on the way is one word. */
typedef uint64_t live_set;
_Static_assert(JOMIT_MAX <= 8 * sizeof(live_set), "a bit for each pattern");

struct token {
    struct str name;
    bool any;
    bool is_index;
    size_t index;
};

struct pattern {
    struct token *tokens;
    size_t count;
};

struct jomit {
    struct arena arena;
    size_t count;
    struct pattern patterns[JOMIT_MAX];
};

/* ---- the set ---- */

static struct token compile_token(struct arena *a, struct str text)
{
    char *name = arena_alloc(a, text.n + 1);
    struct token t = {.any = str_eqz(text, "*")};

    t.name = str_make(name, jpointer_unescape(text, name));
    t.is_index = jpointer_index(text, &t.index);
    return t;
}

static struct pattern compile(struct arena *a, struct str pointer)
{
    struct str rest = str_drop(pointer, MIN(pointer.n, (size_t)1));
    struct pattern p = {.count = 0};

    for (size_t i = 0; i < pointer.n; i++)
        p.count += pointer.p[i] == '/';
    p.tokens = arena_alloc(a, (p.count + 1) * sizeof *p.tokens);
    for (size_t i = 0; i < p.count; i++)
        p.tokens[i] = compile_token(a, str_split(&rest, '/'));
    return p;
}

struct jomit *jomit_new(char *const *patterns, size_t count)
{
    struct jomit *o = xcalloc(1, sizeof *o);

    CHECK(count <= JOMIT_MAX);
    for (size_t i = 0; i < count; i++)
        o->patterns[o->count++] = compile(&o->arena, str_of(patterns[i]));
    return o;
}

void jomit_free(struct jomit *o)
{
    if (!o)
        return;
    arena_done(&o->arena);
    free(o);
}

/* ---- the walk ---- */

/* A member (name) or element (name NULL) of a container at this depth. */
struct place {
    size_t depth;
    const jval *name;
    size_t index;
};

static bool matches(const struct token *t, const struct place *at)
{
    if (t->any)
        return true;
    if (at->name)
        return str_eq(t->name, jvf_text(at->name));
    return t->is_index && t->index == at->index;
}

/* Which of the live patterns go on below the place; *ret_end: one ends there, it is left out. */
static live_set step(const struct jomit *o, live_set live, const struct place *at, bool *ret_end)
{
    live_set on = 0;

    *ret_end = false;
    for (; live && !*ret_end; live &= live - 1) {
        size_t i = (size_t)__builtin_ctzll(live);

        if (!matches(&o->patterns[i].tokens[at->depth], at))
            continue;
        if (at->depth + 1 == o->patterns[i].count)
            *ret_end = true;
        else
            on |= (live_set)1 << i;
    }
    return on;
}

/* Goes over what is kept of a container. */
struct kept {
    struct place place; /* of value, when kept_next() was true */
    const jval *value;
    live_set on; /* patterns that go on below it */
    const jval *next;
    size_t left;
    bool object;
};

static struct kept kept_of(const jval *container, size_t depth)
{
    return (struct kept){
        .place = {.depth = depth, .index = SIZE_MAX},
        .next = jvf_first(container),
        .left = jvf_len(container),
        .object = jvf_is_object(container),
    };
}

static bool kept_next(struct kept *k, const struct jomit *o, live_set live)
{
    bool end = true;

    while (k->left && end) {
        k->left--;
        k->place.index++;
        if (k->object)
            k->place.name = k->next++;
        k->value = k->next;
        k->next = jvf_next(k->value);
        k->on = step(o, live, &k->place, &end);
    }
    return !end;
}

/* The patterns that go on below the root; *ret_end: it is selected itself. */
static live_set begin(const struct jomit *o, bool *ret_end)
{
    live_set live = 0;

    *ret_end = false;
    for (size_t i = 0; i < o->count; i++) {
        live |= (live_set)1 << i;
        *ret_end |= o->patterns[i].count == 0;
    }
    return live;
}

/* ---- text ---- */

static bool put_char(struct buf *b, char c)
{
    return buf_try_append(b, &c, 1) == E_OK;
}

/* The recursion is as deep as the document at most. */
static bool put(const struct jomit *o, live_set live, size_t depth, const jval *v, struct buf *b)
{
    bool object = jvf_is_object(v), comma = false;

    if (!live || !jvf_is_container(v))
        return jvf_write(v, b);
    if (!put_char(b, object ? '{' : '['))
        return false;
    for (struct kept k = kept_of(v, depth); kept_next(&k, o, live); comma = true) {
        if (comma && !put_char(b, ','))
            return false;
        if (object && !(jvf_write(k.place.name, b) && put_char(b, ':')))
            return false;
        if (!put(o, k.on, depth + 1, k.value, b))
            return false;
    }
    return put_char(b, object ? '}' : ']');
}

enum err jomit_write(const struct jomit *o, const jval *v, struct buf *b)
{
    size_t was = b->len;
    bool end;
    live_set live = begin(o, &end);

    if (end || put(o, live, 0, v, b))
        return E_OK;
    b->len = was;
    return E_LIMIT;
}

/* ---- equal ---- */

enum verdict { EQUAL, DIFFERENT, UNSURE };

/* Side by side, as far as members stand in the same order; where they do not: UNSURE. */
static enum verdict compare(const struct jomit *o, live_set live, size_t depth, const jval *a,
                            const jval *b)
{
    enum verdict all = EQUAL;

    if (!live || !jvf_is_container(a) || jvf_kind(a) != jvf_kind(b))
        return jvf_same_slots(a, b) || jv_equal(a, b) ? EQUAL : DIFFERENT;

    struct kept ka = kept_of(a, depth), kb = kept_of(b, depth);

    for (;;) {
        bool more = kept_next(&ka, o, live);

        if (kept_next(&kb, o, live) != more)
            return DIFFERENT;
        if (!more)
            return all;
        if (ka.object && !jvf_same_text(ka.place.name, kb.place.name))
            return UNSURE;
        enum verdict one = compare(o, ka.on, depth + 1, ka.value, kb.value);
        if (one == DIFFERENT)
            return DIFFERENT;
        if (one == UNSURE)
            all = UNSURE;
    }
}

static bool equal_texts(struct str a, struct str b)
{
    AUTO(jdoc_freep) struct jdoc *da = NULL;
    AUTO(jdoc_freep) struct jdoc *db = NULL;

    return jdoc_parse(a, NULL, &da, NULL) == E_OK && jdoc_parse(b, NULL, &db, NULL) == E_OK &&
           jv_equal(jdoc_root(da), jdoc_root(db));
}

bool jomit_equal(const struct jomit *o, const jval *a, const jval *b)
{
    AUTO(buf_done) struct buf text_a = BUF_INIT;
    AUTO(buf_done) struct buf text_b = BUF_INIT;
    bool end;
    live_set live = begin(o, &end);

    if (end)
        return true;
    enum verdict v = compare(o, live, 0, a, b);
    if (v != UNSURE)
        return v == EQUAL;
    return jomit_write(o, a, &text_a) == E_OK && jomit_write(o, b, &text_b) == E_OK &&
           equal_texts(buf_view(&text_a), buf_view(&text_b));
}
