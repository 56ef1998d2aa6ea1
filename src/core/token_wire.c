#include "core/token_wire.h"

#include "base/base64.h"
#include "base/clock.h"
#include "core/limits.h"
#include "io/inflate.h"
#include "json/value.h"

#define DEFAULT_LIFE_S 3600
#define ERROR_BYTES 80 /* of the provider's texts in a message */
#define DESCRIPTION_BYTES 200

/* ---- the request ---- */

/* application/x-www-form-urlencoded (RFC 6749 appendix B). */
static void put_form(struct buf *b, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '-' || c == '.' || c == '_' || c == '*';

        if (plain) {
            buf_putc(b, (char)c);
        } else if (c == ' ') {
            buf_putc(b, '+');
        } else {
            buf_putc(b, '%');
            buf_putc(b, hex[c >> 4]);
            buf_putc(b, hex[c & 15]);
        }
    }
}

/* Room for all: growing would leave copies of secrets behind. */
static void reserve(struct buf *b, size_t n)
{
    CHECK(buf_reserve(b, n) == E_OK);
}

void token_wire_form(const struct token_conf *c, struct buf *b)
{
    reserve(b, 3 * c->size + 128);
    buf_puts(b, "grant_type=client_credentials");
    if (c->client.scope.n > 0) {
        buf_puts(b, "&scope=");
        put_form(b, c->client.scope);
    }
    if (c->client.mode == TOKEN_MODE_BODY) {
        buf_puts(b, "&client_id=");
        put_form(b, c->client.id);
        buf_puts(b, "&client_secret=");
        put_form(b, c->client.secret);
    }
}

static void put_credentials(const struct token_conf *c, struct buf *b)
{
    AUTO(buf_wipe) struct buf pair = BUF_INIT;

    reserve(&pair, 3 * c->size + 1);
    put_form(&pair, c->client.id);
    buf_putc(&pair, ':');
    put_form(&pair, c->client.secret);
    reserve(b, base64_len(pair.len) + 64);
    base64_encode(b, buf_view(&pair));
}

void token_wire_line(const struct token_conf *c, struct buf *b)
{
    if (c->client.mode != TOKEN_MODE_HEADER)
        return;
    reserve(b, base64_len(3 * c->size + 1) + 64);
    buf_puts(b, "Authorization: Basic ");
    put_credentials(c, b);
}

/* ---- the provider's words ---- */

/* Control characters, line separators and what turns the direction of text. */
static bool is_unprintable(struct str c)
{
    unsigned char a = (unsigned char)c.p[0];
    unsigned char b = c.n > 1 ? (unsigned char)c.p[1] : 0;
    unsigned char d = c.n > 2 ? (unsigned char)c.p[2] : 0;

    if (c.n == 1)
        return a < 0x20 || a == 0x7f;
    if (c.n == 2)
        return a == 0xc2 && b < 0xa0;
    return c.n == 3 && a == 0xe2 &&
           ((b == 0x80 && d >= 0xa8 && d <= 0xae) || (b == 0x81 && d >= 0xa6 && d <= 0xa9));
}

/* At most max bytes of whole characters. */
static void put_clean(struct buf *b, struct str s, size_t max)
{
    size_t end = b->len + max;
    bool ok;

    while (s.n > 0) {
        struct str c = str_make(s.p, str_utf8_step(s, &ok));

        if (b->len + c.n > end) {
            buf_puts(b, "…");
            return;
        }
        if (ok && !is_unprintable(c))
            buf_str(b, c);
        else
            buf_putc(b, ' ');
        s = str_drop(s, c.n);
    }
}

static bool holds(struct str s, struct str part)
{
    return part.n > 0 && memmem(s.p, s.n, part.p, part.n);
}

/* Some providers tell what they were given. */
static bool holds_secret(const struct token_conf *c, struct str s)
{
    AUTO(buf_wipe) struct buf form = BUF_INIT;
    AUTO(buf_wipe) struct buf basic = BUF_INIT;

    if (s.n == 0)
        return false;
    reserve(&form, 3 * c->size);
    put_form(&form, c->client.secret);
    put_credentials(c, &basic);
    return holds(s, c->client.secret) || holds(s, buf_view(&form)) || holds(s, buf_view(&basic));
}

static void put_words(const struct token_conf *c, struct buf *b, struct str s, size_t max)
{
    if (holds_secret(c, s))
        buf_puts(b, "(not shown: it holds the client's secret)");
    else
        put_clean(b, s, max);
}

/* ---- the answer ---- */

/* The document of an answer, NULL if it is none; its texts are overwritten before it is freed. */
struct reply {
    struct buf plain;
    struct jdoc *doc;
    const jval *root;
};

static void reply_done(struct reply *r)
{
    struct str token = jv_str(jv_getz(r->root, "access_token"));

    /* The document is ours alone and about to go. */
    if (token.n > 0)
        explicit_bzero((char *)token.p, token.n);
    jdoc_free(r->doc);
    buf_wipe(&r->plain);
}

/* What is wrong with the text is not told: the message would quote it. */
static enum err reply_parse(struct reply *r, const struct token_answer *a, struct errinfo *ei)
{
    const struct json_limits limits = {LIMIT_TOKEN_ANSWER_BYTES, LIMIT_TOKEN_NODES,
                                       LIMIT_JSON_DEPTH};
    struct errinfo why = ERRINFO_INIT;
    struct str text = a->body;

    if (a->coding.n > 0) {
        enum err err = inflate_body(a->coding, a->body, LIMIT_TOKEN_ANSWER_BYTES, &r->plain, &why);
        if (err != E_OK)
            return err_set(ei, E_POLL_401, "%s (status %d)", err_text(&why, err), a->status);
        text = buf_view(&r->plain);
    }
    if (jdoc_parse(text, &limits, &r->doc, &why) != E_OK)
        return err_set(ei, E_POLL_401, "the answer is not JSON (status %d)", a->status);
    r->root = jdoc_root(r->doc);
    if (jv_type(r->root) != JT_OBJECT)
        return err_set(ei, E_POLL_401, "the answer is not a JSON object (status %d)", a->status);
    return E_OK;
}

/* An error as RFC 6749 §5.2 has it, or only a status that is one. */
static enum err refused(const struct token_conf *c, const struct reply *r, int status,
                        struct errinfo *ei)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct str error = jv_str(jv_getz(r->root, "error"));
    struct str description = jv_str(jv_getz(r->root, "error_description"));

    if (error.n == 0)
        return err_set(ei, E_POLL_401, "it answered with status %d and no OAuth 2.0 error", status);
    put_words(c, &text, error, ERROR_BYTES);
    if (description.n > 0) {
        buf_puts(&text, ": ");
        put_words(c, &text, description, DESCRIPTION_BYTES);
    }
    return err_set(ei, E_POLL_401, "%s (status %d)", buf_cstr(&text), status);
}

static enum err read_token(const jval *root, struct str *ret, struct errinfo *ei)
{
    const jval *v = jv_getz(root, "access_token");
    struct str s = jv_str(v);

    if (s.n == 0)
        return err_set(ei, E_POLL_401, "the answer has no access_token");
    if (s.n > LIMIT_TOKEN_BYTES)
        return err_set(ei, E_POLL_401, "its access_token has %zu bytes, more than %d", s.n,
                       LIMIT_TOKEN_BYTES);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return err_set(ei, E_POLL_401,
                           "its access_token has characters that no header field can hold");
    *ret = s;
    return E_OK;
}

static enum err check_type(const struct token_conf *c, const jval *root, struct errinfo *ei)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct str type = jv_str(jv_getz(root, "token_type"));

    if (str_case_eqz(type, "Bearer"))
        return E_OK;
    if (type.n == 0)
        return err_set(ei, E_POLL_401, "the answer has no token_type");
    put_words(c, &text, type, ERROR_BYTES);
    return err_set(ei, E_POLL_401, "its token_type is \"%s\"; only Bearer can be used",
                   buf_cstr(&text));
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static enum err read_life(const jval *root, int64_t *ret_us, struct errinfo *ei)
{
    const jval *v = jv_getz(root, "expires_in");
    struct str digits = jv_str(v);
    double seconds = DEFAULT_LIFE_S;
    uint64_t whole;

    if (is_digits(digits))
        seconds =
            str_to_u64(digits, LIMIT_TOKEN_LIFE_S, &whole) ? (double)whole : LIMIT_TOKEN_LIFE_S;
    else if (jv_type(v) != JT_NONE && jv_type(v) != JT_NULL && !jv_double(v, &seconds))
        return err_set(ei, E_POLL_401, "its expires_in is no number of seconds");
    if (!(seconds > 0))
        return err_set(ei, E_POLL_401, "its expires_in is not above 0: the token has expired");
    *ret_us = (int64_t)(MIN(MAX(seconds, 1.0), (double)LIMIT_TOKEN_LIFE_S) * (double)US_PER_S);
    return E_OK;
}

static enum err read_grant(const struct token_conf *c, const jval *root, int64_t asked_at,
                           struct token **ret, struct errinfo *ei)
{
    struct str token;
    int64_t life_us = 0;

    enum err err = check_type(c, root, ei);
    if (err != E_OK)
        return err;
    err = read_life(root, &life_us, ei);
    if (err != E_OK)
        return err;
    err = read_token(root, &token, ei);
    if (err != E_OK)
        return err;
    *ret = token_new(token, asked_at, life_us);
    return E_OK;
}

enum err token_wire_read(const struct token_conf *c, const struct token_answer *a, int64_t asked_at,
                         struct token **ret, struct errinfo *ei)
{
    AUTO(reply_done) struct reply r = {.plain = BUF_INIT_MAX(LIMIT_TOKEN_ANSWER_BYTES)};
    struct errinfo why = ERRINFO_INIT;

    if (a->status >= 300 && a->status < 400)
        return err_set(ei, E_POLL_401,
                       "it redirects (status %d), which is not followed: credentials go only to "
                       "the URL they were given for",
                       a->status);
    enum err err = reply_parse(&r, a, &why);
    if (a->status < 200 || a->status >= 300)
        return refused(c, &r, a->status, ei);
    if (err != E_OK)
        return err_set(ei, err, "%s", err_text(&why, err));
    if (jv_str(jv_getz(r.root, "error")).n > 0 && !jv_getz(r.root, "access_token"))
        return refused(c, &r, a->status, ei);
    return read_grant(c, r.root, asked_at, ret, ei);
}
