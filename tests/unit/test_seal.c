#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/seal.h"

static char folder[] = "/tmp/pollcast-test-seal-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void what_is_sealed_is_read_with_the_same_key_only(void **state)
{
    (void)state;
    static const char text[] = "{\"clientSecret\":\"hush\"}";
    AUTO(buf_done) struct buf plain = BUF_INIT;
    struct seal *first, *again, *other;
    struct errinfo ei = ERRINFO_INIT;
    struct stat st;

    assert_int_equal(seal_open(path, &first, &ei), E_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct blob *one = seal_make(first, str_of(text)), *two = seal_make(first, str_of(text));
    assert_true(seal_is(blob_view(one)));
    assert_null(memmem(one->p, one->len, "hush", 4));
    /* A nonce of its own for each. */
    assert_false(str_eq(blob_view(one), blob_view(two)));

    assert_int_equal(seal_open(path, &again, &ei), E_OK);
    assert_int_equal(seal_undo(again, blob_view(one), &plain, &ei), E_OK);
    assert_str(buf_view(&plain), text);

    assert_int_equal(unlink(path), 0);
    assert_int_equal(seal_open(path, &other, &ei), E_OK);
    assert_int_equal(seal_undo(other, blob_view(one), &plain, &ei), E_STORE_CORRUPT);
    assert_non_null(strstr(ei.text, "another key"));
    assert_str(buf_view(&plain), text);
    blob_unref(one);
    blob_unref(two);
    seal_free(first);
    seal_free(again);
    seal_free(other);
}

static void damage_is_found(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf plain = BUF_INIT;
    struct seal *s;

    assert_int_equal(seal_open(path, &s, NULL), E_OK);
    struct blob *b = seal_make(s, STR("0123456789"));
    for (size_t i = 1; i < b->len; i++) {
        b->p[i] ^= 0x20;
        assert_int_equal(seal_undo(s, blob_view(b), &plain, NULL), E_STORE_CORRUPT);
        b->p[i] ^= 0x20;
    }
    assert_int_equal(seal_undo(s, str_make(b->p, b->len - 1), &plain, NULL), E_STORE_CORRUPT);
    assert_int_equal(seal_undo(s, blob_view(b), &plain, NULL), E_OK);
    assert_false(seal_is(STR("{\"name\":\"a topic of the first version, in clear\"}")));
    blob_unref(b);
    seal_free(s);
}

static void a_key_file_that_is_none_is_refused(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;
    struct seal *s = NULL;

    assert_int_equal(seal_open(path, &s, NULL), E_OK);
    seal_free(TAKE(s));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(seal_open(path, &s, &ei), E_INVALID);
    assert_non_null(strstr(ei.text, "chmod 600"));
    err_clear(&ei);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(seal_open(path, &s, &ei), E_INVALID);
    assert_non_null(strstr(ei.text, "5 bytes"));
    assert_null(s);
}

/* ---- marks ---- */

static void same_texts_have_the_same_mark(void **state)
{
    (void)state;
    const struct str texts[] = {STR("user"), STR("secret")};
    const struct str same[] = {STR("user"), STR("secret")};

    assert_true(hash_eq(seal_mark(texts, 2), seal_mark(same, 2)));
    assert_true(hash_eq(seal_mark(NULL, 0), seal_mark(texts, 0)));
}

static void other_texts_have_another_mark(void **state)
{
    (void)state;
    static const struct {
        struct str texts[3];
        size_t count;
    } rows[] = {
        {{STR("user"), STR("secret")}, 2},   {{STR("secret"), STR("user")}, 2},
        {{STR("use"), STR("rsecret")}, 2},   {{STR("usersecret")}, 1},
        {{STR("usersecret"), STR("")}, 2},   {{STR(""), STR("usersecret")}, 2},
        {{STR("user"), STR("secret2")}, 2},  {{STR("user"), STR("secret"), STR("")}, 3},
        {{STR("user"), STR("secret\0")}, 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t k = 0; k < i; k++) {
            if (hash_eq(seal_mark(rows[i].texts, rows[i].count),
                        seal_mark(rows[k].texts, rows[k].count)))
                fail_msg("rows %zu and %zu have the same mark", i, k);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_is_read_with_the_same_key_only),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(a_key_file_that_is_none_is_refused),
        cmocka_unit_test(same_texts_have_the_same_mark),
        cmocka_unit_test(other_texts_have_another_mark),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
