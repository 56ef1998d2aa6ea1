/*
 * A trial: one cycle of a configuration, run to see what it does. It is the run of a poll
 * (core/request.h), steps and all, on a topic that stands beside the others: nobody follows it, it
 * commits nothing, and nothing of it is counted as a poll. Where it is compared with a real topic,
 * it begins with that topic's document and with what its last cycles learnt, as if it polled now,
 * and leaves both as they are.
 *
 * It lives on one loop: that of the real topic, or any. What it wrote down (core/trial_record.h) is
 * there until trial_free().
 */
#ifndef CORE_TRIAL_H
#define CORE_TRIAL_H

#include "core/request.h"
#include "core/trial_record.h"

struct trial;

/* The cycle ended, however it did: trial_write(). err other than E_OK: it could not be run, for
 * the topic was deleted, its document cannot be read, or the server stops. Never called inside
 * trial_new(). */
typedef void trial_done_f(struct trial *t, enum err err, const struct errinfo *ei, void *arg);

/* Start, on the loop of sh; conf polls. like: the topic to compare with, on the same loop; NULL:
 * none, so that whatever comes is a first snapshot. */
struct trial *trial_new(struct shard *sh, struct topic_conf *conf, struct topic *like,
                        trial_done_f *done, void *arg);
/* End what is under way without a callback, and free. */
void trial_free(struct trial *t);
/* The server stops: all of the loop end, with E_UNAVAILABLE. */
void trial_stop_all(struct shard *sh);
/* Its thread has ended: nobody is told any more. */
void trial_free_all(struct shard *sh);

/* Members of an object: requests, pages, payload, gate, result … (docs/api.md). */
void trial_write(const struct trial *t, struct jwriter *w);

/* ---- what a run tells, for all runs: t is NULL for a poll, and nothing happens ---- */

/* A request is about to leave: where the fetcher shall keep what it sends. */
struct fetch_hops *trial_asks(struct trial *t);
/* It came back; error NULL: with what was hoped for. page counts from 1. */
void trial_answered(struct trial *t, const struct request *r, size_t page,
                    const struct fetch_result *res, const char *error);
/* A token is about to be asked for, and was given or not. */
void trial_asks_token(struct trial *t);
void trial_token_came(struct trial *t, const struct token_conf *client,
                      const struct token_result *res);
/* What was taken of an answer. */
void trial_page_came(struct trial *t, const struct trial_page *p);
/* The payload was judged by the gate: err, as request_publish() has it. False: there is nothing new
 * in it. */
bool trial_payload_came(struct trial *t, const jval *value, const struct buf *text, enum err err);
/* From the one exit of the run. */
void trial_request_ended(struct trial *t, enum request_exit exit, enum err err,
                         const struct errinfo *ei);

#endif
