#include "unit.h"

#include "core/conf.h"
#include "core/http_auth_conf.h"
#include "core/token_wire.h"

#define OAUTH2(more)                                                                               \
    "{\"type\":\"oauth2\",\"provider\":\"https://id.example/token\",\"clientId\":\"i d\","         \
    "\"clientSecret\":\"hush\"" more "}"
#define BASIC(user, more)                                                                          \
    "{\"type\":\"basic\",\"username\":\"" user "\",\"password\":\"hush\"" more "}"
#define BEARER(token) "{\"type\":\"bearer\",\"token\":\"" token "\"}"

struct parsed {
    struct jdoc *doc;
    struct http_auth_conf conf;
    struct faults faults;
};

/* Parse text as the attribute authorization at /a. */
static void parse(struct parsed *p, const char *text)
{
    struct attr_ctx c;

    p->doc = NULL;
    assert_int_equal(jdoc_parse(str_of(text), NULL, &p->doc, NULL), E_OK);
    const jval *object = jv_type(jdoc_root(p->doc)) == JT_NULL ? NULL : jdoc_root(p->doc);
    faults_init(&p->faults);
    attr_ctx_init(&c, &p->faults, "title", "/a");
    http_auth_conf_init(&p->conf);
    attr_parse(&c, http_auth_attrs, HTTP_AUTH_ATTRS, object, &p->conf);
    http_auth_conf_check(&c, object, &p->conf);
    attr_ctx_done(&c);
}

static void parsed_done(struct parsed *p)
{
    http_auth_conf_wipe(&p->conf);
    attr_done(http_auth_attrs, HTTP_AUTH_ATTRS, &p->conf);
    faults_done(&p->faults);
    jdoc_free(p->doc);
}

static void absent_means_no_authorization(void **state)
{
    AUTO(parsed_done) struct parsed p;
    AUTO(buf_wipe) struct buf value = BUF_INIT;
    (void)state;

    parse(&p, "null");
    assert_int_equal(p.faults.count, 0);
    assert_int_equal(p.conf.type, HTTP_AUTH_NONE);
    assert_null(http_auth_client(&p.conf));
    http_auth_value(&p.conf, &value);
    assert_int_equal(value.len, 0);
}

static void clients_of_oauth2(void **state)
{
    static const struct {
        const char *text;
        enum token_mode mode;
        const char *scope;
    } rows[] = {
        {OAUTH2(""), TOKEN_MODE_HEADER, ""},
        {OAUTH2(",\"mode\":\"header\",\"scope\":\"\""), TOKEN_MODE_HEADER, ""},
        {OAUTH2(",\"mode\":\"\",\"scope\":null,\"username\":null"), TOKEN_MODE_HEADER, ""},
        {OAUTH2(",\"mode\":\"body\",\"scope\":\"a b\""), TOKEN_MODE_BODY, "a b"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(parsed_done) struct parsed p;
        AUTO(buf_wipe) struct buf value = BUF_INIT;

        parse(&p, rows[i].text);
        assert_int_equal(p.faults.count, 0);
        struct token_conf *c = http_auth_client(&p.conf);
        assert_str(c->client.provider, "https://id.example/token");
        assert_str(c->client.id, "i d");
        assert_str(c->client.secret, "hush");
        assert_str(c->client.scope, rows[i].scope);
        assert_int_equal(c->client.mode, rows[i].mode);
        http_auth_value(&p.conf, &value);
        assert_int_equal(value.len, 0);
        token_conf_unref(c);
    }
}

static void values_of_basic_and_bearer(void **state)
{
    static const struct {
        const char *text, *value;
    } rows[] = {
        {BASIC("us er", ""), "Basic dXMgZXI6aHVzaA=="},
        {BASIC("", ""), "Basic Omh1c2g="},
        {"{\"type\":\"basic\",\"username\":\"\xc3\xa9\",\"password\":\"\"}", "Basic w6k6"},
        {BEARER("abc.def-_~+/=="), "Bearer abc.def-_~+/=="},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(parsed_done) struct parsed p;
        AUTO(buf_wipe) struct buf value = BUF_INIT;

        parse(&p, rows[i].text);
        assert_int_equal(p.faults.count, 0);
        assert_null(http_auth_client(&p.conf));
        http_auth_value(&p.conf, &value);
        assert_str(buf_view(&value), rows[i].value);
    }
}

/* What is looked up later is not judged now. */
static void references_are_taken_as_they_are(void **state)
{
    static const char *const rows[] = {
        BASIC("${env:USER_OF_API}", ""),
        BEARER("${file:/run/secrets/my token}"),
        ("{\"type\":\"oauth2\",\"provider\":\"https://id.example/"
         "token\",\"clientId\":\"${env:ID}\","
         "\"clientSecret\":\"${file:/run/secrets/api}\"}"),
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(parsed_done) struct parsed p;

        parse(&p, rows[i]);
        assert_int_equal(p.faults.count, 0);
        assert_true(http_auth_by_reference(&p.conf));
    }
}

/* On a server that only this machine reaches. */
static enum err resolve(const struct parsed *p, struct http_auth_conf *ret, struct errinfo *ei)
{
    struct secret_rules rules;

    secret_rules_of(conf_current(), &rules);
    return http_auth_resolve(&p->conf, &rules, ret, ei);
}

static void resolved_clients(void **state)
{
    AUTO(parsed_done) struct parsed p;
    AUTO(http_auth_resolved_done) struct http_auth_conf now = {.type = HTTP_AUTH_NONE};
    struct errinfo ei = ERRINFO_INIT;

    (void)state;
    setenv("AUTH_ID", "i:d", 1);
    setenv("AUTH_SECRET", "h\xc3\xbcsh", 1);
    parse(&p, "{\"type\":\"oauth2\",\"provider\":\"https://id.example/token\",\"clientId\":"
              "\"${env:AUTH_ID}\",\"clientSecret\":\"a $${ ${env:AUTH_SECRET}\",\"mode\":\"body\","
              "\"scope\":\"${env:AUTH_ID}\"}");
    assert_int_equal(p.faults.count, 0);
    assert_ok(resolve(&p, &now, &ei), &ei);
    struct token_conf *c = http_auth_client(&now);
    assert_str(c->client.provider, "https://id.example/token");
    assert_str(c->client.id, "i:d");
    assert_str(c->client.secret, "a ${ h\xc3\xbcsh");
    assert_str(c->client.scope, "${env:AUTH_ID}");
    assert_int_equal(c->client.mode, TOKEN_MODE_BODY);
    token_conf_unref(c);
}

static void resolved_values(void **state)
{
    static const struct {
        const char *text, *value;
    } rows[] = {
        {BASIC("u${env:AUTH_USER}", ""), "Basic dXVzZXI6aHVzaA=="},
        {"{\"type\":\"basic\",\"username\":\"\",\"password\":\"${env:AUTH_USER}\"}",
         "Basic OnVzZXI="},
        {BEARER("${env:AUTH_USER}.${env:AUTH_USER}"), "Bearer user.user"},
        {BEARER("a$${b}"), "Bearer a${b}"},
    };

    (void)state;
    setenv("AUTH_USER", "user", 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(parsed_done) struct parsed p;
        AUTO(http_auth_resolved_done) struct http_auth_conf now = {.type = HTTP_AUTH_NONE};
        AUTO(buf_wipe) struct buf value = BUF_INIT;
        struct errinfo ei = ERRINFO_INIT;

        parse(&p, rows[i].text);
        assert_int_equal(p.faults.count, 0);
        assert_ok(resolve(&p, &now, &ei), &ei);
        assert_null(http_auth_client(&now));
        http_auth_value(&now, &value);
        assert_str(buf_view(&value), rows[i].value);
    }
}

static void what_references_must_not_give(void **state)
{
    static const struct {
        const char *text, *gives;
        const char *says; /* behind the attribute and the variable */
    } rows[] = {
        {BASIC("${env:AUTH_X}", ""), "us:er",
         "authorization.username: the environment variable AUTH_X cannot be used: it has a colon"},
        {BASIC("${env:AUTH_X}", ""), "us\ner", "it has control characters or line breaks"},
        {"{\"type\":\"basic\",\"username\":\"u\",\"password\":\"${env:AUTH_X}\"}", "hush\n",
         "authorization.password: the environment variable AUTH_X cannot be used: it has control"},
        {BEARER("${env:AUTH_X}"), "hush hush",
         "authorization.token: the environment variable AUTH_X cannot be used: it has a character "
         "other than visible ASCII"},
        {BEARER("x${env:AUTH_X}"), "h\xc3\xbcsh", "other than visible ASCII"},
        {BEARER("${env:AUTH_X}"), NULL,
         "authorization.token: the environment variable AUTH_X is not set"},
        {"{\"type\":\"oauth2\",\"provider\":\"https://id.example/token\",\"clientId\":\"i\","
         "\"clientSecret\":\"${env:AUTH_X}\"}",
         "hush\x7f", "authorization.clientSecret: the environment variable AUTH_X cannot be used"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(parsed_done) struct parsed p;
        struct http_auth_conf now = {.type = HTTP_AUTH_BASIC, .mode = 77};
        struct errinfo ei = ERRINFO_INIT;

        if (rows[i].gives)
            setenv("AUTH_X", rows[i].gives, 1);
        else
            unsetenv("AUTH_X");
        parse(&p, rows[i].text);
        assert_int_equal(p.faults.count, 0);
        assert_int_equal(resolve(&p, &now, &ei), E_POLL_CONFIG);
        if (!strstr(ei.text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", ei.text, rows[i].says);
        assert_null(strstr(ei.text, "hush"));
        assert_int_equal(now.mode, 77); /* left alone */
    }
}

/* rows: the text, then pointer and a part of the detail of each fault. */
static const struct {
    const char *text;
    const char *faults[5][2];
} faulty[] = {
    {"{}", {{"/a/type", "is required: expected one of \"oauth2\", \"basic\", \"bearer\""}}},
    {"{\"type\":\"\",\"password\":\"hush\"}", {{"/a/type", "is required"}}},
    {"{\"type\":\"oauth\"}", {{"/a/type", "did you mean \"oauth2\"?"}}},
    {"{\"type\":\"OAuth2\"}", {{"/a/type", "expected one of"}}},
    {"{\"type\":7}", {{"/a/type", "found the number 7"}}},
    {"{\"type\":\"oauth2\"}",
     {{"/a/provider", "\"provider\" is required with type \"oauth2\": expected an absolute http"},
      {"/a/clientId", "required with type \"oauth2\": expected a string of 1 to 1024"},
      {"/a/clientSecret", "required with type \"oauth2\": expected a string of 1 to 2048"}}},
    {"{\"type\":\"basic\"}",
     {{"/a/username", "required with type \"basic\""},
      {"/a/password", "required with type \"basic\""}}},
    {"{\"type\":\"bearer\",\"token\":null}", {{"/a/token", "required with type \"bearer\""}}},
    {OAUTH2(",\"username\":\"u\",\"password\":\"hush\",\"token\":\"hush\""),
     {{"/a/username", "no meaning with type \"oauth2\", which takes provider, clientId"},
      {"/a/password", "leave it out"},
      {"/a/token", "leave it out"}}},
    {BASIC("u", ",\"scope\":\"s\",\"mode\":\"body\",\"clientSecret\":\"hush\""),
     {{"/a/clientSecret", "with type \"basic\", which takes username and password"},
      {"/a/mode", "leave it out"},
      {"/a/scope", "leave it out"}}},
    {OAUTH2(",\"mode\":\"query\",\"scopes\":\"s\""),
     {{"/a/mode", "expected one of \"header\", \"body\", found the string \"query\""},
      {"/a/scopes", "did you mean \"scope\"?"}}},
    {"{\"type\":\"oauth2\",\"provider\":\"id.example\",\"clientId\":\"\",\"clientSecret\":5}",
     {{"/a/provider", "an absolute http or https URL"},
      {"/a/clientId", "it has 0 characters"},
      {"/a/clientSecret", "found number"}}},
    {"{\"type\":\"oauth2\",\"provider\":\"https://a:b@id.example/\",\"clientId\":\"i\","
     "\"clientSecret\":\"hush\\n\"}",
     {{"/a/provider", "user"}, {"/a/clientSecret", "it has a control character"}}},
    {BASIC("a:b", ""), {{"/a/username", "without a colon"}}},
    {BEARER("Bearer hush"), {{"/a/token", "leave out the word Bearer"}}},
    {BEARER("Bearer ${env:TOKEN}"), {{"/a/token", "leave out the word Bearer"}}},
    {BASIC("a:${env:REST}", ""), {{"/a/username", "without a colon"}}},
    {BASIC("${env:A-B}", ""), {{"/a/username", "found \"A-B\""}}},
    {BEARER("hush${hush}"), {{"/a/token", "expected ${env:NAME} or ${file:/absolute/path}"}}},
    {BEARER("h\xc3\xbcsh hush"), {{"/a/token", "visible ASCII"}}},
    {BEARER("********"), {{"/a/token", "none is stored here"}}},
    {BEARER(""), {{"/a/token", "it has 0 characters"}}},
};

static void every_fault_is_told(void **state)
{
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(faulty); i++) {
        AUTO(parsed_done) struct parsed p;
        size_t n = 0;

        parse(&p, faulty[i].text);
        while (n < 5 && faulty[i].faults[n][0])
            n++;
        for (size_t k = 0; k < n; k++) {
            bool found = false;
            for (size_t m = 0; m < p.faults.count; m++)
                found |= strcmp(p.faults.items[m].pointer, faulty[i].faults[k][0]) == 0 &&
                         strstr(p.faults.items[m].detail, faulty[i].faults[k][1]);
            if (!found)
                fail_msg("%s: no fault at %s: %s", faulty[i].text, faulty[i].faults[k][0],
                         faulty[i].faults[k][1]);
        }
        assert_int_equal(p.faults.count, n);
        for (size_t m = 0; m < n; m++)
            assert_null(strstr(p.faults.items[m].detail, "hush"));
    }
}

static void secrets_are_shown_masked(void **state)
{
    static const char *const rows[][2] = {
        {OAUTH2(",\"scope\":\"s\""),
         "{\"type\":\"oauth2\",\"provider\":\"https://id.example/token\",\"clientId\":\"i d\","
         "\"clientSecret\":\"********\",\"scope\":\"s\"}"},
        {BASIC("u", ""), "{\"type\":\"basic\",\"username\":\"u\",\"password\":\"********\"}"},
        {BEARER("hush"), "{\"type\":\"bearer\",\"token\":\"********\"}"},
        {BEARER("${file:/a}"), "{\"type\":\"bearer\",\"token\":\"${file:/a}\"}"},
        {BEARER("hush${file:/a}"), "{\"type\":\"bearer\",\"token\":\"********\"}"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(parsed_done) struct parsed p;
        AUTO(buf_done) struct buf text = BUF_INIT;
        struct jwriter w = jw_begin(&text);

        parse(&p, rows[i][0]);
        attr_write(http_auth_attrs, HTTP_AUTH_ATTRS, jdoc_root(p.doc), &w);
        assert_int_equal(jw_end(&w), E_OK);
        assert_str(buf_view(&text), rows[i][1]);
    }
}

static void wiped_secrets_are_gone(void **state)
{
    AUTO(parsed_done) struct parsed p;
    (void)state;

    parse(&p, OAUTH2(",\"password\":\"hush\",\"token\":\"hush\""));
    http_auth_conf_wipe(&p.conf);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(p.conf.client_secret[i] | p.conf.password[i] | p.conf.token[i], 0);
    assert_string_equal(p.conf.client_id, "i d");
}

int main(void)
{
    return RUN_TESTS(absent_means_no_authorization, clients_of_oauth2, values_of_basic_and_bearer,
                     references_are_taken_as_they_are, resolved_clients, resolved_values,
                     what_references_must_not_give, every_fault_is_told, secrets_are_shown_masked,
                     wiped_secrets_are_gone);
}
