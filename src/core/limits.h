/*
 * Limits on what comes from outside: every size, count and time that is not a setting has its
 * number here, and only here.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#define LIMIT_URL_BYTES (8 * 1024)
#define LIMIT_TOPIC_NAME 255
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

#define LIMIT_GATE_POINTERS 64 /* of assert.pointerExists */

#define LIMIT_QUERY_PARAMETERS 32         /* computed ones of a publisher */
#define LIMIT_SOURCE_PAGES 100000         /* the largest pagination.maxPages */
#define LIMIT_SOURCE_PAGE_SIZE 1000000000 /* the largest number of items asked for at once */
#define LIMIT_SOURCE_OFFSET 1000000000000 /* the largest number of a first page or item */
#define LIMIT_MERGE_MEMBERS (1000 * 1000) /* of objects that are merged from several pages */

#define LIMIT_CLIENT_ID 1024     /* characters, as user names */
#define LIMIT_CLIENT_SECRET 2048 /* as passwords */
#define LIMIT_SCOPE 4096
#define LIMIT_TOKEN_BYTES (16 * 1024)        /* of an access token */
#define LIMIT_TOKEN_ANSWER_BYTES (64 * 1024) /* of what a token endpoint answers */
#define LIMIT_TOKEN_NODES 10000
#define LIMIT_TOKEN_LIFE_S (24 * 3600) /* a token is renewed at the latest then */

#define LIMIT_RING_EVENTS 256          /* recent events a hub keeps */
#define LIMIT_RING_BYTES (1024 * 1024) /* and their bytes, unless one event alone is larger */
#define LIMIT_REPLAY_EVENTS 1000       /* a resume longer than this gets a snapshot instead */
#define LIMIT_REPLAY_BYTES (1024 * 1024)
#define LIMIT_CHANNEL_IOV 64
#define LIMIT_FLUSH_WRITES 512 /* channel writes in one loop turn */

#define LIMIT_DATE_PATTERN 256 /* bytes of a date pattern */
#define LIMIT_DATE_TEXT 1024   /* bytes of a date to parse */
#define LIMIT_ZONE_FILE (256 * 1024)

#define LIMIT_PAGE_SIZE 1000
#define LIMIT_EVENTS_READ 1000
#define LIMIT_POLL_REQUESTS 20 /* kept per topic for GET …/debug */

#endif
