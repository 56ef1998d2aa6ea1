/*
 * Looking at values.
 */
#include "json/value.h"

#include "json/value_inner.h"

static const enum jtype types[] = {
    [YYJSON_TYPE_NONE] = JT_NONE, [YYJSON_TYPE_RAW] = JT_NUMBER, [YYJSON_TYPE_NULL] = JT_NULL,
    [YYJSON_TYPE_BOOL] = JT_BOOL, [YYJSON_TYPE_NUM] = JT_NUMBER, [YYJSON_TYPE_STR] = JT_STRING,
    [YYJSON_TYPE_ARR] = JT_ARRAY, [YYJSON_TYPE_OBJ] = JT_OBJECT,
};

enum jtype jv_type(const jval *v)
{
    return v ? types[jvf_kind(v)] : JT_NONE;
}

const char *jtype_name(enum jtype t)
{
    static const char *const names[] = {
        [JT_NONE] = "nothing",  [JT_NULL] = "null",     [JT_BOOL] = "boolean",
        [JT_NUMBER] = "number", [JT_STRING] = "string", [JT_ARRAY] = "array",
        [JT_OBJECT] = "object",
    };

    return names[t];
}

bool jv_bool(const jval *v)
{
    return v && v->tag == (YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE);
}

struct str jv_str(const jval *v)
{
    return v && jvf_kind(v) == JVF_STRING ? jvf_text(v) : STR_NONE;
}

struct str jv_number_text(const jval *v)
{
    return v && jvf_kind(v) == JVF_NUMBER ? jvf_text(v) : STR_NONE;
}

size_t jv_count(const jval *v)
{
    return v && jvf_is_container(v) ? jvf_len(v) : 0;
}

jval *jv_get(const jval *obj, struct str name)
{
    if (!obj || !jvf_is_object(obj))
        return NULL;

    jval *at = jvf_first(obj);

    for (size_t left = jvf_len(obj); left; left--, at = jvf_next(at + 1))
        if (str_eq(jvf_text(at), name))
            return at + 1;
    return NULL;
}

jval *jv_getz(const jval *obj, const char *name)
{
    return jv_get(obj, str_of(name));
}

jval *jv_at(const jval *arr, size_t i)
{
    if (!arr || !jvf_is_array(arr) || i >= jvf_len(arr))
        return NULL;

    jval *at = jvf_first(arr);

    if (jvf_span(arr) == jvf_len(arr) + 1)
        return at + i;
    while (i--)
        at = jvf_next(at);
    return at;
}

struct jiter jiter_of(const jval *v)
{
    struct jiter it = {.count_ = jv_count(v), .index = SIZE_MAX};

    if (it.count_) {
        it.object_ = jvf_is_object(v);
        it.next_ = jvf_first(v);
    }
    return it;
}

bool jiter_next(struct jiter *it)
{
    if (!it->count_)
        return false;
    it->count_--;
    it->index++;
    if (it->object_) {
        it->name = jvf_text(it->next_);
        it->next_++;
    }
    it->value = it->next_;
    it->next_ = jvf_next(it->value);
    return true;
}
