/*
 * Exchanges: what was said with the receivers of subscriptions, kept for people to look at, in
 * memory alone. Of each subscription the last ones, bounded in count, bytes and age; and all of a
 * loop together in bytes, the oldest go first.
 *
 * Secrets of the request are masked before they get here; where they turn up in an answer they are
 * masked when it is shown.
 */
#ifndef CORE_EXCHANGE_H
#define CORE_EXCHANGE_H

#include "core/mask.h"

struct exchange_base;
struct exchange_book;
struct exchange_log;

/* Of a loop. */
struct exchange_book *exchange_book_new(void);
/* Its logs are gone. NULL is fine. */
void exchange_book_free(struct exchange_book *book);

/* Of a subscription. */
struct exchange_log *exchange_log_new(struct exchange_book *book);
void exchange_log_free(struct exchange_log *log);

/* What exchanges have in common, counted. Takes what is in mask; it is empty then. head: the header
 * fields that they share, a line each with its CRLF, secrets masked. */
struct exchange_base *exchange_base_new(struct mask *mask, struct str url, struct str head);
/* NULL is fine. */
void exchange_base_unref(struct exchange_base *base);

struct exchange {
    struct exchange_base *base; /* counted */
    const char *type;           /* of the event; static */
    int64_t began_wall, took_us;
    unsigned attempt;    /* 0: the first */
    struct str head;     /* header fields of the request besides those of the base; likewise */
    int status;          /* 0: there was no answer */
    struct str answer;   /* its head */
    struct str body;     /* of the answer; LIMIT_EXCHANGE_BODY bytes of it are kept */
    uint64_t body_bytes; /* that it has as a whole */
    const char *error;   /* NULL: none */
};

/* Keep a copy. */
void exchange_add(struct exchange_log *log, const struct exchange *x);
/* Those that began between these times (both included), the oldest first, as elements of an array
 * that is open in w. */
void exchange_write(const struct exchange_log *log, const char *subscription_id,
                    const char *topic_id, int64_t from_wall, int64_t to_wall, struct jwriter *w);

#endif
