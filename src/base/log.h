/*
 * Diagnostics: one line per event to standard error. logfmt on a terminal and by default; JSON by
 * setting. Fields are given as key/value pairs so that both forms come from one call:
 *
 *     log_info("topic created", LOG_S("topic", name), LOG_I("loop", n));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *key; /* NULL ends the list */
    bool is_int;
    int64_t i;
    struct str s;
};

#define LOG_S(k, z) ((struct log_field){(k), false, 0, str_of(z)})
#define LOG_STR(k, v) ((struct log_field){(k), false, 0, (v)})
#define LOG_I(k, v) ((struct log_field){(k), true, (int64_t)(v), STR_NONE})
#define LOG_END ((struct log_field){NULL, false, 0, STR_NONE})

void log_set(enum log_level level, enum log_format format);
bool log_on(enum log_level level);
/* "error", "warn", "info", "debug". */
bool log_level_parse(struct str s, enum log_level *ret);
void log_write(enum log_level level, const char *msg, const struct log_field *fields);

/* log_at(LOG_INFO, "listening", LOG_S("address", a), LOG_I("port", p)); a message is a short fixed text. */
#define log_at(level, msg, ...)                                                                    \
    do {                                                                                           \
        if (log_on(level))                                                                         \
            log_write(level, msg, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ) LOG_END}); \
    } while (0)
#define log_error(msg, ...) log_at(LOG_ERROR, msg, ##__VA_ARGS__)
#define log_warn(msg, ...) log_at(LOG_WARN, msg, ##__VA_ARGS__)
#define log_info(msg, ...) log_at(LOG_INFO, msg, ##__VA_ARGS__)
#define log_debug(msg, ...) log_at(LOG_DEBUG, msg, ##__VA_ARGS__)

#endif
