#include "publisher/polled_known.h"

#include "core/limits.h"

void polled_known_done(struct polled_known *k)
{
    for (size_t i = 0; i < k->count; i++)
        free(k->ids[i]);
    free(k->ids);
    free(k->batch);
    *k = (struct polled_known){.feed = k->feed};
}

bool polled_known_has(const struct polled_known *k, struct str id)
{
    for (size_t i = 0; i < k->count; i++) {
        if (str_eqz(id, k->ids[i]))
            return true;
    }
    return false;
}

static bool is_in(const struct polled_batch *batch, const char *id)
{
    for (struct jiter it = jiter_of(batch->notifications);
         jiter_next(&it) && it.index < batch->count;) {
        if (str_eqz(jv_str(jv_getz(it.value, "id")), id))
            return true;
    }
    return false;
}

static void add(struct polled_known *k, struct str id)
{
    k->ids[k->count++] = str_dup(id);
}

/* Those of k that the batch does not have: the last of them. */
static void add_others(const struct polled_known *k, const struct polled_batch *batch,
                       struct polled_known *ret)
{
    AUTO_FREE bool *stays = xcalloc(k->count + 1, sizeof *stays);
    size_t room = LIMIT_POLLED_IDS;

    for (size_t i = k->count; i > 0 && room > 0; i--) {
        stays[i - 1] = !is_in(batch, k->ids[i - 1]);
        room -= stays[i - 1];
    }
    for (size_t i = 0; i < k->count; i++) {
        if (stays[i])
            add(ret, str_of(k->ids[i]));
    }
}

void polled_known_next(const struct polled_known *k, const struct polled_batch *batch, uint64_t seq,
                       struct polled_known *ret)
{
    ret->feed = k->feed;
    ret->batch = str_dup(batch->id);
    ret->seq = seq;
    ret->ids = xcalloc(k->count + batch->count + 1, sizeof *ret->ids);
    add_others(k, batch, ret);
    for (struct jiter it = jiter_of(batch->notifications);
         jiter_next(&it) && it.index < batch->count;)
        add(ret, jv_str(jv_getz(it.value, "id")));
}

/* ---- stored ---- */

void polled_known_write(const struct polled_known *k, struct buf *b)
{
    struct jwriter w = jw_begin(b);
    char feed[17];

    snprintf(feed, sizeof feed, "%016llx", (unsigned long long)k->feed);
    jw_object(&w);
    jw_key(&w, "feed");
    jw_strz(&w, feed);
    if (k->batch) {
        jw_key(&w, "batch");
        jw_strz(&w, k->batch);
        jw_key(&w, "completed");
        jw_bool(&w, k->completed);
        jw_key(&w, "seq");
        jw_i64(&w, (int64_t)k->seq);
        jw_key(&w, "ids");
        jw_array(&w);
        for (size_t i = 0; i < k->count; i++)
            jw_strz(&w, k->ids[i]);
        jw_array_end(&w);
    }
    jw_object_end(&w);
    CHECK(jw_end(&w) == E_OK);
}

void polled_known_read(struct polled_known *k, const jval *saved)
{
    const jval *ids = jv_getz(saved, "ids");
    struct str batch = jv_str(jv_getz(saved, "batch"));
    char feed[17];
    int64_t seq = 0;

    polled_known_done(k);
    snprintf(feed, sizeof feed, "%016llx", (unsigned long long)k->feed);
    if (!str_eqz(jv_str(jv_getz(saved, "feed")), feed) || !batch.n)
        return;
    (void)jv_i64(jv_getz(saved, "seq"), &seq);
    k->batch = str_dup(batch);
    k->completed = jv_bool(jv_getz(saved, "completed"));
    k->seq = (uint64_t)seq;
    k->ids = xcalloc(jv_count(ids) + 1, sizeof *k->ids);
    for (struct jiter it = jiter_of(ids); jiter_next(&it);) {
        if (jv_str(it.value).n)
            add(k, jv_str(it.value));
    }
}
