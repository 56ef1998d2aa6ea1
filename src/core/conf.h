/*
 * The settings of the server: one plain struct, filled from the table in conf.def by the engine in
 * base/settings.h (default < file < environment < flag). Immutable once the loops run; SIGHUP reads
 * them anew for what can change while they do.
 *
 * Ownership: a struct conf owns its strings and lists (conf_done).
 */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include "base/settings.h"

struct conf {
    /* server */
    char *listen;  /* "127.0.0.1:8080", "[::1]:0" */
    char *data;    /* directory */
    int64_t loops; /* 0: processors */
    bool insecure;
    int log_level;  /* enum log_level */
    int log_format; /* enum log_format */
    char *trace;
    int64_t drain_us; /* over how long channels are told at shutdown */
    /* http */
    char *tls_cert, *tls_key; /* files; "": plain */
    int64_t http_max_header_bytes, http_max_body_bytes, http_max_connections;
    int64_t http_header_timeout_us, http_body_timeout_us, http_idle_timeout_us;
    int64_t http_write_timeout_us;
    struct settings_list http_hosts, cors_origins;
    /* polls */
    int64_t poll_min_period_us, poll_max_period_us;
    int64_t poll_deadline_us; /* a poll's deadline is max(period, this) */
    int64_t poll_connect_timeout_us, poll_low_speed_us;
    int64_t poll_per_host; /* requests under way per host */
    int64_t poll_max_connections;
    bool poll_follow_redirects;
    int64_t poll_save_us;
    bool poll_coalesce; /* equal requests of topics are made once; core/fetch_share.h */
    char *poll_ca_file; /* "": the system's */
    int64_t payload_max_bytes;
    /* egress */
    struct settings_list egress_allow;
    /* what topics may refer to; core/secret_ref.h */
    struct settings_list secrets_env, secrets_files;
    /* journal; 0: no limit */
    bool store_sync_normal;
    int64_t journal_max_events, journal_max_bytes, journal_max_age_us;
    int64_t journal_hold_bytes;       /* kept beyond those for who still has to read */
    int64_t journal_checkpoint_bytes; /* patches since the last checkpoint before a new one */
    /* channels */
    int64_t sse_heartbeat_us;
    int64_t sse_stall_us; /* a channel of which nothing moves for so long is closed */
    /* subscriptions */
    int64_t subscription_retry_initial_us, subscription_retry_max_us;
    int64_t feed_retention_us;
    char *kafka_ca_file; /* "": the system's */
};

/* The table; for help, manual, --print-config. */
extern const struct settings_row conf_rows[];
extern const size_t conf_row_count;

/* c gets the defaults; what is in it is not looked at. */
void conf_init(struct conf *c);
void conf_done(struct conf *c);
/* Feed the text of a settings file: a JSON object whose keys are names of the table, dotted or as
 * nested objects. path names it in faults, which become those of s. */
void conf_read_file(struct settings *s, struct str text, const char *path);
/* What no single row can say: settings that need or exclude each other. Faults become those of s. */
void conf_check(const struct conf *c, struct settings *s);
/* Can the row change while the server runs (SIGHUP)? */
bool conf_row_reloads(const struct settings_row *row);

/* The conf in force on this process, the defaults before conf_set_current(). */
const struct conf *conf_current(void);
/* Borrowed until the end of the process; once, before the loops start. */
void conf_set_current(const struct conf *c);

#endif
