/*
 * Inside of settings.c: one value of one row, read from text, checked, put into the struct, shown.
 */
#ifndef BASE_SETTINGS_VALUE_H
#define BASE_SETTINGS_VALUE_H

#include "base/settings.h"

/* A value that is not in the struct yet; owns text and list. */
struct setting_value {
    int64_t n; /* bool, number, place in the enum */
    char *text;
    struct settings_list list;
};

#define SETTING_VALUE_INIT                                                                         \
    {                                                                                              \
        0, NULL,                                                                                   \
        {                                                                                          \
            NULL, 0                                                                                \
        }                                                                                          \
    }

void setting_value_done(struct setting_value *v);
/* False if it is not of the row's type or out of its range; what ret got by then is freed by
 * setting_value_done(). A list's range is left to setting_in_range(), when all items are there. */
bool setting_value_parse(const struct settings_row *row, struct str s, struct setting_value *ret);
/* Move what v owns into the struct; items are added to those that are there. */
void setting_value_store(const struct settings_row *row, void *target, struct setting_value *v);

void *setting_member(const struct settings_row *row, void *target);
/* n: the number; of text the bytes, of a list the items. */
bool setting_in_range(const struct settings_row *row, int64_t n);

/* NULL is fine. */
void setting_strings_free(char **p, size_t n);
/* Free the items. */
void settings_list_clear(struct settings_list *l);
/* Takes the item. */
void settings_list_add(struct settings_list *l, char *item);

/* "a whole number from 1 to 10" */
void setting_put_expected(struct buf *b, const struct settings_row *row);
/* lead, then " from 1 to 10" or " of at most 5 items"; nothing for a row without a range. */
void setting_put_range(struct buf *b, const struct settings_row *row, const char *lead);
/* "error, warn, info" */
void setting_put_choices(struct buf *b, const struct settings_row *row);

#endif
