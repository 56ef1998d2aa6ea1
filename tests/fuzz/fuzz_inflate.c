/*
 * A body and its coding: decoded, or refused. Whatever comes, the output is within the limit, a
 * smaller limit never lets more through, and a refusal leaves the caller's buffer alone.
 *
 * Input: first byte picks the codings, the rest is the body.
 */
#include "io/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT ((size_t)64 << 10)

static const char *const codings[] = {"gzip", "deflate", "br", "zstd", "gzip, br", "zstd, deflate"};

static void check_smaller(struct str coding, struct str body, const struct buf *whole)
{
    AUTO(buf_done) struct buf out = BUF_INIT;

    CHECK(inflate_body(coding, body, whole->len, &out, NULL) == E_OK || whole->len < LIMIT);
    CHECK(out.len <= whole->len);
    if (whole->len > 0)
        CHECK(inflate_body(coding, body, whole->len - 1, &out, NULL) == E_POLL_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_done) struct buf out = BUF_INIT;

    if (size == 0)
        return 0;
    struct str coding = str_of(codings[data[0] % ARRAY_LEN(codings)]);
    struct str body = str_make((const char *)data + 1, size - 1);
    enum err e = inflate_body(coding, body, LIMIT, &out, NULL);
    CHECK(e == E_OK || (!out.p && (e == E_POLL_SIZE || e == E_POLL_FORMAT)));
    CHECK(out.len <= LIMIT);
    /* With several codings the limit also holds in between. */
    if (e == E_OK && data[0] % ARRAY_LEN(codings) < 4)
        check_smaller(coding, body, &out);
    return 0;
}
