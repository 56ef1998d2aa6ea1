#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum err read_all(int fd, const char *path, struct buf *b, struct errinfo *ei)
{
    char part[65536];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(ei, E_IO, "%s: %s", path, strerror(errno));
        if (buf_try_append(b, part, (size_t)n) != E_OK)
            return err_set(ei, E_LIMIT, "%s: larger than %zu bytes", path, b->max);
    }
    return E_OK;
}

enum err input_read(const char *path, struct buf *b, struct errinfo *ei)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", b, ei);

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(ei, E_IO, "%s: %s", path, strerror(errno));
    enum err err = read_all(fd, path, b, ei);
    close(fd);
    return err;
}
