/*
 * Reads the case files of a folder: JSON arrays of objects.
 */
#ifndef TESTS_TOPIC_CASES_H
#define TESTS_TOPIC_CASES_H

#include <dirent.h>

#include "unit.h"
#include "json/value.h"

static inline struct jdoc *read_cases(const char *path)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *doc = NULL;
    char part[65536];
    FILE *file = fopen(path, "r");
    size_t n;

    assert_non_null(file);
    while ((n = fread(part, 1, sizeof part, file)) > 0)
        buf_append(&text, part, n);
    fclose(file);
    enum err err = jdoc_parse(buf_view(&text), NULL, &doc, &ei);
    if (err != E_OK)
        fail_msg("%s: %s", path, err_text(&ei, err));
    return doc;
}

/* Runs fn for each case of each .json file in $POLLCAST_CASES/folder; returns how many. */
static inline size_t each_case(const char *folder, void (*fn)(const jval *c))
{
    AUTO_FREE char *path = xasprintf("%s/%s", getenv("POLLCAST_CASES"), folder);
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        AUTO_FREE char *name = xasprintf("%s/%s", path, entry->d_name);

        if (!str_ends(str_of(name), STR(".json")))
            continue;
        struct jdoc *doc = read_cases(name);
        for (struct jiter it = jiter_of(jdoc_root(doc)); jiter_next(&it); count++)
            fn(it.value);
        jdoc_free(doc);
    }
    closedir(dir);
    return count;
}

#endif
