/*
 * A recursive descent into a tree in an arena. The depth of the recursion is bounded by
 * LIMIT_SEARCH_DEPTH, and so is that of the evaluation, which walks the same tree.
 */
#include "core/search.h"

#include "core/limits.h"

enum node_kind { NODE_AND, NODE_OR, NODE_EQUALS, NODE_DIFFERS, NODE_EXISTS };

struct node {
    enum node_kind kind;
    struct str name, value;     /* of an operand */
    struct node *child, *next_; /* of AND and OR: the first; the next beside this one */
};

struct search {
    struct arena arena;
    struct node *root;
};

struct parser {
    struct search *search;
    struct str text;
    size_t at;
    unsigned depth, operands;
    struct errinfo *ei;
};

/* ---- faults ---- */

/* Characters, not bytes, are what a user counts. */
static size_t character_at(const struct parser *p, size_t at)
{
    size_t n = 1;

    for (size_t i = 0; i < at; i++)
        n += ((unsigned char)p->text.p[i] & 0xc0) != 0x80;
    return n;
}

/* What stands there, up to the next blank. */
static struct str found_at(const struct parser *p, size_t at)
{
    size_t end = at;

    while (end < p->text.n && p->text.p[end] != ' ' && end - at < 40)
        end++;
    while (end < p->text.n && ((unsigned char)p->text.p[end] & 0xc0) == 0x80)
        end++;
    return str_make(p->text.p + at, end - at);
}

static enum err fault_at(const struct parser *p, size_t at, const char *expected)
{
    struct str found = found_at(p, at);

    if (found.n == 0)
        return err_set(p->ei, E_INVALID, "at character %zu: expected %s, found the end",
                       character_at(p, at), expected);
    return err_set(p->ei, E_INVALID, "at character %zu: expected %s, found %.*s",
                   character_at(p, at), expected, STR_ARG(found));
}

static enum err over(const struct parser *p, const char *what, unsigned max)
{
    return err_set(p->ei, E_LIMIT, "at character %zu: expected at most %u %s",
                   character_at(p, p->at), max, what);
}

/* ---- words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char look(const struct parser *p)
{
    return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.n && is_blank(p->text.p[p->at]))
        p->at++;
}

/* Is the operator here, and a word of its own? Then it is passed. */
static bool take_operator(struct parser *p, struct str word)
{
    struct str rest = str_drop(p->text, p->at);

    if (!str_starts(rest, word) ||
        (rest.n > word.n && !is_blank(rest.p[word.n]) && rest.p[word.n] != '('))
        return false;
    p->at += word.n;
    return true;
}

/* "" up to the sign that ends it; empty names and names with an empty part are none. */
static enum err parse_name(struct parser *p, struct str *ret)
{
    size_t start = p->at;

    while (p->at < p->text.n && !is_blank(look(p)) && !strchr(":!?()\"", look(p)))
        p->at++;
    struct str name = str_make(p->text.p + start, p->at - start);
    if (name.n == 0)
        return fault_at(p, start, "the name of an attribute or \"(\"");
    for (size_t i = 0; i < name.n; i++) {
        bool dot = name.p[i] == '.';

        if (dot && (i == 0 || i + 1 == name.n || name.p[i + 1] == '.'))
            return fault_at(p, start + i, "names joined by single dots");
    }
    *ret = name;
    return E_OK;
}

static enum err parse_quoted(struct parser *p, struct str *ret)
{
    size_t start = p->at++;
    char *to = arena_alloc(&p->search->arena, p->text.n - start);
    size_t n = 0;

    while (p->at < p->text.n && look(p) != '"') {
        if (look(p) == '\\' && ++p->at < p->text.n && look(p) != '"' && look(p) != '\\')
            return fault_at(p, p->at, "\\\" or \\\\ (an escape within quotes)");
        if (p->at < p->text.n)
            to[n++] = p->text.p[p->at++];
    }
    if (p->at == p->text.n)
        return fault_at(p, p->at, "the closing quote of the value");
    p->at++;
    *ret = str_make(to, n);
    return E_OK;
}

/* Up to a blank, or a parenthesis that closes none of the value's own. One that is not closed would
 * mean another thing as soon as the whole stood in parentheses. */
static enum err parse_bare(struct parser *p, struct str *ret)
{
    size_t start = p->at, open = 0;

    for (; p->at < p->text.n && !is_blank(look(p)) && look(p) != '"'; p->at++) {
        if (look(p) == '(')
            open++;
        else if (look(p) == ')' && open == 0)
            break;
        else if (look(p) == ')')
            open--;
    }
    if (open > 0)
        return fault_at(p, p->at, "\")\" (a value with single parentheses stands within quotes)");
    if (look(p) == '"')
        return fault_at(p, p->at, "a blank (a value with quotes in it stands within quotes)");
    if (p->at == start)
        return fault_at(p, start, "a value (\"\" is the empty one)");
    *ret = str_make(p->text.p + start, p->at - start);
    return E_OK;
}

/* ---- the tree ---- */

static struct node *node_new(struct parser *p, enum node_kind kind)
{
    struct node *n = arena_alloc(&p->search->arena, sizeof *n);

    n->kind = kind;
    return n;
}

static enum err parse_value(struct parser *p, struct str *ret)
{
    p->at++;
    enum err err = look(p) == '"' ? parse_quoted(p, ret) : parse_bare(p, ret);
    if (err != E_OK)
        return err;
    if (p->at < p->text.n && !is_blank(look(p)) && look(p) != ')')
        return fault_at(p, p->at, "a blank after the value");
    return E_OK;
}

static enum err parse_operand(struct parser *p, struct node **ret)
{
    struct node *n = node_new(p, NODE_EXISTS);
    enum err err = parse_name(p, &n->name);

    if (err != E_OK)
        return err;
    if (++p->operands > LIMIT_SEARCH_OPERANDS)
        return over(p, "operands", LIMIT_SEARCH_OPERANDS);
    switch (look(p)) {
    case ':':
    case '!':
        n->kind = look(p) == ':' ? NODE_EQUALS : NODE_DIFFERS;
        err = parse_value(p, &n->value);
        break;
    case '?':
        p->at++;
        if (p->at < p->text.n && !is_blank(look(p)) && look(p) != ')')
            err = fault_at(p, p->at, "a blank after \"?\"");
        break;
    default:
        err = fault_at(p, p->at, "\":\", \"!\" or \"?\" after the name");
    }
    *ret = n;
    return err;
}

static enum err parse_expression(struct parser *p, struct node **ret);

static enum err parse_unit(struct parser *p, struct node **ret)
{
    skip_blanks(p);
    if (look(p) != '(')
        return parse_operand(p, ret);
    if (++p->depth > LIMIT_SEARCH_DEPTH)
        return over(p, "parentheses in each other", LIMIT_SEARCH_DEPTH);
    p->at++;
    enum err err = parse_expression(p, ret);
    if (err != E_OK)
        return err;
    if (look(p) != ')')
        return fault_at(p, p->at, "AND, OR or \")\"");
    p->at++;
    p->depth--;
    return E_OK;
}

typedef enum err parse_f(struct parser *p, struct node **ret);

/* One part, or several with the operator between them. */
static enum err parse_list(struct parser *p, enum node_kind kind, struct str word, parse_f *part,
                           struct node **ret)
{
    struct node *list = node_new(p, kind);
    struct node **to = &list->child;

    do {
        enum err err = part(p, to);

        if (err != E_OK)
            return err;
        to = &(*to)->next_;
        skip_blanks(p);
    } while (take_operator(p, word));
    *ret = list->child->next_ ? list : list->child;
    return E_OK;
}

static enum err parse_conjunction(struct parser *p, struct node **ret)
{
    return parse_list(p, NODE_AND, STR("AND"), parse_unit, ret);
}

static enum err parse_expression(struct parser *p, struct node **ret)
{
    return parse_list(p, NODE_OR, STR("OR"), parse_conjunction, ret);
}

static enum err parse_all(struct parser *p)
{
    struct search *s = p->search;

    if (p->text.n > LIMIT_SEARCH_BYTES)
        return err_set(p->ei, E_LIMIT, "expected at most %d bytes, found %zu", LIMIT_SEARCH_BYTES,
                       p->text.n);
    if (!str_is_utf8(p->text))
        return err_set(p->ei, E_INVALID, "expected UTF-8");
    p->text = str_make(arena_strdup(&s->arena, p->text), p->text.n);
    enum err err = parse_expression(p, &s->root);
    if (err == E_OK && p->at < p->text.n)
        err = fault_at(p, p->at, "AND, OR or the end");
    return err;
}

enum err search_parse(struct str text, struct search **ret, struct errinfo *ei)
{
    AUTO(search_freep) struct search *s = xcalloc(1, sizeof *s);
    struct parser p = {.search = s, .text = text, .ei = ei};
    enum err err = parse_all(&p);

    if (err == E_OK)
        *ret = TAKE(s);
    return err;
}

void search_free(struct search *s)
{
    if (!s)
        return;
    arena_done(&s->arena);
    free(s);
}

/* ---- evaluation ---- */

static bool equals(const jval *v, struct str text)
{
    switch (jv_type(v)) {
    case JT_STRING:
        return str_eq(jv_str(v), text);
    case JT_NUMBER:
        return str_eq(jv_number_text(v), text);
    case JT_BOOL:
        return str_eqz(text, jv_bool(v) ? "true" : "false");
    case JT_NULL:
        return str_eqz(text, "null");
    case JT_NONE:
    case JT_ARRAY:
    case JT_OBJECT:
        break;
    }
    return false;
}

/* What is left of the name behind that of a member; p NULL: the name does not begin with it. */
static struct str name_behind(struct str name, struct str member)
{
    if (member.n == 0 || !str_starts(name, member))
        return STR_NONE;
    name = str_drop(name, member.n);
    if (name.n == 0)
        return name;
    return name.p[0] == '.' ? str_drop(name, 1) : STR_NONE;
}

/* Is there a value at the name (value NULL), or one that equals it? An array stands for each of its
 * elements. Names of members may have dots themselves, as the keys of a map: each that the name
 * begins with is followed. */
static bool reaches(const jval *v, struct str name, const struct str *value)
{
    bool array = jv_type(v) == JT_ARRAY;
    struct jiter it = jiter_of(v);

    if (name.n == 0 && !value)
        return true;
    if (name.n == 0 && !array)
        return equals(v, *value);
    while ((array || jv_type(v) == JT_OBJECT) && jiter_next(&it)) {
        struct str rest = array ? name : name_behind(name, it.name);

        if (rest.p && reaches(it.value, rest, value))
            return true;
    }
    return false;
}

static bool matches(const struct node *n, const jval *v)
{
    const struct node *child = n->child;

    switch (n->kind) {
    case NODE_AND:
        while (child && matches(child, v))
            child = child->next_;
        return !child;
    case NODE_OR:
        while (child && !matches(child, v))
            child = child->next_;
        return child;
    case NODE_EQUALS:
        return reaches(v, n->name, &n->value);
    case NODE_DIFFERS:
        return !reaches(v, n->name, &n->value);
    case NODE_EXISTS:
        break;
    }
    return reaches(v, n->name, NULL);
}

bool search_matches(const struct search *s, const jval *v)
{
    return matches(s->root, v);
}

static bool asks(const struct node *n, struct str name)
{
    if (n->name.p && str_starts(n->name, name) && (n->name.n == name.n || n->name.p[name.n] == '.'))
        return true;
    for (const struct node *child = n->child; child; child = child->next_)
        if (asks(child, name))
            return true;
    return false;
}

bool search_asks(const struct search *s, struct str name)
{
    return asks(s->root, name);
}
