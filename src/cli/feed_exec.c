#include "cli/feed_exec.h"

#include <errno.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The bytes as a file without a name, read from its beginning; -1. */
static int file_of(struct str input)
{
    int fd = memfd_create("input", MFD_CLOEXEC);

    while (fd >= 0 && input.n > 0) {
        ssize_t n = write(fd, input.p, input.n);

        if (n < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        input = str_drop(input, (size_t)MAX(n, 0));
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static void attributes_init(posix_spawnattr_t *at, const sigset_t *mask)
{
    sigset_t usual;

    /* What is ignored here stays ignored over exec. */
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_init(at);
    posix_spawnattr_setflags(at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                     POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(at, 0);
    posix_spawnattr_setsigmask(at, mask);
    posix_spawnattr_setsigdefault(at, &usual);
}

/* An errno, or 0. */
static int spawn(const char *command, int input, const sigset_t *mask, pid_t *ret)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t at;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    attributes_init(&at, mask);
    int rc = posix_spawn(ret, "/bin/sh", &files, &at, argv, environ);
    posix_spawnattr_destroy(&at);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

static int wait_for(pid_t pid, bool *interrupted)
{
    sigset_t set;
    int status = 0, sig;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        sig = sigwaitinfo(&set, NULL);
        if (sig != SIGINT && sig != SIGTERM)
            continue;
        kill(-pid, *interrupted ? SIGKILL : sig);
        *interrupted = true;
    }
    return status;
}

enum err feed_exec(const char *command, struct str input, const sigset_t *mask, int *ret_status,
                   bool *ret_interrupted, struct errinfo *ei)
{
    bool interrupted = false;
    int fd = file_of(input);
    pid_t pid;

    if (fd < 0)
        return err_set(ei, E_SYSTEM, "no room for a batch in memory: %s", strerror(errno));
    int rc = spawn(command, fd, mask, &pid);
    close(fd);
    if (rc != 0)
        return err_set(ei, E_SYSTEM, "/bin/sh cannot be started: %s", strerror(rc));
    *ret_status = wait_for(pid, &interrupted);
    *ret_interrupted = interrupted;
    return E_OK;
}

void feed_exec_describe(int status, struct buf *b)
{
    if (WIFSIGNALED(status))
        buf_printf(b, "signal %d", WTERMSIG(status));
    else
        buf_printf(b, "status %d", WEXITSTATUS(status));
}
