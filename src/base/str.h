/*
 * Borrowed slices of text. A `struct str` never owns; it is valid as long as what it points into.
 * Not NUL-terminated: print with "%.*s", STR_ARG(s).
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/mem.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
#define STR_NONE ((struct str){NULL, 0})
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_make(const char *p, size_t n)
{
    return (struct str){p, n};
}
static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}
/* Order by bytes, a prefix first. */
int str_cmp(struct str a, struct str b);
/* ASCII case-insensitive, independent of the locale. */
bool str_case_eq(struct str a, struct str b);
bool str_case_eqz(struct str a, const char *z);
bool str_starts(struct str s, struct str prefix);
bool str_case_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Position of c, or s.n. */
size_t str_find(struct str s, char c);
/* Cut ASCII blanks and tabs (and CR, LF) at both ends. */
struct str str_trim(struct str s);
/* Take the part before sep off *rest and return it; *rest gets what follows the sep, or STR_NONE
 * (p = NULL) when there is none left. A *rest of STR_NONE gives STR_NONE. */
struct str str_split(struct str *rest, char sep);
struct str str_drop(struct str s, size_t n);
/* Whole slice as a decimal; false if not only digits, or over max. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *ret);
bool str_to_i64(struct str s, int64_t *ret);
/* 0 … 15, or -1 for what is no hexadecimal digit. */
int str_hex_digit(char c);
/* Heap copy with a NUL. */
char *str_dup(struct str s);
/* Copy to *at, which moves behind it; returns the copy. What is STR_NONE stays it. */
struct str str_put(char **at, struct str s);
/* Edit distance (insert, delete, replace, swap of neighbours), at most `max` + 1; for "did you mean". */
size_t str_distance(struct str a, struct str b, size_t max);
/* The nearest of count names (NULL if none is near enough to be meant). */
const char *str_nearest(struct str s, const char *const *names, size_t count);
/* True if all of s is UTF-8 as RFC 3629 has it (no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);
/* Length of the first UTF-8 sequence of s (s.n > 0); *ret_ok false: of the ill-formed bytes that one
 * U+FFFD stands for (Unicode §3.9, maximal subpart). */
size_t str_utf8_step(struct str s, bool *ret_ok);

#define STR_JSON_CHAR 6 /* the longest: \u001f */
/* Take the first character off *s (not empty) and write it as it stands within a JSON string; an
 * ill-formed one as U+FFFD. Returns the number of bytes written. */
size_t str_json_char(struct str *s, char ret[STR_JSON_CHAR]);

#endif
