#include "unit.h"

#include "core/url.h"
#include "publisher/polled_batch.h"

/* What is wrong with it; "": nothing. What is not a batch says so in the end of its text. */
static const char *flaw(const char *json)
{
    static struct errinfo ei;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct polled_batch b = {.count = 77};

    err_clear(&ei);
    assert_int_equal(jdoc_parse(str_of(json), NULL, &doc, NULL), E_OK);
    enum err err = polled_batch_read(jdoc_root(doc), &b, &ei);
    if (err == E_OK)
        return "";
    assert_int_equal(err, E_POLL_FORMAT);
    assert_int_equal(b.count, 77);
    assert_true(str_starts(str_of(ei.text), STR("the batch is not as documented: ")));
    return ei.text + strlen("the batch is not as documented: ");
}

static void a_batch_as_documented(void **state)
{
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;
    struct polled_batch b = {0};

    (void)state;
    assert_int_equal(
        jdoc_parse(STR("{\"batchId\":\"1642925639481\",\"notifications\":[{\"id\":\"a\"},"
                       "{\"id\":\"b\",\"payload\":{}}],\"moreAvailable\":true,"
                       "\"gap\":{\"dropped\":3}}"),
                   NULL, &doc, NULL),
        E_OK);
    assert_ok(polled_batch_read(jdoc_root(doc), &b, &ei), &ei);
    assert_str(b.id, "1642925639481");
    assert_int_equal(b.count, 2);
    assert_str(jv_str(jv_getz(jv_at(b.notifications, 1), "id")), "b");
    assert_true(b.more);
    assert_int_equal(b.dropped, 3);
    assert_string_equal(flaw("{\"batchId\":\"1\",\"notifications\":[]}"), "");
    assert_string_equal(flaw("{\"batchId\":\"...\",\"notifications\":[],\"moreAvailable\":false}"),
                        "");
}

static void what_is_not_as_documented_is_named(void **state)
{
    (void)state;
    assert_string_equal(flaw("[]"), "the whole: expected an object, found array");
    assert_string_equal(flaw("{}"), "/batchId: expected a string, found nothing");
    assert_string_equal(flaw("{\"batchId\":\"\"}"), "/batchId: expected 1 to 256 bytes, found 0");
    assert_string_equal(flaw("{\"batchId\":\".\"}"), "/batchId: \".\" cannot stand in a URL");
    assert_string_equal(flaw("{\"batchId\":\"a\\u0000b\"}"),
                        "/batchId: expected a string without control characters, found string");
    assert_string_equal(flaw("{\"batchId\":\"1\"}"),
                        "/notifications: expected an array, found nothing");
    assert_string_equal(flaw("{\"batchId\":\"1\",\"notifications\":[null]}"),
                        "/notifications/0: expected an object, found null");
    assert_string_equal(flaw("{\"batchId\":\"1\",\"notifications\":[{\"id\":\"a\"},{\"id\":5}]}"),
                        "/notifications/1/id: expected a string, found number");
    assert_string_equal(flaw("{\"batchId\":\"1\",\"notifications\":[{\"id\":\"a\\u0000\"}]}"),
                        "/notifications/0/id: expected a string without control characters, found "
                        "string");
    assert_string_equal(flaw("{\"batchId\":\"1\",\"notifications\":[],\"moreAvailable\":1}"),
                        "/moreAvailable: expected true or false, found number");
}

static void check_urls(const char *feed, const char *batch, const char *next, const char *complete)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    AUTO(buf_done) struct buf c = BUF_INIT;

    polled_url_next(str_of(feed), &b);
    assert_str(buf_view(&b), next);
    polled_url_complete(str_of(feed), str_of(batch), &c);
    assert_str(buf_view(&c), complete);
    assert_int_equal(url_check(buf_view(&c), NULL), E_OK);
}

static void urls_of_a_feed(void **state)
{
    (void)state;
    check_urls("http://h/v2/journey", "17", "http://h/v2/journey/next",
               "http://h/v2/journey/17/complete");
    check_urls("http://h/v2/journey//", "17", "http://h/v2/journey/next",
               "http://h/v2/journey/17/complete");
    check_urls("http://h", "a-b._~", "http://h/next", "http://h/a-b._~/complete");
    check_urls("http://h/f?k=a/b&l=%3F#x?y", "a b", "http://h/f/next?k=a/b&l=%3F",
               "http://h/f/a%20b/complete?k=a/b&l=%3F");
    check_urls("http://h/f", "../x?#%\xc3\xbc", "http://h/f/next",
               "http://h/f/..%2Fx%3F%23%25%C3%BC/complete");
}

int main(void)
{
    return RUN_TESTS(a_batch_as_documented, what_is_not_as_documented_is_named, urls_of_a_feed);
}
