#include "io/errand.h"

#include <uv.h>

struct errand {
    uv_work_t req;
    errand_f *work, *done;
    void *arg;
};

static void on_work(uv_work_t *req)
{
    struct errand *e = req->data;

    e->work(e->arg);
}

static void on_done(uv_work_t *req, int status)
{
    AUTO_FREE struct errand *e = req->data;

    CHECK(status == 0); /* they are never cancelled */
    e->done(e->arg);
}

void errand_run(struct loop *l, errand_f *work, errand_f *done, void *arg)
{
    struct errand *e = xcalloc(1, sizeof *e);

    e->work = work;
    e->done = done;
    e->arg = arg;
    e->req.data = e;
    int rc = uv_queue_work(loop_uv(l), &e->req, on_work, on_done);
    if (rc != 0)
        panic("thread for a blocking call: %s", uv_strerror(rc));
}
