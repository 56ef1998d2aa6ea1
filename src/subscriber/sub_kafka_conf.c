#include "subscriber/sub_kafka_conf.h"

#include "core/host_name.h"
#include "core/limits.h"

#define TITLE "Validation error: Subscription"
#define TOPIC_MAX 249 /* of Kafka */
#define KEY_MAX 1024
#define PARTITION_MAX 2147483647

static const char *const types[] = {"sasl_ssl", NULL};
static const char *const mechanisms[] = {"plain", NULL};
static const char *const later_types[] = {"ssl", "sasl_plaintext", NULL};
static const char *const later_mechanisms[] = {"scram-sha-256", "scram-sha-512", "gssapi",
                                               "oauthbearer", NULL};
static const char *const formats[] = {"plain", "cloudevents", NULL};

/* ---- values ---- */

/* "kafka.example:9092", "[::1]:9092": unlike in a URL, there is no port that goes without saying. */
static bool is_server(struct str s)
{
    struct str host = host_name_of_field(s);
    size_t colon = s.n;
    uint64_t port;

    while (colon > 0 && s.p[colon - 1] != ':' && s.p[colon - 1] != ']')
        colon--;
    if (!host.p || colon == 0 || s.p[colon - 1] != ':' ||
        !str_to_u64(str_drop(s, colon), UINT16_MAX, &port) || port == 0)
        return false;
    return s.p[0] == '[' ? host_name_is_own(host) : host_name_is_valid(host);
}

static void check_servers(struct attr_ctx *c, const struct attr *row, const void *value)
{
    struct str rest = str_of(*(char *const *)value);
    unsigned count = 0;

    (void)row;
    while (rest.p) {
        struct str server = str_trim(str_split(&rest, ','));

        if (!is_server(server)) {
            attr_fault(c, "expected host:port, several of them with commas between, found \"%.*s\"",
                       (int)MIN(server.n, (size_t)100), server.p ? server.p : "");
            return;
        }
        count++;
    }
    if (count > LIMIT_KAFKA_SERVERS)
        attr_fault(
            c, "expected at most %d servers, found %u: a few are enough, they tell of all others",
            LIMIT_KAFKA_SERVERS, count);
}

static void check_topic(struct attr_ctx *c, const struct attr *row, const void *value)
{
    const char *name = *(char *const *)value;
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    (void)row;
    if (name[good] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        attr_fault(c,
                   "expected the name of a Kafka topic (letters, digits, \".\", \"_\" and \"-\"; "
                   "not \".\" or \"..\"), found \"%s\"",
                   name);
}

#define ROW(kind_, type_, member_, name_, ...)                                                     \
    {                                                                                              \
        .name = name_, .kind = ATTR_##kind_, .at = offsetof(struct type_, member_), __VA_ARGS__    \
    }

static const struct attr sasl_attrs[] = {
    ROW(ENUM, kafka_sasl, mechanism, "mechanism", .flags = ATTR_REQUIRED, .names = mechanisms,
        .later = later_mechanisms, .help = "How the user is proved: plain (RFC 4616)."),
    ROW(STRING, kafka_sasl, username, "username", .flags = ATTR_REQUIRED | ATTR_REFERENCE, .min = 1,
        .max = LIMIT_CLIENT_ID, .help = "The user."),
    ROW(STRING, kafka_sasl, password, "password",
        .flags = ATTR_REQUIRED | ATTR_SECRET | ATTR_REFERENCE, .min = 1, .max = LIMIT_CLIENT_SECRET,
        .help = "The user's password."),
};

static const struct attr auth_attrs[] = {
    ROW(ENUM, kafka_auth, type, "type", .flags = ATTR_REQUIRED, .names = types,
        .later = later_types, .help = "sasl_ssl: TLS, and the user proved by SASL."),
    ROW(OBJECT, kafka_auth, sasl, "sasl", .flags = ATTR_REQUIRED, .rows = sasl_attrs,
        .row_count = ARRAY_LEN(sasl_attrs), .help = "Who connects."),
};

const struct attr kafka_conf_attrs[KAFKA_CONF_ATTRS] = {
    SUBSCRIPTION_ROWS(struct kafka_conf),
    ROW(STRING, kafka_conf, bootstrap_servers, "bootstrapServers", .flags = ATTR_REQUIRED, .min = 1,
        .max = LIMIT_KAFKA_SERVERS_TEXT, .check = check_servers,
        .help = "Where the cluster is met: host:port of some of its brokers, with commas between."),
    ROW(STRING, kafka_conf, topic, "topic", .flags = ATTR_REQUIRED, .min = 1, .max = TOPIC_MAX,
        .check = check_topic, .help = "The Kafka topic that records are written to."),
    ROW(INT, kafka_conf, partition, "partition", .max = PARTITION_MAX,
        .help = "The partition that records are written to; without it, the one that the key falls "
                "to, as Kafka's own clients choose it."),
    ROW(STRING, kafka_conf, record_key, "recordKey", .min = 1, .max = KEY_MAX,
        .help = "The key of all records; without it, the id of the subscription's topic."),
    ROW(OBJECT, kafka_conf, auth, "authorization", .rows = auth_attrs,
        .row_count = ARRAY_LEN(auth_attrs),
        .help = "How the cluster is told who connects; without it, plain connections."),
    ROW(ENUM, kafka_conf, format, "format", .flags = ATTR_BEYOND, .preset = "plain",
        .names = formats,
        .help = "plain: the payload is the value of a record; cloudevents: it is wrapped in a "
                "CloudEvent "
                "1.0, in structured JSON."),
};

/* ---- the parsed config ---- */

void *kafka_conf_new(const jval *root, struct faults *f)
{
    struct kafka_conf *conf = xcalloc(1, sizeof *conf);
    size_t before = f->count + f->dropped;
    struct attr_ctx c;

    conf->common.mode = -1;
    conf->partition = -1;
    conf->auth.type = KAFKA_AUTH_NONE;
    attr_ctx_init(&c, f, TITLE, "");
    attr_parse(&c, kafka_conf_attrs, ARRAY_LEN(kafka_conf_attrs), root, conf);
    attr_ctx_done(&c);
    if (f->count + f->dropped == before)
        return conf;
    kafka_conf_free(conf);
    return NULL;
}

void kafka_conf_free(void *config)
{
    struct kafka_conf *conf = config;

    if (!conf)
        return;
    if (conf->auth.sasl.password)
        explicit_bzero(conf->auth.sasl.password, strlen(conf->auth.sasl.password));
    attr_done(kafka_conf_attrs, ARRAY_LEN(kafka_conf_attrs), conf);
    free(conf);
}

void kafka_conf_servers(const struct kafka_conf *c, struct buf *b)
{
    struct str rest = str_of(c->bootstrap_servers);

    for (bool first = true; rest.p; first = false) {
        if (!first)
            buf_putc(b, ',');
        buf_str(b, str_trim(str_split(&rest, ',')));
    }
}

static bool same_servers(const struct kafka_conf *a, const struct kafka_conf *b)
{
    struct str x = str_of(a->bootstrap_servers), y = str_of(b->bootstrap_servers);

    while (x.p && y.p)
        if (!str_eq(str_trim(str_split(&x, ',')), str_trim(str_split(&y, ','))))
            return false;
    return !x.p && !y.p;
}

bool kafka_conf_same_cluster(const struct kafka_conf *a, const struct kafka_conf *b)
{
    if (a->auth.type != b->auth.type || !same_servers(a, b))
        return false;
    if (a->auth.type == KAFKA_AUTH_NONE)
        return true;
    const struct kafka_sasl *x = &a->auth.sasl, *y = &b->auth.sasl;
    return x->mechanism == y->mechanism && strcmp(x->username, y->username) == 0 &&
           strcmp(x->password, y->password) == 0;
}

/* What is given there ends at the first NUL. */
const char *kafka_conf_flaw(struct str value)
{
    if (value.n == 0)
        return "no characters";
    return memchr(value.p, '\0', value.n) ? "a character NUL" : NULL;
}
