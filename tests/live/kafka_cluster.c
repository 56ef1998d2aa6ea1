/*
 * A Kafka cluster for tests: librdkafka's mock brokers and a consumer in one process. It prints one
 * JSON object per line: first {"bootstrap":…}, then {"done":COMMAND} or {"failed":WHY} for each line
 * of standard input, and {"record":…} for each record of topics that are followed. It ends with its
 * standard input.
 *
 *     topic NAME PARTITIONS          make a topic (one that is asked for is made, too, with 4)
 *     follow NAME PARTITIONS         print its records, from the first
 *     down BROKER | up BROKER        brokers are numbered from 1
 *     rtt BROKER MS                  answers of a broker are late
 *     leader NAME PARTITION BROKER   move a partition
 *     errors API COUNT CODE          the next requests of this API key fail (0: Produce)
 *     topicerror NAME CODE           a topic fails in metadata
 *
 * The mock keeps no track of sequence numbers of idempotent producers: where a real broker refuses
 * what comes out of order or twice, it takes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <unistd.h>

#include "base/buf.h"

#define ERRORS_MAX 1000

struct cluster {
    rd_kafka_t *rk; /* that the mock needs */
    rd_kafka_mock_cluster_t *mock;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue; /* of all partitions that are read */
    int bell[2];
};

static void put_line(struct buf *b)
{
    buf_putc(b, '\n');
    CHECK(write(STDOUT_FILENO, b->p, b->len) == (ssize_t)b->len);
}

static void put_text(const char *name, struct str text)
{
    AUTO(buf_done) struct buf b = BUF_INIT;

    buf_printf(&b, "{\"%s\":", name);
    buf_json_str(&b, text);
    buf_putc(&b, '}');
    put_line(&b);
}

/* ---- librdkafka ---- */

static void set(rd_kafka_conf_t *c, const char *name, const char *value)
{
    char why[256];

    if (rd_kafka_conf_set(c, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        panic("%s", why);
}

static rd_kafka_t *new_client(rd_kafka_type_t type, rd_kafka_conf_t *c)
{
    char why[256];
    rd_kafka_t *rk;

    set(c, "log_level", "0");
    rk = rd_kafka_new(type, c, why, sizeof why);
    if (!rk)
        panic("%s", why);
    return rk;
}

static void open_consumer(struct cluster *c)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(c->mock));
    set(conf, "fetch.wait.max.ms", "20");
    set(conf, "fetch.error.backoff.ms", "20");
    set(conf, "reconnect.backoff.ms", "20");
    set(conf, "reconnect.backoff.max.ms", "100");
    c->consumer = new_client(RD_KAFKA_CONSUMER, conf);
    c->queue = rd_kafka_queue_new(c->consumer);
    CHECK(pipe2(c->bell, O_NONBLOCK | O_CLOEXEC) == 0);
    rd_kafka_queue_io_event_enable(c->queue, c->bell[1], "1", 1);
}

/* ---- records ---- */

static void put_headers(struct buf *b, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;

    buf_puts(b, ",\"headers\":[");
    if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
            buf_puts(b, i ? ",[" : "[");
            buf_json_str(b, str_of(name));
            buf_putc(b, ',');
            buf_json_str(b, str_make(value, size));
            buf_putc(b, ']');
        }
    buf_putc(b, ']');
}

static void put_record(const rd_kafka_message_t *m)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    rd_kafka_timestamp_type_t type;

    buf_puts(&b, "{\"record\":{\"topic\":");
    buf_json_str(&b, str_of(rd_kafka_topic_name(m->rkt)));
    buf_printf(&b,
               ",\"partition\":%d,\"offset\":%lld,\"timestamp\":%lld,\"key\":", (int)m->partition,
               (long long)m->offset, (long long)rd_kafka_message_timestamp(m, &type));
    buf_json_str(&b, str_make(m->key, m->key_len));
    buf_puts(&b, ",\"value\":");
    buf_json_str(&b, str_make(m->payload, m->len));
    put_headers(&b, m);
    buf_puts(&b, "}}");
    put_line(&b);
}

static void take_records(struct cluster *c)
{
    rd_kafka_message_t *m;
    char strokes[64];

    while (read(c->bell[0], strokes, sizeof strokes) > 0)
        ;
    rd_kafka_poll(c->consumer, 0);
    while ((m = rd_kafka_consume_queue(c->queue, 0))) {
        if (!m->err)
            put_record(m);
        rd_kafka_message_destroy(m);
    }
}

/* ---- commands ---- */

struct command {
    const char *word[4];
    long number[4]; /* of the same words; 0: not a number */
    int count;
};

static rd_kafka_resp_err_t follow(struct cluster *c, const struct command *cmd)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(c->consumer, cmd->word[1], NULL);

    for (int p = 0; p < cmd->number[2]; p++)
        if (rd_kafka_consume_start_queue(topic, p, 0, c->queue) != 0)
            return rd_kafka_last_error();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t push_errors(struct cluster *c, const struct command *cmd)
{
    rd_kafka_resp_err_t errors[ERRORS_MAX];
    size_t count = (size_t)cmd->number[2];

    if (count > ERRORS_MAX)
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    for (size_t i = 0; i < count; i++)
        errors[i] = (rd_kafka_resp_err_t)cmd->number[3];
    rd_kafka_mock_clear_request_errors(c->mock, (int16_t)cmd->number[1]);
    rd_kafka_mock_push_request_errors_array(c->mock, (int16_t)cmd->number[1], count, errors);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t run(struct cluster *c, const struct command *cmd)
{
    struct str name = str_of(cmd->word[0]);

    if (str_eqz(name, "topic") && cmd->count == 3)
        return rd_kafka_mock_topic_create(c->mock, cmd->word[1], (int)cmd->number[2], 1);
    if (str_eqz(name, "follow") && cmd->count == 3)
        return follow(c, cmd);
    if (str_eqz(name, "down") && cmd->count == 2)
        return rd_kafka_mock_broker_set_down(c->mock, (int32_t)cmd->number[1]);
    if (str_eqz(name, "up") && cmd->count == 2)
        return rd_kafka_mock_broker_set_up(c->mock, (int32_t)cmd->number[1]);
    if (str_eqz(name, "rtt") && cmd->count == 3)
        return rd_kafka_mock_broker_set_rtt(c->mock, (int32_t)cmd->number[1], (int)cmd->number[2]);
    if (str_eqz(name, "leader") && cmd->count == 4)
        return rd_kafka_mock_partition_set_leader(c->mock, cmd->word[1], (int32_t)cmd->number[2],
                                                  (int32_t)cmd->number[3]);
    if (str_eqz(name, "errors") && cmd->count == 4)
        return push_errors(c, cmd);
    if (str_eqz(name, "topicerror") && cmd->count == 3) {
        rd_kafka_mock_topic_set_error(c->mock, cmd->word[1], (rd_kafka_resp_err_t)cmd->number[2]);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

static void on_line(struct cluster *c, struct str line)
{
    struct command cmd = {.count = 0};
    struct str rest = line;
    char *copies[4] = {NULL};

    while (rest.p && cmd.count < 4) {
        copies[cmd.count] = str_dup(str_split(&rest, ' '));
        cmd.word[cmd.count] = copies[cmd.count];
        cmd.number[cmd.count] = strtol(copies[cmd.count], NULL, 10);
        cmd.count++;
    }
    rd_kafka_resp_err_t err = run(c, &cmd);
    if (err)
        put_text("failed", str_of(rd_kafka_err2name(err)));
    else
        put_text("done", line);
    for (int i = 0; i < cmd.count; i++)
        free(copies[i]);
}

/* False: standard input ended. */
static bool take_commands(struct cluster *c, struct buf *input)
{
    char bytes[4096];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    char *end;

    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    buf_append(input, bytes, (size_t)n);
    while ((end = memchr(input->p, '\n', input->len))) {
        on_line(c, str_make(input->p, (size_t)(end - input->p)));
        buf_consume(input, (size_t)(end - input->p) + 1);
    }
    return true;
}

int main(int argc, char **argv)
{
    int brokers = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;
    AUTO(buf_done) struct buf input = BUF_INIT;
    struct cluster c = {.rk = new_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new())};
    bool going = true;

    c.mock = rd_kafka_mock_cluster_new(c.rk, brokers);
    if (!c.mock)
        panic("the mock cluster cannot be made");
    open_consumer(&c);
    put_text("bootstrap", str_of(rd_kafka_mock_cluster_bootstraps(c.mock)));
    while (going) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = c.bell[0], .events = POLLIN}};

        if (poll(fds, ARRAY_LEN(fds), -1) < 0)
            continue;
        if (fds[1].revents)
            take_records(&c);
        if (fds[0].revents)
            going = take_commands(&c, &input);
    }
    /* Without winding up what librdkafka has: it would wait for brokers that are down. */
    _exit(0);
}
