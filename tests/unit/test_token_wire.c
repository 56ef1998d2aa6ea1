/*
 * The texts of token requests and what answers to them mean.
 */
#include "unit.h"

#include "base/base64.h"
#include "base/clock.h"
#include "core/limits.h"
#include "core/token_wire.h"

#define GRANT(more) "{\"access_token\":\"abc\",\"token_type\":\"Bearer\"" more "}"
#define HOUR INT64_C(3600)

static struct token_conf *client(enum token_mode mode, const char *id, const char *secret,
                                 const char *scope)
{
    return token_conf_new(&(struct token_client){
        .provider = STR("http://127.0.0.1/token"),
        .id = str_of(id),
        .secret = str_of(secret),
        .scope = str_of(scope),
        .mode = mode,
    });
}

/* ---- requests ---- */

static void requests_by_mode(void **state)
{
    static const struct {
        enum token_mode mode;
        const char *id, *secret, *scope;
        const char *form, *line;
    } rows[] = {
        /* base64("id:secret") */
        {TOKEN_MODE_HEADER, "id", "secret", NULL, "grant_type=client_credentials",
         "Authorization: Basic aWQ6c2VjcmV0"},
        {TOKEN_MODE_BODY, "id", "secret", "",
         "grant_type=client_credentials&client_id=id&"
         "client_secret=secret",
         ""},
        /* base64("a%3Ab:%25+%C3%A9%2B") */
        {TOKEN_MODE_HEADER, "a:b", "% \xc3\xa9+", "read write",
         "grant_type=client_credentials&scope=read+write",
         "Authorization: Basic YSUzQWI6JTI1KyVDMyVBOSUyQg=="},
        {TOKEN_MODE_BODY, "a:b", "% \xc3\xa9+&=~", "https://x/.default",
         "grant_type=client_credentials&scope=https%3A%2F%2Fx%2F.default&client_id=a%3Ab&"
         "client_secret=%25+%C3%A9%2B%26%3D%7E",
         ""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_conf *c = client(rows[i].mode, rows[i].id, rows[i].secret, rows[i].scope);
        AUTO(buf_wipe) struct buf form = BUF_INIT;
        AUTO(buf_wipe) struct buf line = BUF_INIT;

        token_wire_form(c, &form);
        token_wire_line(c, &line);
        assert_str(buf_view(&form), rows[i].form);
        assert_str(buf_view(&line), rows[i].line);
        token_conf_unref(c);
    }
}

/* What is reserved at the start has to be enough: a buffer that grows leaves a copy of its secret
 * behind. Over its maximum a buffer panics. */
static void buffers_of_secrets_never_grow(void **state)
{
    char text[LIMIT_CLIENT_SECRET + 1];
    (void)state;

    memset(text, '%', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct token_conf *header = client(TOKEN_MODE_HEADER, text, text, NULL);
    struct token_conf *body = client(TOKEN_MODE_BODY, text, text, text);
    AUTO(buf_wipe) struct buf form = BUF_INIT_MAX(3 * body->size + 128);
    AUTO(buf_wipe) struct buf line = BUF_INIT_MAX(base64_len(3 * header->size + 1) + 64);

    token_wire_form(body, &form);
    assert_true(form.len > 9 * (sizeof text - 1));
    token_wire_line(header, &line);
    assert_true(line.len > 8 * (sizeof text - 1));
    token_conf_unref(header);
    token_conf_unref(body);
}

static void clients_are_equal_by_contents(void **state)
{
    static const char *const texts[][3] = {
        {"id", "secret", "scope"},    {"id", "secret", NULL},    {"id", "other", "scope"},
        {"other", "secret", "scope"}, {"i", "dsecret", "scope"},
    };
    struct token_conf *made[2 * ARRAY_LEN(texts)];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        const char *const *t = texts[i / 2];
        made[i] = client(i % 2 ? TOKEN_MODE_BODY : TOKEN_MODE_HEADER, t[0], t[1], t[2]);
    }
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        const char *const *t = texts[i / 2];
        struct token_conf *same =
            client(i % 2 ? TOKEN_MODE_BODY : TOKEN_MODE_HEADER, t[0], t[1], t[2]);

        assert_int_equal(same->hash, made[i]->hash);
        for (size_t k = 0; k < ARRAY_LEN(made); k++)
            assert_int_equal(token_conf_equal(same, made[k]), i == k);
        token_conf_unref(same);
    }
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        token_conf_unref(made[i]);
}

/* ---- answers ---- */

static void grants(void **state)
{
    static const struct {
        const char *body;
        int64_t life_s;
    } rows[] = {
        {GRANT(""), HOUR},
        {GRANT(",\"expires_in\":null"), HOUR},
        {GRANT(",\"expires_in\":60"), 60},
        {GRANT(",\"expires_in\":6e1"), 60},
        {GRANT(",\"expires_in\":\"60\""), 60},
        {GRANT(",\"expires_in\":0.25"), 1},
        {GRANT(",\"expires_in\":1"), 1},
        {GRANT(",\"expires_in\":86401"), LIMIT_TOKEN_LIFE_S},
        {GRANT(",\"expires_in\":99999999999999999999999999"), LIMIT_TOKEN_LIFE_S},
        {GRANT(",\"expires_in\":1e300"), LIMIT_TOKEN_LIFE_S},
        {GRANT(",\"expires_in\":\"99999999999999999999999999\""), LIMIT_TOKEN_LIFE_S},
        {"{\"token_type\":\"BEARER\",\"access_token\":\"abc\",\"refresh_token\":\"no\",\"x\":{}}",
         HOUR},
        {"{\"access_token\":\"no\",\"access_token\":\"abc\",\"token_type\":\"bearer\"}", HOUR},
    };
    struct token_conf *c = client(TOKEN_MODE_HEADER, "id", "secret", NULL);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct token_answer a = {.status = i % 2 ? 200 : 201, .body = str_of(rows[i].body)};
        struct errinfo ei = ERRINFO_INIT;
        struct token *t = NULL;

        assert_ok(token_wire_read(c, &a, 5 * US_PER_S, &t, &ei), &ei);
        assert_str(token_header(t), "Authorization: Bearer abc");
        assert_int_equal(t->asked_at, 5 * US_PER_S);
        assert_int_equal(t->expires_at, (5 + rows[i].life_s) * US_PER_S);
        assert_int_equal(t->renew_at, 5 * US_PER_S + rows[i].life_s * US_PER_S / 10 * 9);
        token_unref(t);
    }
    token_conf_unref(c);
}

static const struct {
    int status;
    const char *body;
    const char *text;
} bad_answers[] = {
    {400, "{\"error\":\"invalid_scope\"}", "invalid_scope (status 400)"},
    {401, "{\"error\":\"invalid_client\",\"error_description\":\"client authentication failed\"}",
     "invalid_client: client authentication failed (status 401)"},
    {200, "{\"error\":\"bad_verification_code\"}", "bad_verification_code (status 200)"},
    {400, "{\"error\":\"a\\u0000b\\r\\nc\\u009b\\u202ed\"}", "a b  c  d (status 400)"},
    {400, "{\"error\":5}", "it answered with status 400 and no OAuth 2.0 error"},
    {400, "{\"error\":\"\"}", "it answered with status 400 and no OAuth 2.0 error"},
    {503, "busy", "it answered with status 503 and no OAuth 2.0 error"},
    {404, "", "it answered with status 404 and no OAuth 2.0 error"},
    {302, GRANT(""),
     "it redirects (status 302), which is not followed: credentials go only to "
     "the URL they were given for"},
    {307, "",
     "it redirects (status 307), which is not followed: credentials go only to the URL "
     "they were given for"},
    {200, "", "the answer is not JSON (status 200)"},
    {200, "access_token=abc&token_type=bearer", "the answer is not JSON (status 200)"},
    {200, GRANT("") "x", "the answer is not JSON (status 200)"},
    {200, "[]", "the answer is not a JSON object (status 200)"},
    {200, "\"abc\"", "the answer is not a JSON object (status 200)"},
    {200, "{}", "the answer has no token_type"},
    {200, "{\"access_token\":\"abc\"}", "the answer has no token_type"},
    {200, "{\"access_token\":\"abc\",\"token_type\":\"mac\"}",
     "its token_type is \"mac\"; only Bearer can be used"},
    {200, "{\"access_token\":\"abc\",\"token_type\":[\"Bearer\"]}", "the answer has no token_type"},
    {200, "{\"token_type\":\"Bearer\"}", "the answer has no access_token"},
    {200, "{\"token_type\":\"Bearer\",\"access_token\":\"\"}", "the answer has no access_token"},
    {200, "{\"token_type\":\"Bearer\",\"access_token\":7}", "the answer has no access_token"},
    {200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nX: y\"}",
     "its access_token has characters that no header field can hold"},
    {200, "{\"token_type\":\"Bearer\",\"access_token\":\"a b\"}",
     "its access_token has characters that no header field can hold"},
    {200, "{\"token_type\":\"Bearer\",\"access_token\":\"\xc3\xa9\"}",
     "its access_token has characters that no header field can hold"},
    {200, GRANT(",\"expires_in\":0"), "its expires_in is not above 0: the token has expired"},
    {200, GRANT(",\"expires_in\":\"0\""), "its expires_in is not above 0: the token has expired"},
    {200, GRANT(",\"expires_in\":-5"), "its expires_in is not above 0: the token has expired"},
    {200, GRANT(",\"expires_in\":\"-5\""), "its expires_in is no number of seconds"},
    {200, GRANT(",\"expires_in\":\"soon\""), "its expires_in is no number of seconds"},
    {200, GRANT(",\"expires_in\":\"\""), "its expires_in is no number of seconds"},
    {200, GRANT(",\"expires_in\":true"), "its expires_in is no number of seconds"},
    {200, GRANT(",\"expires_in\":{}"), "its expires_in is no number of seconds"},
};

static void refusals(void **state)
{
    struct token_conf *c = client(TOKEN_MODE_HEADER, "id", "secret", NULL);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bad_answers); i++) {
        const struct token_answer a = {.status = bad_answers[i].status,
                                       .body = str_of(bad_answers[i].body)};
        struct errinfo ei = ERRINFO_INIT;
        struct token *t = NULL;

        assert_int_equal(token_wire_read(c, &a, 0, &t, &ei), E_POLL_401);
        assert_string_equal(ei.text, bad_answers[i].text);
        assert_null(t);
    }
    token_conf_unref(c);
}

static void long_words_are_cut(void **state)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct token_conf *c = client(TOKEN_MODE_HEADER, "id", "secret", NULL);
    struct errinfo ei = ERRINFO_INIT;
    struct token *t = NULL;
    (void)state;

    buf_puts(&body, "{\"error\":\"");
    for (int i = 0; i < 300; i++)
        buf_puts(&body, "\xc3\xa9");
    buf_puts(&body, "\",\"error_description\":\"");
    for (int i = 0; i < 3000; i++)
        buf_putc(&body, 'd');
    buf_puts(&body, "\"}");
    const struct token_answer a = {.status = 400, .body = buf_view(&body)};
    assert_int_equal(token_wire_read(c, &a, 0, &t, &ei), E_POLL_401);
    assert_true(strlen(ei.text) < 320);
    assert_true(str_is_utf8(str_of(ei.text)));
    assert_true(str_ends(str_of(ei.text), STR("ddd… (status 400)")));
    token_conf_unref(c);
}

static void long_tokens(void **state)
{
    struct token_conf *c = client(TOKEN_MODE_HEADER, "id", "secret", NULL);
    (void)state;

    for (size_t n = LIMIT_TOKEN_BYTES; n <= LIMIT_TOKEN_BYTES + 1; n++) {
        AUTO_FREE char *body =
            xasprintf("{\"token_type\":\"Bearer\",\"access_token\":\"%0*d\"}", (int)n, 7);
        const struct token_answer a = {.status = 200, .body = str_of(body)};
        struct errinfo ei = ERRINFO_INIT;
        struct token *t = NULL;
        bool fits = n == LIMIT_TOKEN_BYTES;

        assert_int_equal(token_wire_read(c, &a, 0, &t, &ei), fits ? E_OK : E_POLL_401);
        assert_int_equal(t != NULL, fits);
        token_unref(t);
    }
    token_conf_unref(c);
}

/* A provider that repeats what it was given must not make us repeat it. */
static void echoed_secrets_are_not_shown(void **state)
{
    static const char *const echoes[] = {"p=q r", "p%3Dq+r", "aWQ6cCUzRHErcg=="};
    struct token_conf *c = client(TOKEN_MODE_HEADER, "id", "p=q r", NULL);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(echoes); i++) {
        static const char *const forms[] = {
            "{\"error\":\"wrong: %s!\"}",
            "{\"error\":\"e\",\"error_description\":\"wrong: %s!\"}",
            "{\"access_token\":\"abc\",\"token_type\":\"wrong: %s!\"}",
        };
        for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
            AUTO(buf_done) struct buf body = BUF_INIT;
            struct str rest = str_of(forms[k]);
            struct errinfo ei = ERRINFO_INIT;
            struct token *t = NULL;

            buf_str(&body, str_split(&rest, '%'));
            buf_puts(&body, echoes[i]);
            buf_str(&body, str_drop(rest, 1));
            const struct token_answer a = {.status = k == 2 ? 200 : 401, .body = buf_view(&body)};
            assert_int_equal(token_wire_read(c, &a, 0, &t, &ei), E_POLL_401);
            assert_null(strstr(ei.text, echoes[i]));
            assert_non_null(strstr(ei.text, "not shown"));
        }
    }
    token_conf_unref(c);
}

static void coded_answers(void **state)
{
    /* gzip of {"access_token":"abc","token_type":"Bearer"} */
    static const char gzip[] =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x4c\x4e\x4e\x2d\x2e\x8e\x2f"
        "\xc9\xcf\x4e\xcd\x53\xb2\x52\x4a\x4c\x4a\x56\xd2\x51\x02\xf3\xe2\x4b\x2a\x0b\x52"
        "\x81\x42\x4e\xa9\x89\x45\xa9\x45\x4a\xb5\x00\xe5\xa3\x49\xcc\x2c\x00\x00\x00";
    struct token_conf *c = client(TOKEN_MODE_HEADER, "id", "secret", NULL);
    struct token_answer a = {200, STR("gzip"), str_make(gzip, sizeof gzip - 1)};
    struct errinfo ei = ERRINFO_INIT;
    struct token *t = NULL;
    (void)state;

    assert_ok(token_wire_read(c, &a, 0, &t, &ei), &ei);
    assert_str(token_header(t), "Authorization: Bearer abc");
    token_unref(TAKE(t));
    a.body.n -= 9;
    assert_int_equal(token_wire_read(c, &a, 0, &t, &ei), E_POLL_401);
    err_clear(&ei);
    a.coding = STR("rot13");
    assert_int_equal(token_wire_read(c, &a, 0, &t, &ei), E_POLL_401);
    assert_non_null(strstr(ei.text, "rot13"));
    token_conf_unref(c);
}

int main(void)
{
    return RUN_TESTS(requests_by_mode, buffers_of_secrets_never_grow, clients_are_equal_by_contents,
                     grants, refusals, long_words_are_cut, long_tokens,
                     echoed_secrets_are_not_shown, coded_answers);
}
