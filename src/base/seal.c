#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES crypto_secretbox_KEYBYTES
#define NONCE_BYTES crypto_secretbox_NONCEBYTES
#define MAC_BYTES crypto_secretbox_MACBYTES
/* First byte of what is sealed: the way it is sealed, and no first byte of a JSON text. */
#define SEAL_VERSION 0x01
#define HEAD_BYTES (1 + NONCE_BYTES)

struct seal {
    unsigned char key[KEY_BYTES];
};

/* ---- the key ---- */

static enum err io_error(struct errinfo *ei, const char *what, const char *path)
{
    return err_set(ei, E_IO, "the key file %s cannot be %s: %s", path, what, strerror(errno));
}

/* Written whole under another name first: a crash leaves no half key. */
static enum err make_key(const char *path, struct seal *s, struct errinfo *ei)
{
    AUTO_FREE char *draft = xasprintf("%s.new", path);

    randombytes_buf(s->key, KEY_BYTES);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(ei, "made", path);
    bool written = write(fd, s->key, KEY_BYTES) == (ssize_t)KEY_BYTES && fsync(fd) == 0;
    if (close(fd) != 0 || !written || rename(draft, path) != 0) {
        enum err err = io_error(ei, "written", path);
        (void)unlink(draft);
        return err;
    }
    return E_OK;
}

static enum err read_key(int fd, const char *path, struct seal *s, struct errinfo *ei)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || read(fd, s->key, KEY_BYTES) < 0)
        return io_error(ei, "read", path);
    if (st.st_size != (off_t)KEY_BYTES)
        return err_set(ei, E_INVALID,
                       "%s is no key: it has %lld bytes, not %u; put the right file there, or "
                       "remove it together with the data that it belongs to",
                       path, (long long)st.st_size, (unsigned)KEY_BYTES);
    if (st.st_mode & 077)
        return err_set(ei, E_INVALID, "others may read the key file %s; run: chmod 600 %s", path,
                       path);
    return E_OK;
}

enum err seal_open(const char *path, struct seal **ret, struct errinfo *ei)
{
    struct seal *s = xcalloc(1, sizeof *s);
    enum err err;

    if (sodium_init() < 0)
        panic("libsodium does not start");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        err = read_key(fd, path, s, ei);
        close(fd);
    } else {
        err = errno == ENOENT ? make_key(path, s, ei) : io_error(ei, "opened", path);
    }
    if (err != E_OK) {
        seal_free(s);
        return err;
    }
    *ret = s;
    return E_OK;
}

void seal_free(struct seal *s)
{
    if (!s)
        return;
    sodium_memzero(s->key, KEY_BYTES);
    free(s);
}

/* ---- use ---- */

struct blob *seal_make(const struct seal *s, struct str plain)
{
    struct blob *b = blob_alloc(HEAD_BYTES + MAC_BYTES + plain.n);
    unsigned char *p = (unsigned char *)b->p;

    p[0] = SEAL_VERSION;
    randombytes_buf(p + 1, NONCE_BYTES);
    CHECK(crypto_secretbox_easy(p + HEAD_BYTES, (const unsigned char *)plain.p, plain.n, p + 1,
                                s->key) == 0);
    return b;
}

bool seal_is(struct str sealed)
{
    return sealed.n >= HEAD_BYTES + MAC_BYTES && sealed.p[0] == SEAL_VERSION;
}

enum err seal_undo(const struct seal *s, struct str sealed, struct buf *b, struct errinfo *ei)
{
    const unsigned char *p = (const unsigned char *)sealed.p;

    if (!seal_is(sealed))
        return err_set(ei, E_STORE_CORRUPT, "it is not sealed");
    size_t n = sealed.n - HEAD_BYTES - MAC_BYTES;
    enum err err = buf_reserve(b, n + 1);
    if (err != E_OK)
        return err;
    if (crypto_secretbox_open_easy((unsigned char *)b->p + b->len, p + HEAD_BYTES,
                                   sealed.n - HEAD_BYTES, p + 1, s->key) != 0)
        return err_set(ei, E_STORE_CORRUPT,
                       "it was sealed with another key, or is damaged: put the key file back that "
                       "was there when it was stored");
    b->len += n;
    return E_OK;
}

/* ---- marks ---- */

static unsigned char mark_key[crypto_generichash_KEYBYTES];

static void make_mark_key(void)
{
    randombytes_buf(mark_key, sizeof mark_key);
}

struct hash128 seal_mark(const struct str *texts, size_t count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    crypto_generichash_state state;
    struct hash128 mark;

    pthread_once(&once, make_mark_key);
    CHECK(crypto_generichash_init(&state, mark_key, sizeof mark_key, sizeof mark) == 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t n = texts[i].n;

        /* With its length before it, or the end of one could be the beginning of the next. */
        crypto_generichash_update(&state, (const unsigned char *)&n, sizeof n);
        if (n > 0)
            crypto_generichash_update(&state, (const unsigned char *)texts[i].p, n);
    }
    crypto_generichash_final(&state, (unsigned char *)&mark, sizeof mark);
    sodium_memzero(&state, sizeof state);
    return mark;
}
