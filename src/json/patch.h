/*
 * Applying JSON Patches (RFC 6902). Pure. All of a patch applies or none of it.
 */
#ifndef JSON_PATCH_H
#define JSON_PATCH_H

#include "json/value.h"

/* Apply the parsed patch to doc; ret is a new document. Numbers keep their text; `test` compares
 * by value as jv_equal, and fails with E_PATCH_TEST where there is nothing. Removing the root is
 * refused: no document would be left. Errors: E_PATCH_SYNTAX, E_PATCH_APPLY, E_PATCH_TEST, E_LIMIT
 * (copies made it too large); ei names the index of the operation, its op and its path. */
MUST_USE enum err jpatch_apply(const struct jdoc *doc, const jval *patch, struct jdoc **ret,
                               struct errinfo *ei);

/* Apply many patch texts in order to a document text; ret is the minified text. For recovery: the
 * document is parsed and written once. */
MUST_USE enum err jpatch_apply_texts(struct str doc, const struct str *patches, size_t count,
                                     struct buf *ret, struct errinfo *ei);

#endif
