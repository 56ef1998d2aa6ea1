/*
 * Which topics may make the same requests: the key that their settings give.
 */
#include "unit.h"

#include "core/conf.h"
#include "publisher/http_share.h"
#include "json/value.h"

static struct hash128 key(const char *json)
{
    AUTO(faults_done) struct faults f;
    struct jdoc *doc = NULL;

    faults_init(&f);
    assert_int_equal(jdoc_parse(str_of(json), NULL, &doc, NULL), E_OK);
    void *config = http_conf_new(jdoc_root(doc), "", &f);
    jdoc_free(doc);
    if (!config)
        fail_msg("%s: %s: %s", json, f.items[0].pointer, f.items[0].detail);
    struct hash128 key = http_share_key(config);
    http_conf_free(config);
    assert_true(key.lo || key.hi);
    return key;
}

#define URL "\"url\":\"http://h/x\""
#define OAUTH(id, secret, more)                                                                    \
    "\"authorization\":{\"type\":\"oauth2\",\"provider\":\"http://p/\",\"clientId\":\"" id         \
    "\",\"clientSecret\":\"" secret "\"" more "}"

/* What is not of the request itself, or varies from poll to poll, makes no difference here. */
static void the_same_request_by_other_topics(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{" URL "}",
        "{" URL ",\"pollingPeriod\":\"PT10S\"}",
        "{" URL ",\"payloadPointer\":\"/a\",\"arrayKey\":\"id\",\"ignore\":\"/b\"}",
        "{" URL ",\"retryMaxAttempts\":0,\"retryOnHttpCodes\":[404]}",
        "{" URL ",\"headers\":{}}",
        "{" URL ",\"pagination\":{\"mode\":\"page\",\"nextReference\":{\"location\":\"header\"}}}",
    };

    for (size_t i = 1; i < ARRAY_LEN(rows); i++)
        if (!hash_eq(key(rows[i]), key(rows[0])))
            fail_msg("another key: %s", rows[i]);
}

static void other_requests(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{" URL "}",
        "{\"url\":\"http://h/y\"}",
        "{\"url\":\"https://h/x\"}",
        "{" URL ",\"headers\":{\"A\":\"b\"}}",
        "{" URL ",\"headers\":{\"A\":\"c\"}}",
        "{" URL ",\"headers\":{\"Ab\":\"\"}}",
        "{" URL ",\"headers\":{\"A\":\"b\",\"C\":\"d\"}}",
        "{" URL ",\"headers\":{\"Authorization\":\"Bearer t\"}}",
        "{" URL ",\"headers\":{\"Authorization\":\"Bearer ${env:T}\"}}",
        "{" URL ",\"authorization\":{\"type\":\"bearer\",\"token\":\"t\"}}",
        "{" URL ",\"authorization\":{\"type\":\"bearer\",\"token\":\"u\"}}",
        "{" URL ",\"authorization\":{\"type\":\"bearer\",\"token\":\"${env:T}\"}}",
        "{" URL ",\"authorization\":{\"type\":\"basic\",\"username\":\"u\",\"password\":\"p\"}}",
        "{" URL ",\"authorization\":{\"type\":\"basic\",\"username\":\"u\",\"password\":\"q\"}}",
        "{" URL ",\"authorization\":{\"type\":\"basic\",\"username\":\"up\",\"password\":\"\"}}",
        "{" URL "," OAUTH("i", "s", "") "}",
        "{" URL "," OAUTH("i", "t", "") "}",
        "{" URL "," OAUTH("j", "s", "") "}",
        "{" URL "," OAUTH("i", "s", ",\"scope\":\"a\"") "}",
        "{" URL "," OAUTH("i", "s", ",\"mode\":\"body\"") "}",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < i; k++)
            if (hash_eq(key(rows[i]), key(rows[k])))
                fail_msg("the same key: %s and %s", rows[i], rows[k]);
}

int main(void)
{
    static struct conf conf;

    conf_init(&conf);
    conf_set_current(&conf);
    int failed = RUN_TESTS(the_same_request_by_other_topics, other_requests);
    conf_done(&conf);
    return failed;
}
