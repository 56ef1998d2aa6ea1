/*
 * The daemon as benches start it, and what they ask and measure of it. Included by those that use it.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define WAIT_US (60 * US_PER_S)
#define DAEMON_ARGS 32

struct daemon {
    pid_t pid;
    uint16_t port;
    char dir[64];
};

static void wait_us(int64_t us)
{
    struct timespec t = {us / US_PER_S, us % US_PER_S * 1000};

    nanosleep(&t, NULL);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        panic("connect to port %u: %s", port, strerror(errno));
    return fd;
}

static void stop_child(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* ---- the daemon ---- */

/* The daemon logs to a file: a pipe that nobody reads would stop it. */
static uint16_t port_of_log(const char *path)
{
    int64_t until = clock_now() + WAIT_US;

    for (;;) {
        char line[4096] = "";
        FILE *f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f)) {
            const char *at = strstr(line, "address=127.0.0.1:");
            if (at && strchr(line, '\n')) {
                fclose(f);
                return (uint16_t)strtoul(strchr(at, ':') + 1, NULL, 10);
            }
        }
        if (f)
            fclose(f);
        if (clock_now() > until)
            panic("the daemon does not start: %s", line);
        wait_us(10 * US_PER_MS);
    }
}

/* more: further arguments, NULL at the end. */
static struct daemon daemon_start(const char *const *more)
{
    const char *args[DAEMON_ARGS] = {"pollcast", "serve", "--listen", "127.0.0.1:0", "--data"};
    struct daemon d = {.dir = "/tmp/pollcast-bench-XXXXXX"};
    const char *program = getenv("POLLCAST");
    size_t n = 5;

    CHECK(program && mkdtemp(d.dir));
    args[n++] = d.dir;
    for (; *more; more++) {
        CHECK(n + 1 < DAEMON_ARGS);
        args[n++] = *more;
    }
    AUTO_FREE char *log = xasprintf("%s/log", d.dir);
    d.pid = fork();
    CHECK(d.pid >= 0);
    if (d.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
        execv(program, (char *const *)(uintptr_t)args);
        _exit(127);
    }
    d.port = port_of_log(log);
    return d;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        AUTO_FREE char *file = xasprintf("%s/%s", path, e->d_name);
        unlink(file);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static void daemon_stop(struct daemon *d)
{
    stop_child(d->pid);
    remove_dir(d->dir);
}

/* A request with the connection closed after it; the answer, whole. */
static char *ask(const struct daemon *d, const char *method, const char *path, const char *body)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    char chunk[65536];
    ssize_t n;
    int fd = connect_to(d->port);

    buf_printf(&b,
               "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
               method, path, strlen(body), body);
    CHECK(write(fd, b.p, b.len) == (ssize_t)b.len);
    buf_clear(&b);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        buf_append(&b, chunk, (size_t)n);
    close(fd);
    buf_putc(&b, '\0');
    return buf_take(&b);
}

static double metric(const struct daemon *d, const char *name)
{
    AUTO_FREE char *text = ask(d, "GET", "/metrics", "");
    AUTO_FREE char *line = xasprintf("\npollcast_%s ", name);
    const char *at = strstr(text, line);

    CHECK(at);
    return strtod(at + strlen(line), NULL);
}

static void daemon_make_topic(const struct daemon *d, const char *body)
{
    AUTO_FREE char *answer = ask(d, "POST", "/streams/hub/api/v1/topics", body);

    if (!strstr(answer, " 201 "))
        panic("%s", answer);
}

/* ---- measuring ---- */

/* µs on a processor, all threads. */
static double cpu_us(pid_t pid)
{
    AUTO_FREE char *tasks = xasprintf("/proc/%d/task", (int)pid);
    DIR *dir = opendir(tasks);
    struct dirent *e;
    double sum = 0;

    CHECK(dir);
    while ((e = readdir(dir))) {
        unsigned long long ns = 0;
        AUTO_FREE char *path = xasprintf("%s/%s/schedstat", tasks, e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!f)
            continue;
        if (fscanf(f, "%llu", &ns) == 1)
            sum += (double)ns / 1000;
        fclose(f);
    }
    closedir(dir);
    return sum;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline double median(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}
