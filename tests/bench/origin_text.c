/*
 * What origin.c answers. Included by it.
 *
 *   GET /SIZE                    a document of that many bytes, with an ETag; 304 to a request with If-None-Match
 *   GET /plain/SIZE              the same without one
 *   GET /changed/SIZE/KEY        a fifth of the values of its fields is another each time
 *   GET /metrics/SIZE, /metrics/changed/SIZE/KEY
 *                                the same in the exposition format of Prometheus: a sample per 60 bytes or so
 *   GET /list/KEY/CHANGES/TOTAL/FROM/COUNT
 *                                COUNT of TOTAL items, from the one of number FROM on, and the URI of the next so many;
 *                                with CHANGES 1 one item is another each time the list is read from its beginning,
 *                                anywhere in the list, and the one of the time before is as it was
 *   GET /change/0, /change/1     from now on /changed/ is always the same; changes again
 *   GET /count                   {"answers":N}, of all but this
 *
 * KEY, a number, tells documents and lists apart. All that stands for itself is made once.
 */
#include "base/buf.h"

#define BODY_MAX ((size_t)4 << 20)
#define KEYS 16384
#define VARIANTS 10
#define PARTS 5 /* one of them is another in each variant */

static const char not_modified[] = "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n";

static unsigned long long answers;
static bool changing = true;

/* ---- documents ---- */

enum form { JSON, METRICS };

/*
 * Which of its two values a field has in a variant. From one variant to the next, and from the last to
 * the first, the fields of one part change and no others.
 */
static unsigned toggle(unsigned long field, unsigned variant)
{
    unsigned part = (unsigned)(field * 2654435761u >> 7) % PARTS;

    return variant >= part && variant < part + PARTS;
}

static void put_record(struct buf *b, unsigned long i, unsigned variant)
{
    unsigned long f = i * 5, mixed = i * 7919;

    buf_printf(b,
               "{\"id\":%05lu,\"title\":\"value-%06lu\",\"category\":\"value-%03lu\","
               "\"price\":%lu.%u5,\"stock\":%lu,\"open\":%s}",
               10000 + i, (mixed + toggle(f, variant)) % 1000000,
               (mixed + toggle(f + 1, variant)) % 1000, 100 + mixed % 800,
               3 + toggle(f + 2, variant), 10 + mixed % 80 + toggle(f + 3, variant),
               toggle(f + 4, variant) ? "true" : "null");
}

static void put_sample(struct buf *b, unsigned long i, unsigned variant)
{
    buf_printf(b, "bench_value{id=\"%05lu\",category=\"value-%03lu\",unit=\"EUR\"} %lu.%u5\n",
               10000 + i, i * 7919 % 1000, 100 + i * 7919 % 800, 3 + toggle(i, variant));
}

/* As many records as there is room for, and what is left as one text. */
static void put_document(struct buf *b, enum form form, size_t size, unsigned variant)
{
    static const char *const begins[] = {"{\"items\":[", "# TYPE bench_value gauge\n"};
    static const char *const mids[] = {"],\"more\":\"", "# "};
    static const char *const ends[] = {"\"}", "\n"};
    AUTO(buf_done) struct buf record = BUF_INIT;
    size_t start = b->len, tail = strlen(mids[form]) + strlen(ends[form]);

    buf_puts(b, begins[form]);
    for (unsigned long i = 0;; i++) {
        buf_clear(&record);
        if (form == JSON && i > 0)
            buf_putc(&record, ',');
        if (form == JSON)
            put_record(&record, i, variant);
        else
            put_sample(&record, i, variant);
        if (b->len - start + record.len + tail > size)
            break;
        buf_str(b, buf_view(&record));
    }
    buf_puts(b, mids[form]);
    while (b->len - start + strlen(ends[form]) < size)
        buf_putc(b, 'x');
    buf_puts(b, ends[form]);
}

struct document {
    enum form form;
    bool tagged;
    size_t size;
    unsigned variant;
    struct buf answer;
};

static const struct buf *answer_document(enum form form, bool tagged, size_t size, unsigned variant)
{
    static struct document made[128];
    static size_t count;

    size = MIN(size, BODY_MAX);
    for (size_t i = 0; i < count; i++) {
        struct document *d = &made[i];
        if (d->form == form && d->tagged == tagged && d->size == size && d->variant == variant)
            return &d->answer;
    }
    CHECK(count < ARRAY_LEN(made));
    struct document *d = &made[count++];
    AUTO(buf_done) struct buf body = BUF_INIT;
    put_document(&body, form, size, variant);
    *d = (struct document){form, tagged, size, variant, BUF_INIT};
    buf_printf(&d->answer,
               "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: %s\r\n%s"
               "Content-Length: %zu\r\n\r\n",
               form == JSON ? "application/json" : "text/plain; version=0.0.4",
               tagged ? "ETag: \"v1\"\r\n" : "", body.len);
    buf_str(&d->answer, buf_view(&body));
    return &d->answer;
}

static unsigned next_variant(unsigned long key)
{
    static unsigned char variants[KEYS];
    unsigned char *v = &variants[key % KEYS];

    if (changing)
        *v = (unsigned char)((*v + 1) % VARIANTS);
    return *v;
}

/* ---- lists ---- */

static void put_item(struct buf *b, unsigned long i, unsigned long version)
{
    buf_printf(b,
               "{\"id\":%lu,\"name\":\"item of number %lu\",\"price\":%lu,\"currency\":\"EUR\","
               "\"tags\":[\"a\",\"b\"],\"updated\":\"2024-02-29T12:34:56Z\","
               "\"stock\":{\"here\":%lu,\"there\":17}}",
               i, i, i * 7919 % 1000, version);
}

/* Items are the same in all lists, but for the one that changed. */
static struct str item_text(unsigned long i)
{
    static struct buf texts[KEYS];
    struct buf *b = &texts[i % KEYS];

    if (b->len == 0)
        put_item(b, i % KEYS, 0);
    return buf_view(b);
}

struct list {
    unsigned long key, changes, total, from, count;
};

static void put_list(struct buf *b, const struct list *l)
{
    static unsigned long versions[KEYS];
    unsigned long *version = &versions[l->key % KEYS];
    unsigned long end = MIN(l->from + l->count, l->total);

    if (l->from == 0)
        *version += l->changes;
    unsigned long changed = *version * 377 % MAX(l->total, 1);
    buf_puts(b, "{\"items\":[");
    for (unsigned long i = l->from; i < end; i++) {
        if (i > l->from)
            buf_putc(b, ',');
        if (*version && i == changed)
            put_item(b, i, *version);
        else
            buf_str(b, item_text(i));
    }
    buf_puts(b, "],\"next\":");
    if (end < l->total)
        buf_printf(b, "\"/list/%lu/%lu/%lu/%lu/%lu\"}", l->key, l->changes, l->total, end,
                   l->count);
    else
        buf_puts(b, "null}");
}

static const struct buf *answer_list(const char *request)
{
    static struct buf body, answer;
    struct list l;

    if (sscanf(request, "GET /list/%lu/%lu/%lu/%lu/%lu", &l.key, &l.changes, &l.total, &l.from,
               &l.count) != 5)
        panic("%.60s", request);
    buf_clear(&body);
    buf_clear(&answer);
    put_list(&body, &l);
    buf_printf(&answer,
               "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n\r\n",
               body.len);
    buf_str(&answer, buf_view(&body));
    return &answer;
}

/* ---- any ---- */

static const struct buf *answer_words(unsigned long long number)
{
    static struct buf b;
    AUTO_FREE char *body = xasprintf("{\"answers\":%llu}", number);

    buf_clear(&b);
    buf_printf(&b, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return &b;
}

/* The whole answer to a request of which the first line is there. */
static struct str answer_to(const char *request)
{
    unsigned long size, key;
    unsigned on;

    if (strncmp(request, "GET /count ", 11) == 0)
        return buf_view(answer_words(answers));
    if (sscanf(request, "GET /change/%u", &on) == 1) {
        changing = on != 0;
        return buf_view(answer_words(answers));
    }
    answers++;
    if (sscanf(request, "GET /changed/%lu/%lu", &size, &key) == 2)
        return buf_view(answer_document(JSON, false, size, next_variant(key)));
    if (sscanf(request, "GET /metrics/changed/%lu/%lu", &size, &key) == 2)
        return buf_view(answer_document(METRICS, false, size, next_variant(key)));
    if (sscanf(request, "GET /metrics/%lu", &size) == 1)
        return buf_view(answer_document(METRICS, false, size, 0));
    if (sscanf(request, "GET /plain/%lu", &size) == 1)
        return buf_view(answer_document(JSON, false, size, 0));
    if (strncmp(request, "GET /list/", 10) == 0)
        return buf_view(answer_list(request));
    if (strcasestr(request, "\r\nIf-None-Match:"))
        return str_make(not_modified, sizeof not_modified - 1);
    return buf_view(answer_document(JSON, true, strtoul(request + 5, NULL, 10), 0));
}
