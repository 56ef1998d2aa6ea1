/*
 * What the files of the webhook sink share: sub_webhook.c (life, deliveries, tests) and
 * sub_webhook_call.c (one message to the receiver, from its header fields to what the answer means).
 *
 * Who owns what: a webhook lives while its subscription is active and its settings stay the same;
 * its calls are embedded in it or in a test, and stopped with it.
 */
#ifndef SUBSCRIBER_SUB_WEBHOOK_CALL_H
#define SUBSCRIBER_SUB_WEBHOOK_CALL_H

#include "core/breaker.h"
#include "core/exchange.h"
#include "core/subscription.h"
#include "core/token.h"
#include "subscriber/sub_webhook_conf.h"

#define WEBHOOK_LINES 7 /* header fields of a single request */

struct webhook;
struct webhook_call;
/* Never within webhook_call_start(); the call is at its end and may be started again. */
typedef void webhook_ended_f(struct webhook_call *call, const struct sink_result *res);

/* One message to the receiver: at most two requests, where a token was refused. */
struct webhook_call {
    /* set by who starts it, in place until the end */
    struct webhook *webhook;
    struct str id;    /* of the event */
    const char *type; /* of the event; static */
    struct str body;
    const char *media_type; /* NULL: as the header fields have it */
    unsigned attempt;
    bool forced; /* also to a host that is left alone */
    webhook_ended_f *ended;
    /* its own */
    struct token_wait *wait; /* under way, or NULL */
    struct fetch *fetch;     /* likewise */
    struct token *token;
    bool renewed;           /* the token was refused; it is tried with a new one once */
    enum breaker_pass pass; /* of the request under way */
    struct buf text;        /* header fields of the request, a line each */
    struct str lines[WEBHOOK_LINES];
    size_t line_count;
    struct deferred late; /* reports an end that was found within webhook_call_start() */
    struct sink_result result;
};

struct webhook {
    struct subscription *subscription;
    const struct webhook_conf *conf; /* of the subscription */
    struct fetch_target *target;     /* NULL: the URL cannot be used, see info */
    struct errinfo info;
    struct breaker *breaker;    /* of its host; with target */
    int64_t resolved_at;        /* when references were looked up; 0: not yet */
    struct token_conf *client;  /* of type oauth2; or NULL */
    struct webhook_keys keys;   /* for signing */
    struct exchange_base *base; /* of its exchanges; NULL: not made yet */
    struct token *base_token;   /* that base masks; or NULL */
    struct webhook_call delivery;
    char event_id[EVENT_ID_MAX + 1]; /* of the delivery */
    struct list tests;               /* under way */
    unsigned test_count;
};

void webhook_call_init(struct webhook_call *call, struct webhook *w);
void webhook_call_start(struct webhook_call *call);
/* Nothing is reported after. What is under way may arrive or not. */
void webhook_call_stop(struct webhook_call *call);
/* Keep an exchange of it that was none, for this reason. */
void webhook_call_note(struct webhook_call *call, const char *error);

#endif
