#include "unit.h"

#include "base/list.h"

struct item {
    int n;
    struct list node;
};

static const char *join(const struct list *l)
{
    static char text[64];
    size_t n = 0;

    text[0] = '\0';
    LIST_EACH (at, l) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%d", LIST_ITEM(at, struct item, node)->n);
    }
    return text;
}

static void test_order(void **state)
{
    (void)state;
    struct list l;
    struct item a = {1, {0}}, b = {2, {0}}, c = {3, {0}};

    list_init(&l);
    assert_true(list_empty(&l));
    assert_null(list_pop(&l));
    list_append(&l, &b.node);
    list_append(&l, &c.node);
    list_prepend(&l, &a.node);
    assert_string_equal(join(&l), "123");
    list_remove(&b.node);
    assert_string_equal(join(&l), "13");
    assert_false(list_linked(&b.node));
    list_remove(&b.node);
    assert_string_equal(join(&l), "13");
    assert_ptr_equal(list_pop(&l), &a.node);
    assert_ptr_equal(list_pop(&l), &c.node);
    assert_true(list_empty(&l));
}

static void test_splice(void **state)
{
    (void)state;
    struct list to, from;
    struct item a = {1, {0}}, b = {2, {0}}, c = {3, {0}};

    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    assert_true(list_empty(&to));
    list_append(&to, &a.node);
    list_append(&from, &b.node);
    list_append(&from, &c.node);
    list_splice(&to, &from);
    assert_string_equal(join(&to), "123");
    assert_true(list_empty(&from));
}

static void test_removal_while_walking(void **state)
{
    (void)state;
    struct list l;
    struct item items[6] = {0};

    list_init(&l);
    for (int i = 0; i < 6; i++) {
        items[i].n = i;
        list_append(&l, &items[i].node);
    }
    LIST_EACH_SAFE (at, &l) {
        if (LIST_ITEM(at, struct item, node)->n % 2 == 0)
            list_remove(at);
    }
    assert_string_equal(join(&l), "135");
}

int main(void)
{
    return RUN_TESTS(test_order, test_splice, test_removal_while_walking);
}
