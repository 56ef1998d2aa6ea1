/*
 * Answering from a topic's owner loop. What a topic is at run time lives on one loop; a request
 * about it may come in on any. A job goes to the owner by mail, does its work there, now or later,
 * and comes back to be answered. The client may leave meanwhile: then the answer is dropped.
 *
 * A job is embedded in what its route needs; its functions are called in this order: work, cancel
 * (only if the client left before the work was done), answer (unless the client left), and free.
 */
#ifndef API_API_OWNER_H
#define API_API_OWNER_H

#include "api/api.h"
#include "core/topic.h"

struct api_job;
/* On the owner loop. t is NULL when the topic was deleted meanwhile. Ends, at once or later, with
 * api_job_done(). */
typedef void api_work_f(struct api_job *j, struct topic *t);
/* On the owner loop: the client left; end the work, and call api_job_done() when it is (at once or
 * later). */
typedef void api_cancel_f(struct api_job *j);
/* On the loop of the request: answers r. */
typedef void api_job_answer_f(struct api_job *j, struct http_request *r);
typedef void api_job_free_f(struct api_job *j);

struct api_job {
    api_work_f *work;
    api_cancel_f *cancel; /* NULL: the work goes on to its end */
    api_job_answer_f *answer;
    api_job_free_f *free;
    char id[UUID_LEN + 1];
    struct mail mail;       /* there and back */
    struct mail leave;      /* likewise, when the client left */
    unsigned away;          /* of these two mails. Touched on home only, like r */
    struct http_request *r; /* NULL: the client left */
    bool done;              /* touched by the owner only */
    struct shard *home, *owner;
    enum err err; /* of the work: answered as it is, without `answer` */
    struct errinfo info;
};

/* Find the topic that the route names (404 when there is none: then the job is freed), send the job
 * to its owner. The functions are set, the rest is zero. */
void api_on_owner(struct api_job *j, const struct api_call *call);
/* The same for a topic that the route does not name; conf NULL: for none, so that work() gets NULL
 * as its topic, on the loop of the request. */
void api_on_owner_of(struct api_job *j, const struct api_call *call, const struct topic_conf *conf);
/* The same on a loop that is no topic's: work() gets NULL as its topic. */
void api_on_shard(struct api_job *j, const struct api_call *call, struct shard *to);
/* On the owner loop: the work is done; err is set when it failed. */
void api_job_done(struct api_job *j);

#endif
