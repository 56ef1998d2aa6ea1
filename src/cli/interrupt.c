#include "cli/interrupt.h"

#include "cli/client.h"

static struct client *volatile under_way;
static volatile sig_atomic_t came;

static void on_signal(int sig)
{
    (void)sig;
    came = 1;
    if (under_way)
        client_interrupt(under_way);
}

void interrupt_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
}

void interrupt_take(sigset_t *ret_before)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t set;

    interrupt_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, ret_before);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void interrupt_let_through(sigset_t *mask)
{
    sigdelset(mask, SIGINT);
    sigdelset(mask, SIGTERM);
}

void interrupt_client(struct client *c)
{
    under_way = c;
}

void interrupt_mark(void)
{
    came = 1;
}

bool interrupted(void)
{
    return came;
}
