#include "core/payload.h"

#include "core/limits.h"
#include "io/inflate.h"
#include "json/pointer.h"

void payload_done(struct payload *p)
{
    jdoc_freep(&p->doc);
    buf_done(&p->text);
}

static enum err parse(struct str plain, size_t max_bytes, struct jdoc **ret, struct errinfo *ei)
{
    struct json_limits limits = {max_bytes, LIMIT_JSON_NODES, LIMIT_JSON_DEPTH};
    struct errinfo why = ERRINFO_INIT;

    enum err err = jdoc_parse(plain, &limits, ret, &why);
    if (err == E_OK)
        return E_OK;
    if (err == E_LIMIT)
        return err_set(ei, E_POLL_SIZE, "the response has %zu bytes; the limit is %zu", plain.n,
                       max_bytes);
    return err_set(ei, E_POLL_FORMAT, "the response is not a JSON document that can be used: %s",
                   err_text(&why, err));
}

enum err payload_parse(struct str body, struct str coding, struct str pointer, size_t max_bytes,
                       struct payload *ret, struct errinfo *ei)
{
    AUTO(buf_done) struct buf inflated = BUF_INIT_MAX(max_bytes);
    AUTO(payload_done) struct payload p = {NULL, NULL, BUF_INIT};
    struct str plain = body;
    enum err err;

    if (coding.n > 0) {
        err = inflate_body(coding, body, max_bytes, &inflated, ei);
        if (err != E_OK)
            return err;
        plain = buf_view(&inflated);
    }
    if (plain.n > max_bytes)
        return err_set(ei, E_POLL_SIZE, "the response has %zu bytes; the limit is %zu", plain.n,
                       max_bytes);
    err = parse(plain, max_bytes, &p.doc, ei);
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
    if (jv_write(p.value, &p.text) != E_OK)
        return err_set(ei, E_POLL_SIZE, "the response is too large to be written again");
    *ret = p;
    p = (struct payload){NULL, NULL, BUF_INIT};
    return E_OK;
}
