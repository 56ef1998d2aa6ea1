#include "base/err.h"

static const struct err_row rows[ERR_COUNT] = {
    [E_OK] = {"E_OK", ERR_KIND_BUG, 200, 0, "no error"},
#define ERR(name, kind, http, code, text) [name] = {#name, kind, http, code, text},
#include "base/errors.def"
#undef ERR
};

const struct err_row *err_row(enum err e)
{
    CHECK(e >= 0 && e < ERR_COUNT);
    return &rows[e];
}

enum err err_set(struct errinfo *ei, enum err e, const char *fmt, ...)
{
    va_list ap;

    if (!ei || ei->err != E_OK)
        return e;
    ei->err = e;
    va_start(ap, fmt);
    vsnprintf(ei->text, sizeof ei->text, fmt, ap);
    va_end(ap);
    return e;
}

enum err err_prefix(struct errinfo *ei, enum err e, const char *fmt, ...)
{
    char text[2 * ERRINFO_TEXT + 2];
    va_list ap;

    if (!ei)
        return e;
    va_start(ap, fmt);
    int n = vsnprintf(text, ERRINFO_TEXT, fmt, ap);
    va_end(ap);
    n = MIN(MAX(n, 0), ERRINFO_TEXT - 1);
    snprintf(text + n, sizeof text - (size_t)n, ": %s", err_text(ei, e));
    memcpy(ei->text, text, sizeof ei->text);
    ei->text[sizeof ei->text - 1] = '\0';
    ei->err = e;
    return e;
}

const char *err_text(const struct errinfo *ei, enum err e)
{
    if (ei && ei->text[0])
        return ei->text;
    return err_row(e)->text;
}

void err_clear(struct errinfo *ei)
{
    if (!ei)
        return;
    ei->err = E_OK;
    ei->text[0] = '\0';
}
