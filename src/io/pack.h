/*
 * Bodies as they are kept: long texts repeat themselves, and are stored as a zstd frame (RFC 8878).
 * With io/inflate the only door to zstd. A packer belongs to one thread.
 *
 * Stored bytes tell by themselves which they are: a frame begins with zstd's magic number, and a
 * body that begins with it is always packed. A frame has a checksum.
 */
#ifndef IO_PACK_H
#define IO_PACK_H

#include "base/blob.h"

struct packer;

struct packer *packer_new(void);
/* NULL is fine. */
void packer_free(struct packer *p);
/* What to store for body: body itself where packing gains little, else a frame, which is p's and
 * holds until the next call. */
struct str pack(struct packer *p, struct str body);
/* The body that was stored so, a new blob; NULL: damaged, or longer than max. */
struct blob *unpack(struct packer *p, struct str stored, size_t max);

#endif
