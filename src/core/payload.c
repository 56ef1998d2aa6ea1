#include "core/payload.h"

#include "core/limits.h"
#include "io/inflate.h"
#include "json/pointer.h"

void payload_done(struct payload *p)
{
    jdoc_freep(&p->doc);
    buf_done(&p->text);
}

static enum err too_large(struct str plain, size_t max_bytes, struct errinfo *ei)
{
    return err_set(ei, E_POLL_SIZE, "the response has %zu bytes; the limit is %zu", plain.n,
                   max_bytes);
}

/* *text: body; becomes what was inflated, in *inflated, where there is a coding. */
static enum err decode(struct str *text, struct str coding, const struct json_limits *limits,
                       struct buf *inflated, struct jdoc **ret, struct errinfo *ei)
{
    struct errinfo why = ERRINFO_INIT;
    enum err err;

    if (coding.n > 0) {
        err = inflate_body(coding, *text, limits->max_bytes, inflated, ei);
        if (err != E_OK)
            return err;
        *text = buf_view(inflated);
    }
    if (text->n > limits->max_bytes)
        return too_large(*text, limits->max_bytes, ei);
    err = jdoc_parse(*text, limits, ret, &why);
    if (err == E_OK)
        return E_OK;
    if (err == E_LIMIT)
        return too_large(*text, limits->max_bytes, ei);
    return err_set(ei, E_POLL_FORMAT, "the response is not a JSON document that can be used: %s",
                   err_text(&why, err));
}

enum err payload_decode(struct str body, struct str coding, const struct json_limits *limits,
                        struct jdoc **ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf inflated = BUF_INIT_MAX(limits->max_bytes);

    return decode(&body, coding, limits, &inflated, ret, ei);
}

static enum err parse(struct str *text, struct str coding, struct str pointer, size_t max_bytes,
                      struct buf *inflated, struct payload *ret, struct errinfo *ei)
{
    const struct json_limits limits = {max_bytes, LIMIT_JSON_NODES, LIMIT_JSON_DEPTH};
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};

    enum err err = decode(text, coding, &limits, inflated, &p.doc, ei);
    if (err != E_OK)
        return err;
    p.value = pointer.n ? jpointer_get(jdoc_root(p.doc), pointer) : jdoc_root(p.doc);
    if (!p.value)
        return err_set(ei, E_POLL_FORMAT, "payloadPointer \"%.*s\" selects nothing in the response",
                       STR_ARG(pointer));
    *ret = p;
    p = (struct payload){NULL, NULL, BUF_INIT};
    return E_OK;
}

enum err payload_parse(struct str body, struct str coding, struct str pointer, size_t max_bytes,
                       struct payload *ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf inflated = BUF_INIT_MAX(max_bytes);

    return parse(&body, coding, pointer, max_bytes, &inflated, ret, ei);
}

enum err payload_make(struct str body, struct str coding, struct str pointer, size_t max_bytes,
                      struct payload *ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf inflated = BUF_INIT_MAX(max_bytes);
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};

    enum err err = parse(&body, coding, pointer, max_bytes, &inflated, &p, ei);
    if (err != E_OK)
        return err;
    err =
        p.value == jdoc_root(p.doc) ? jdoc_write(p.doc, body, &p.text) : jv_write(p.value, &p.text);
    if (err != E_OK)
        return err_set(ei, E_POLL_SIZE, "the response is too large to be written again");
    *ret = p;
    p = (struct payload){NULL, NULL, BUF_INIT};
    return E_OK;
}
