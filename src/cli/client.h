/*
 * A client of the server's API for commands: asks and waits for the answer. It has a loop of its
 * own that runs while it waits, on the caller's thread.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/buf.h"
#include "json/value.h"

struct client;

#define CLIENT_TOPICS "/streams/hub/api/v1/topics"
#define CLIENT_FEEDS "/streams/hub/api/v1/feeds"

/* server: base URL; NULL: $POLLCAST_SERVER, else http://127.0.0.1:8080. E_INVALID. */
MUST_USE enum err client_new(const char *server, struct client **ret, struct errinfo *ei);
void client_free(struct client *c);
static inline void client_freep(struct client **c)
{
    client_free(*c);
    *c = NULL;
}
const char *client_server(const struct client *c);
/* Send a field with every request from now on. E_INVALID. */
MUST_USE enum err client_header(struct client *c, const char *name, const char *value,
                                struct errinfo *ei);
/* How long to wait for answers from now on, instead of a minute. */
void client_wait(struct client *c, int64_t timeout_us);
/* The call under way, or else the next, ends with E_CANCELLED. From any thread or signal handler. */
void client_interrupt(struct client *c);

struct client_answer {
    int status;
    struct buf body;
    struct jdoc *doc; /* of the body; NULL: it is no JSON */
};
void client_answer_done(struct client_answer *a);

/* body (p NULL: none) is JSON. Any HTTP answer is E_OK; otherwise ei names the server and says what
 * to look at. */
MUST_USE enum err client_call(struct client *c, const char *method, const char *path,
                              struct str body, struct client_answer *ret, struct errinfo *ei);
/* What an answer of another status than 2xx says, as an error: E_NOT_FOUND for 404, E_EXISTS for
 * 409, E_UNAVAILABLE for 429 and from 500, else E_INVALID. */
enum err client_refusal(const struct client *c, const struct client_answer *a, struct errinfo *ei);
/* client_call() for an answer that must be of status 2xx; any other is an error as above. */
MUST_USE enum err client_ask(struct client *c, const char *method, const char *path,
                             struct str body, struct client_answer *ret, struct errinfo *ei);

/* The resource of a collection by its id or name. */
MUST_USE enum err client_one(struct client *c, const char *collection, const char *id,
                             struct client_answer *ret, struct errinfo *ei);
/* All of a collection, page by page. */
typedef enum err client_each_f(const jval *one, void *arg, struct errinfo *ei);
MUST_USE enum err client_each(struct client *c, const char *collection, client_each_f *fn,
                              void *arg, struct errinfo *ei);
/* Append a name as a part of a path, percent-encoded (RFC 3986 §2.1). */
void client_path_part(struct buf *b, struct str s);

#endif
