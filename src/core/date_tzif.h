/*
 * Zone files: TZif of version 2 and later (RFC 8536), with the rule in their footer for times
 * behind the last one listed. Immutable once read.
 */
#ifndef CORE_DATE_TZIF_H
#define CORE_DATE_TZIF_H

#include "base/err.h"
#include "base/str.h"

struct tzif;

/* Decode the bytes of a file. E_INVALID says what is wrong with them. */
MUST_USE enum err tzif_new(struct str bytes, struct tzif **ret, struct errinfo *ei);
/* NULL is fine. */
void tzif_free(struct tzif *t);
static inline void tzif_freep(struct tzif **t)
{
    tzif_free(*t);
}

/* What holds at a moment. */
struct tzif_time {
    int32_t offset; /* seconds east of Greenwich */
    bool is_summer; /* the later of the two times that alternate, whatever the file calls it: Irish
                     * winter is listed as a daylight saving of -1 h */
};
struct tzif_time tzif_at(const struct tzif *t, int64_t epoch_s);

#endif
