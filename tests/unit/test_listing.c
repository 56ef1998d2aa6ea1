/*
 * Listings over a directory of many topics, on a loop: pages, orders, searches, slices, changes on
 * the way. And the order of names that they walk along.
 */
#include "unit.h"

#include "core/listing.h"
#include "core/processor.h"

static const struct processor poller = {.type = "http-poller"};
static const struct processor post = {.type = "http-post"};

static struct topic_conf *conf_new(unsigned i, const char *name)
{
    struct topic_conf *c = xcalloc(1, sizeof *c);

    atomic_init(&c->refs, 1);
    snprintf(c->id, sizeof c->id, "00000000-0000-4000-8000-%012u", i);
    c->name = xstrdup(name);
    c->processor = i % 3 ? &poller : &post;
    c->payload = i % 2 ? PAYLOAD_EVENT : PAYLOAD_SNAPSHOT;
    c->created_wall = (int64_t)(i / 10) * US_PER_S;
    c->modified_wall = -c->created_wall;
    return c;
}

/* ---- the order of names ---- */

static void expect_sorted(const struct name_order *o, size_t count)
{
    assert_int_equal(o->count, count);
    for (size_t i = 1; i < o->count; i++)
        assert_true(strcmp(o->items[i - 1]->name, o->items[i]->name) <= 0);
}

static void names_stay_in_order(void **state)
{
    struct name_order o = {0};
    struct topic_conf *all[300];
    char name[16];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        snprintf(name, sizeof name, "n%u", i * 7919 % 250); /* some twice */
        all[i] = conf_new(i, name);
        if (i == 100)
            name_order_sort(&o);
        name_order_add(&o, all[i]);
    }
    expect_sorted(&o, ARRAY_LEN(all));
    for (unsigned i = 0; i < ARRAY_LEN(all); i += 2) {
        assert_ptr_equal(o.items[name_order_place(&o, all[i])], all[i]);
        name_order_remove(&o, all[i]);
        name_order_remove(&o, all[i]); /* not there any more */
    }
    expect_sorted(&o, ARRAY_LEN(all) / 2);
    for (size_t i = 0; i < o.count; i++)
        assert_int_equal((o.items[i]->id[UUID_LEN - 1] - '0') % 2, 1);
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        topic_conf_unref(all[i]);
    name_order_done(&o);
}

static void removal_before_it_is_sorted(void **state)
{
    struct name_order o = {0};
    struct topic_conf *a = conf_new(1, "b"), *b = conf_new(2, "a");

    (void)state;
    name_order_add(&o, a);
    name_order_add(&o, b);
    name_order_remove(&o, a);
    name_order_remove(&o, a);
    assert_int_equal(o.count, 1);
    name_order_sort(&o);
    assert_ptr_equal(o.items[0], b);
    topic_conf_unref(a);
    topic_conf_unref(b);
    name_order_done(&o);
}

/* ---- listings ---- */

static struct shard shard;
static unsigned pending;

struct wanted {
    struct listing listing;
    struct buf names; /* of the page, joined by blanks */
    size_t items;
    bool ended;
};

static void on_item(struct listing *l, const struct topic_conf *conf)
{
    struct wanted *w = CONTAINER_OF(l, struct wanted, listing);

    assert_false(l->cancelled);
    buf_printf(&w->names, "%s%s", w->items++ ? " " : "", conf->name);
}

static void on_done(struct listing *l)
{
    struct wanted *w = CONTAINER_OF(l, struct wanted, listing);

    assert_false(w->ended);
    w->ended = true;
    if (--pending == 0)
        loop_stop(shard.loop);
}

static void wanted_init(struct wanted *w, uint64_t skip, size_t most)
{
    *w = (struct wanted){.listing = {.skip = skip, .most = most, .item = on_item, .done = on_done}};
}

static void start(struct wanted *w)
{
    assert_int_equal(listing_start(&shard, &w->listing, NULL), E_OK);
    pending++;
}

static void run(void)
{
    loop_run(shard.loop);
    assert_int_equal(pending, 0);
    assert_int_equal(shard.listing_count, 0);
}

#define TOPICS 20000

/* Names t00000 …, in another order than they were made. */
static void open_shard(unsigned topics)
{
    char name[16];

    shard = (struct shard){.loop = loop_new(0)};
    listing_init(&shard);
    for (unsigned i = 0; i < topics; i++) {
        snprintf(name, sizeof name, "t%05u", (unsigned)((uint64_t)i * 7919 % topics));
        name_order_add(&shard.order, conf_new(i, name));
    }
}

static void close_shard(void)
{
    for (size_t i = 0; i < shard.order.count; i++) {
        assert_int_equal(shard.order.items[i]->refs, 1); /* no listing kept one */
        topic_conf_unref(shard.order.items[i]);
    }
    name_order_done(&shard.order);
    loop_free(shard.loop);
}

static void pages(void **state)
{
    static const struct {
        uint64_t skip;
        size_t most;
        bool descending;
        const char *names;
    } rows[] = {
        {0, 3, false, "t00000 t00001 t00002"},
        {0, 3, true, "t00049 t00048 t00047"},
        {3, 2, false, "t00003 t00004"},
        {48, 5, false, "t00048 t00049"},
        {48, 5, true, "t00001 t00000"},
        {50, 5, false, ""},
        {UINT64_MAX, 1, true, ""},
        {0, 0, false, ""},
    };

    (void)state;
    open_shard(50);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wanted w;

        wanted_init(&w, rows[i].skip, rows[i].most);
        w.listing.key_count = rows[i].descending;
        w.listing.keys[0] = (struct listing_key){LISTING_NAME, true};
        start(&w);
        run();
        assert_str(str_make(w.names.p ? w.names.p : "", w.names.len), rows[i].names);
        assert_int_equal(w.listing.total, 50);
        buf_done(&w.names);
    }
    close_shard();
}

static enum listing_field field_of(const char *name)
{
    enum listing_field field;

    assert_true(listing_field_parse(str_of(name), &field));
    return field;
}

/* Is a before b, as the keys say and then the names? */
static bool before(const struct listing *l, const struct topic_conf *a, const struct topic_conf *b)
{
    for (size_t i = 0; i < l->key_count; i++) {
        int64_t c = 0;

        switch (l->keys[i].field) {
        case LISTING_NAME:
            c = strcmp(a->name, b->name);
            break;
        case LISTING_CREATED:
            c = a->created_wall - b->created_wall;
            break;
        case LISTING_MODIFIED:
            c = a->modified_wall - b->modified_wall;
            break;
        case LISTING_PUBLISHER:
            c = strcmp(a->processor->type, b->processor->type);
            break;
        case LISTING_PAYLOAD:
            c = strcmp(payload_type_name(a->payload), payload_type_name(b->payload));
            break;
        }
        if (c)
            return l->keys[i].descending ? c > 0 : c < 0;
    }
    return strcmp(a->name, b->name) < 0;
}

static const struct topic_conf *last_seen;

static void on_item_in_order(struct listing *l, const struct topic_conf *conf)
{
    if (last_seen && !before(l, last_seen, conf))
        fail_msg("%s before %s", last_seen->name, conf->name);
    last_seen = conf;
    CONTAINER_OF(l, struct wanted, listing)->items++;
}

static void orders(void **state)
{
    static const char *const rows[] = {
        "createTimestamp",
        "-createTimestamp",
        "modifyTimestamp",
        "-modifyTimestamp",
        "publisher.type",
        "-publisher.type -publisher.payload.type -name",
        "-publisher.type modifyTimestamp",
        "publisher.payload.type -name",
        "name -createTimestamp",
        "publisher.payload.type publisher.type createTimestamp -name",
    };

    (void)state;
    open_shard(TOPICS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str rest = str_of(rows[i]);
        struct wanted w;

        wanted_init(&w, 0, TOPICS);
        w.listing.item = on_item_in_order;
        while (rest.p) {
            struct str word = str_split(&rest, ' ');
            bool descending = str_starts(word, STR("-"));
            AUTO_FREE char *name = str_dup(str_drop(word, descending));

            w.listing.keys[w.listing.key_count++] =
                (struct listing_key){field_of(name), descending};
        }
        last_seen = NULL;
        start(&w);
        run();
        assert_int_equal(w.items, TOPICS);
        assert_int_equal(w.listing.total, TOPICS);
    }
    close_shard();
}

static void searches(void **state)
{
    static const struct {
        const char *search;
        size_t keys;
        uint64_t total;
        const char *names;
    } rows[] = {
        {"name:t00007", 0, 1, "t00007"},
        {"name:t00007 OR name:t19999 OR name:t00100", 0, 3, "t00007 t00100"},
        {"name:t00007 OR name:t19999 OR name:t00100", 1, 3, "t19999 t00100"},
        {"publisher.type:http-post AND publisher.payload.type:snapshot AND createTimestamp:"
         "1970-01-01T00:00:00.000Z",
         0, 2, "t00000 t07514"}, /* topics 0 and 6 of the first ten */
        {"publisher.config?", 0, 0, ""},
        {"name:nobody", 2, 0, ""},
    };

    (void)state;
    open_shard(TOPICS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(search_freep) struct search *s = NULL;
        struct wanted w;

        assert_int_equal(search_parse(str_of(rows[i].search), &s, NULL), E_OK);
        wanted_init(&w, 0, 2);
        w.listing.search = s;
        w.listing.key_count = rows[i].keys;
        w.listing.keys[0] = (struct listing_key){rows[i].keys == 1 ? LISTING_NAME : LISTING_CREATED,
                                                 rows[i].keys == 1};
        start(&w);
        run();
        assert_str(str_make(w.names.p ? w.names.p : "", w.names.len), rows[i].names);
        assert_int_equal(w.listing.total, rows[i].total);
        buf_done(&w.names);
    }
    close_shard();
}

/* ---- what happens between slices ---- */

static struct deferred meddler;
static unsigned turns;

/* Each turn takes the first and the last topic, which a walk in either direction has passed or not. */
static void on_meddle(struct deferred *d, void *arg)
{
    struct name_order *o = &shard.order;

    (void)arg;
    turns++;
    for (int i = 0; i < 2 && o->count > 0; i++) {
        struct topic_conf *c = o->items[i ? o->count - 1 : 0];
        name_order_remove(o, c);
        topic_conf_unref(c);
    }
    if (pending > 0)
        loop_defer(shard.loop, d);
}

/* Other work of the loop has its turns, and several listings go on side by side. */
static void slices(void **state)
{
    AUTO(search_freep) struct search *s = NULL;
    struct wanted w[3];

    (void)state;
    open_shard(TOPICS);
    assert_int_equal(search_parse(STR("name?"), &s, NULL), E_OK);
    turns = 0;
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        wanted_init(&w[i], 1000, 1000);
        w[i].listing.search = s;
        w[i].listing.key_count = i;
        w[i].listing.keys[0] = (struct listing_key){i == 1 ? LISTING_NAME : LISTING_CREATED, true};
        start(&w[i]);
    }
    deferred_init(&meddler, on_meddle, NULL);
    loop_defer(shard.loop, &meddler);
    run();
    deferred_cancel(&meddler);
    assert_true(turns > 2);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        assert_int_equal(w[i].items, 1000);
        assert_in_range(w[i].listing.total, TOPICS - 2 * turns, TOPICS);
        buf_done(&w[i].names);
    }
    close_shard();
}

static void cancelled(void **state)
{
    AUTO(search_freep) struct search *s = NULL;
    struct wanted w[2];

    (void)state;
    open_shard(TOPICS);
    assert_int_equal(search_parse(STR("name?"), &s, NULL), E_OK);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        wanted_init(&w[i], 0, TOPICS);
        w[i].listing.search = s;
        start(&w[i]);
    }
    listing_cancel(&w[0].listing);
    run();
    assert_int_equal(w[0].items, 0);
    assert_int_equal(w[1].items, TOPICS);
    buf_done(&w[1].names);
    close_shard();
}

/* The server stops. */
static void ended_all(void **state)
{
    AUTO(search_freep) struct search *s = NULL;
    struct wanted w[2];

    (void)state;
    open_shard(100);
    assert_int_equal(search_parse(STR("name?"), &s, NULL), E_OK);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        wanted_init(&w[i], 0, 100);
        w[i].listing.search = s;
        start(&w[i]);
    }
    listing_end_all(&shard);
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        assert_true(w[i].ended && w[i].listing.cancelled && w[i].items == 0);
    close_shard();
}

static void too_many(void **state)
{
    struct wanted w[LIMIT_LISTINGS + 1];
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    open_shard(10);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        wanted_init(&w[i], 0, 1);
        if (i < LIMIT_LISTINGS)
            start(&w[i]);
    }
    assert_int_equal(listing_start(&shard, &w[LIMIT_LISTINGS].listing, &ei), E_TOO_MANY);
    assert_false(w[LIMIT_LISTINGS].ended);
    run();
    for (size_t i = 0; i < LIMIT_LISTINGS; i++)
        buf_done(&w[i].names);
    close_shard();
}

static void fields(void **state)
{
    enum listing_field field;

    (void)state;
    assert_false(listing_field_parse(STR("publisher"), &field));
    assert_false(listing_field_parse(STR("Name"), &field));
    assert_false(listing_field_parse(STR(""), &field));
    struct str rest = str_of(listing_field_names());
    for (unsigned n = 0; rest.p; n++) {
        assert_true(listing_field_parse(str_trim(str_split(&rest, ',')), &field));
        assert_int_equal(field, n);
    }
}

int main(void)
{
    return RUN_TESTS(names_stay_in_order, removal_before_it_is_sorted, pages, orders, searches,
                     slices, cancelled, ended_all, too_many, fields);
}
