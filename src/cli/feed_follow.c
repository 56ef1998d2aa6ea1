#include "cli/feed_follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rand.h"
#include "cli/command.h"
#include "cli/feed_exec.h"
#include "cli/feed_print.h"
#include "cli/interrupt.h"
#include "core/retry.h"

/* How long the server is to hold a request for a batch while there is none. */
#define WAIT "PT30S"
#define WAIT_US (30 * US_PER_S)
/* What an answer may take beyond that. */
#define ANSWER_US (15 * US_PER_S)

#define PAUSE_FIRST_US (500 * US_PER_MS)
#define PAUSE_SERVER_US (10 * US_PER_S)
#define PAUSE_COMMAND_US (30 * US_PER_S)
#define PAUSE_SPREAD 0.2
/* An answer without a batch that comes sooner did not wait for one. */
#define SOON_US US_PER_S

/* A pipe that has room for any byte takes so many without blocking (pipe(7)). */
#define PART 4096

struct following {
    const struct feed_follow *conf;
    sigset_t before;                   /* the signals as they were, for commands */
    sigset_t while_waiting;            /* the same, but that those which end it come through */
    bool to_file;                      /* what is printed goes to a file */
    uint64_t done;                     /* batches */
    unsigned unanswered, failed, soon; /* how often in a row: calls, commands, no batch at once */
    bool over;
    int status;
};

/* ---- signals ---- */

/* They are blocked, but while something is waited for that may be given up: so none is missed, and what
 * was printed is completed first. */
static void take_signals(struct following *w)
{
    sigset_t child;

    interrupt_take(&w->before);
    w->while_waiting = w->before;
    interrupt_let_through(&w->while_waiting);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child, NULL);
    signal(SIGCHLD,
           SIG_DFL); /* feed_exec() waits for it, and may have inherited that it is ignored */
    signal(SIGPIPE, SIG_IGN);
}

static void pause_for(int64_t us)
{
    const struct timespec time = {us / US_PER_S, us % US_PER_S * 1000};
    sigset_t set;

    interrupt_signals(&set);
    if (sigtimedwait(&set, NULL, &time) > 0)
        interrupt_mark();
}

static int64_t pause_of(unsigned n, int64_t most_us)
{
    return retry_delay(n, PAUSE_FIRST_US, most_us, PAUSE_SPREAD, rand_unit());
}

/* ---- what becomes of calls ---- */

static void end(struct following *w, int status)
{
    w->over = true;
    w->status = status;
}

static void answered(struct following *w)
{
    if (w->unanswered > 0)
        command_fail("feed follow: %s answers again", client_server(w->conf->feed->client));
    w->unanswered = 0;
}

/* True: the failed call is to be made again, and the time for that has come. */
static bool is_to_retry(struct following *w, enum err err, const struct errinfo *ei)
{
    if (err_row(err)->kind != ERR_KIND_RETRY) {
        end(w, command_fail("feed follow: %s", err_text(ei, err)));
        return false;
    }
    if (w->unanswered == 0)
        command_fail("feed follow: %s; it is tried again until that answers", err_text(ei, err));
    pause_for(pause_of(w->unanswered++, PAUSE_SERVER_US));
    return !interrupted();
}

static enum err ask(struct following *w, struct client_answer *ret, struct errinfo *ei)
{
    const struct feed_client *feed = w->conf->feed;
    AUTO_FREE char *tail = xasprintf("/next?wait=" WAIT "%s%s", w->conf->max ? "&max=" : "",
                                     w->conf->max ? w->conf->max : "");
    sigset_t blocked;

    client_wait(feed->client, WAIT_US + ANSWER_US);
    interrupt_client(feed->client);
    pthread_sigmask(SIG_SETMASK, &w->while_waiting, &blocked);
    enum err err = feed_client_ask(feed, "GET", tail, ret, ei);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    interrupt_client(NULL);
    return err;
}

/* The batch was dealt with. */
static void complete(struct following *w, const char *batch)
{
    const struct feed_client *feed = w->conf->feed;
    struct errinfo ei;
    enum err err;

    client_wait(feed->client, ANSWER_US);
    do {
        err_clear(&ei);
        err = feed_client_complete(feed, str_of(batch), &ei);
    } while (err != E_OK && err != E_CONFLICT && is_to_retry(w, err, &ei));
    if (err == E_OK || err == E_CONFLICT)
        answered(w);
    /* Somebody else did, or moved the consumer. */
    if (err == E_CONFLICT)
        command_fail("feed follow: %s; somebody else completed or discarded it",
                     err_text(&ei, err));
    if (err == E_OK && ++w->done == w->conf->count)
        end(w, STATUS_OK);
    if (err != E_OK && err != E_CONFLICT)
        end(w, command_fail("feed follow: batch %s is not completed: it will come again", batch));
}

/* ---- printing ---- */

/* E_CANCELLED: a signal came while nobody read; E_CLOSED: nobody will. */
static enum err write_part(struct following *w, struct str *rest)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

    if (ppoll(&p, 1, NULL, &w->while_waiting) < 0)
        return interrupted() ? E_CANCELLED : errno == EINTR ? E_OK : E_IO;
    ssize_t n = write(STDOUT_FILENO, rest->p, MIN(rest->n, (size_t)PART));
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return errno == EPIPE ? E_CLOSED : E_IO;
    *rest = str_drop(*rest, (size_t)MAX(n, 0));
    return E_OK;
}

static enum err print_lines(struct following *w, const jval *batch)
{
    AUTO(buf_done) struct buf lines = BUF_INIT;
    struct jiter it = jiter_of(jv_getz(batch, "notifications"));
    enum err err = E_OK;

    while (err == E_OK && jiter_next(&it)) {
        err = jv_write(it.value, &lines);
        buf_putc(&lines, '\n');
    }
    struct str rest = buf_view(&lines);
    while (err == E_OK && rest.n > 0)
        err = write_part(w, &rest);
    /* What the server forgets must not be lost with this machine's power. */
    if (err == E_OK && w->to_file && fdatasync(STDOUT_FILENO) != 0)
        err = E_IO;
    return err;
}

static bool is_printed(struct following *w, const jval *batch, const char *id)
{
    enum err err = print_lines(w, batch);

    if (err == E_CANCELLED || err == E_CLOSED)
        end(w, STATUS_OK);
    else if (err != E_OK)
        end(w, command_fail("feed follow: standard output cannot be written: %s; batch %s is not "
                            "completed",
                            strerror(errno), id));
    return err == E_OK;
}

/* ---- the command ---- */

static bool is_processed(struct following *w, struct client_answer *a, const char *id)
{
    AUTO(buf_done) struct buf how = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    int status = 0;
    bool stop = false;

    buf_putc(&a->body, '\n');
    enum err err = feed_exec(w->conf->command, buf_view(&a->body), &w->before, &status, &stop, &ei);
    if (stop)
        interrupt_mark();
    if (err == E_OK && status == 0) {
        w->failed = 0;
        return true;
    }
    if (err != E_OK)
        buf_puts(&how, err_text(&ei, err));
    else
        feed_exec_describe(status, &how);
    if (interrupted()) {
        command_fail("feed follow: the command ended with %s: batch %s is not completed",
                     buf_cstr(&how), id);
        return false;
    }
    int64_t us = pause_of(w->failed++, PAUSE_COMMAND_US);
    command_fail("feed follow: the command ended with %s: batch %s stays, and is tried again in "
                 "%.1f s",
                 buf_cstr(&how), id, (double)us / (double)US_PER_S);
    pause_for(us);
    return false;
}

/* ---- from batch to batch ---- */

static void deal_with(struct following *w, struct client_answer *a)
{
    struct errinfo ei = ERRINFO_INIT;
    const jval *batch = feed_client_batch(w->conf->feed, a, &ei);

    if (!batch) {
        end(w, command_fail("feed follow: %s", err_text(&ei, E_INVALID)));
        return;
    }
    AUTO_FREE char *id = str_dup(jv_str(jv_getz(batch, "batchId")));
    feed_print_gap(batch);
    if (w->conf->command ? is_processed(w, a, id) : is_printed(w, batch, id))
        complete(w, id);
}

/* A server that is stopping, or that does not know how to wait, is not to be asked without a pause. */
static void nothing_came(struct following *w, int64_t asked)
{
    if (clock_now() - asked < SOON_US)
        pause_for(pause_of(w->soon++, PAUSE_SERVER_US));
    else
        w->soon = 0;
}

static void turn(struct following *w)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    struct errinfo ei = ERRINFO_INIT;
    int64_t asked = clock_now();
    enum err err = ask(w, &a, &ei);

    if (interrupted())
        return;
    if (err != E_OK) {
        (void)is_to_retry(w, err, &ei);
        return;
    }
    answered(w);
    if (a.status == 204) {
        nothing_came(w, asked);
    } else {
        w->soon = 0;
        deal_with(w, &a);
    }
}

int feed_follow(const struct feed_follow *conf)
{
    struct following w = {.conf = conf, .status = STATUS_OK};
    struct stat st;

    w.to_file = fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode);
    take_signals(&w);
    while (!w.over && !interrupted())
        turn(&w);
    return w.status;
}
