#include "cli/topic_file.h"

#include "cli/input.h"
#include "json/locate.h"
#include "json/pointer.h"

enum err json_file_read(struct json_file *f, const char *path, struct errinfo *ei)
{
    AUTO(buf_done) struct buf fault = BUF_INIT;
    struct errinfo own = ERRINFO_INIT;

    *f = (struct json_file){.path = path, .text = BUF_INIT_MAX(TOPIC_FILE_MAX)};
    enum err err = input_read(path, &f->text, ei);
    if (err != E_OK)
        return err;
    err = jdoc_parse(buf_view(&f->text), NULL, &f->doc, &own);
    if (err == E_OK)
        return E_OK;
    f->doc = NULL;
    json_locate_fault(&fault, path, buf_view(&f->text), err, &own);
    return err_set(ei, err, "%s", buf_cstr(&fault));
}

void json_file_done(struct json_file *f)
{
    jdoc_free(TAKE(f->doc));
    buf_done(&f->text);
}

/* The array of topics and its pointer; NULL if the file is one topic. */
static const jval *topics_of(const struct json_file *f, const char **ret_pointer)
{
    const jval *root = jdoc_root(f->doc);
    const jval *topics = jv_getz(root, "topics");

    *ret_pointer = topics ? "/topics" : "";
    if (topics)
        return topics;
    return jv_type(root) == JT_ARRAY ? root : NULL;
}

bool json_file_has_topics(const struct json_file *f)
{
    const char *pointer;

    return topics_of(f, &pointer) || jv_getz(jdoc_root(f->doc), "publisher");
}

const jval *json_file_topic(const struct json_file *f, size_t n, struct buf *ret_pointer)
{
    const char *pointer;
    const jval *topics = topics_of(f, &pointer);

    if (!topics)
        return n == 0 ? jdoc_root(f->doc) : NULL;
    const jval *topic = jv_type(topics) == JT_ARRAY ? jv_at(topics, n) : NULL;
    if (topic) {
        buf_puts(ret_pointer, pointer);
        jpointer_add_index(ret_pointer, n);
    }
    return topic;
}

void json_file_print_faults(const struct json_file *f, struct str base, const struct faults *faults,
                            FILE *out)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->items[i];
        AUTO_FREE char *pointer = xasprintf("%.*s%s", STR_ARG(base), fault->pointer);

        fprintf(out, "%s:%u: %s%s%s\n", f->path,
                json_locate_line(buf_view(&f->text), str_of(pointer)), pointer,
                pointer[0] ? ": " : "", fault->detail);
    }
    if (faults->dropped)
        fprintf(out, "%s: and %zu more\n", f->path, faults->dropped);
}
