/*
 * The pages of one cycle, merged as they arrive.
 *
 * Arrays are concatenated in page order. Objects are merged member by member: arrays concatenate,
 * objects recurse, of other values the last page's stands; members keep the order in which they
 * first came. null says that nothing is there: it never puts an array or object aside, and any
 * value takes its place. The member that holds the next reference is left out of what is merged;
 * a page that stays the only one is left as it is. Numbers keep their text.
 *
 * What is kept is text: about what the result will have. An object is taken apart only when a
 * second one comes to be merged with it, an array never. So a page costs what it has itself,
 * however much came before.
 */
#ifndef CORE_PAGE_MERGE_H
#define CORE_PAGE_MERGE_H

#include "json/value.h"

struct page_node;

struct page_merge {
    struct page_node *root;
    size_t max_bytes;
    size_t pages;
    size_t members;    /* of objects that were taken apart */
    size_t held;       /* bytes of text and names; never more than the result has */
    struct str *skip;  /* the way to the next reference, from the part that is merged */
    size_t skip_count; /* 0: it is not within */
    char *skip_text;
};

/* payload: pointer to the part of a body that page_merge_add() gets; next: pointer to the next
 * reference in a body. Both are valid RFC 6901 or p NULL (the whole; not in the body), and are
 * borrowed only for the call. */
void page_merge_init(struct page_merge *m, struct str payload, struct str next, size_t max_bytes);
void page_merge_done(struct page_merge *m);

/* Add a page's value, which is borrowed for the call. After an error m is good only for
 * page_merge_done(). E_POLL_SIZE: all pages together over max_bytes (of minified text), or over
 * LIMIT_MERGE_MEMBERS; E_POLL_FORMAT: an array, an object or another value where the pages before
 * have something else of these; ei says which page and where. */
MUST_USE enum err page_merge_add(struct page_merge *m, const jval *value, struct errinfo *ei);

/* Set *ret, which is empty, to the minified text of the result; m is then as page_merge_done()
 * leaves it. At least one page was added. E_POLL_SIZE as above. */
MUST_USE enum err page_merge_finish(struct page_merge *m, struct buf *ret, struct errinfo *ei);

#endif
