#include "unit.h"

#include "cli/json_file.h"

static void file_of(struct json_file *f, const char *text)
{
    *f = (struct json_file){.path = "file"};
    buf_puts(&f->text, text);
    assert_int_equal(jdoc_parse(buf_view(&f->text), NULL, &f->doc, NULL), E_OK);
}

/* "feed /0, topic /1": all that the file describes. */
static void list_items(const struct json_file *f, struct buf *b)
{
    const struct kind *k;
    struct buf pointer = BUF_INIT;

    for (size_t n = 0; json_file_item(f, n, &k, &pointer); n++) {
        buf_printf(b, "%s%s %s", n ? ", " : "", k->name, buf_cstr(&pointer));
        buf_clear(&pointer);
    }
    buf_done(&pointer);
}

static void what_a_file_describes(void **state)
{
    static const struct {
        const char *text, *items;
        bool settings, topics, feeds;
    } cases[] = {
        {"{\"name\":\"x\",\"publisher\":{}}", "topic ", false, true, false},
        {"{\"id\":\"x\",\"name\":\"x\",\"publisher\":{}}", "topic ", false, true, false},
        {"{\"id\":\"x\",\"topics\":[\"a\"]}", "feed ", false, false, true},
        {"{\"id\":\"x\"}", "feed ", false, false, true},
        {"[]", "", false, true, false},
        {"[{\"name\":\"x\"},7]", "topic /0, topic /1", false, true, false},
        {"[{\"id\":\"x\",\"topics\":\"a\"}]", "feed /0", false, false, true},
        {"[{\"topics\":\"a\"},{\"name\":\"x\",\"id\":\"y\"}]", "feed /0, topic /1", false, true,
         true},
        {"{\"topics\":[{},{}]}", "topic /topics/0, topic /topics/1", false, true, false},
        {"{\"feeds\":[]}", "", false, false, true},
        {"{\"feeds\":[{}],\"note\":[1],\"topics\":[{}]}", "feed /feeds/0, topic /topics/0", false,
         true, true},
        {"{\"topics\":[{\"id\":\"x\",\"topics\":[]}]}", "topic /topics/0", false, true, false},
        {"{\"topics\":{},\"feeds\":7}", "", false, true, true},
        {"{\"loops\":1,\"feed\":{\"retention\":\"P1D\"}}", "topic ", true, true, false},
        {"{}", "topic ", true, true, false},
        {"7", "topic ", true, true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(json_file_done) struct json_file f;
        AUTO(buf_done) struct buf items = BUF_INIT;

        file_of(&f, cases[i].text);
        list_items(&f, &items);
        print_message("%s\n", cases[i].text);
        assert_string_equal(buf_cstr(&items), cases[i].items);
        assert_int_equal(json_file_is_settings(&f), cases[i].settings);
        assert_int_equal(json_file_speaks_of(&f, &kind_topic), cases[i].topics);
        assert_int_equal(json_file_speaks_of(&f, &kind_feed), cases[i].feeds);
    }
}

static void faults_of_lists(void **state)
{
    static const struct {
        const char *text, *pointer;
    } cases[] = {
        {"{\"topics\":[],\"feeds\":[],\"comment\":1}", NULL},
        {"{\"topics\":[],\"feds\":[]}", "/feds"},
        {"{\"topics\":[],\"feed\":[]}", "/feed"},
        {"{\"feeds\":[],\"topcs\":[]}", "/topcs"},
        {"{\"feeds\":{}}", "/feeds"},
        {"{\"topics\":null}", "/topics"},
        {"[{\"topics\":7}]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(json_file_done) struct json_file f;
        AUTO(faults_done) struct faults faults;

        faults_init(&faults);
        file_of(&f, cases[i].text);
        json_file_check_lists(&f, &faults);
        print_message("%s\n", cases[i].text);
        assert_int_equal(faults.count, cases[i].pointer ? 1 : 0);
        if (cases[i].pointer)
            assert_string_equal(faults.items[0].pointer, cases[i].pointer);
    }
}

int main(void)
{
    return RUN_TESTS(what_a_file_describes, faults_of_lists);
}
