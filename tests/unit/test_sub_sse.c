#include "unit.h"

#include "core/channel_sse.h"
#include "subscriber/sub_sse.h"

#define V "application/vnd.axway.streams+"
#define SNAPSHOT_MODES (MODE_BIT(MODE_SNAPSHOT_ONLY) | MODE_BIT(MODE_SNAPSHOT_PATCH))
#define REFUSED MODE_COUNT

struct accept_case {
    const char *accept;
    enum mode wanted;
};

static void check(const struct accept_case *cases, size_t count, unsigned allowed,
                  enum mode by_default)
{
    for (size_t i = 0; i < count; i++) {
        enum mode got = REFUSED;
        struct errinfo ei = ERRINFO_INIT;
        enum err err = sub_sse_accept(str_of(cases[i].accept), allowed, by_default, &got, &ei);
        if (got != cases[i].wanted || (err == E_OK) != (got != REFUSED))
            fail_msg("Accept: %s gives %d, wanted %d", cases[i].accept, (int)got,
                     (int)cases[i].wanted);
        if (err != E_OK)
            assert_int_equal(err, E_NOT_ACCEPTABLE);
    }
}

static void test_accept(void **state)
{
    (void)state;
    static const struct accept_case cases[] = {
        {NULL, MODE_SNAPSHOT_PATCH},
        {"", MODE_SNAPSHOT_PATCH},
        {" ", MODE_SNAPSHOT_PATCH},
        {"*/*", MODE_SNAPSHOT_PATCH},
        {"text/event-stream", MODE_SNAPSHOT_PATCH},
        {"text/*", MODE_SNAPSHOT_PATCH},
        {"application/*", MODE_SNAPSHOT_PATCH},
        {"Text/Event-Stream", MODE_SNAPSHOT_PATCH},
        {"text/event-stream;charset=utf-8", MODE_SNAPSHOT_PATCH},
        {V "snapshot-only", MODE_SNAPSHOT_ONLY},
        {V "snapshot-patch", MODE_SNAPSHOT_PATCH},
        {"APPLICATION/vnd.axway.streams+SNAPSHOT-ONLY", MODE_SNAPSHOT_ONLY},
        /* lists: the highest q, then what names a mode */
        {V "snapshot-only, " V "snapshot-patch;q=0.5", MODE_SNAPSHOT_ONLY},
        {V "snapshot-only;q=0.4, " V "snapshot-patch;q=0.5", MODE_SNAPSHOT_PATCH},
        {V "snapshot-only;q=0.5, */*;q=0.1", MODE_SNAPSHOT_ONLY},
        {"*/*, " V "snapshot-only", MODE_SNAPSHOT_ONLY},
        {"text/html, */*;q=0.8", MODE_SNAPSHOT_PATCH},
        {"text/event-stream;q=0.9, " V "snapshot-only;q=0.8", MODE_SNAPSHOT_PATCH},
        {" , ," V "snapshot-only ,", MODE_SNAPSHOT_ONLY},
        {V "snapshot-only ; q=1.000", MODE_SNAPSHOT_ONLY},
        {V "snapshot-only;x=\"a,b;q=0\";q=1", MODE_SNAPSHOT_ONLY},
        {V "snapshot-only;Q=0.001", MODE_SNAPSHOT_ONLY},
        /* a mode that is not allowed here gives way to one that is */
        {V "event, text/event-stream;q=0.1", MODE_SNAPSHOT_PATCH},
        {V "changes, " V "snapshot-only;q=0.1", MODE_SNAPSHOT_ONLY},
        /* q=0 */
        {V "snapshot-patch;q=0, */*", REFUSED},
        {V "snapshot-patch;q=0, " V "snapshot-only", MODE_SNAPSHOT_ONLY},
        {"*/*;q=0", REFUSED},
        {"text/event-stream;q=0.0", REFUSED},
        /* nothing that is offered */
        {V "event", REFUSED},
        {V "changes", REFUSED},
        {V "unknown", REFUSED},
        {V, REFUSED},
        {"application/json", REFUSED},
        {"text/html, application/xhtml+xml", REFUSED},
        {"nonsense", REFUSED},
        {",", REFUSED},
        /* an element that is not well formed is not there */
        {V "snapshot-only;q=2", REFUSED},
        {V "snapshot-only;q=1.001", REFUSED},
        {V "snapshot-only;q=", REFUSED},
        {V "snapshot-only;q=0.1234", REFUSED},
        {V "snapshot-only;q=-1, */*", MODE_SNAPSHOT_PATCH},
    };

    check(cases, ARRAY_LEN(cases), SNAPSHOT_MODES, MODE_SNAPSHOT_PATCH);
}

static void test_accept_of_an_event_topic(void **state)
{
    (void)state;
    static const struct accept_case cases[] = {
        {"", MODE_EVENT},
        {"*/*", MODE_EVENT},
        {V "event", MODE_EVENT},
        {V "snapshot-only", REFUSED},
        {V "snapshot-patch, text/event-stream;q=0.5", MODE_EVENT},
    };

    check(cases, ARRAY_LEN(cases), MODE_BIT(MODE_EVENT), MODE_EVENT);
}

static void test_refusal_names_what_is_offered(void **state)
{
    (void)state;
    struct errinfo ei = ERRINFO_INIT;
    enum mode mode;

    assert_int_equal(
        sub_sse_accept(STR("application/json"), SNAPSHOT_MODES, MODE_SNAPSHOT_PATCH, &mode, &ei),
        E_NOT_ACCEPTABLE);
    assert_non_null(strstr(ei.text, "snapshot-only, snapshot-patch"));
}

/* ---- ids of several topics ---- */

#define A "aaaaaaaa-1111-4111-8111-111111111111"
#define B "bbbbbbbb-2222-4222-8222-222222222222"
#define C "cccccccc-3333-4333-8333-333333333333"

static void test_resume_points(void **state)
{
    (void)state;
    /* -1: none */
    static const struct {
        const char *ids;
        int64_t a, b;
        bool wrong;
    } cases[] = {
        {A "#5," B "#9", 5, 9, false},
        {B "#9 , " A "#5", 5, 9, false},
        {A "#5", 5, -1, false},
        {B "#0", -1, 0, false},
        {C "#7", -1, -1, false},
        {C "#7," A "#1," C "#8", 1, -1, false},
        {"AAAAAAAA-1111-4111-8111-111111111111#3", 3, -1, false},
        {A "#18446744073709551615", -1, -1, false}, /* all ones, not -1: see below */
        {"", 0, 0, true},
        {",", 0, 0, true},
        {A "#5,", 0, 0, true},
        {"," A "#5", 0, 0, true},
        {A "#5,,", 0, 0, true},
        {A "#5;" B "#9", 0, 0, true},
        {A, 0, 0, true},
        {A "#", 0, 0, true},
        {A "#05", 0, 0, true},
        {A "#00", 0, 0, true},
        {A "#-1", 0, 0, true},
        {A "#5x", 0, 0, true},
        {A "#18446744073709551616", 0, 0, true},
        {"aaaaaaaa#5", 0, 0, true},
        {A "#5," A "#5", 0, 0, true},
        {"5", 0, 0, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct topic_conf a = {.id = A}, b = {.id = B};
        struct sse_topic t[] = {{.conf = &a}, {.conf = &b}};
        struct errinfo ei = ERRINFO_INIT;
        enum err err = sub_sse_resume_points(str_of(cases[i].ids), t, 2, &ei);

        if (err != (cases[i].wrong ? E_INVALID : E_OK))
            fail_msg("%s gives %d", cases[i].ids, (int)err);
        if (cases[i].wrong)
            continue;
        int64_t wanted[] = {cases[i].a, cases[i].b};
        for (int k = 0; k < 2; k++) {
            bool all_ones = i == 7 && k == 0;
            assert_int_equal(t[k].resume, wanted[k] >= 0 || all_ones);
            if (t[k].resume)
                assert_int_equal(t[k].after, wanted[k]);
        }
    }
}

int main(void)
{
    return RUN_TESTS(test_accept, test_accept_of_an_event_topic, test_refusal_names_what_is_offered,
                     test_resume_points);
}
