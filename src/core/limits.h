/*
 * Limits on what comes from outside: every size, count and time that is not a setting has its
 * number here, and only here.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#define LIMIT_URL_BYTES (8 * 1024)
#define LIMIT_TOPIC_NAME 255
#define LIMIT_LISTED_STRING 2048        /* characters of a string in a list of settings */
#define LIMIT_TOPIC_BYTES (256 * 1024)  /* a topic's JSON */
#define LIMIT_HEADERS 64                /* configured header fields of a publisher */
#define LIMIT_HEADERS_BYTES (16 * 1024) /* their names and values together */
#define LIMIT_REDIRECTS 5
#define LIMIT_RETRIES 100
#define LIMIT_RETRY_AFTER_S (24 * 3600) /* longer waits asked by a source are cut to this */
#define LIMIT_JSON_DEPTH 512
#define LIMIT_JSON_NODES (4 * 1000 * 1000)
#define LIMIT_DIFF_OPS 20000
#define LIMIT_DIFF_US 50000
#define LIMIT_CHANGES_FACTOR 4 /* mode changes: times the document, then that is told */
#define LIMIT_CHANGES_MIN_BYTES (64 * 1024) /* and not before this */

#define LIMIT_GATE_POINTERS 64 /* of assert.pointerExists */

#define LIMIT_QUERY_PARAMETERS 32         /* computed ones of a publisher */
#define LIMIT_SOURCE_PAGES 100000         /* the largest pagination.maxPages */
#define LIMIT_SOURCE_PAGE_SIZE 1000000000 /* the largest number of items asked for at once */
#define LIMIT_SOURCE_OFFSET 1000000000000 /* the largest number of a first page or item */
#define LIMIT_MERGE_MEMBERS (1000 * 1000) /* of objects that are merged from several pages */

#define LIMIT_CLIENT_ID 1024     /* characters, as user names */
#define LIMIT_CLIENT_SECRET 2048 /* as passwords */
#define LIMIT_SCOPE 4096
#define LIMIT_SECRET_BYTES (64 * 1024)       /* of a value that references give */
#define LIMIT_TOKEN_BYTES (16 * 1024)        /* of an access token */
#define LIMIT_TOKEN_ANSWER_BYTES (64 * 1024) /* of what a token endpoint answers */
#define LIMIT_TOKEN_NODES 10000
#define LIMIT_TOKEN_LIFE_S (24 * 3600) /* a token is renewed at the latest then */

#define LIMIT_POSTS 1000                     /* documents that wait to be published in a topic */
#define LIMIT_POSTS_BYTES (16 * 1024 * 1024) /* and their bytes, unless one alone is larger */
#define LIMIT_POST_GROUP 128                 /* of them, how many are committed together */
#define LIMIT_POST_GROUP_BYTES (512 * 1024)
#define LIMIT_DELETED_TOPICS 1000 /* ids of topics that were deleted since the start */

#define LIMIT_POLLED_ID 256     /* bytes of the id of a notification or batch of a polled feed */
#define LIMIT_POLLED_BATCH 1000 /* notifications of a batch */
/* Its bytes: this and LIMIT_CHANGES_FACTOR payloads, so that whatever a pollcast with the same settings
 * serves can be taken. And its depth: that of payloads, and what stands around them. */
#define LIMIT_POLLED_BATCH_BYTES (1024 * 1024)
#define LIMIT_POLLED_BATCH_DEPTH 1024
#define LIMIT_POLLED_IDS 200    /* ids that are remembered beside those of the last batch */
#define LIMIT_POLLED_CYCLE 1000 /* batches taken in one cycle */

#define LIMIT_SHARED_ANSWERS 4096             /* requests whose answers a loop keeps for others */
#define LIMIT_SHARED_BYTES (64 * 1024 * 1024) /* and the bytes of these answers */

#define LIMIT_RING_EVENTS 256          /* recent events a hub keeps */
#define LIMIT_RING_BYTES (1024 * 1024) /* and their bytes, unless one event alone is larger */
#define LIMIT_REPLAY_EVENTS 1000       /* a resume longer than this gets a snapshot instead */
#define LIMIT_REPLAY_BYTES (1024 * 1024)
#define LIMIT_CHANNEL_IOV 64
#define LIMIT_CHANNEL_TOPICS 64      /* that one event stream follows */
#define LIMIT_WS_MESSAGE (16 * 1024) /* bytes of a WebSocket client's message */
#define LIMIT_WS_SUBSCRIPTIONS 1000  /* asked for on one WebSocket connection */
#define LIMIT_FLUSH_WRITES 512       /* channel writes in one loop turn */

#define LIMIT_DATE_PATTERN 256 /* bytes of a date pattern */
#define LIMIT_DATE_TEXT 1024   /* bytes of a date to parse */
#define LIMIT_ZONE_FILE (256 * 1024)

#define LIMIT_TRIALS 4                    /* at the same time, on all loops together */
#define LIMIT_TRIAL_ENTRIES 100           /* requests that are shown of one; pages likewise */
#define LIMIT_TRIAL_EXCERPT 1024          /* bytes shown of a body that cannot be used */
#define LIMIT_TRIAL_INFLATE (1024 * 1024) /* which is not inflated where it is larger */

#define LIMIT_SHOWN_FIELDS 100 /* header fields shown of one request or answer */

#define LIMIT_SIGNING_SECRETS 2                      /* of a webhook at once */
#define LIMIT_WEBHOOK_ANSWER (64 * 1024)             /* bytes read of what a receiver answers */
#define LIMIT_WEBHOOK_TESTS 8                        /* POST …/test under way per subscription */
#define LIMIT_EXCHANGES 100                          /* with a receiver, kept per subscription */
#define LIMIT_EXCHANGE_BYTES (1024 * 1024)           /* and their bytes */
#define LIMIT_EXCHANGE_AGE_S 3600                    /* and how long */
#define LIMIT_EXCHANGE_BODY 4096                     /* bytes kept of what a receiver answers */
#define LIMIT_LOOP_EXCHANGE_BYTES (64 * 1024 * 1024) /* of all subscriptions on a loop */

#define LIMIT_TEST_BYTES (1024 * 1024) /* of what POST …/test sends to a receiver */

#define LIMIT_KAFKA_SERVERS 64 /* of bootstrapServers, and its characters */
#define LIMIT_KAFKA_SERVERS_TEXT 4096
#define LIMIT_KAFKA_WINDOW 500 /* records of a subscription under way, and their bytes */
#define LIMIT_KAFKA_WINDOW_BYTES (8 * 1024 * 1024)
#define LIMIT_KAFKA_TESTS 10 /* test records of a subscription under way */

#define LIMIT_FEEDS 1000
#define LIMIT_FEED_TOPICS 1000 /* patterns of topics of a feed */
#define LIMIT_FEED_TYPES 1000  /* event types with another name */
#define LIMIT_FEED_BATCH 1000  /* notifications of a batch, and its bytes unless one has more */
#define LIMIT_FEED_BATCH_BYTES (1000 * 1000)
#define LIMIT_FEED_COMMIT 100000 /* elements of one change that are told one by one */
#define LIMIT_FEED_COMMIT_BYTES (256 * 1024 * 1024) /* and their bytes */
#define LIMIT_FEED_CONSUMERS 100                    /* named ones of a feed */
#define LIMIT_FEED_WAITING 1000     /* requests to one consumer that are not answered yet */
#define LIMIT_FEED_WAIT_S 300       /* the longest ?wait */
#define LIMIT_FEED_FILTER 100       /* ?eventType of one request */
#define LIMIT_FEED_DISCARDS 100     /* times discarded that the archive tells apart */
#define LIMIT_FEED_TYPE_TOPICS 1000 /* topics whose event types are listed at a time */

#define LIMIT_PAGE_SIZE 1000
#define LIMIT_SEARCH_BYTES 4096 /* of a search expression */
#define LIMIT_SEARCH_DEPTH 32   /* parentheses in each other */
#define LIMIT_SEARCH_OPERANDS 64
#define LIMIT_SORT_FIELDS 5
#define LIMIT_LISTINGS 32 /* under way on a loop */
#define LIMIT_EVENTS_READ 1000
#define LIMIT_PAST_PATCHES 10000 /* that a document of another day is put together of */

#endif
