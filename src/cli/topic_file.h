/*
 * A file of topics: one topic, an array of them, or {"topics": […]}. And the faults of any file,
 * named by line and pointer.
 */
#ifndef CLI_TOPIC_FILE_H
#define CLI_TOPIC_FILE_H

#include "core/fault.h"

#define TOPIC_FILE_MAX ((size_t)64 << 20)

struct json_file {
    const char *path; /* borrowed */
    struct buf text;
    struct jdoc *doc;
};

/* Read and parse. E_IO, E_LIMIT: it cannot be read; the errors of jdoc_parse() have line and column
 * in ei's text. f is to be done with in any case. */
MUST_USE enum err json_file_read(struct json_file *f, const char *path, struct errinfo *ei);
void json_file_done(struct json_file *f);
/* Settings have neither topics in them nor a publisher. */
bool json_file_has_topics(const struct json_file *f);
/* The nth topic and its pointer in the file (appended); NULL behind the last. */
const jval *json_file_topic(const struct json_file *f, size_t n, struct buf *ret_pointer);
/* Print "path:line: /pointer: detail" for each fault, all pointers below `base`. */
void json_file_print_faults(const struct json_file *f, struct str base, const struct faults *faults,
                            FILE *out);

#endif
