#include "cli/apply_plan.h"

#include "base/clock.h"
#include "base/map.h"

#include "cli/command.h"
#include "cli/topic_file.h"
#include "core/topic_conf.h"

/* How the API shows a secret. */
#define MASK "********"

enum step { STEP_CREATE, STEP_CHANGE, STEP_SECRETS, STEP_SAME, STEP_DELETE };

static const char *const step_names[] = {"create", "change", "secrets", "same", "delete"};

struct planned {
    char *name;
    enum step step;
    struct buf sent;   /* the topic as the file has it; for a change the merge patch */
    struct jdoc *file; /* the same, parsed; NULL: only the server has it */
    struct jdoc *want; /* as the API would show it */
    char *id;          /* of the server's */
    char *modified;
};

struct plan {
    bool prune;
    struct map by_name; /* → struct planned */
    struct planned **items;
    size_t count;
};

static struct planned *plan_add(struct plan *p, struct str name)
{
    struct planned *it = xcalloc(1, sizeof *it);

    it->name = str_dup(name);
    map_put(&p->by_name, name, it);
    p->items = xrealloc(p->items, (p->count + 1) * sizeof *p->items);
    p->items[p->count++] = it;
    return it;
}

struct plan *plan_new(bool prune)
{
    struct plan *p = xcalloc(1, sizeof *p);

    p->prune = prune;
    return p;
}

void plan_free(struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct planned *it = p->items[i];
        buf_done(&it->sent);
        jdoc_free(it->file);
        jdoc_free(it->want);
        free(it->name);
        free(it->id);
        free(it->modified);
        free(it);
    }
    map_done(&p->by_name);
    free(p->items);
    free(p);
}

/* ---- files ---- */

static struct jdoc *shown(const struct topic_conf *conf)
{
    AUTO(buf_done) struct buf b = BUF_INIT;
    struct jwriter w = jw_begin(&b);
    struct jdoc *d;

    topic_conf_write(conf, &w);
    if (jw_end(&w) != E_OK || jdoc_parse(buf_view(&b), NULL, &d, NULL) != E_OK)
        panic("a topic cannot be written");
    return d;
}

/* A copy of the topic in which hidden secrets (as `pollcast get` shows them) are other texts: the
 * server, which knows the secrets, keeps them where it gets the mask back. */
static struct jdoc *without_masks(const jval *topic)
{
    static const struct str masked = {"\"" MASK "\"", sizeof MASK + 1};
    static const struct str other = {"\"a secret\"", 10};
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct jdoc *d;
    char *at;

    CHECK(masked.n == other.n);
    if (jv_write(topic, &text) != E_OK)
        panic("a topic cannot be copied");
    while ((at = memmem(text.p, text.len, masked.p, masked.n)))
        memcpy(at, other.p, other.n);
    if (jdoc_parse(buf_view(&text), NULL, &d, NULL) != E_OK)
        panic("a topic cannot be copied");
    return d;
}

static int add_topic(struct plan *p, const struct json_file *f, const jval *topic,
                     struct str pointer)
{
    AUTO(faults_done) struct faults faults;
    AUTO(topic_conf_unrefp) struct topic_conf *conf = NULL;
    AUTO(jdoc_freep) struct jdoc *plain = without_masks(topic);

    faults_init(&faults);
    conf = topic_conf_new(jdoc_root(plain), STR_NONE, NULL, clock_now_wall(), &faults);
    if (conf && map_get(&p->by_name, str_of(conf->name)))
        fault_add(&faults, "/name", "", "the name \"%s\" is used by another topic of these files",
                  conf->name);
    json_file_print_faults(f, pointer, &faults, stderr);
    if (faults_any(&faults))
        return STATUS_NO;
    struct planned *it = plan_add(p, str_of(conf->name));
    if (jv_write(topic, &it->sent) != E_OK ||
        jdoc_parse(buf_view(&it->sent), NULL, &it->file, NULL) != E_OK)
        panic("a topic cannot be copied");
    it->want = shown(conf);
    return STATUS_OK;
}

int plan_add_file(struct plan *p, const char *path)
{
    AUTO(json_file_done) struct json_file f;
    struct errinfo ei = ERRINFO_INIT;
    enum err err = json_file_read(&f, path, &ei);
    int worst = STATUS_OK;

    if (err != E_OK) {
        command_fail("apply: %s", err_text(&ei, err));
        return err == E_IO || err == E_LIMIT ? STATUS_FAULT : STATUS_NO;
    }
    for (size_t n = 0;; n++) {
        AUTO(buf_done) struct buf pointer = BUF_INIT;
        const jval *topic = json_file_topic(&f, n, &pointer);

        if (!topic)
            return worst;
        worst = command_worst(worst, add_topic(p, &f, topic, buf_view(&pointer)));
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

/* Members that the server sets. */
static bool is_servers(struct str name)
{
    return str_eqz(name, "id") || str_eqz(name, "createTimestamp") ||
           str_eqz(name, "modifyTimestamp");
}

/* What the merge patch from `has` to `want` says; secrets, which both hide, always, as in `file`. */
struct merge_diff {
    struct jwriter w;
    bool differs, secrets;
};

static void write_value(struct merge_diff *d, const jval *want, const jval *file)
{
    jw_value(&d->w, is_masked(want) && file ? file : want);
}

static void diff_objects(struct merge_diff *d, const jval *has, const jval *want, const jval *file)
{
    struct jiter it = jiter_of(want);

    jw_object(&d->w);
    while (jiter_next(&it)) {
        const jval *old = jv_get(has, it.name), *own = jv_get(file, it.name);
        bool equal = old && jv_equal(old, it.value), masked = is_masked(it.value);

        if (is_servers(it.name) || (equal && !masked))
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
        if (is_servers(it.name) || jv_get(want, it.name))
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
    struct merge_diff d = {.w = jw_begin(&patch)};

    diff_objects(&d, has, jdoc_root(it->want), jdoc_root(it->file));
    if (jw_end(&d.w) != E_OK)
        panic("a merge patch cannot be written");
    it->step = d.differs ? STEP_CHANGE : d.secrets ? STEP_SECRETS : STEP_SAME;
    it->id = str_dup(jv_str(jv_getz(has, "id")));
    it->modified = str_dup(jv_str(jv_getz(has, "modifyTimestamp")));
    buf_done(&it->sent);
    it->sent = patch;
}

static enum err on_topic(const jval *has, void *arg, struct errinfo *ei)
{
    struct plan *p = arg;
    struct str name = jv_str(jv_getz(has, "name"));
    struct planned *it = map_get(&p->by_name, name);

    (void)ei;
    if (it && it->file) {
        compare(it, has);
    } else if (!it && p->prune) {
        it = plan_add(p, name);
        it->step = STEP_DELETE;
        it->id = str_dup(jv_str(jv_getz(has, "id")));
    }
    return E_OK;
}

enum err plan_compare(struct plan *p, struct client *c, struct errinfo *ei)
{
    return client_each_topic(c, on_topic, p, ei);
}

/* ---- doing it ---- */

/* Only the server can compare them; a topic that it found equal is as it was. */
static enum err send_secrets(struct planned *it, struct client *c, const char *path,
                             struct errinfo *ei)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    enum err err = client_ask(c, "PATCH", path, buf_view(&it->sent), &a, ei);
    struct str modified = jv_str(jv_getz(jdoc_root(a.doc), "modifyTimestamp"));

    if (err == E_OK && str_eqz(modified, it->modified))
        it->step = STEP_SAME;
    return err;
}

static enum err do_step(struct planned *it, struct client *c, struct errinfo *ei)
{
    AUTO(client_answer_done) struct client_answer a = {0};
    AUTO_FREE char *path = xasprintf(CLIENT_TOPICS "%s%s", it->id ? "/" : "", it->id ? it->id : "");

    switch (it->step) {
    case STEP_CREATE:
        return client_ask(c, "POST", path, buf_view(&it->sent), &a, ei);
    case STEP_CHANGE:
        return client_ask(c, "PATCH", path, buf_view(&it->sent), &a, ei);
    case STEP_SECRETS:
        return send_secrets(it, c, path, ei);
    case STEP_DELETE:
        return client_ask(c, "DELETE", path, STR_NONE, &a, ei);
    case STEP_SAME:
        break;
    }
    return E_OK;
}

int plan_carry_out(struct plan *p, struct client *c, bool dry_run)
{
    int worst = STATUS_OK;
    size_t done = 0;

    for (size_t i = 0; i < p->count; i++) {
        struct planned *it = p->items[i];
        struct errinfo ei = ERRINFO_INIT;
        enum err err = dry_run ? E_OK : do_step(it, c, &ei);

        printf("%-7s %s%s\n", step_names[it->step], it->name, err == E_OK ? "" : "  (refused)");
        done += err == E_OK && it->step != STEP_SAME;
        if (err == E_OK)
            continue;
        fflush(stdout);
        command_fail("apply: %s: %s", it->name, err_text(&ei, err));
        worst =
            command_worst(worst, err_row(err)->kind == ERR_KIND_RETRY ? STATUS_FAULT : STATUS_NO);
    }
    printf("%zu topic%s, %zu %s\n", p->count, p->count == 1 ? "" : "s", done,
           dry_run ? "would change" : "changed");
    return worst;
}
