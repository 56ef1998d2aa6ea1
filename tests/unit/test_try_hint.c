#include "unit.h"

#include "base/err.h"
#include "cli/try_hint.h"

/* Whatever a poll can end with, there is something to do about it. */
static void all_codes(void **state)
{
    const char *none = try_hint(0, false);
    size_t count = 0;

    (void)state;
    for (int e = 1; e < ERR_COUNT; e++) {
        const struct err_row *row = err_row((enum err)e);

        if (strncmp(row->name, "E_POLL_", 7) != 0 || row->channel_code == 70002)
            continue;
        count++;
        if (try_hint(row->channel_code, false) == none && row->channel_code != 70012)
            fail_msg("no hint for %d, %s", row->channel_code, row->name);
    }
    assert_in_range(count, 20, 100);
}

static void refused(void **state)
{
    (void)state;
    assert_non_null(strstr(try_hint(70016, true), "assert"));
    assert_null(strstr(try_hint(70016, false), "assert"));
}

int main(void)
{
    return RUN_TESTS(all_codes, refused);
}
