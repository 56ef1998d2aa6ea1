/*
 * What a channel of several topics says of all of them.
 */
#include "core/channel_sse.h"
#include "io/sse_frame.h"

static const struct follower *follower_at(const struct list *n)
{
    return LIST_ITEM(n, struct follower, link);
}

void joint_id_line(const struct follower *f, uint64_t seq, struct buf *b)
{
    const char *before = "id: ";

    LIST_EACH (n, &f->channel->followers) {
        const struct follower *each = follower_at(n);
        if (each != f && !each->reader.known)
            continue;
        char id[EVENT_ID_MAX + 1];
        event_id_make(id, each->reader.hub->conf->id, each == f ? seq : each->reader.last_seq);
        buf_puts(b, before);
        buf_puts(b, id);
        before = ",";
    }
    buf_putc(b, '\n');
}

/* Since the last change of any; checked by the oldest check, if all were. */
void joint_beat_write(const struct channel *c, struct buf *b)
{
    int64_t changed = 0, checked = INT64_MAX;

    LIST_EACH (n, &c->followers) {
        const struct topic_status *st = &follower_at(n)->reader.hub->status;
        changed = MAX(changed, st->changed_wall);
        checked = MIN(checked, st->checked_wall);
    }
    hub_beat_write(changed, checked == INT64_MAX ? 0 : checked, b);
}

struct event *joint_error(const struct follower *f, const struct event *e)
{
    char id[FOLLOWER_ID_LEN + 1];

    follower_id_text(f, id);
    return event_new_personal(e, id, f->reader.hub->conf->id);
}
