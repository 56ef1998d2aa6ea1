#include "core/fault.h"

#include "base/buf.h"

#define FOUND_MAX 60 /* bytes of a value that a message quotes */

void faults_init(struct faults *f)
{
    f->arena = (struct arena)ARENA_INIT;
    f->count = 0;
    f->dropped = 0;
    f->stored = false;
}

void faults_done(struct faults *f)
{
    arena_done(&f->arena);
    f->count = 0;
    f->dropped = 0;
}

void fault_add(struct faults *f, const char *pointer, const char *title, const char *fmt, ...)
{
    AUTO(buf_done) struct buf detail = BUF_INIT;
    va_list ap;

    if (f->count == FAULTS_MAX) {
        f->dropped++;
        return;
    }
    va_start(ap, fmt);
    buf_vprintf(&detail, fmt, ap);
    va_end(ap);
    f->items[f->count++] = (struct fault){
        .pointer = arena_strdup(&f->arena, str_of(pointer)),
        .title = arena_strdup(&f->arena, str_of(title)),
        .detail = arena_strdup(&f->arena, buf_view(&detail)),
    };
}

/* Long values would drown the message; where they are is said by the pointer. */
const char *fault_found(struct faults *f, const jval *v)
{
    AUTO(buf_done) struct buf text = BUF_INIT_MAX(FOUND_MAX);
    enum jtype type = jv_type(v);

    switch (type) {
    case JT_NONE:
        return "nothing";
    case JT_NULL:
        return "null";
    case JT_ARRAY:
        return "an array";
    case JT_OBJECT:
        return "an object";
    case JT_BOOL:
        return jv_bool(v) ? "true" : "false";
    case JT_STRING:
    case JT_NUMBER:
        break;
    }
    if (jv_write(v, &text) != E_OK)
        return arena_printf(&f->arena, "a long %s", jtype_name(type));
    return arena_printf(&f->arena, "the %s %.*s", jtype_name(type), STR_ARG(buf_view(&text)));
}
