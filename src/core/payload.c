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

enum err payload_decode(struct str body, struct str coding, const struct json_limits *limits,
                        struct jdoc **ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf inflated = BUF_INIT_MAX(limits->max_bytes);
    struct errinfo why = ERRINFO_INIT;
    struct str plain = body;
    enum err err;

    if (coding.n > 0) {
        err = inflate_body(coding, body, limits->max_bytes, &inflated, ei);
        if (err != E_OK)
            return err;
        plain = buf_view(&inflated);
    }
    if (plain.n > limits->max_bytes)
        return too_large(plain, limits->max_bytes, ei);
    err = jdoc_parse(plain, limits, ret, &why);
    if (err == E_OK)
        return E_OK;
    if (err == E_LIMIT)
        return too_large(plain, limits->max_bytes, ei);
    return err_set(ei, E_POLL_FORMAT, "the response is not a JSON document that can be used: %s",
                   err_text(&why, err));
}

enum err payload_parse(struct str body, struct str coding, struct str pointer, size_t max_bytes,
                       struct payload *ret, struct errinfo *ei)
{
    const struct json_limits limits = {max_bytes, LIMIT_JSON_NODES, LIMIT_JSON_DEPTH};
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};

    enum err err = payload_decode(body, coding, &limits, &p.doc, ei);
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

enum err payload_make(struct str body, struct str coding, struct str pointer, size_t max_bytes,
                      struct payload *ret, struct errinfo *ei)
{
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};

    enum err err = payload_parse(body, coding, pointer, max_bytes, &p, ei);
    if (err != E_OK)
        return err;
    if (buf_reserve(&p.text, jdoc_bytes(p.doc)) != E_OK || jv_write(p.value, &p.text) != E_OK)
        return err_set(ei, E_POLL_SIZE, "the response is too large to be written again");
    *ret = p;
    p = (struct payload){NULL, NULL, BUF_INIT};
    return E_OK;
}
