/*
 * Server-Sent Events frames, appended to a buffer of the caller's. Pure; owns nothing.
 */
#include "io/sse_frame.h"

/* What would end the line early in a field of one line. */
static void put_line(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\n' && s.p[i] != '\r')
            buf_putc(b, s.p[i]);
}

/* Length of the line break at s.p[i]: 0, 1 (CR or LF) or 2 (CR LF). */
static size_t break_at(struct str s, size_t i)
{
    if (s.p[i] == '\n')
        return 1;
    if (s.p[i] != '\r')
        return 0;
    return i + 1 < s.n && s.p[i + 1] == '\n' ? 2 : 1;
}

/* Append s; `before` starts each of its lines but the first. */
static void put_lines(struct buf *b, struct str s, const char *before)
{
    size_t start = 0;
    for (size_t i = 0; i < s.n;) {
        size_t n = break_at(s, i);
        if (n == 0) {
            i++;
            continue;
        }
        buf_append(b, s.p + start, i - start);
        buf_putc(b, '\n');
        buf_puts(b, before);
        i += n;
        start = i;
    }
    if (start < s.n)
        buf_append(b, s.p + start, s.n - start);
}

void sse_frame_head(struct buf *b, struct str id, const char *event)
{
    /* A NUL in an id makes the client ignore the whole field, so none is sent. */
    if (id.p && str_find(id, '\0') == id.n) {
        buf_puts(b, "id: ");
        put_line(b, id);
        buf_putc(b, '\n');
    }
    if (event) {
        buf_puts(b, "event: ");
        put_line(b, str_of(event));
        buf_putc(b, '\n');
    }
    buf_puts(b, "data: ");
}

void sse_frame(struct buf *b, struct str id, const char *event, struct str data)
{
    sse_frame_head(b, id, event);
    put_lines(b, data, "data: ");
    buf_puts(b, SSE_FRAME_TAIL);
}

void sse_comment(struct buf *b, struct str text)
{
    buf_puts(b, ": ");
    put_lines(b, text, ": ");
    buf_puts(b, "\n\n");
}
