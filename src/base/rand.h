/*
 * Random numbers. rand_u64 and rand_unit are fast and per thread (jitter, sampling); uuid_make and
 * rand_secret come from the operating system (ids, keys).
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include "base/str.h"

#define UUID_LEN 36

uint64_t rand_u64(void);
/* Uniform in [0, 1). */
double rand_unit(void);
/* For tests: a repeatable sequence on this thread. */
void rand_seed(uint64_t seed);
void rand_secret(void *p, size_t n);
/* A random UUID (RFC 9562 version 4), lower case, NUL-terminated. */
void uuid_make(char ret[UUID_LEN + 1]);
bool uuid_is_valid(struct str s);

#endif
