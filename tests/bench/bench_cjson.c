/*
 * cJSON with cJSON_Utils in group_diff.mjs: a peer, built by it where cJSON's sources are.
 */
#include <cJSON.h>
#include <cJSON_Utils.h>

#include "json_rig.c"

static struct {
    cJSON *before, *after;
    char *patch;
} subject;

static cJSON *parse(struct text text)
{
    cJSON *value = cJSON_ParseWithLength(text.p, text.n);

    if (!value)
        give_up("cJSON cannot parse this");
    return value;
}

static void diff(cJSON *after)
{
    cJSON *patches = cJSONUtils_GeneratePatchesCaseSensitive(subject.before, after);

    cJSON_free(subject.patch);
    subject.patch = cJSON_PrintUnformatted(patches);
    cJSON_Delete(patches);
}

static void subject_open(struct text before, struct text after)
{
    subject.before = parse(before);
    subject.after = parse(after);
}

static void subject_close(void)
{
    cJSON_Delete(subject.before);
    cJSON_Delete(subject.after);
    cJSON_free(subject.patch);
    subject.patch = NULL;
}

static void subject_parse(struct text after)
{
    cJSON_Delete(parse(after));
}

static void subject_diff(struct text after)
{
    (void)after;
    diff(subject.after);
}

static void subject_all(struct text after)
{
    cJSON *value = parse(after);

    diff(value);
    cJSON_Delete(value);
}

static struct text subject_patch(void)
{
    return (struct text){subject.patch, strlen(subject.patch)};
}
