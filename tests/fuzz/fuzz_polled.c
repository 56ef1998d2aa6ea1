/*
 * Any JSON as two batches of a polled feed, one after the other: it is refused with a reason, or its
 * URLs are URLs, all its ids are known afterwards, and what is known is the same once it was stored.
 */
#include "core/limits.h"
#include "core/url.h"
#include "publisher/polled_known.h"

#define FEED STR("http://h/a/b?c=d")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_urls(const struct polled_batch *batch)
{
    AUTO(buf_done) struct buf url = BUF_INIT;

    polled_url_complete(FEED, batch->id, &url);
    CHECK(url_check(buf_view(&url), NULL) == E_OK);
    CHECK(str_starts(buf_view(&url), STR("http://h/a/b/")));
    CHECK(str_ends(buf_view(&url), STR("/complete?c=d")));
    CHECK(str_find(buf_view(&url), '?') == url.len - strlen("?c=d"));
}

static void check_stored(const struct polled_known *k)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct polled_known again = {.feed = k->feed};

    polled_known_write(k, &text);
    CHECK(jdoc_parse(buf_view(&text), NULL, &doc, NULL) == E_OK);
    polled_known_read(&again, jdoc_root(doc));
    CHECK(strcmp(again.batch, k->batch) == 0 && again.seq == k->seq && again.count == k->count);
    for (size_t i = 0; i < k->count; i++)
        CHECK(strcmp(again.ids[i], k->ids[i]) == 0);
    polled_known_done(&again);
}

static void take(struct polled_known *k, const jval *root)
{
    struct polled_batch batch;
    struct polled_known next = {0};
    struct errinfo ei = ERRINFO_INIT;

    if (polled_batch_read(root, &batch, &ei) != E_OK) {
        CHECK(ei.err == E_POLL_FORMAT && ei.text[0]);
        return;
    }
    check_urls(&batch);
    polled_known_next(k, &batch, k->seq + 1, &next);
    polled_known_done(k);
    *k = next;
    for (struct jiter it = jiter_of(batch.notifications); jiter_next(&it);)
        CHECK(polled_known_has(k, jv_str(jv_getz(it.value, "id"))));
    CHECK(k->count <= batch.count + LIMIT_POLLED_IDS);
    check_stored(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_make((const char *)data, size);
    struct polled_known k = {.feed = 1};

    if (size == 0)
        return 0;
    while (rest.p) {
        AUTO(jdoc_freep) struct jdoc *doc = NULL;
        if (jdoc_parse(str_split(&rest, '\n'), NULL, &doc, NULL) == E_OK)
            take(&k, jdoc_root(doc));
    }
    polled_known_done(&k);
    return 0;
}
