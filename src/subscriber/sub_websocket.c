#include "subscriber/sub_websocket.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/trace.h"
#include "core/attr.h"
#include "core/channel_write.h"
#include "io/ws.h"

struct ws_channel {
    struct channel channel;
    struct ws ws;
    unsigned subscriptions; /* messages that asked for one */
    bool deaf;              /* reading is off until what it is to be told is written */
};

enum data_format { DATA_BINARY, DATA_TEXT };

static struct ws_channel *ws_channel_of(struct channel *c)
{
    return CONTAINER_OF(c, struct ws_channel, channel);
}

/* ---- messages to the client ---- */

/* The event's id stands in its SSE head: "id: <topic>#<seq>\n…"; errors have none. */
static struct str id_of(const struct event *e)
{
    struct str head = str_make(e->head, e->head_len);

    if (!str_starts(head, STR("id: ")))
        return STR_NONE;
    head = str_drop(head, 4);
    return str_make(head.p, str_find(head, '\n'));
}

static void put_message(struct buf *b, const struct event *e, enum data_format format)
{
    struct str id = id_of(e);

    buf_puts(b, "{\"id\":");
    if (id.n)
        buf_json_str(b, id);
    else
        buf_puts(b, "null");
    buf_printf(b, ",\"type\":\"%s\",\"data\":", event_type_name(e->type));
    if (format == DATA_TEXT) {
        buf_json_str(b, blob_view(e->body));
    } else {
        buf_putc(b, '"');
        base64_encode(b, blob_view(e->body));
        buf_putc(b, '"');
    }
    buf_putc(b, '}');
}

static struct blob *make_frame(const struct event *e, enum data_format format)
{
    AUTO(buf_done) struct buf message = BUF_INIT;
    AUTO(buf_done) struct buf frame = BUF_INIT;
    unsigned char head[WS_HEAD_MAX];

    put_message(&message, e, format);
    buf_append(&frame, (const char *)head, ws_head(head, WS_TEXT, message.len));
    buf_str(&frame, buf_view(&message));
    return blob_of_buf(&frame);
}

static struct blob *make_text(const struct event *e)
{
    return make_frame(e, DATA_TEXT);
}

static struct blob *make_binary(const struct event *e)
{
    return make_frame(e, DATA_BINARY);
}

static void frame(struct gather *g, unsigned form, struct event *e)
{
    struct blob *b = form == DATA_TEXT ? event_form(e, EVENT_FORM_WS_TEXT, make_text)
                                       : event_form(e, EVENT_FORM_WS_BINARY, make_binary);

    gather_put(g, b->p, b->len);
}

static struct blob *beat(struct channel *c, struct hub *h)
{
    unsigned char head[WS_HEAD_MAX];

    (void)c;
    (void)h;
    return blob_new((const char *)head, ws_head(head, WS_PING, 0));
}

static void bye(struct channel *c, struct buf *b)
{
    bool stops = atomic_load(&c->shard->engine->stage) == ENGINE_DRAINING;

    if (!ws_channel_of(c)->ws.closed)
        ws_close_frame(b, stops ? WS_GOING_AWAY : WS_POLICY,
                       stops ? "the server is stopping" : "nothing was subscribed to");
}

static bool allows(const struct topic_conf *conf, enum mode mode)
{
    return conf->deliveries[SUBSCRIBER_WEBSOCKET].modes & MODE_BIT(mode);
}

/* ---- messages of the client ---- */

struct wish {
    char *topic;
    int mode;   /* -1: the topic's default */
    int format; /* enum data_format */
    char *last_event_id;
};

static const char *const mode_names[] = {"snapshot-only", "snapshot-patch", "event", "changes",
                                         NULL};
static const char *const format_names[] = {"binary", "text", NULL};

static const struct attr rows[] = {
    {.name = "topicIdOrName",
     .kind = ATTR_STRING,
     .flags = ATTR_REQUIRED,
     .at = offsetof(struct wish, topic),
     .min = 1,
     .max = LIMIT_TOPIC_NAME,
     .help = "The topic to follow."},
    {.name = "subscriptionMode",
     .kind = ATTR_ENUM,
     .at = offsetof(struct wish, mode),
     .names = mode_names,
     .help = "How it is told; without it, the default that the topic has for WebSocket."},
    {.name = "dataFormat",
     .kind = ATTR_ENUM,
     .at = offsetof(struct wish, format),
     .preset = "binary",
     .names = format_names,
     .help = "binary: data in base64; text: data as a string of JSON."},
    {.name = "lastEventId",
     .kind = ATTR_STRING,
     .at = offsetof(struct wish, last_event_id),
     .max = EVENT_ID_MAX,
     .help = "Id of the last event seen: what follows it is told."},
};

/* An error that belongs to no subscription; in the format asked for, if that could be read. */
static void tell_error(struct channel *c, enum data_format format, int code, struct str text)
{
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    struct event *e = event_new_error(code, text, clock_now_wall(), 0);
    struct blob *b = make_frame(e, format);

    channel_say(c, blob_view(b));
    blob_unref(b);
    event_unref(e);
}

static bool has_follower(const struct channel *c, const struct topic_conf *conf)
{
    LIST_EACH (n, &c->followers) {
        if (strcmp(LIST_ITEM(n, struct follower, link)->reader.hub->conf->id, conf->id) == 0)
            return true;
    }
    return false;
}

/* Fills in what the wish means. Returns the code of an error, with its text in ei; 0: none. */
static int understand(const struct channel *c, const struct wish *wish,
                      struct topic_conf **ret_conf, enum mode *ret_mode, uint64_t *ret_after,
                      struct errinfo *ei)
{
    struct topic_conf *conf = directory_find(c->shard, str_of(wish->topic));

    *ret_after = 0;
    if (!conf) {
        (void)err_set(ei, E_NOT_FOUND, "there is no topic %s", wish->topic);
        return 40404;
    }
    const struct topic_delivery *d = &conf->deliveries[SUBSCRIBER_WEBSOCKET];
    enum mode mode = wish->mode < 0 ? d->preferred : (enum mode)wish->mode;
    if (!d->modes)
        (void)err_set(ei, E_INVALID,
                      "the topic %s is not delivered by websocket: add {\"type\":\"websocket\"} to "
                      "its subscribers",
                      conf->name);
    else if (!(d->modes & MODE_BIT(mode)))
        (void)err_set(ei, E_INVALID, "the topic %s does not offer the mode %s", conf->name,
                      mode_name(mode));
    else if (has_follower(c, conf))
        (void)err_set(ei, E_INVALID, "this connection follows the topic %s already", conf->name);
    else if (!wish->last_event_id ||
             event_id_parse(str_of(wish->last_event_id), conf->id, ret_after, ei) == E_OK) {
        *ret_conf = conf;
        *ret_mode = mode;
        return 0;
    }
    return 40400;
}

static void subscribe(struct channel *c, const struct wish *wish)
{
    struct errinfo ei = ERRINFO_INIT;
    struct topic_conf *conf;
    enum mode mode;
    uint64_t after;
    int code = understand(c, wish, &conf, &mode, &after, &ei);

    if (code)
        tell_error(c, (enum data_format)wish->format, code, str_of(err_text(&ei, E_INVALID)));
    else
        (void)channel_follow(c, conf, mode, (unsigned)wish->format, after > 0, after);
}

static void tell_faults(struct channel *c, enum data_format format, const struct faults *f)
{
    AUTO(buf_done) struct buf text = BUF_INIT;

    for (size_t i = 0; i < f->count; i++)
        buf_printf(&text, "%s%s%s%s", i ? "; " : "", f->items[i].pointer,
                   f->items[i].pointer[0] ? ": " : "", f->items[i].detail);
    tell_error(c, format, 40400, buf_view(&text));
}

static void on_wish(struct channel *c, const jval *root)
{
    AUTO(faults_done) struct faults f;
    struct wish wish = {.mode = -1};
    struct attr_ctx ctx;

    faults_init(&f);
    attr_ctx_init(&ctx, &f, "Subscription", "");
    if (jv_type(root) == JT_OBJECT)
        attr_parse(&ctx, rows, ARRAY_LEN(rows), root, &wish);
    else
        attr_fault(&ctx, "expected an object, found %s", fault_found(&f, root));
    attr_ctx_done(&ctx);
    if (faults_any(&f))
        tell_faults(c, (enum data_format)wish.format, &f);
    else
        subscribe(c, &wish);
    attr_done(rows, ARRAY_LEN(rows), &wish);
}

static void on_message(struct ws *w, bool text, struct str message)
{
    struct ws_channel *wc = CONTAINER_OF(w, struct ws_channel, ws);
    struct channel *c = &wc->channel;
    AUTO(jdoc_freep) struct jdoc *doc = NULL;
    struct errinfo ei = ERRINFO_INIT;

    (void)text; /* some clients send JSON as binary */
    if (c->closed || c->finishing)
        return;
    if (++wc->subscriptions > LIMIT_WS_SUBSCRIPTIONS) {
        tell_error(c, DATA_TEXT, 40400,
                   STR("too many subscriptions on one connection: open another"));
        return;
    }
    enum err err = jdoc_parse(message, NULL, &doc, &ei);
    if (err != E_OK)
        tell_error(c, DATA_TEXT, 40400, str_of(err_text(&ei, err)));
    else
        on_wish(c, jdoc_root(doc));
}

/* ---- the connection ---- */

/* A client that sends and does not read is not listened to. */
static void set_deaf(struct ws_channel *wc, bool deaf)
{
    if (wc->deaf == deaf)
        return;
    wc->deaf = deaf;
    stream_read(&wc->channel.stream, !deaf);
}

static void on_data(struct channel *c, const char *p, size_t n)
{
    struct ws_channel *wc = ws_channel_of(c);
    AUTO(buf_done) struct buf out = BUF_INIT;

    bool open = ws_feed(&wc->ws, p, n, &out);
    if (out.len)
        channel_say(c, buf_view(&out));
    if (!open) {
        channel_finish(c);
        return;
    }
    if (!c->line)
        return;
    channel_push(c);
    if (!c->closed)
        set_deaf(wc, c->line != NULL);
}

static void drained(struct channel *c)
{
    set_deaf(ws_channel_of(c), false);
}

static void free_ws(void *channel)
{
    struct ws_channel *wc = ws_channel_of(channel);

    ws_free(&wc->ws);
    free(wc);
}

static const struct wire ws_wire = {
    .type = SUBSCRIBER_WEBSOCKET,
    .frame = frame,
    .beat = beat,
    .bye = bye,
    .data = on_data,
    .drained = drained,
    .allows = allows,
    .stays = true,
    .free = free_ws,
};

/* ---- the handshake ---- */

/* One of the words of a list field (RFC 9110 §5.6.1), in any case. */
static bool has_word(const struct http_request *r, const char *field, const char *word)
{
    struct str value;

    for (size_t i = 0; (value = http_header_nth(r, field, i)).p; i++) {
        while (value.p) {
            if (str_case_eqz(str_trim(str_split(&value, ',')), word))
                return true;
        }
    }
    return false;
}

static enum err check_handshake(const struct http_request *r, char accept[WS_ACCEPT_LEN + 1],
                                struct errinfo *ei)
{
    if (!has_word(r, "Upgrade", "websocket") || !has_word(r, "Connection", "upgrade"))
        return err_set(ei, E_UPGRADE,
                       "expected a WebSocket handshake: Connection: Upgrade, "
                       "Upgrade: websocket");
    if (!str_eqz(str_trim(http_header(r, "Sec-WebSocket-Version")), SUB_WEBSOCKET_VERSION))
        return err_set(ei, E_UPGRADE,
                       "expected Sec-WebSocket-Version " SUB_WEBSOCKET_VERSION ", found \"%.*s\"",
                       STR_ARG(http_header(r, "Sec-WebSocket-Version")));
    if (r->body.n > 0)
        return err_set(ei, E_INVALID, "a WebSocket handshake has no body");
    if (!ws_accept(str_trim(http_header(r, "Sec-WebSocket-Key")), accept))
        return err_set(ei, E_INVALID, "expected a Sec-WebSocket-Key of 16 bytes in base64");
    return E_OK;
}

enum err sub_websocket_open(struct http_request *r, struct shard *sh, struct errinfo *ei)
{
    AUTO(buf_done) struct buf rest = BUF_INIT;
    char accept[WS_ACCEPT_LEN + 1];
    const struct http_field fields[] = {
        {"Upgrade", STR("websocket")},
        {"Sec-WebSocket-Accept", str_make(accept, WS_ACCEPT_LEN)},
        {NULL, STR_NONE},
    };

    if (atomic_load(&sh->engine->stage) == ENGINE_DRAINING)
        return err_set(ei, E_UNAVAILABLE, "the server is stopping");
    enum err err = check_handshake(r, accept, ei);
    if (err != E_OK)
        return err;
    struct ws_channel *wc = xcalloc(1, sizeof *wc);
    /* Gone before it was answered: there is nobody to tell. */
    if (http_takeover(r, 101, fields, &wc->channel.stream, &channel_events, &rest) != E_OK) {
        free(wc);
        return E_OK;
    }
    ws_init(&wc->ws, on_message, LIMIT_WS_MESSAGE);
    channel_init(&wc->channel, sh, &ws_wire);
    channel_opened(&wc->channel, &rest);
    return E_OK;
}
