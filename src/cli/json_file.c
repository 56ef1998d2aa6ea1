#include "cli/json_file.h"

#include "cli/input.h"
#include "json/locate.h"
#include "json/pointer.h"

enum err json_file_read(struct json_file *f, const char *path, struct errinfo *ei)
{
    AUTO(buf_done) struct buf fault = BUF_INIT;
    struct errinfo own = ERRINFO_INIT;

    *f = (struct json_file){.path = path, .text = BUF_INIT_MAX(JSON_FILE_MAX)};
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

/* Lists by kind: a feed has a member `topics`, too, but also an id. */
static bool has_lists(const jval *root)
{
    struct jiter it = jiter_of(root);

    if (jv_type(root) != JT_OBJECT || jv_getz(root, "publisher") || jv_getz(root, "id"))
        return false;
    while (jiter_next(&it))
        if (kind_find(it.name))
            return true;
    return false;
}

bool json_file_is_settings(const struct json_file *f)
{
    const jval *root = jdoc_root(f->doc);

    return jv_type(root) != JT_ARRAY && !jv_getz(root, "publisher") && !has_lists(root) &&
           kind_of(root) == &kind_topic;
}

/* The nth element of the lists, in the order in which they stand. */
static const jval *item_of_lists(const jval *root, size_t n, const struct kind **ret_kind,
                                 struct buf *ret_pointer)
{
    struct jiter it = jiter_of(root);

    while (jiter_next(&it)) {
        const struct kind *k = kind_find(it.name);
        size_t count = k && jv_type(it.value) == JT_ARRAY ? jv_count(it.value) : 0;

        if (n < count) {
            *ret_kind = k;
            jpointer_add(ret_pointer, it.name);
            jpointer_add_index(ret_pointer, n);
            return jv_at(it.value, n);
        }
        n -= count;
    }
    return NULL;
}

const jval *json_file_item(const struct json_file *f, size_t n, const struct kind **ret_kind,
                           struct buf *ret_pointer)
{
    const jval *root = jdoc_root(f->doc), *item = root;

    if (has_lists(root))
        return item_of_lists(root, n, ret_kind, ret_pointer);
    if (jv_type(root) == JT_ARRAY) {
        item = jv_at(root, n);
        if (item)
            jpointer_add_index(ret_pointer, n);
    } else if (n > 0) {
        return NULL;
    }
    if (item)
        *ret_kind = kind_of(item);
    return item;
}

bool json_file_speaks_of(const struct json_file *f, const struct kind *k)
{
    const jval *root = jdoc_root(f->doc);
    struct jiter it = jiter_of(root);

    if (has_lists(root))
        return jv_getz(root, k->plural) != NULL;
    if (jv_type(root) != JT_ARRAY || jv_count(root) == 0)
        return kind_of(root) == k;
    while (jiter_next(&it))
        if (kind_of(it.value) == k)
            return true;
    return false;
}

void json_file_check_lists(const struct json_file *f, struct faults *faults)
{
    const jval *root = jdoc_root(f->doc);
    struct jiter it = jiter_of(root);
    const char *names[8];

    CHECK(kind_count <= ARRAY_LEN(names));
    for (size_t i = 0; i < kind_count; i++)
        names[i] = kinds[i]->plural;
    while (has_lists(root) && jiter_next(&it)) {
        AUTO(buf_done) struct buf pointer = BUF_INIT;
        const char *near = str_nearest(it.name, names, kind_count);

        jpointer_add(&pointer, it.name);
        /* Other members may be somebody's notes; one that was meant as a list must not be lost. */
        if (!kind_find(it.name) && near)
            fault_add(faults, buf_cstr(&pointer), "", "unknown list; did you mean \"%s\"?", near);
        else if (kind_find(it.name) && jv_type(it.value) != JT_ARRAY)
            fault_add(faults, buf_cstr(&pointer), "", "expected an array, found %s",
                      fault_found(faults, it.value));
    }
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
