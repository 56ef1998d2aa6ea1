/*
 * Schemas of bodies: from the rows of attributes, from the table of errors, and from openapi.def.
 */
#include "api/openapi.h"
#include "core/feed_conf.h"
#include "core/limits.h"
#include "core/processor.h"
#include "core/topic_conf.h"
#include "publisher/http_param.h"

#define REF "#/components/schemas/"

static const size_t http_param_count = HTTP_PARAM_ATTRS;

/* Schemas that are rows of attributes; those of publishers come besides, from their processors. */
static const struct {
    const char *name;
    const struct attr *rows;
    const size_t *count;
} attr_schemas[] = {
    {"Topic", topic_attrs, &topic_attr_count},
    {"Feed", feed_attrs, &feed_attr_count},
    {"ComputedQueryParameter", http_param_attrs, &http_param_count},
};

/* What an ATTR_JSON of this name holds. */
static const struct {
    const char *name, *text;
} nested[] = {
    {"config", "{'$ref':'" REF "PublisherConfig'}"},
    {"computedQueryParameters",
     "{'type':'object','additionalProperties':{'$ref':'" REF "ComputedQueryParameter'}}"},
};

/* Made below from other tables. */
static const char *const made[] = {"PublisherConfig", "ErrorStatus", "ErrorCode"};

static const struct {
    const char *name, *text;
} shapes[] = {
#define SCHEMA(name, text) {#name, text},
#include "api/openapi.def"
#undef SCHEMA
};

void openapi_write_quoted(struct jwriter *w, const char *text)
{
    AUTO_FREE char *json = xstrdup(text);

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    jw_raw(w, str_of(json));
}

static void put(struct jwriter *w, const char *key, const char *text)
{
    jw_key(w, key);
    jw_strz(w, text);
}

static void put_quoted(struct jwriter *w, const char *key, const char *text)
{
    jw_key(w, key);
    openapi_write_quoted(w, text);
}

static void put_number(struct jwriter *w, const char *key, double number)
{
    jw_key(w, key);
    jw_double(w, number);
}

/* ---- attributes ---- */

static void put_object(struct jwriter *w, const struct attr *rows, size_t count);

static void put_range(struct jwriter *w, const struct attr *row)
{
    double min = row->min, max = row->max;

    if (row->range)
        row->range(&min, &max);
    put_number(w, "minimum", min);
    put_number(w, "maximum", max);
}

static void put_format(struct jwriter *w, const char *format)
{
    put(w, "type", "string");
    put(w, "format", format);
}

static void put_string(struct jwriter *w, const struct attr *row)
{
    put(w, "type", "string");
    put_number(w, "minLength", row->min);
    put_number(w, "maxLength", row->max);
}

static void put_names(struct jwriter *w, const char *const *names)
{
    put(w, "type", "string");
    jw_key(w, "enum");
    jw_array(w);
    for (; *names; names++)
        jw_strz(w, *names);
    jw_array_end(w);
}

static void put_numeric(struct jwriter *w, const char *type, const struct attr *row)
{
    put(w, "type", type);
    put_range(w, row);
}

static void put_list(struct jwriter *w, const struct attr *row)
{
    put(w, "type", "array");
    jw_key(w, "items");
    jw_object(w);
    if (row->kind == ATTR_INT_LIST)
        put_numeric(w, "integer", row);
    else
        put_names(w, row->names);
    jw_object_end(w);
}

/* An array of objects, or the objects by their type. */
static void put_typed_list(struct jwriter *w, const struct attr *row)
{
    static const char *const forms[][2] = {{"array", "items"}, {"object", "additionalProperties"}};

    jw_key(w, "oneOf");
    jw_array(w);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        jw_object(w);
        put(w, "type", forms[i][0]);
        jw_key(w, forms[i][1]);
        jw_object(w);
        put_object(w, row->rows, row->row_count);
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void put_ignored(struct jwriter *w, const struct attr *row)
{
    if (strcmp(row->name, "active") == 0)
        put(w, "type", "boolean");
    else
        put_format(w, str_ends(str_of(row->name), STR("Timestamp")) ? "date-time" : "uuid");
    jw_key(w, "readOnly");
    jw_bool(w, true);
}

static void put_nested(struct jwriter *w, const struct attr *row)
{
    for (size_t i = 0; i < ARRAY_LEN(nested); i++) {
        if (strcmp(nested[i].name, row->name) == 0) {
            jw_key(w, "allOf");
            jw_array(w);
            openapi_write_quoted(w, nested[i].text);
            jw_array_end(w);
            return;
        }
    }
    put(w, "type", "object");
}

static void put_type(struct jwriter *w, const struct attr *row)
{
    switch (row->kind) {
    case ATTR_STRING:
        put_string(w, row);
        return;
    case ATTR_SCALAR:
        put_quoted(w, "type", "['string','number']");
        return;
    case ATTR_URL:
        put_format(w, "uri");
        put_number(w, "maxLength", LIMIT_URL_BYTES);
        return;
    case ATTR_POINTER:
        put_format(w, "json-pointer");
        return;
    case ATTR_POINTER_LIST:
        put_quoted(w, "oneOf",
                   "[{'type':'string','format':'json-pointer'},{'type':'array',"
                   "'items':{'type':'string','format':'json-pointer'}}]");
        return;
    case ATTR_STRING_LIST:
        jw_key(w, "oneOf");
        openapi_write_quoted(w, "[{'type':'string'},{'type':'array','items':{'type':'string'}}]");
        return;
    case ATTR_BOOL:
        put(w, "type", "boolean");
        return;
    case ATTR_INT:
        put_numeric(w, "integer", row);
        return;
    case ATTR_NUMBER:
        put_numeric(w, "number", row);
        return;
    case ATTR_DURATION:
        put_format(w, "duration");
        return;
    case ATTR_STRING_MAP:
        put(w, "type", "object");
        put_number(w, "maxProperties", row->max);
        put_quoted(w, "additionalProperties", "{'type':'string'}");
        return;
    case ATTR_ENUM:
        put_names(w, row->names);
        return;
    case ATTR_INT_LIST:
    case ATTR_NAME_LIST:
        put_list(w, row);
        return;
    case ATTR_OBJECT:
        put_object(w, row->rows, row->row_count);
        return;
    case ATTR_JSON:
        put_nested(w, row);
        return;
    case ATTR_TYPED_LIST:
        put_typed_list(w, row);
        return;
    case ATTR_IGNORED:
        put_ignored(w, row);
        return;
    case ATTR_LATER:
        return;
    }
}

static void put_row(struct jwriter *w, const struct attr *row)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    buf_puts(&text, row->help);
    if (row->kind == ATTR_DURATION) {
        buf_puts(&text, " Expected: ");
        attr_expected(row, &text);
        buf_putc(&text, '.');
    }
    if (row->flags & ATTR_SECRET)
        buf_puts(&text, " Shown as " SECRET_MASK ".");
    jw_key(w, row->name);
    jw_object(w);
    put_type(w, row);
    if (row->preset) {
        jw_key(w, "default");
        attr_write_preset(row, w);
    }
    put(w, "description", buf_cstr(&text));
    jw_object_end(w);
}

static void put_required(struct jwriter *w, const struct attr *rows, size_t count)
{
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (!(rows[i].flags & ATTR_REQUIRED))
            continue;
        if (!any) {
            jw_key(w, "required");
            jw_array(w);
        }
        any = true;
        jw_strz(w, rows[i].name);
    }
    if (any)
        jw_array_end(w);
}

/* The members of the schema of such an object. */
static void put_object(struct jwriter *w, const struct attr *rows, size_t count)
{
    put(w, "type", "object");
    jw_key(w, "properties");
    jw_object(w);
    for (size_t i = 0; i < count; i++)
        if (rows[i].kind != ATTR_LATER)
            put_row(w, &rows[i]);
    jw_object_end(w);
    put_required(w, rows, count);
}

static void write_rows(struct jwriter *w, const char *name, const struct attr *rows, size_t count)
{
    jw_key(w, name);
    jw_object(w);
    put_object(w, rows, count);
    jw_object_end(w);
}

/* ---- publishers ---- */

/* "http-poller": "HttpPollerConfig" */
static void put_config_name(struct buf *b, const char *type)
{
    bool upper = true;

    for (; *type; type++) {
        if (*type != '-')
            buf_putc(b, upper && *type >= 'a' && *type <= 'z' ? (char)(*type - 'a' + 'A') : *type);
        upper = *type == '-';
    }
    buf_puts(b, "Config");
}

static void write_publishers(struct jwriter *w)
{
    const struct processor *p;

    jw_key(w, "PublisherConfig");
    jw_object(w);
    put(w, "description", "The attributes of the publisher that its type names.");
    jw_key(w, "anyOf");
    jw_array(w);
    for (size_t i = 0; (p = processor_nth(i)); i++) {
        AUTO(buf_done) struct buf ref = BUF_INIT;

        buf_puts(&ref, REF);
        put_config_name(&ref, p->type);
        jw_object(w);
        put(w, "$ref", buf_cstr(&ref));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
    for (size_t i = 0; (p = processor_nth(i)); i++) {
        AUTO(buf_done) struct buf name = BUF_INIT;

        put_config_name(&name, p->type);
        write_rows(w, buf_cstr(&name), p->attrs, p->attr_count);
    }
}

/* ---- errors ---- */

static int number_of(enum err e, bool code)
{
    return code ? err_row(e)->channel_code : err_row(e)->http_status;
}

/* The smallest number in the table of errors that is larger; 0: none. */
static int next_number(int after, bool code)
{
    int next = 0;

    for (int e = E_OK + 1; e < ERR_COUNT; e++) {
        int n = number_of((enum err)e, code);
        if (n > after && (next == 0 || n < next))
            next = n;
    }
    return next;
}

static void put_texts(struct buf *b, int number, bool code)
{
    for (int e = E_OK + 1; e < ERR_COUNT; e++)
        if (number_of((enum err)e, code) == number)
            buf_printf(b, "%s%s", b->len > 0 ? "; " : "", err_row((enum err)e)->text);
}

/* Each number with all that the table says of it. */
static void write_numbers(struct jwriter *w, const char *name, const char *help, bool code)
{
    jw_key(w, name);
    jw_object(w);
    put(w, "type", "integer");
    put(w, "description", help);
    jw_key(w, "anyOf");
    jw_array(w);
    for (int n = 0; (n = next_number(n, code)) != 0;) {
        AUTO(buf_done) struct buf texts = BUF_INIT;

        put_texts(&texts, n, code);
        jw_object(w);
        jw_key(w, "const");
        jw_i64(w, n);
        put(w, "description", buf_cstr(&texts));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

/* ---- all ---- */

bool openapi_has_schema(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (strcmp(shapes[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(attr_schemas); i++)
        if (strcmp(attr_schemas[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        if (strcmp(made[i], name) == 0)
            return true;
    return false;
}

void openapi_write_schemas(struct jwriter *w)
{
    jw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(attr_schemas); i++)
        write_rows(w, attr_schemas[i].name, attr_schemas[i].rows, *attr_schemas[i].count);
    write_publishers(w);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        jw_key(w, shapes[i].name);
        openapi_write_quoted(w, shapes[i].text);
    }
    write_numbers(w, "ErrorStatus", "The status of the answer.", false);
    write_numbers(w, "ErrorCode", "Code of an error event.", true);
    jw_object_end(w);
}
