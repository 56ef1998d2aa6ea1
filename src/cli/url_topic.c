#include "cli/url_topic.h"

#include "json/value.h"

static enum err write_headers(struct jwriter *w, const struct option_list *headers,
                              struct errinfo *ei)
{
    if (headers->count == 0)
        return E_OK;
    jw_key(w, "headers");
    jw_object(w);
    for (size_t i = 0; i < headers->count; i++) {
        struct str value = str_of(headers->items[i]);
        struct str name = str_trim(str_split(&value, ':'));

        if (!value.p || name.n == 0)
            return err_set(ei, E_INVALID, "-H \"%s\": expected 'Name: value'", headers->items[i]);
        jw_key_str(w, name);
        jw_str(w, str_trim(value));
    }
    jw_object_end(w);
    return E_OK;
}

static void write_text(struct jwriter *w, const char *key, const char *value)
{
    if (!value)
        return;
    jw_key(w, key);
    jw_strz(w, value);
}

enum err url_topic_write(const struct url_topic *t, struct buf *b, struct errinfo *ei)
{
    struct jwriter w = jw_begin(b);

    jw_object(&w);
    write_text(&w, "name", t->name);
    jw_key(&w, "publisher");
    jw_object(&w);
    write_text(&w, "type", "http-poller");
    jw_key(&w, "alwaysOn");
    jw_bool(&w, t->always_on);
    jw_key(&w, "config");
    jw_object(&w);
    write_text(&w, "url", t->url);
    write_text(&w, "pollingPeriod", t->every);
    write_text(&w, "payloadPointer", t->pointer);
    write_text(&w, "arrayKey", t->key);
    enum err err = write_headers(&w, &t->headers, ei);
    if (err != E_OK)
        return err;
    jw_object_end(&w);
    jw_object_end(&w);
    jw_object_end(&w);
    return jw_end(&w);
}
