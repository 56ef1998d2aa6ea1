#include "core/event.h"

#include "base/clock.h"
#include "io/sse_frame.h"

const char *event_type_name(enum event_type t)
{
    switch (t) {
    case EVENT_SNAPSHOT:
        return "snapshot";
    case EVENT_PATCH:
        return "patch";
    case EVENT_EVENT:
        return "event";
    case EVENT_CHANGES:
        return "changes";
    case EVENT_ERROR:
        return "error";
    }
    panic("event type %d", (int)t);
}

const char *event_category(int code)
{
    switch (code / 10000) {
    case 4:
        return "subscription";
    case 6:
        return "topic";
    case 7:
        return "publication";
    default:
        return "server";
    }
}

static struct event *event_alloc(enum event_type type, int64_t time_wall, struct buf *head)
{
    struct event *e = xcalloc(1, sizeof *e);

    CHECK(head->len <= EVENT_HEAD_MAX);
    atomic_init(&e->refs, 1);
    e->type = type;
    e->time_wall = time_wall;
    memcpy(e->head, head->p, head->len);
    e->head_len = (uint8_t)head->len;
    return e;
}

struct event *event_new(const char *topic_id, enum event_type type, uint64_t seq, int64_t time_wall,
                        struct blob *body)
{
    AUTO(buf_done) struct buf head = BUF_INIT;
    char id[EVENT_ID_MAX + 1];

    event_id_make(id, topic_id, seq);
    sse_frame_head(&head, str_of(id), event_type_name(type));

    struct event *e = event_alloc(type, time_wall, &head);
    e->seq = seq;
    e->body = blob_ref(body);
    return e;
}

#define ERROR_OPENING "{\"datetime\":\"%s\","
#define ERROR_OPENING_LEN (sizeof ERROR_OPENING - 1 - 2 + CLOCK_MS_LEN)

struct event *event_new_error(int code, struct str message, int64_t time_wall, unsigned retry_ms)
{
    AUTO(buf_done) struct buf head = BUF_INIT;
    AUTO(buf_done) struct buf body = BUF_INIT;
    char time[CLOCK_MS_LEN + 1];

    clock_text_ms(time, time_wall);
    if (retry_ms)
        buf_printf(&head, "retry: %u\n", retry_ms);
    sse_frame_head(&head, STR_NONE, event_type_name(EVENT_ERROR));
    buf_printf(&body, ERROR_OPENING, time);
    buf_printf(&body, "\"code\":%d,\"category\":\"%s\",\"message\":", code, event_category(code));
    buf_json_str(&body, message);
    buf_putc(&body, '}');

    struct event *e = event_alloc(EVENT_ERROR, time_wall, &head);
    e->error_code = code;
    e->body = blob_of_buf(&body);
    return e;
}

/* Without body, forms and seq. */
static struct event *event_copy(const struct event *e, size_t skip)
{
    struct event *copy = xcalloc(1, sizeof *copy);

    atomic_init(&copy->refs, 1);
    copy->type = e->type;
    copy->time_wall = e->time_wall;
    copy->error_code = e->error_code;
    copy->head_len = (uint8_t)(e->head_len - skip);
    memcpy(copy->head, e->head + skip, copy->head_len);
    return copy;
}

size_t event_id_line(const struct event *e)
{
    struct str head = str_make(e->head, e->head_len);

    return str_starts(head, STR("id: ")) ? str_find(head, '\n') + 1 : 0;
}

struct event *event_new_as(struct event *e, struct blob *id)
{
    struct event *own = event_copy(e, event_id_line(e));
    struct blob *deflated = event_have_form(e, EVENT_FORM_DEFLATED);

    own->seq = e->seq;
    own->body = blob_ref(e->body);
    atomic_init(&own->forms[EVENT_FORM_ID], blob_ref(id));
    atomic_init(&own->forms[EVENT_FORM_DEFLATED], deflated ? blob_ref(deflated) : NULL);
    return own;
}

struct event *event_new_personal(const struct event *error, const char *subscription_id,
                                 const char *topic_id)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct str rest = str_drop(blob_view(error->body), ERROR_OPENING_LEN);

    CHECK(error->type == EVENT_ERROR);
    buf_append(&body, error->body->p, ERROR_OPENING_LEN);
    buf_printf(&body, "\"subscriptionId\":\"%s\",", subscription_id);
    if (topic_id)
        buf_printf(&body, "\"topicId\":\"%s\",", topic_id);
    buf_str(&body, rest);

    struct event *e = event_copy(error, 0);
    e->body = blob_of_buf(&body);
    return e;
}

struct event *event_ref(struct event *e)
{
    unsigned was = atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);

    CHECK(was > 0 && was < UINT32_MAX);
    return e;
}

void event_unref(struct event *e)
{
    if (!e)
        return;

    unsigned was = atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel);

    CHECK(was > 0);
    if (was > 1)
        return;
    blob_unref(e->body);
    for (int i = 0; i < EVENT_FORMS; i++)
        blob_unref(atomic_load_explicit(&e->forms[i], memory_order_relaxed));
    free(e);
}

struct blob *event_have_form(struct event *e, enum event_form form)
{
    return atomic_load_explicit(&e->forms[form], memory_order_acquire);
}

/* Takes made, unless another loop was quicker. */
static struct blob *form_keep(struct event *e, enum event_form form, struct blob *made)
{
    struct blob *have = NULL;

    if (atomic_compare_exchange_strong_explicit(&e->forms[form], &have, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    blob_unref(made);
    return have;
}

struct blob *event_form(struct event *e, enum event_form form,
                        struct blob *(*make)(const struct event *e))
{
    struct blob *have = event_have_form(e, form);

    return have ? have : form_keep(e, form, make(e));
}

struct blob *event_form_with(struct event *e, enum event_form form,
                             struct blob *(*make)(const struct event *e, const void *arg),
                             const void *arg)
{
    struct blob *have = event_have_form(e, form);

    return have ? have : form_keep(e, form, make(e, arg));
}

size_t event_size(const struct event *e)
{
    return sizeof *e + sizeof *e->body + e->body->len;
}

void event_id_make(char ret[EVENT_ID_MAX + 1], const char *topic_id, uint64_t seq)
{
    snprintf(ret, EVENT_ID_MAX + 1, "%s#%llu", topic_id, (unsigned long long)seq);
}

bool event_id_split(struct str s, struct str *ret_topic, uint64_t *ret_seq)
{
    size_t hash = str_find(s, '#');
    struct str number = hash < s.n ? str_drop(s, hash + 1) : STR_NONE;

    *ret_topic = str_make(s.p, hash);
    return uuid_is_valid(*ret_topic) && str_to_u64(number, UINT64_MAX, ret_seq) &&
           (number.p[0] != '0' || number.n == 1);
}

enum err event_id_parse(struct str s, const char *topic_id, uint64_t *ret_seq, struct errinfo *ei)
{
    struct str topic;
    uint64_t seq;

    if (!event_id_split(s, &topic, &seq) || seq == 0)
        return err_set(ei, E_INVALID,
                       "the last event id is not of the form <topic id>#<number from 1>");
    if (!str_case_eqz(topic, topic_id))
        return err_set(ei, E_INVALID, "the last event id is of another topic: %.*s",
                       STR_ARG(topic));
    *ret_seq = seq;
    return E_OK;
}
