/*
 * pollcast's parser and diff in group_diff.mjs. BENCH_MOVES=1 in the environment: patches may use
 * "move".
 */
#include "json_rig.c"
#include "json/diff.h"

static struct {
    struct jdoc *before, *after;
    struct jdiff_options options;
    struct buf patch;
} subject;

static struct jdoc *parse(struct text text)
{
    struct errinfo ei = ERRINFO_INIT;
    struct jdoc *d = NULL;
    enum err e = jdoc_parse(str_make(text.p, text.n), NULL, &d, &ei);

    if (e != E_OK)
        give_up(err_text(&ei, e));
    return d;
}

static void diff(const struct jdoc *after)
{
    struct jdiff_result r;

    buf_clear(&subject.patch);
    jdiff(jdoc_root(subject.before), jdoc_root(after), &subject.options, &subject.patch, &r);
    if (r.over)
        give_up("over without a limit");
}

static void subject_open(struct text before, struct text after)
{
    subject.options.allow_move = getenv("BENCH_MOVES") != NULL;
    subject.before = parse(before);
    subject.after = parse(after);
}

static void subject_close(void)
{
    jdoc_freep(&subject.before);
    jdoc_freep(&subject.after);
}

static void subject_parse(struct text after)
{
    jdoc_free(parse(after));
}

static void subject_diff(struct text after)
{
    (void)after;
    diff(subject.after);
}

static void subject_all(struct text after)
{
    struct jdoc *d = parse(after);

    diff(d);
    jdoc_free(d);
}

static struct text subject_patch(void)
{
    return (struct text){subject.patch.p, subject.patch.len};
}
