#include "io/pack.h"

#include <zstd.h>

#include "base/mem.h"

#define LEVEL 1
/* Packing costs as much as it saves for about 2 KB, measured by the CPU of a commit; below it more. */
#define PACK_MIN ((size_t)2048)
/* More memory than this is not kept from one body to the next. */
#define KEEP_MAX ((size_t)1 << 20)

struct packer {
    ZSTD_CCtx *c;
    ZSTD_DCtx *d;
    struct buf out;
};

struct packer *packer_new(void)
{
    struct packer *p = xcalloc(1, sizeof *p);

    p->c = ZSTD_createCCtx();
    p->d = ZSTD_createDCtx();
    if (!p->c || !p->d ||
        ZSTD_isError(ZSTD_CCtx_setParameter(p->c, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(p->c, ZSTD_c_checksumFlag, 1)))
        panic("out of memory for a packer");
    return p;
}

void packer_free(struct packer *p)
{
    if (!p)
        return;
    ZSTD_freeCCtx(p->c);
    ZSTD_freeDCtx(p->d);
    buf_done(&p->out);
    free(p);
}

static bool is_frame(struct str s)
{
    static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd}; /* RFC 8878, 3.1.1 */

    return s.n >= sizeof magic && memcmp(s.p, magic, sizeof magic) == 0;
}

struct str pack(struct packer *p, struct str body)
{
    bool must = is_frame(body);

    if (body.n < PACK_MIN && !must)
        return body;
    if (p->out.cap > KEEP_MAX)
        buf_done(&p->out);
    if (buf_reserve(&p->out, ZSTD_compressBound(body.n)) != E_OK)
        return body;
    size_t n = ZSTD_compress2(p->c, p->out.p, p->out.cap, body.p, body.n);
    if (ZSTD_isError(n))
        panic("packing failed: %s", ZSTD_getErrorName(n));
    return must || n < body.n - body.n / 8 ? (struct str){p->out.p, n} : body;
}

struct blob *unpack(struct packer *p, struct str stored, size_t max)
{
    if (!is_frame(stored))
        return stored.n <= max ? blob_new(stored.p, stored.n) : NULL;
    /* Unknown and damaged are large numbers too. */
    unsigned long long n = ZSTD_getFrameContentSize(stored.p, stored.n);
    if (n > max)
        return NULL;
    struct blob *b = blob_alloc((size_t)n);
    if (ZSTD_decompressDCtx(p->d, b->p, b->len, stored.p, stored.n) != n) {
        blob_unref(b);
        return NULL;
    }
    return b;
}
