/*
 * Masks: what must not be seen in texts that are shown to people. Texts that are secrets are masked
 * wherever they turn up, header fields by their names, too.
 *
 * The texts are kept as long as the mask, and overwritten when they go. Zeroed memory is a mask that
 * hides nothing.
 */
#ifndef CORE_MASK_H
#define CORE_MASK_H

#include "core/attr.h"

struct mask_texts {
    struct buf *items;
    size_t count;
};

struct mask {
    struct mask_texts secrets;          /* masked wherever they turn up */
    struct mask_texts fields;           /* names of header fields whose values are secrets */
    bool (*is_secret)(struct str name); /* likewise, by the form of the name; may be NULL */
};

void mask_done(struct mask *m);

/* ---- what is hidden ---- */

/* This text; one that is shorter than 4 bytes is left, it could be part of anything. */
void mask_hide(struct mask *m, struct str secret);
/* All that is secret in an object with these attributes: values of secrets, fields of header maps
 * that are secrets by their names, or by a reference in their values. */
void mask_hide_all(struct mask *m, const struct attr *rows, size_t count, const jval *object);
/* The values of the header fields that are secrets, of a head as it was sent: they may come back in
 * an answer, also without the scheme before them, as of "Bearer abc". */
void mask_hide_sent(struct mask *m, struct str head);
/* Is the value of this header field a secret? */
bool mask_hides_field(const struct mask *m, struct str name);
/* Bytes of memory it keeps alive. */
size_t mask_size(const struct mask *m);

/* ---- what is shown ---- */

/* A string with what is hidden masked. */
void mask_text(const struct mask *m, struct str text, struct jwriter *w);
/* The greatest length, at most max, to which s can be cut without cutting a secret or a character of
 * UTF-8 in two. */
size_t mask_cut(const struct mask *m, struct str s, size_t max);
/* The header fields of a head, behind its first line, as an object; at most LIMIT_SHOWN_FIELDS. */
void mask_fields(const struct mask *m, struct str head, struct jwriter *w);

#endif
