/*
 * A file of JSON, what it describes, and its faults named by line and pointer. It describes one topic
 * or feed, an array of them, or lists by kind: {"topics": […], "feeds": […]}; or it holds settings.
 */
#ifndef CLI_JSON_FILE_H
#define CLI_JSON_FILE_H

#include "cli/kind.h"

#define JSON_FILE_MAX ((size_t)64 << 20)

struct json_file {
    const char *path; /* borrowed */
    struct buf text;
    struct jdoc *doc;
};

/* Read and parse. E_IO, E_LIMIT: it cannot be read; the errors of jdoc_parse() have line and column
 * in ei's text. f is to be done with in any case. */
MUST_USE enum err json_file_read(struct json_file *f, const char *path, struct errinfo *ei);
void json_file_done(struct json_file *f);
/* Nothing in it speaks of a kind. */
bool json_file_is_settings(const struct json_file *f);
/* The nth thing that it describes, its kind, and its pointer in the file (appended); NULL behind the
 * last. Of settings they are themselves the only one, as a topic. */
const jval *json_file_item(const struct json_file *f, size_t n, const struct kind **ret_kind,
                           struct buf *ret_pointer);
/* Does it say which things of this kind there are to be, be it none? */
bool json_file_speaks_of(const struct json_file *f, const struct kind *k);
/* What is wrong with its lists themselves. */
void json_file_check_lists(const struct json_file *f, struct faults *faults);
/* Print "path:line: /pointer: detail" for each fault, all pointers below `base`. */
void json_file_print_faults(const struct json_file *f, struct str base, const struct faults *faults,
                            FILE *out);

#endif
