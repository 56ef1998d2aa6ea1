#include "unit.h"

#include "base/rand.h"
#include "io/pack.h"

#define MAX_BYTES ((size_t)1 << 26)

static struct blob *text_of(size_t n)
{
    struct blob *b = blob_alloc(n);

    for (size_t i = 0; i < n; i++)
        b->p[i] = "{\"op\":\"replace\",\"path\":\"/a\"},"[i % 30];
    return b;
}

static struct blob *noise_of(size_t n)
{
    struct blob *b = blob_alloc(n);

    for (size_t i = 0; i < n; i++)
        b->p[i] = (char)rand_u64();
    return b;
}

/* Packed and unpacked it is the same; returns how many bytes were stored. */
static size_t round_trip(struct packer *p, struct str body)
{
    struct str stored = pack(p, body);
    size_t n = stored.n;
    AUTO(blob_unrefp) struct blob *again = unpack(p, stored, MAX_BYTES);

    assert_non_null(again);
    assert_true(str_eq(blob_view(again), body));
    assert_null(body.n ? unpack(p, stored, body.n - 1) : NULL);
    return n;
}

static void test_every_length_comes_back(void **state)
{
    (void)state;
    struct packer *p = packer_new();

    for (size_t n = 0; n < 5000; n++) {
        AUTO(blob_unrefp) struct blob *text = text_of(n), *noise = noise_of(n);
        assert_true(round_trip(p, blob_view(text)) <= n);
        round_trip(p, blob_view(noise));
    }
    packer_free(p);
    packer_free(NULL);
}

static void test_what_repeats_itself_gets_short(void **state)
{
    (void)state;
    static const size_t sizes[] = {4096, 50000, 1000000, 20000000, 50000};
    struct packer *p = packer_new();

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO(blob_unrefp) struct blob *text = text_of(sizes[i]), *noise = noise_of(sizes[i]);
        assert_true(round_trip(p, blob_view(text)) < sizes[i] / 20);
        /* Where nothing is gained the body is stored as it is, and not even copied. */
        assert_ptr_equal(pack(p, blob_view(noise)).p, noise->p);
        assert_int_equal(round_trip(p, blob_view(noise)), sizes[i]);
    }
    packer_free(p);
}

/* It would be taken for one. */
static void test_a_body_that_looks_like_a_frame(void **state)
{
    (void)state;
    static const size_t sizes[] = {4, 5, 100, 5000};
    struct packer *p = packer_new();

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO(blob_unrefp) struct blob *noise = noise_of(sizes[i]);
        memcpy(noise->p, "\x28\xb5\x2f\xfd", 4);
        assert_true(round_trip(p, blob_view(noise)) > sizes[i]);
    }
    packer_free(p);
}

static void test_damage_is_found(void **state)
{
    (void)state;
    struct packer *p = packer_new();
    AUTO(blob_unrefp) struct blob *text = text_of(3000);
    struct str stored = pack(p, blob_view(text));
    AUTO(blob_unrefp) struct blob *frame = blob_new(stored.p, stored.n);

    for (size_t i = 4; i < frame->len; i++)
        for (int bit = 0; bit < 8; bit++) {
            frame->p[i] ^= (char)(1 << bit);
            AUTO(blob_unrefp) struct blob *got = unpack(p, blob_view(frame), MAX_BYTES);
            assert_true(!got || str_eq(blob_view(got), blob_view(text)));
            frame->p[i] ^= (char)(1 << bit);
        }
    for (size_t n = 4; n < frame->len; n++)
        assert_null(unpack(p, str_make(frame->p, n), MAX_BYTES));
    AUTO(blob_unrefp) struct blob *got = unpack(p, blob_view(frame), MAX_BYTES);
    assert_true(got && str_eq(blob_view(got), blob_view(text)));
    packer_free(p);
}

int main(void)
{
    return RUN_TESTS(test_every_length_comes_back, test_what_repeats_itself_gets_short,
                     test_a_body_that_looks_like_a_frame, test_damage_is_found);
}
