#include "unit.h"

#include "subscriber/sub_webhook_sign.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

/* The example that libraries of Standard Webhooks are tested with. */
static void vector(void **state)
{
    AUTO(webhook_keys_wipe) struct webhook_keys keys = {.count = 0};
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(webhook_keys_add(&keys, STR(SECRET), NULL), E_OK);
    webhook_sign(&keys, STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                 STR("{\"test\": 2432232314}"), &b);
    assert_str(buf_view(&b), SIGNATURE);
}

static void two_keys(void **state)
{
    AUTO(webhook_keys_wipe) struct webhook_keys keys = {.count = 0};
    AUTO(buf_done) struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(webhook_keys_add(&keys, STR("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), NULL),
                     E_OK);
    assert_int_equal(webhook_keys_add(&keys, STR(SECRET), NULL), E_OK);
    webhook_sign(&keys, STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                 STR("{\"test\": 2432232314}"), &b);
    assert_true(str_starts(buf_view(&b), STR("v1,")));
    assert_true(str_ends(buf_view(&b), STR(" " SIGNATURE)));
    assert_int_equal(b.len, 2 * strlen(SIGNATURE) + 1);
    webhook_keys_wipe(&keys);
    assert_int_equal(keys.count, 0);
}

static void no_secrets(void **state)
{
    static const struct {
        const char *secret, *says;
    } rows[] = {
        {"", "whsec_"},
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"},
        {"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"},
        {"whsec_", "0 bytes"},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "23 bytes"},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "Base64"},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-A", "Base64"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(webhook_keys_wipe) struct webhook_keys keys = {.count = 0};
        struct errinfo ei = ERRINFO_INIT;

        assert_int_equal(webhook_keys_add(&keys, str_of(rows[i].secret), &ei), E_INVALID);
        assert_int_equal(keys.count, 0);
        if (!strstr(ei.text, rows[i].says))
            fail_msg("%s: %s", rows[i].secret, ei.text);
        assert_null(strstr(ei.text, "AAAA"));
    }
}

int main(void)
{
    return RUN_TESTS(vector, two_keys, no_secrets);
}
