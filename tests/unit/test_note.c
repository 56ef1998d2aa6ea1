/*
 * Notes of feeds, and the durable state of their consumers: what a change becomes, what of it is stored
 * and read again, and what a client sees of it.
 */
#include "unit.h"

#include "core/feed_state.h"

#define ID "25faa70a-5b09-4ad8-a427-a034f31a5dd6"
#define WALL INT64_C(1642925636840443)
#define NOTE_ID "2970c681-a58b-8a12-97fd-6fd307e3ac69"
#define EVENT_ID "3a181cea-5211-8047-adcd-09063e809cf6"
#define RUN_ID "9bb51ce9-52bc-8846-951b-10f7144eae6e"

static struct topic_conf topic = {.id = ID, .name = (char *)(uintptr_t) "orders: eu"};

static struct store_noted stored(struct notes *n, size_t i)
{
    const struct store_note *all = notes_stored(n);

    return (struct store_noted){
        .num = i + 1,
        .time_wall = all[i].time_wall,
        .label = blob_new(all[i].label.p, all[i].label.n),
        .body = blob_new(all[i].body.p, all[i].body.n),
    };
}

static void forget(struct store_noted *s)
{
    blob_unref(s->label);
    blob_unref(s->body);
}

static void expect(struct notes *n, size_t i, const char *change, unsigned index,
                   const char *payload)
{
    struct store_noted s = stored(n, i);
    struct note note;

    assert_true(note_decode(&s, &note));
    assert_true(str_eqz(note.topic_id, ID));
    assert_true(str_eqz(note.topic_name, "orders: eu"));
    assert_true(str_eqz(note.change, change));
    assert_int_equal(note.index, index);
    assert_int_equal(note.seq, 7);
    AUTO_FREE char *text = str_dup(note.payload);
    assert_string_equal(text, payload);
    forget(&s);
}

static void test_changes(void **state)
{
    AUTO(notes_done) struct notes n = {0};
    (void)state;

    notes_add_change(&n, &topic, 7, WALL, STR("{\"a\":[{\"id\":1}],\"t\":1}"),
                     STR("{\"a\":[{\"id\":2}],\"t\":2}"));
    assert_int_equal(n.count, 3);
    expect(&n, 0, "deleted", 0,
           "{\"op\":\"deleted\",\"pointer\":\"/a\",\"keyAt\":\"/id\",\"key\":1,"
           "\"before\":{\"id\":1}}");
    expect(&n, 1, "created", 1,
           "{\"op\":\"created\",\"pointer\":\"/a\",\"keyAt\":\"/id\",\"key\":2,"
           "\"after\":{\"id\":2}}");
    expect(&n, 2, "changed", 2,
           "{\"sequence\":7,\"changes\":[{\"op\":\"updated\",\"pointer\":\"/t\",\"before\":1,"
           "\"after\":2}]}");
}

static void test_first_documents(void **state)
{
    AUTO(notes_done) struct notes rows = {0};
    AUTO(notes_done) struct notes scalar = {0};
    AUTO(notes_done) struct notes empty = {0};
    (void)state;

    notes_add_change(&rows, &topic, 7, WALL, STR_NONE, STR("[{\"id\":1},{\"id\":2}]"));
    assert_int_equal(rows.count, 2);
    notes_add_change(&scalar, &topic, 7, WALL, STR_NONE, STR("5"));
    assert_int_equal(scalar.count, 1);
    /* Nothing can be told of it but that it is there. */
    notes_add_change(&empty, &topic, 7, WALL, STR_NONE, STR("{}"));
    expect(&empty, 0, "changed", 0,
           "{\"sequence\":7,\"snapshot\":\"streams/hub/api/v1/topics/" ID "/snapshot?at=7\"}");
}

/* Of numbers so many that the change is told in over four times the words of the document. */
static void test_changes_that_are_large(void **state)
{
    AUTO(notes_done) struct notes n = {0};
    AUTO(buf_done) struct buf before = BUF_INIT;
    AUTO(buf_done) struct buf after = BUF_INIT;
    (void)state;

    buf_puts(&before, "{\"rows\":[{\"id\":1}]");
    buf_puts(&after, "{\"rows\":[]");
    for (int i = 0; i < 2000; i++) {
        buf_printf(&before, ",\"m%d\":0", i);
        buf_printf(&after, ",\"m%d\":1", i);
    }
    buf_puts(&before, "}");
    buf_puts(&after, "}");
    notes_add_change(&n, &topic, 7, WALL, buf_view(&before), buf_view(&after));
    assert_int_equal(n.count, 2);
    expect(&n, 0, "deleted", 0,
           "{\"op\":\"deleted\",\"pointer\":\"/rows\",\"keyAt\":\"/id\",\"key\":1,"
           "\"before\":{\"id\":1}}");
    expect(&n, 1, "changed", 1,
           "{\"sequence\":7,\"snapshot\":\"streams/hub/api/v1/topics/" ID "/snapshot?at=7\"}");
}

static void test_told(void **state)
{
    AUTO(notes_done) struct notes n = {0};
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_done) struct buf v1 = BUF_INIT;
    struct jwriter w = jw_begin(&text);
    struct note note;
    (void)state;

    notes_add_message(&n, &topic, "taskcompleted", 7, 6, WALL, STR("{\"relativeUrl\":\"x\"}"));
    struct store_noted s = stored(&n, 0);
    assert_true(note_decode(&s, &note));
    jw_object(&w);
    jw_key(&w, "notifications");
    jw_array(&w);
    note_write(&w, &note, STR("journey:taskcompleted"), "T");
    jw_array_end(&w);
    jw_object_end(&w);
    assert_int_equal(jw_end(&w), E_OK);
    /* The ids are what they are: but they stay so for all versions to come. */
    assert_string_equal(buf_cstr(&text),
                        "{\"notifications\":[{\"id\":\"" NOTE_ID
                        "\",\"eventType\":\"journey:taskcompleted\","
                        "\"when\":\"2022-01-23T08:13:56.8404430+00:00\",\"tenantId\":\"T\","
                        "\"causationId\":\"" EVENT_ID "\",\"correlationId\":\"" RUN_ID "\","
                        "\"relativeUrl\":\"streams/hub/api/v1/topics/" ID "/snapshot\","
                        "\"payload\":{\"relativeUrl\":\"x\"}}]}");
    note_batch_v1(buf_view(&text), STR("https://h/"), &v1);
    assert_non_null(strstr(buf_cstr(&v1), "\"url\":\"https://h/streams/hub/api/v1/topics/" ID
                                          "/snapshot\",\"payload\":{\"relativeUrl\":\"x\"}"));
    forget(&s);
}

static void test_damaged(void **state)
{
    static const char *const bodies[] = {"", "1 2 3", "1 2\n{}", "x 2 3\n{}", "1 4294967296 3\n{}"};
    struct blob *label = blob_new("i\nn\nc", 5);
    struct note note;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct store_noted s = {.label = label, .body = blob_new(bodies[i], strlen(bodies[i]))};
        assert_false(note_decode(&s, &note));
        blob_unref(s.body);
    }
    assert_false(note_label(STR("i\nn"), &note));
    blob_unref(label);
}

/* ---- feeds ---- */

static struct feed_conf *feed(const char *text, size_t faults_wanted)
{
    AUTO(faults_done) struct faults f;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;

    faults_init(&f);
    assert_int_equal(jdoc_parse(str_of(text), NULL, &doc, NULL), E_OK);
    struct feed_conf *c = feed_conf_new(jdoc_root(doc), NULL, 5, WALL, &f);
    assert_int_equal(f.count, faults_wanted);
    assert_int_equal(c == NULL, faults_wanted > 0);
    return c;
}

static void test_covers(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"*", "", true},
        {"", "", true},
        {"a", "", false},
        {"a*", "a", true},
        {"a*c", "abcbc", true},
        {"a*c", "abcb", false},
        {"?b*", "ab", true},
        {"?", "", false},
        {"**a", "bca", true},
        {"A", "a", false},
        {"*a*a*a*b", "aaaaaaaaaaaaaaaa", false},
    };
    AUTO(feed_conf_unrefp)
    struct feed_conf *c = feed("{\"id\":\"f\",\"topics\":[\"x.*\",\"" ID "\"]}", 0);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(feed_glob(str_of(cases[i].pattern), str_of(cases[i].text)), cases[i].fits);
    assert_true(feed_conf_wants(STR(ID "\nanything\nchanged"), c));
    assert_true(feed_conf_wants(STR("i\nx.1\nchanged"), c));
    assert_false(feed_conf_wants(STR("i\ny\nx.1"), c));
    assert_false(feed_conf_wants(STR("damaged"), c));
}

static void test_faults(void **state)
{
    (void)state;
    (void)feed("{\"topics\":[]}", 2);
    (void)feed("{\"id\":\"../x\",\"topics\":5,\"batchSize\":0,\"retention\":\"PT0S\"}", 4);
    (void)feed("{\"id\":\"all\",\"topics\":[\"x\"]}", 1);
    (void)feed("{\"id\":\"a/b\",\"topics\":\"x\"}", 1);
    (void)feed("5", 1);
}

static void test_feed_record(void **state)
{
    AUTO(feed_conf_unrefp)
    struct feed_conf *c =
        feed("{\"id\":\"f\",\"topics\":\"x\",\"tenant\":\"T\",\"active\":false}", 0);
    AUTO(feed_conf_unrefp) struct feed_conf *again = NULL;
    AUTO(blob_unrefp) struct blob *record = feed_conf_record(c);
    struct errinfo ei = ERRINFO_INIT;
    (void)state;

    assert_ok(feed_conf_load(blob_view(record), 3, 4, &again, &ei), &ei);
    assert_true(again->active);
    assert_int_equal(again->since, 5);
    assert_int_equal(again->num, 3);
    assert_string_equal(again->config.tenant, "T");
    assert_true(str_eq(blob_view(again->json), blob_view(c->json)));
    assert_int_equal(feed_conf_load(STR("{}"), 3, 4, &again, &ei), E_STORE_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_first_documents),
        cmocka_unit_test(test_changes_that_are_large),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_covers),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_feed_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
