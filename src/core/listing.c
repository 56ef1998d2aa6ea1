/*
 * The steps of a listing: walk over the topics by name, keeping what matches; sort, where another
 * order is asked for; give the page; let go of what was kept. Each step works until its slice is
 * over or it has no more to do, and then names the next.
 */
#include "core/listing.h"

#include "core/processor.h"

/* Of a turn, for all listings of a loop together. */
#define SLICE_US (5 * US_PER_MS)
/* The clock is read once for so many topics. */
#define STRIDE 16

struct listing_entry {
    struct topic_conf *conf; /* a reference */
    uint64_t first;          /* orders by the first key as far as it can: most are decided by it */
};

static const char *const field_names[] = {
    [LISTING_NAME] = "name",
    [LISTING_CREATED] = "createTimestamp",
    [LISTING_MODIFIED] = "modifyTimestamp",
    [LISTING_PUBLISHER] = "publisher.type",
    [LISTING_PAYLOAD] = "publisher.payload.type",
};

bool listing_field_parse(struct str name, enum listing_field *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(field_names); i++) {
        if (str_eqz(name, field_names[i])) {
            *ret = (enum listing_field)i;
            return true;
        }
    }
    return false;
}

const char *listing_field_names(void)
{
    return "name, createTimestamp, modifyTimestamp, publisher.type, publisher.payload.type";
}

/* ---- slices ---- */

struct slice {
    int64_t end;
    unsigned done;
};
static __thread struct slice slice;

static bool is_slice_over(void)
{
    return ++slice.done % STRIDE == 0 && clock_now() >= slice.end;
}

/* ---- order ---- */

static const char *field_text(const struct topic_conf *c, enum listing_field field)
{
    if (field == LISTING_NAME)
        return c->name;
    return field == LISTING_PUBLISHER ? c->processor->type : payload_type_name(c->payload);
}

static bool is_time(enum listing_field field)
{
    return field == LISTING_CREATED || field == LISTING_MODIFIED;
}

static int64_t field_time(const struct topic_conf *c, enum listing_field field)
{
    return field == LISTING_CREATED ? c->created_wall : c->modified_wall;
}

static uint64_t first_of(const struct topic_conf *c, enum listing_field field)
{
    const char *text;
    uint64_t first = 0;

    if (is_time(field))
        return (uint64_t)field_time(c, field) ^ UINT64_C(1) << 63;
    text = field_text(c, field);
    for (int i = 0; i < 8; i++) {
        first = first << 8 | (unsigned char)*text;
        text += *text != '\0';
    }
    return first;
}

static int compare_field(const struct topic_conf *a, const struct topic_conf *b,
                         enum listing_field field)
{
    if (!is_time(field))
        return strcmp(field_text(a, field), field_text(b, field));
    int64_t x = field_time(a, field), y = field_time(b, field);

    return x < y ? -1 : x > y;
}

static int compare(const struct listing *l, const struct listing_entry *a,
                   const struct listing_entry *b)
{
    int c = a->first < b->first ? -1 : a->first > b->first;

    for (size_t i = 0; c == 0 && i < l->key_count; i++) {
        c = compare_field(a->conf, b->conf, l->keys[i].field);
        if (c)
            return l->keys[i].descending ? -c : c;
    }
    return l->keys[0].descending ? -c : c;
}

/* By name alone: that is how the walk finds them. */
static bool is_by_name(const struct listing *l)
{
    return l->key_count == 0 || l->keys[0].field == LISTING_NAME;
}

static bool is_backward(const struct listing *l)
{
    return l->key_count > 0 && is_by_name(l) && l->keys[0].descending;
}

/* ---- let go ---- */

static bool step_release(struct listing *l)
{
    while (l->count > 0) {
        topic_conf_unref(l->entries[--l->count].conf);
        if (is_slice_over())
            return false;
    }
    topic_conf_unrefp(&l->cursor);
    free(TAKE(l->entries));
    free(TAKE(l->room));
    buf_done(&l->text);
    l->step = NULL;
    return true;
}

/* ---- the page ---- */

static bool step_page(struct listing *l)
{
    while (l->at < l->end) {
        l->item(l, l->entries[l->at++].conf);
        if (is_slice_over())
            return false;
    }
    l->step = step_release;
    return true;
}

/* What was found by name is the page; what was sorted is all that matches. */
static bool begin_page(struct listing *l)
{
    l->at = is_by_name(l) ? 0 : (size_t)MIN(l->skip, (uint64_t)l->count);
    l->end = l->at + MIN(l->most, l->count - l->at);
    l->step = step_page;
    return true;
}

/* ---- sort ---- */

/* Merge the two sorted runs at l->at, each of l->width or what there is. Stable. */
static void merge(struct listing *l)
{
    size_t a = l->at, a_end = MIN(a + l->width, l->count);
    size_t b = a_end, b_end = MIN(b + l->width, l->count);

    for (size_t to = l->at; to < b_end; to++) {
        bool second = a == a_end || (b < b_end && compare(l, &l->entries[b], &l->entries[a]) < 0);

        l->room[to] = l->entries[second ? b++ : a++];
    }
    l->at = b_end;
}

static bool step_sort(struct listing *l)
{
    while (l->width < l->count) {
        while (l->at < l->count) {
            merge(l);
            if (clock_now() >= slice.end)
                return false;
        }
        struct listing_entry *sorted = l->room;
        l->room = l->entries;
        l->entries = sorted;
        l->at = 0;
        l->width *= 2;
    }
    return begin_page(l);
}

static bool begin_sort(struct listing *l)
{
    if (is_by_name(l))
        return begin_page(l);
    l->room = xcalloc(MAX(l->count, (size_t)1), sizeof *l->room);
    l->at = 0;
    l->width = 1;
    l->step = step_sort;
    return true;
}

/* ---- walk ---- */

static bool is_wanted(struct listing *l, const struct topic_conf *c)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    if (!l->search)
        return true;
    buf_clear(&l->text);
    struct jwriter w = jw_begin(&l->text);
    topic_conf_write_plain(c, &w);
    CHECK(jw_end(&w) == E_OK);
    CHECK(jdoc_parse(buf_view(&l->text), NULL, &doc, NULL) == E_OK);
    return search_matches(l->search, jdoc_root(doc));
}

static void keep(struct listing *l, struct topic_conf *c)
{
    if (l->count == l->cap) {
        l->cap = MAX(l->cap * 2, (size_t)64);
        l->entries = xrealloc(l->entries, l->cap * sizeof *l->entries);
    }
    l->entries[l->count++] =
        (struct listing_entry){topic_conf_ref(c), l->key_count ? first_of(c, l->keys[0].field) : 0};
}

/* Without a search the page is where it is in the order of names. */
static bool take_page(struct listing *l)
{
    const struct name_order *o = &l->shard->order;

    l->total = o->count;
    for (uint64_t i = l->skip; i < o->count && l->count < l->most; i++)
        keep(l, o->items[is_backward(l) ? o->count - 1 - i : i]);
    return begin_page(l);
}

/* The topic behind the cursor, as the order is now; NULL: none. */
static struct topic_conf *next_topic(const struct listing *l, size_t *at)
{
    const struct name_order *o = &l->shard->order;

    if (is_backward(l))
        return *at > 0 ? o->items[--*at] : NULL;
    return *at < o->count ? o->items[(*at)++] : NULL;
}

/* Where the walk goes on: topics may have come and gone since the last slice. */
static size_t walk_place(const struct listing *l)
{
    const struct name_order *o = &l->shard->order;

    if (!l->cursor)
        return is_backward(l) ? o->count : 0;
    size_t at = name_order_place(o, l->cursor);
    bool there = at < o->count && strcmp(o->items[at]->id, l->cursor->id) == 0;

    return at + (there && !is_backward(l));
}

static void set_cursor(struct listing *l, struct topic_conf *c)
{
    topic_conf_unref(l->cursor);
    l->cursor = topic_conf_ref(c);
}

static bool step_walk(struct listing *l)
{
    struct topic_conf *c;

    if (!l->search && is_by_name(l))
        return take_page(l);
    for (size_t at = walk_place(l); (c = next_topic(l, &at));) {
        if (is_wanted(l, c)) {
            if (!is_by_name(l) || (l->total >= l->skip && l->count < l->most))
                keep(l, c);
            l->total++;
        }
        if (is_slice_over()) {
            set_cursor(l, c);
            return false;
        }
    }
    return begin_sort(l);
}

/* ---- turns ---- */

/* Returns true when it has ended. */
static bool run(struct listing *l)
{
    if (l->cancelled)
        l->step = step_release;
    while (l->step) {
        if (!l->step(l))
            return false;
    }
    return true;
}

static void on_turn(struct deferred *d, void *arg)
{
    struct shard *sh = arg;

    slice = (struct slice){.end = clock_now() + SLICE_US};
    do {
        struct listing *l = LIST_ITEM(list_pop(&sh->listings), struct listing, link);

        if (run(l)) {
            sh->listing_count--;
            l->done(l);
        } else {
            list_append(&sh->listings, &l->link);
        }
    } while (!list_empty(&sh->listings) && clock_now() < slice.end);
    if (!list_empty(&sh->listings))
        loop_defer(sh->loop, d);
}

void listing_init(struct shard *sh)
{
    list_init(&sh->listings);
    deferred_init(&sh->listing_turn, on_turn, sh);
}

enum err listing_start(struct shard *sh, struct listing *l, struct errinfo *ei)
{
    if (sh->listing_count >= LIMIT_LISTINGS)
        return err_set(ei, E_TOO_MANY, "%d lists of topics are being made already", LIMIT_LISTINGS);
    if (!sh->order.sorted)
        name_order_sort(&sh->order);
    l->shard = sh;
    l->step = step_walk;
    list_append(&sh->listings, &l->link);
    sh->listing_count++;
    loop_defer(sh->loop, &sh->listing_turn);
    return E_OK;
}

void listing_cancel(struct listing *l)
{
    l->cancelled = true;
}

void listing_end_all(struct shard *sh)
{
    struct list *n;

    slice.end = INT64_MAX;
    while ((n = list_pop(&sh->listings))) {
        struct listing *l = LIST_ITEM(n, struct listing, link);

        listing_cancel(l);
        CHECK(run(l));
        l->done(l);
    }
    sh->listing_count = 0;
    deferred_cancel(&sh->listing_turn);
}
