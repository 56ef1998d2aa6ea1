#include "base/rand.h"

#include <errno.h>
#include <sys/random.h>

/* xoshiro256++ by Blackman and Vigna; the state must not be all zero. */
static _Thread_local uint64_t state[4];
static _Thread_local bool seeded;

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t split_mix(uint64_t *x)
{
    uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rand_seed(uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(state); i++)
        state[i] = split_mix(&seed);
    seeded = true;
}

uint64_t rand_u64(void)
{
    if (UNLIKELY(!seeded)) {
        uint64_t seed;

        rand_secret(&seed, sizeof seed);
        rand_seed(seed);
    }

    uint64_t value = rotl(state[0] + state[3], 23) + state[0];
    uint64_t t = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 45);
    return value;
}

double rand_unit(void)
{
    return (double)(rand_u64() >> 11) * 0x1p-53;
}

void rand_secret(void *p, size_t n)
{
    char *at = p;

    while (n) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            panic("the system gives no random numbers: %s", strerror(errno));
        at += got;
        n -= (size_t)got;
    }
}

static bool is_dash_place(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void uuid_make(char ret[UUID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char b[16];
    size_t at = 0;

    rand_secret(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof b; i++) {
        if (is_dash_place(at))
            ret[at++] = '-';
        ret[at++] = hex[b[i] >> 4];
        ret[at++] = hex[b[i] & 15];
    }
    ret[at] = '\0';
}

bool uuid_is_valid(struct str s)
{
    if (s.n != UUID_LEN)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

        if (is_dash_place(i) ? c != '-' : !hex)
            return false;
    }
    return true;
}
