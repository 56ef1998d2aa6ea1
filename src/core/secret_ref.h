/*
 * Secrets by reference: texts in which ${env:NAME} and ${file:/absolute/path} stand for what is
 * looked up when the text is used, and never stored. $${ stands for ${ itself. There may be several
 * references in one text, and other text around them.
 *
 * Nothing here knows what a text is used for: who resolves one says what its references must not
 * give. Texts that are resolved are secrets: buf_wipe() them. References are none, and are told in
 * messages.
 */
#ifndef CORE_SECRET_REF_H
#define CORE_SECRET_REF_H

#include "base/buf.h"
#include "base/settings.h"

struct conf;

/* ---- what the operator allows ---- */

/* An empty list: all when the server is only for this machine, else nothing. Borrowed. */
struct secret_rules {
    bool local;
    const struct settings_list *env;   /* globs of names of variables */
    const struct settings_list *files; /* directories */
};

/* As the settings have it; the lists are those of c. Asks no resolver, so it may be called at any
 * time. */
void secret_rules_of(const struct conf *c, struct secret_rules *ret);
/* Is it a glob of names of variables, or a directory, that such a list may hold? */
bool secret_rule_is_glob(struct str s);
bool secret_rule_is_directory(struct str s);

/* ---- texts; pure ---- */

enum secret_kind { SECRET_TEXT, SECRET_ENV, SECRET_FILE };

struct secret_part {
    enum secret_kind kind;
    struct str s; /* the text itself, the name, the path; borrowed */
};

/* Has it a reference, or a $${ that stands for something else? */
bool secret_ref_any(struct str text);
/* The part that starts at *at (below text.n), which moves behind it. E_INVALID: it is none; ei says
 * what was expected and found, without quoting what may be a secret that happens to hold "${". */
MUST_USE enum err secret_ref_next(struct str text, size_t *at, struct secret_part *ret,
                                  struct errinfo *ei);
/* E_INVALID where a part is none, or the rules (NULL: not known) do not allow it. */
MUST_USE enum err secret_ref_check(struct str text, const struct secret_rules *rules,
                                   struct errinfo *ei);
/* May it be shown although it is of a secret? True for references alone, also behind one word of
 * letters and a blank ("Bearer ${env:TOKEN}"): other text around them may be part of the secret. */
bool secret_ref_is_plain(struct str text);

/* ---- use ---- */

/* What is wrong with what a reference gives, to go on "it has …" (never quoting it); NULL: nothing.
 */
typedef const char *secret_flaw_f(struct str value);

/* Append text to b with its references resolved: variables, and files as they are now, without the
 * line break they may end with. At most LIMIT_SECRET_BYTES in all. b grows without leaving copies
 * behind: buf_wipe() it. E_INVALID, b as it was: ei names the variable or file, what is wrong with
 * it and what to do. It reads files: call it when there is a reference, not more often than
 * needed. */
MUST_USE enum err secret_ref_resolve(struct str text, const struct secret_rules *rules,
                                     secret_flaw_f *flaw, struct buf *b, struct errinfo *ei);

#endif
