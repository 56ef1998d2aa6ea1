/*
 * The collection of topics: what the query asks for becomes a listing, whose topics are written one
 * by one. The client may leave meanwhile.
 */
#include "api/api_answer.h"
#include "api/api_page.h"
#include "api/api_topics.h"
#include "api/problem.h"
#include "core/listing.h"

#define CONFIG "publisher.config"

struct topic_list {
    struct listing listing;
    struct http_request *r; /* NULL: the client left */
    struct search *search;
    struct api_page page;
    struct buf body;
    struct jwriter w;
};

static void list_free(struct topic_list *t)
{
    search_free(t->search);
    buf_done(&t->body);
    free(t);
}

/* ---- the query ---- */

static bool refuse(struct http_request *r, const char *parameter, const char *detail)
{
    problem_answer(
        r, &(struct problem){
               .status = 400, .title = API_QUERY_TITLE, .detail = detail, .parameter = parameter});
    return false;
}

static bool read_search(struct http_request *r, struct topic_list *t)
{
    struct errinfo ei = ERRINFO_INIT;
    struct str text;

    if (!api_query_text(r, "search", 0, &text))
        return false;
    if (str_trim(text).n == 0)
        return true;
    if (search_parse(text, &t->search, &ei) != E_OK)
        return refuse(r, "search", ei.text);
    if (search_asks(t->search, STR(CONFIG)))
        return refuse(r, "search",
                      "expected attributes other than those of " CONFIG ", which are not searched");
    t->listing.search = t->search;
    return true;
}

static bool sort_field(struct str name, const void *ctx, unsigned *ret)
{
    enum listing_field field;

    (void)ctx;
    if (!listing_field_parse(name, &field))
        return false;
    *ret = field;
    return true;
}

static bool read_sort(struct http_request *r, struct listing *l)
{
    struct api_sort sort;

    if (!api_sort_read(r, sort_field, NULL, listing_field_names(), &sort))
        return false;
    for (l->key_count = 0; l->key_count < sort.count; l->key_count++)
        l->keys[l->key_count] = (struct listing_key){
            (enum listing_field)sort.keys[l->key_count].field, sort.keys[l->key_count].descending};
    return true;
}

/* ---- the answer ---- */

static void on_item(struct listing *l, const struct topic_conf *conf)
{
    struct topic_list *t = CONTAINER_OF(l, struct topic_list, listing);

    topic_conf_write(conf, &t->w);
}

static void answer(struct topic_list *t, struct http_request *r)
{
    AUTO(buf_done) struct buf link = BUF_INIT;

    jw_array_end(&t->w);
    jw_key(&t->w, "links");
    api_page_write_links(&t->page, t->listing.total, &t->w);
    jw_object_end(&t->w);
    CHECK(jw_end(&t->w) == E_OK);
    api_page_put_link(&t->page, t->listing.total, &link);
    api_answer_json(
        r, 200, (const struct http_field[]){{"Link", buf_view(&link)}, {NULL, STR_NONE}}, &t->body);
}

static void on_done(struct listing *l)
{
    struct topic_list *t = CONTAINER_OF(l, struct topic_list, listing);

    if (t->r) {
        t->r->on_abort = NULL;
        answer(t, t->r);
    }
    list_free(t);
}

static void on_abort(struct http_request *r)
{
    struct topic_list *t = r->user;

    t->r = NULL;
    listing_cancel(&t->listing);
}

static void start(struct topic_list *t, const struct api_call *call)
{
    struct errinfo ei = ERRINFO_INIT;

    t->listing.skip = api_page_skip(&t->page);
    t->listing.most = (size_t)t->page.size;
    t->listing.item = on_item;
    t->listing.done = on_done;
    t->w = jw_begin(&t->body);
    jw_object(&t->w);
    jw_key(&t->w, "items");
    jw_array(&t->w);
    enum err err = listing_start(call->sh, &t->listing, &ei);
    if (err != E_OK) {
        problem_answer_err(call->r, err, &ei);
        list_free(t);
        return;
    }
    t->r = call->r;
    t->r->user = t;
    t->r->on_abort = on_abort;
}

void api_topic_list(const struct api_call *call)
{
    struct topic_list *t = xcalloc(1, sizeof *t);

    if (api_page_read(call->r, API_TOPICS, &t->page) && read_search(call->r, t) &&
        read_sort(call->r, &t->listing))
        start(t, call);
    else
        list_free(t);
}
