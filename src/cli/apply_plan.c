#include "cli/apply_plan.h"

#include "base/map.h"

#include "cli/command.h"
#include "cli/json_file.h"

/* How the API shows a secret. */
#define MASK "********"

#define KINDS_MAX 8

enum step { STEP_CREATE, STEP_CHANGE, STEP_SECRETS, STEP_SAME, STEP_DELETE };

static const char *const step_names[] = {"create", "change", "secrets", "same", "delete"};

struct planned {
    const struct kind *kind;
    char *key;
    enum step step;    /* what is to be done, as far as can be told without asking */
    bool asks;         /* only the server can tell whether that changes anything */
    struct buf sent;   /* what the file has; for a change the merge patch */
    struct jdoc *file; /* the same, parsed; NULL: only the server has it */
    struct jdoc *want; /* as the API would show it */
    char *id;          /* of the server's */
    char *modified;
};

/* Of one kind. */
struct planned_kind {
    const struct kind *kind;
    bool spoken_of;
    struct map by_key; /* → struct planned */
    struct planned **items;
    size_t count;
    struct plan *plan;
};

struct plan {
    bool prune;
    struct planned_kind kinds[KINDS_MAX];
};

static struct planned *plan_add(struct planned_kind *pk, struct str key)
{
    struct planned *it = xcalloc(1, sizeof *it);

    it->kind = pk->kind;
    it->key = str_dup(key);
    map_put(&pk->by_key, key, it);
    pk->items = xrealloc(pk->items, (pk->count + 1) * sizeof *pk->items);
    pk->items[pk->count++] = it;
    return it;
}

struct plan *plan_new(bool prune)
{
    struct plan *p = xcalloc(1, sizeof *p);

    CHECK(kind_count <= KINDS_MAX);
    p->prune = prune;
    for (size_t i = 0; i < kind_count; i++) {
        p->kinds[i].kind = kinds[i];
        p->kinds[i].plan = p;
    }
    return p;
}

static void planned_free(struct planned *it)
{
    buf_done(&it->sent);
    jdoc_free(it->file);
    jdoc_free(it->want);
    free(it->key);
    free(it->id);
    free(it->modified);
    free(it);
}

void plan_free(struct plan *p)
{
    for (size_t i = 0; i < kind_count; i++) {
        struct planned_kind *pk = &p->kinds[i];

        for (size_t n = 0; n < pk->count; n++)
            planned_free(pk->items[n]);
        map_done(&pk->by_key);
        free(pk->items);
    }
    free(p);
}

static struct planned_kind *planned_kind(struct plan *p, const struct kind *k)
{
    size_t i = 0;

    while (p->kinds[i].kind != k)
        i++;
    return &p->kinds[i];
}

/* ---- files ---- */

/* A copy in which hidden secrets (as `pollcast get` shows them) are other texts: the server, which
 * knows the secrets, keeps them where it gets the mask back. */
static struct jdoc *without_masks(const jval *given)
{
    static const struct str masked = {"\"" MASK "\"", sizeof MASK + 1};
    static const struct str other = {"\"a secret\"", 10};
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jdoc *d;
    char *at;

    CHECK(masked.n == other.n);
    if (jv_write(given, &text) != E_OK)
        panic("a part of a file cannot be copied");
    while ((at = memmem(text.p, text.len, masked.p, masked.n)))
        memcpy(at, other.p, other.n);
    if (jdoc_parse(buf_view(&text), NULL, &d, NULL) != E_OK)
        panic("a part of a file cannot be copied");
    return d;
}

static void check_twice(const struct planned_kind *pk, struct str key, struct faults *faults)
{
    AUTO_FREE char *pointer = xasprintf("/%s", pk->kind->key);

    if (map_get(&pk->by_key, key))
        fault_add(faults, pointer, "", "the %s \"%.*s\" is used by another %s of these files",
                  pk->kind->key, STR_ARG(key), pk->kind->name);
}

static int add_item(struct planned_kind *pk, const struct json_file *f, const jval *given,
                    struct str pointer)
{
    AUTO(faults_done) struct faults faults;
    AUTO(jdoc_freep) struct jdoc *plain = without_masks(given);
    AUTO(jdoc_freep) struct jdoc *want = NULL;

    faults_init(&faults);
    want = pk->kind->make(jdoc_root(plain), &faults);
    struct str key = jv_str(jv_getz(jdoc_root(want), pk->kind->key));
    if (want)
        check_twice(pk, key, &faults);
    json_file_print_faults(f, pointer, &faults, stderr);
    if (faults_any(&faults))
        return STATUS_NO;
    struct planned *it = plan_add(pk, key);
    if (jv_write(given, &it->sent) != E_OK ||
        jdoc_parse(buf_view(&it->sent), NULL, &it->file, NULL) != E_OK)
        panic("a part of a file cannot be copied");
    it->want = TAKE(want);
    return STATUS_OK;
}

static int add_lists(struct plan *p, const struct json_file *f)
{
    AUTO(faults_done) struct faults faults;

    faults_init(&faults);
    json_file_check_lists(f, &faults);
    json_file_print_faults(f, STR_NONE, &faults, stderr);
    for (size_t i = 0; i < kind_count; i++)
        p->kinds[i].spoken_of |= json_file_speaks_of(f, kinds[i]);
    return faults_any(&faults) ? STATUS_NO : STATUS_OK;
}

int plan_add_file(struct plan *p, const char *path)
{
    AUTO(json_file_done) struct json_file f;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = json_file_read(&f, path, &ei);

    if (err != E_OK) {
        command_fail("apply: %s", err_text(&ei, err));
        return err == E_IO || err == E_LIMIT ? STATUS_FAULT : STATUS_NO;
    }
    int worst = add_lists(p, &f);
    for (size_t n = 0;; n++) {
        AUTO(buf_done) struct buf pointer = BUF_INIT;
        const struct kind *k;
        const jval *given = json_file_item(&f, n, &k, &pointer);

        if (!given)
            return worst;
        int status = add_item(planned_kind(p, k), &f, given, buf_view(&pointer));
        worst = command_worst(worst, status);
    }
}

/* ---- comparison ---- */

static bool is_masked(const jval *v)
{
    struct jiter it = jiter_of(v);

    if (jv_type(v) == JT_STRING)
        return str_eqz(jv_str(v), MASK);
    while (jiter_next(&it))
        if (is_masked(it.value))
            return true;
    return false;
}

static bool is_servers(const struct kind *k, struct str name)
{
    for (size_t i = 0; k->set[i]; i++)
        if (str_eqz(name, k->set[i]))
            return true;
    return false;
}

/* What the merge patch from `has` to `want` says; secrets, which both hide, always, as in `file`. */
struct merge_diff {
    const struct kind *kind;
    struct jwriter w;
    bool untouched; /* the server has it as it was at first: nothing was ever set */
    bool differs, secrets, asks;
};

static bool is_list_of(const jval *list, const jval *v)
{
    return jv_type(list) == JT_ARRAY && jv_count(list) == 1 && jv_type(v) == JT_STRING &&
           jv_equal(jv_at(list, 0), v);
}

/* One text alone means the same as a list of it, wherever the API takes both. */
static bool is_equal(const jval *a, const jval *b)
{
    return a && b && (jv_equal(a, b) || is_list_of(a, b) || is_list_of(b, a));
}

static void write_value(struct merge_diff *d, const jval *want, const jval *file)
{
    jw_value(&d->w, is_masked(want) && file ? file : want);
}

/* True: the file leaves the member to a setting of the server, which alone knows whether that is what
 * stands there. */
static bool leave_to_server(struct merge_diff *d, struct str name, bool equal, const jval *own)
{
    if (own || !d->kind->setting || !str_eqz(name, d->kind->setting))
        return false;
    if (d->untouched)
        return true;
    jw_key_str(&d->w, name);
    jw_null(&d->w);
    d->asks = true;
    d->differs |= !equal;
    return true;
}

static void diff_objects(struct merge_diff *d, const jval *has, const jval *want, const jval *file)
{
    struct jiter it = jiter_of(want);

    jw_object(&d->w);
    while (jiter_next(&it)) {
        const jval *old = jv_get(has, it.name), *own = jv_get(file, it.name);
        bool equal = is_equal(old, it.value), masked = is_masked(it.value);

        if (is_servers(d->kind, it.name) || leave_to_server(d, it.name, equal, own) ||
            (equal && !masked))
            continue;
        jw_key_str(&d->w, it.name);
        if (jv_type(old) == JT_OBJECT && jv_type(it.value) == JT_OBJECT) {
            diff_objects(d, old, it.value, own);
        } else {
            write_value(d, it.value, own);
            d->secrets |= masked;
            d->differs |= !equal;
        }
    }
    it = jiter_of(has);
    while (jiter_next(&it)) {
        if (is_servers(d->kind, it.name) || jv_get(want, it.name))
            continue;
        jw_key_str(&d->w, it.name);
        jw_null(&d->w);
        d->differs = true;
    }
    jw_object_end(&d->w);
}

static void compare(struct planned *it, const jval *has)
{
    struct buf patch = BUF_INIT;
    const jval *modified = jv_getz(has, "modifyTimestamp");
    struct merge_diff d = {.kind = it->kind, .w = jw_begin(&patch), .untouched = !modified};

    diff_objects(&d, has, jdoc_root(it->want), jdoc_root(it->file));
    if (jw_end(&d.w) != E_OK)
        panic("a merge patch cannot be written");
    it->step = d.differs ? STEP_CHANGE : d.secrets ? STEP_SECRETS : STEP_SAME;
    it->asks = d.asks || d.secrets;
    it->id = str_dup(jv_str(jv_getz(has, "id")));
    it->modified = str_dup(jv_str(modified));
    buf_done(&it->sent);
    it->sent = patch;
}

static enum err on_one(const jval *has, void *arg, struct errinfo *ei)
{
    struct planned_kind *pk = arg;
    struct str key = jv_str(jv_getz(has, pk->kind->key));
    struct planned *it = map_get(&pk->by_key, key);
    bool lasts = pk->kind->lasting && str_eqz(key, pk->kind->lasting);

    (void)ei;
    if (it && it->file) {
        compare(it, has);
    } else if (!it && pk->plan->prune && !lasts) {
        it = plan_add(pk, key);
        it->step = STEP_DELETE;
        it->id = str_dup(jv_str(jv_getz(has, "id")));
    }
    return E_OK;
}

enum err plan_compare(struct plan *p, struct client *c, struct errinfo *ei)
{
    enum err err = E_OK;

    for (size_t i = 0; i < kind_count && err == E_OK; i++)
        if (p->kinds[i].spoken_of)
            err = client_each(c, kinds[i]->collection, on_one, &p->kinds[i], ei);
    return err;
}

/* ---- doing it ---- */

/* What the server found equal is as it was, and what was thought to be so may not have been. */
static enum err send_change(struct planned *it, struct client *c, const char *path,
                            struct errinfo *ei)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    enum err err = client_ask(c, "PATCH", path, buf_view(&it->sent), &a, ei);
    struct str modified = jv_str(jv_getz(jdoc_root(a.doc), "modifyTimestamp"));

    if (err != E_OK || !it->asks)
        return err;
    if (str_eqz(modified, it->modified))
        it->step = STEP_SAME;
    else if (it->step == STEP_SAME)
        it->step = STEP_CHANGE;
    return E_OK;
}

static enum err do_step(struct planned *it, struct client *c, struct errinfo *ei)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    AUTO(buf_done) struct buf path = BUF_INIT;

    buf_puts(&path, it->kind->collection);
    if (it->id) {
        buf_putc(&path, '/');
        client_path_part(&path, str_of(it->id));
    }
    switch (it->step) {
    case STEP_CREATE:
        return client_ask(c, "POST", buf_cstr(&path), buf_view(&it->sent), &a, ei);
    case STEP_DELETE:
        return client_ask(c, "DELETE", buf_cstr(&path), STR_NONE, &a, ei);
    case STEP_CHANGE:
    case STEP_SECRETS:
    case STEP_SAME:
        break;
    }
    return it->step != STEP_SAME || it->asks ? send_change(it, c, buf_cstr(&path), ei) : E_OK;
}

static int carry_out_one(struct planned *it, struct client *c, bool dry_run, size_t *done)
{
    AUTO_FREE char *prefix =
        it->kind == &kind_topic ? xstrdup("") : xasprintf("%s ", it->kind->name);
    struct errinfo ei = ERRINFO_INIT;
    enum err err = dry_run ? E_OK : do_step(it, c, &ei);

    printf("%-7s %s%s%s\n", step_names[it->step], prefix, it->key,
           err == E_OK ? "" : "  (refused)");
    *done += err == E_OK && it->step != STEP_SAME;
    if (err == E_OK)
        return STATUS_OK;
    fflush(stdout);
    command_fail("apply: %s%s: %s", prefix, it->key, err_text(&ei, err));
    return err_row(err)->kind == ERR_KIND_RETRY ? STATUS_FAULT : STATUS_NO;
}

int plan_carry_out(struct plan *p, struct client *c, bool dry_run)
{
    AUTO(buf_done) struct buf counts = BUF_INIT;
    int worst = STATUS_OK;
    size_t done = 0;

    for (size_t i = 0; i < kind_count; i++) {
        struct planned_kind *pk = &p->kinds[i];

        for (size_t n = 0; n < pk->count; n++)
            worst = command_worst(worst, carry_out_one(pk->items[n], c, dry_run, &done));
        if (!pk->spoken_of)
            continue;
        kind_count_text(pk->kind, pk->count, &counts);
        buf_puts(&counts, ", ");
    }
    printf("%s%zu %s\n", buf_cstr(&counts), done, dry_run ? "would change" : "changed");
    return worst;
}
