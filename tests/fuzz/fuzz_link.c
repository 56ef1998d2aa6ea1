/*
 * Any lines as the Link fields of an answer: what is found is a piece of one of them, and as a
 * reference it is refused or gives a URL that url_check() takes and that resolves to itself.
 */
#include "core/limits.h"
#include "core/link.h"
#include "core/url.h"

#define PAGE STR("http://h/a/b/c?d=e")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reference(struct str reference)
{
    AUTO(buf_done) struct buf url = BUF_INIT;
    AUTO(buf_done) struct buf again = BUF_INIT;
    AUTO(buf_done) struct buf with = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;

    if (url_resolve(PAGE, reference, &url, &ei) != E_OK) {
        CHECK(url.len == 0 && ei.err == E_INVALID && ei.text[0]);
        return;
    }
    CHECK(url_check(buf_view(&url), NULL) == E_OK);
    CHECK(url_resolve(PAGE, buf_view(&url), &again, NULL) == E_OK);
    CHECK(str_eq(buf_view(&url), buf_view(&again)));
    CHECK(url_origin_equal(buf_view(&url), buf_view(&again)));
    if (url_query_set(buf_view(&url), STR("d"), reference, &with, NULL) == E_OK)
        CHECK(url_check(buf_view(&with), NULL) == E_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_make((const char *)data, size);
    struct str lines[16] = {{NULL, 0}};
    size_t count = 0;

    if (size == 0)
        return 0;
    while (rest.p && count < ARRAY_LEN(lines))
        lines[count++] = str_split(&rest, '\n');
    struct str found = link_find(lines, count, STR("next"), PAGE);
    if (!found.p)
        return 0;
    CHECK(found.p >= (const char *)data && found.p + found.n <= (const char *)data + size);
    check_reference(found);
    return 0;
}
