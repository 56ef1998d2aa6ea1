/*
 * The load of the fan-out benchmark, the same for every server: publishes events by POST, evenly
 * spread, and reads them on as many channels as are asked for (fanout_rig.c). The server's cost is
 * measured by who started it.
 *
 *   bench_fanout FORM PORT CHANNELS TOPICS SIZE SUBSCRIBE PUBLISH [stuck]
 *
 * FORM: sse, gzip, tls, websocket, wish. SUBSCRIBE, PUBLISH: paths, to which the names of topics are
 * added: t0, t1, … Reader i follows topic i % TOPICS. Takes commands and answers each with a line of
 * JSON:
 *
 *   connect                       all channels at once; answers when each was told the event of now
 *   disconnect
 *   publish LETTER MS PERIOD_MS   to the topics that begin so, each once a period; answers when all
 *                                 was delivered (to t…: others have no readers)
 */
#include <poll.h>

#include "fanout_rig.c"

#define POSTERS 32
#define PATIENCE_US (10 * US_PER_S)
#define CONNECT_US (60 * US_PER_S)

static const char *const form_names[FORM_COUNT] = {"sse", "gzip", "tls", "websocket", "wish"};

static void wait_us(int64_t us)
{
    struct timespec t = {us / US_PER_S, us % US_PER_S * 1000};

    nanosleep(&t, NULL);
}

/* ---- posts ---- */

struct poster {
    int fd;
    SSL *ssl;
    bool busy;
};

static struct poster posters[POSTERS];
static unsigned poster_count;

static void open_poster(const struct load *l, struct poster *p)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(l->port)};

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(p->fd >= 0 && connect(p->fd, (struct sockaddr *)&a, sizeof a) == 0);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (l->form != FORM_TLS)
        return;
    p->ssl = SSL_new(client_ctx);
    CHECK(p->ssl && SSL_set_fd(p->ssl, p->fd) == 1 && SSL_connect(p->ssl) == 1);
}

/* The answer is on its way: what is missing of it is waited for. */
static void take_answer(struct poster *p)
{
    char answer[8192];
    size_t got = 0, want = SIZE_MAX;

    while (got < want) {
        size_t room = sizeof answer - 1 - got;
        ssize_t n =
            p->ssl ? SSL_read(p->ssl, answer + got, (int)room) : read(p->fd, answer + got, room);
        if (n <= 0)
            panic("a post is not answered");
        got += (size_t)n;
        answer[got] = '\0';
        const char *end = strstr(answer, "\r\n\r\n");
        const char *length = strcasestr(answer, "\r\ncontent-length: ");
        if (end)
            want = (size_t)(end + 4 - answer) + (length ? strtoul(length + 18, NULL, 10) : 0);
    }
    if (strncmp(answer, "HTTP/1.1 20", 11) != 0)
        panic("%s", answer);
    p->busy = false;
}

/* Takes the answers that are there. */
static void take_answers(int timeout_ms)
{
    struct pollfd v[POSTERS];

    for (unsigned i = 0; i < poster_count; i++)
        v[i] = (struct pollfd){.fd = posters[i].busy ? posters[i].fd : -1, .events = POLLIN};
    if (poll(v, poster_count, timeout_ms) <= 0)
        return;
    for (unsigned i = 0; i < poster_count; i++) {
        if (v[i].revents)
            take_answer(&posters[i]);
    }
}

static struct poster *idle_poster(const struct load *l)
{
    for (;;) {
        take_answers(poster_count == POSTERS ? 1 : 0);
        for (unsigned i = 0; i < poster_count; i++) {
            if (!posters[i].busy)
                return &posters[i];
        }
        if (poster_count < POSTERS)
            open_poster(l, &posters[poster_count++]);
    }
}

static void wait_for_answers(void)
{
    for (unsigned i = 0; i < poster_count; i++) {
        if (posters[i].busy)
            take_answer(&posters[i]);
    }
}

/* All of the text is another each time, so that a patch is as large, and compresses to a half. */
static void make_document(struct buf *b, unsigned size, unsigned number)
{
    uint64_t x = (uint64_t)(number + 1) * 0x9e3779b97f4a7c15u | 1;
    size_t end = b->len + size;

    buf_printf(b, "{\"text\":\"@%0*u", NUMBER_LEN, number);
    while (b->len + 2 < end) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        buf_putc(b, (char)('a' + (x >> 60)));
    }
    buf_puts(b, "\"}");
}

static void post(const struct load *l, char letter, unsigned topic, unsigned number)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct poster *p = idle_poster(l);

    buf_printf(&b,
               "POST %s%c%u HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Content-Length: %u\r\n\r\n",
               l->publish, letter, topic, l->size);
    make_document(&b, l->size, number);
    p->busy = true;
    l->shared->events[number].published = clock_now();
    ssize_t n = p->ssl ? SSL_write(p->ssl, b.p, (int)b.len) : write(p->fd, b.p, b.len);
    CHECK(n == (ssize_t)b.len);
}

/* ---- a round ---- */

static unsigned next_number;

static uint64_t seen_of(const struct shared *s, unsigned from)
{
    uint64_t n = 0;

    for (unsigned i = from; i < next_number; i++)
        n += atomic_load(&s->events[i].count);
    return n;
}

static void wait_for_readers(const struct load *l, unsigned from, uint64_t expected)
{
    uint64_t seen = 0;
    int64_t until = clock_now() + PATIENCE_US;

    while (seen < expected && clock_now() < until) {
        uint64_t now = seen_of(l->shared, from);
        if (now > seen)
            until = clock_now() + PATIENCE_US;
        seen = now;
        wait_us(US_PER_MS);
    }
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int by_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Of half of the events the last reader had it by then. */
static double last_ms(const struct shared *s, unsigned from)
{
    unsigned n = next_number - from;
    AUTO_FREE int64_t *v = xcalloc(n, sizeof *v);

    for (unsigned i = 0; i < n; i++)
        v[i] = atomic_load(&s->events[from + i].last) - s->events[from + i].published;
    qsort(v, n, sizeof *v, by_time);
    return (double)v[n / 2] / US_PER_MS;
}

static void tell_round(const struct load *l, unsigned from, uint64_t expected)
{
    struct shared *s = l->shared;
    unsigned events = next_number - from;
    unsigned n = MIN(atomic_load(&s->latency_count), (unsigned)LATENCIES);

    printf("{\"events\":%u,\"deliveries\":%u,\"expected\":%llu,\"seen\":%llu,\"lost\":%u,"
           "\"bytes\":%llu",
           events, events * (l->channels / l->topics), (unsigned long long)expected,
           (unsigned long long)seen_of(s, from), atomic_load(&s->lost), atomic_load(&s->bytes));
    if (n > 0) {
        qsort(s->latencies, n, sizeof *s->latencies, by_u32);
        printf(",\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"maxMs\":%.3f,\"lastMs\":%.3f",
               s->latencies[n / 2] / 1e3, s->latencies[n * 99ull / 100] / 1e3,
               s->latencies[n - 1] / 1e3, last_ms(s, from));
    }
    puts("}");
}

static void publish(const struct load *l, char letter, int64_t ms, int64_t period_ms)
{
    struct shared *s = l->shared;
    unsigned events = (unsigned)(ms / period_ms) * l->topics, from = next_number;
    bool is_read = letter == 't' && atomic_load(&s->told) == l->channels;
    int64_t began = clock_now();
    uint64_t expected = 0;

    CHECK(from + events <= EVENTS_MAX);
    atomic_store(&s->latency_count, 0);
    atomic_store(&s->bytes, 0);
    atomic_store(&s->first, from);
    for (unsigned i = 0; i < events; i++) {
        int64_t due = began + ms * US_PER_MS * i / events;
        while (clock_now() < due)
            wait_us(due - clock_now());
        post(l, letter, i % l->topics, next_number++);
        expected += is_read ? watchers(l, i % l->topics) : 0;
    }
    wait_for_answers();
    wait_for_readers(l, from, expected);
    tell_round(l, from, expected);
}

/* ---- commands ---- */

static void tell_readers(int pipe, char command)
{
    CHECK(write(pipe, &command, 1) == 1);
}

static void connect_readers(const struct load *l, int pipe)
{
    struct shared *s = l->shared;
    int64_t until = clock_now() + CONNECT_US;

    atomic_store(&s->all_told, 0);
    tell_readers(pipe, 'c');
    while (!atomic_load(&s->all_told)) {
        if (clock_now() > until)
            panic("%u of %u channels were told something", atomic_load(&s->told), l->channels);
        wait_us(US_PER_MS);
    }
    printf("{\"allMs\":%.3f}\n",
           (double)(atomic_load(&s->all_told) - atomic_load(&s->connecting)) / US_PER_MS);
}

static void obey(const struct load *l, int pipe, const char *line)
{
    char letter;
    int ms, period_ms;

    if (strcmp(line, "connect\n") == 0) {
        connect_readers(l, pipe);
    } else if (strcmp(line, "disconnect\n") == 0) {
        tell_readers(pipe, 'd');
        puts("{}");
    } else if (sscanf(line, "publish %c %d %d", &letter, &ms, &period_ms) == 3) {
        publish(l, letter, ms, period_ms);
    } else {
        panic("what is '%s'?", line);
    }
    fflush(stdout);
}

static enum form form_of(const char *name)
{
    for (int i = 0; i < FORM_COUNT; i++) {
        if (strcmp(name, form_names[i]) == 0)
            return (enum form)i;
    }
    panic("there is no form %s", name);
}

int main(int argc, char **argv)
{
    char line[256];
    int commands[2];

    if (argc < 8)
        panic("usage: bench_fanout FORM PORT CHANNELS TOPICS SIZE SUBSCRIBE PUBLISH");
    struct load l = {.form = form_of(argv[1]),
                     .port = (uint16_t)strtoul(argv[2], NULL, 10),
                     .channels = (unsigned)strtoul(argv[3], NULL, 10),
                     .topics = (unsigned)strtoul(argv[4], NULL, 10),
                     .size = (unsigned)strtoul(argv[5], NULL, 10),
                     .subscribe = argv[6],
                     .publish = argv[7],
                     .stuck = argc > 8 && strcmp(argv[8], "stuck") == 0};
    CHECK(l.topics > 0 && l.channels % l.topics == 0 && l.size > 64);
    signal(SIGPIPE, SIG_IGN);
    raise_limit();
    CHECK(pipe2(commands, O_CLOEXEC) == 0 && fcntl(commands[0], F_SETFL, O_NONBLOCK) == 0);
    l.commands = commands[0];
    l.shared =
        mmap(NULL, sizeof *l.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(l.shared != MAP_FAILED);
    pid_t pid = start_child(run_readers, &l);
    client_ctx = SSL_CTX_new(TLS_client_method());
    while (fgets(line, sizeof line, stdin))
        obey(&l, commands[1], line);
    stop_child(pid);
    return 0;
}
