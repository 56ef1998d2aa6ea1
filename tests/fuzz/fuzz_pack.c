/*
 * Stored bytes: unpacked within the limit, or refused; and as a body they come back as they were.
 */
#include "io/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct packer *p; /* as in the store: one for all */
    struct str text = str_make((const char *)data, size);

    if (!p)
        p = packer_new();
    AUTO(blob_unrefp) struct blob *plain = unpack(p, text, LIMIT);
    CHECK(!plain || plain->len <= LIMIT);

    struct str stored = pack(p, text);
    AUTO(blob_unrefp) struct blob *again = unpack(p, stored, size);
    CHECK(again && str_eq(blob_view(again), text));
    return 0;
}
