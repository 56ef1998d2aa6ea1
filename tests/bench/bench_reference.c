/*
 * The two ends of a server that polls: an origin of which each answer is another by a fifth, and users
 * that follow topics by SSE, spread evenly over them. How old data are when users have them: from the
 * moment at which the origin begins to write its answer until the last byte of the event that it made
 * was read.
 *
 *   bench_reference USERS TOPICS BYTES
 *
 * Prints the port of the origin; the documents of BYTES are at /0, /1 and so on. Takes lines from
 * standard input, and answers each with a line:
 *
 *   PORT         all users connect to this port, and follow t0, t1 and so on: how many there are, as soon
 *                as each was told something
 *   measure MS   so long, what the origin answers is counted: a line when the time is over, and one with
 *                the figures when all of it was delivered, or does not come any more
 *
 * The figures are one line of JSON: p50Ms, p99Ms, maxMs; how many answers and deliveries there were, and
 * how many deliveries there should have been. Ends when its standard input does.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "process_rig.c"

#define AGES ((size_t)1 << 20)
#define LATE_US (5 * US_PER_S) /* for how long deliveries are waited for in the end */
#define CONNECT_US (60 * US_PER_S)
#define FILES 65536
#define TOPICS 1000
#define USERS_PER_ADDRESS 20000
#define SOCKET_BUFFER (1 << 20)

/* In memory that all processes have. Counted is what was answered from `from` on and before `to`. */
struct shared {
    _Atomic int64_t from, to;
    atomic_uint told;      /* users that have read something */
    atomic_ullong answers; /* of the origin */
    atomic_ullong due;     /* deliveries that they make */
    atomic_ullong count;   /* deliveries that came */
    double ages_us[AGES];
};

struct bench {
    unsigned users, topics;
    size_t bytes;
    struct shared *shared;
    int listener;
    uint16_t port; /* where users connect to */
    pid_t origin, readers;
};

static void wait_us(int64_t us)
{
    struct timespec t = {us / US_PER_S, us % US_PER_S * 1000};

    nanosleep(&t, NULL);
}

static void watch(int ep, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
}

static bool is_counted(const struct shared *s, int64_t stamp)
{
    return stamp >= atomic_load(&s->from) && stamp < atomic_load(&s->to);
}

/* ---- origin ---- */

#define PARTS 5 /* one of them is another with each answer */

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %10zu\r\n\r\n"
#define HEAD_LEN (sizeof HEAD - 1 - 5 + 10)
#define BEGIN "{\"at\":\"@%015lld\",\"items\":["
#define STAMP_DIGITS 15 /* µs of the monotonic clock, after a "@" */
#define STAMP_AT (HEAD_LEN + 8)
#define BEGIN_LEN (sizeof BEGIN - 1 - 7 + STAMP_DIGITS)
#define RECORD "{\"id\":%07zu,\"text\":\"%s\",\"price\":%06u,\"quantity\":%06u},"
#define TEXT_LEN 120
#define RECORD_LEN (sizeof RECORD - 1 + (7 - 5) + (TEXT_LEN - 2) + 2 * (6 - 4))

static uint64_t chance(void)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

/* Nothing of a record stays but its id, and its length. */
static void renew(char *record, size_t id)
{
    char text[TEXT_LEN + 1] = "", all[RECORD_LEN + 1];

    for (size_t i = 0; i < TEXT_LEN; i += 12) {
        uint64_t x = chance();
        for (size_t k = i; k < i + 12; k++, x >>= 5)
            text[k] = (char)('a' + (x & 31) % 26);
    }
    unsigned price = 100000 + (unsigned)(chance() % 900000);
    unsigned quantity = 100000 + (unsigned)(chance() % 900000);
    CHECK(snprintf(all, sizeof all, RECORD, 1000000 + id, text, price, quantity) == RECORD_LEN);
    memcpy(record, all, RECORD_LEN);
}

static size_t records_of(const struct bench *b)
{
    return (b->bytes - BEGIN_LEN) / RECORD_LEN;
}

static char *record_at(char *answer, size_t i)
{
    return answer + HEAD_LEN + BEGIN_LEN + i * RECORD_LEN;
}

/* The answer of a topic, head and all. */
static char *make_answer(const struct bench *b)
{
    size_t n = records_of(b), body = BEGIN_LEN + n * RECORD_LEN - 1 + 2;
    char *p = xmalloc(HEAD_LEN + body + 1);

    CHECK(snprintf(p, HEAD_LEN + 1, HEAD, body) == HEAD_LEN);
    CHECK(snprintf(p + HEAD_LEN, BEGIN_LEN + 1, BEGIN, 0LL) == BEGIN_LEN);
    for (size_t i = 0; i < n; i++)
        renew(record_at(p, i), i);
    memcpy(p + HEAD_LEN + body - 2, "]}", 3);
    return p;
}

static void answer(const struct bench *b, int fd)
{
    static char *answers[TOPICS];
    static unsigned turns[TOPICS];
    char request[4096], stamp[STAMP_DIGITS + 1];
    ssize_t got = recv(fd, request, sizeof request - 1, 0);

    if (got <= 0) {
        close(fd);
        return;
    }
    request[got] = '\0';
    unsigned topic = (unsigned)strtoul(request + sizeof "GET /" - 1, NULL, 10);
    CHECK(topic < b->topics);
    if (!answers[topic])
        answers[topic] = make_answer(b);
    char *p = answers[topic];
    for (size_t i = turns[topic]++ % PARTS; i + 1 < records_of(b); i += PARTS)
        renew(record_at(p, i), i);
    int64_t now = clock_now();
    snprintf(stamp, sizeof stamp, "%015lld", (long long)now);
    memcpy(p + STAMP_AT, stamp, STAMP_DIGITS);
    if (is_counted(b->shared, now)) {
        atomic_fetch_add(&b->shared->answers, 1);
        atomic_fetch_add(&b->shared->due, (b->users - topic + b->topics - 1) / b->topics);
    }
    size_t n = HEAD_LEN + BEGIN_LEN + records_of(b) * RECORD_LEN - 1 + 2;
    if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
        close(fd);
}

static void run_origin(void *arg)
{
    const struct bench *b = arg;
    struct epoll_event ready[EVENTS];
    int ep = epoll_create1(0);

    watch(ep, b->listener);
    for (;;) {
        int n = epoll_wait(ep, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd != b->listener) {
                answer(b, ready[i].data.fd);
                continue;
            }
            int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
            CHECK(fd >= 0);
            /* An answer never waits for its reader. */
            setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){SOCKET_BUFFER}, sizeof(int));
            watch(ep, fd);
        }
    }
}

/* ---- readers ---- */

/* Where in an event a connection is. */
struct at {
    int64_t stamp;
    uint8_t digits; /* of the stamp that were read; 0: it did not begin */
    bool line_end;
    bool told; /* it has read something */
};

static void note_age(struct shared *s, int64_t stamp, int64_t now)
{
    if (!is_counted(s, stamp))
        return;
    unsigned long long i = atomic_fetch_add(&s->count, 1);
    if (i < AGES)
        s->ages_us[i] = (double)(now - stamp);
}

/* One byte past "@" at a time, then to the empty line that ends an event. */
static const char *step(struct shared *s, struct at *a, const char *p, const char *end, int64_t now)
{
    if (a->digits == 0) {
        p = memchr(p, '@', (size_t)(end - p));
        a->digits = p ? 1 : 0;
        return p ? p + 1 : end;
    }
    if (a->digits <= STAMP_DIGITS) {
        a->stamp = a->stamp * 10 + (*p - '0');
        a->digits++;
        return p + 1;
    }
    if (a->line_end) {
        CHECK(*p == '\n');
        note_age(s, a->stamp, now);
        *a = (struct at){.told = true};
        return p + 1;
    }
    p = memchr(p, '\n', (size_t)(end - p));
    a->line_end = p != NULL;
    return p ? p + 1 : end;
}

static void read_some(struct shared *s, struct at *a, int fd)
{
    static char chunk[1 << 18];
    ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    int64_t now = clock_now();

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        panic("a reader lost its connection");
    if (!a->told)
        atomic_fetch_add(&s->told, 1);
    a->told = true;
    for (const char *p = chunk; p < chunk + n;)
        p = step(s, a, p, chunk + n, now);
}

/* From as many addresses as there are ports for. */
static int connect_user(const struct bench *b, unsigned user)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + user / USERS_PER_ADDRESS);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(b->port);
    setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) ||
        connect(fd, (struct sockaddr *)&to, sizeof to))
        panic("user %u: %s", user, strerror(errno));
    return fd;
}

static void follow(const struct bench *b, int fd, unsigned user)
{
    AUTO_FREE char *request =
        xasprintf("GET /streams/subscribers/sse/api/v1/topics/t%u HTTP/1.1\r\n"
                  "Host: localhost\r\nAccept: text/event-stream\r\n\r\n",
                  user % b->topics);

    CHECK(write(fd, request, strlen(request)) == (ssize_t)strlen(request));
}

static void run_readers(void *arg)
{
    const struct bench *b = arg;
    static struct at ats[FILES];
    struct epoll_event ready[EVENTS];
    int ep = epoll_create1(0);

    for (unsigned i = 0; i < b->users; i++) {
        int fd = connect_user(b, i);
        CHECK(fd < FILES);
        follow(b, fd, i);
        watch(ep, fd);
        for (int n = epoll_wait(ep, ready, EVENTS, 0); n > 0; n--)
            read_some(b->shared, &ats[ready[n - 1].data.fd], ready[n - 1].data.fd);
    }
    for (;;) {
        int n = epoll_wait(ep, ready, EVENTS, -1);
        for (int i = 0; i < n; i++)
            read_some(b->shared, &ats[ready[i].data.fd], ready[i].data.fd);
    }
}

/* ---- what is asked for ---- */

static void answer_connected(struct bench *b, uint16_t port)
{
    int64_t until = clock_now() + CONNECT_US;

    b->port = port;
    b->readers = start_child(run_readers, b);
    while (atomic_load(&b->shared->told) < b->users && clock_now() < until)
        wait_us(20 * US_PER_MS);
    printf("%u\n", atomic_load(&b->shared->told));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void answer_measured(const struct bench *b, int64_t length_us)
{
    struct shared *s = b->shared;
    int64_t now = clock_now(), until = now + length_us + LATE_US;

    atomic_store(&s->answers, 0);
    atomic_store(&s->due, 0);
    atomic_store(&s->count, 0);
    atomic_store(&s->to, now + length_us);
    atomic_store(&s->from, now);
    wait_us(length_us);
    printf("\"over\"\n");
    fflush(stdout);
    while (atomic_load(&s->count) < atomic_load(&s->due) && clock_now() < until)
        wait_us(20 * US_PER_MS);
    size_t n = MIN((size_t)atomic_load(&s->count), AGES);
    CHECK(n > 0);
    qsort(s->ages_us, n, sizeof *s->ages_us, by_value);
    printf("{\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"maxMs\":%.3f,\"answers\":%llu,\"deliveries\":%llu,"
           "\"due\":%llu}\n",
           s->ages_us[n / 2] / 1000, s->ages_us[n * 99 / 100] / 1000, s->ages_us[n - 1] / 1000,
           atomic_load(&s->answers), atomic_load(&s->count), atomic_load(&s->due));
}

static void start(struct bench *b)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    b->shared =
        mmap(NULL, sizeof *b->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(b->shared != MAP_FAILED);
    atomic_store(&b->shared->from, TIME_NEVER);
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(b->listener >= 0 && bind(b->listener, (struct sockaddr *)&a, sizeof a) == 0 &&
          listen(b->listener, 4096) == 0);
    CHECK(getsockname(b->listener, (struct sockaddr *)&a, &n) == 0);
    b->origin = start_child(run_origin, b);
    printf("%u\n", ntohs(a.sin_port));
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    char line[64];
    long number;

    if (argc != 4)
        panic("usage: bench_reference USERS TOPICS BYTES");
    b.users = (unsigned)strtoul(argv[1], NULL, 10);
    b.topics = (unsigned)strtoul(argv[2], NULL, 10);
    b.bytes = strtoul(argv[3], NULL, 10);
    CHECK(b.users > 0 && b.users < FILES && b.topics > 0 && b.topics <= TOPICS && b.bytes > 1000);
    raise_limit();
    start(&b);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "measure %ld", &number) == 1)
            answer_measured(&b, number * US_PER_MS);
        else if (sscanf(line, "%ld", &number) == 1)
            answer_connected(&b, (uint16_t)number);
        else
            panic("not understood: %s", line);
        fflush(stdout);
    }
    stop_child(b.origin);
    if (b.readers > 0)
        stop_child(b.readers);
    return 0;
}
