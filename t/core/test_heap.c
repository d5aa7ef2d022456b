/*
 * The memory that keys are in: what it gives is zero, aligned and nobody
 * else's; what it gets back is wiped; what was reserved is there, whatever
 * else is; and it ends the process for what is not its own.
 */

#define _DEFAULT_SOURCE

#include "mk_heap.h"
#include "mk_secret.h"
#include "tap.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define SINGLES  ((MK_HEAP_REGION - MK_HEAP_LONG) / MK_HEAP_UNIT)
#define LONGS    (MK_HEAP_LONG / MK_HEAP_UNIT)
#define UNITS    (MK_HEAP_REGION / MK_HEAP_UNIT)
#define TOKENS   20000
#define ROUNDS   30000
#define HELD     1000
#define PATTERN  0xa5


typedef struct {
    uint8_t  *p;
    size_t    len;
    uint8_t   mark;
} held_t;


static int      refuse;             /* no further region */
static int      mapped;
static held_t   held[HELD];
static uint8_t  *all[4 * SINGLES];


static void *
map(void)
{
    void  *p;

    if (refuse) {
        return NULL;
    }

    p = mmap(NULL, MK_HEAP_REGION, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
    mapped += p != MAP_FAILED;

    return p == MAP_FAILED ? NULL : p;
}


static int
is_all(const uint8_t *p, size_t len, uint8_t byte)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (p[i] != byte) {
            return 0;
        }
    }

    return 1;
}


static size_t
used(void)
{
    mk_heap_state_t  state;

    mk_heap_state(&state);

    return state.used;
}


/* 1 if this ends the process */
static int
dies(void *p, size_t len)
{
    int    status;
    pid_t  pid;

    fflush(stdout);
    pid = fork();

    if (pid == 0) {
        (void) freopen("/dev/null", "w", stderr);
        mk_heap_free(p, len);
        _exit(0);
    }

    return pid > 0 && waitpid(pid, &status, 0) == pid
           && WIFSIGNALED(status);
}


static void
test_bounds(void)
{
    uint8_t  *p;

    ok(mk_heap_alloc(1) == NULL, "before it is set up there is no memory");
    ok(!mk_heap_is_set_up() && !mk_heap_holds(all) && !mk_heap_set_limit(1, 1)
       && !mk_heap_reserve(1) && mk_heap_region(0) == NULL,
       "nor anything else");

    refuse = 1;
    ok(!mk_heap_init(map) && !mk_heap_is_set_up(), "no region, no heap");
    refuse = 0;
    ok(mk_heap_init(map) && mk_heap_is_set_up(), "a heap");
    ok(mk_heap_init(map) && mapped == 1, "and only one");

    ok(mk_heap_alloc(0) == NULL, "nothing is no allocation");
    ok(mk_heap_alloc(MK_HEAP_MAX + 1) == NULL, "nor is too much");
    ok(mk_heap_alloc(SIZE_MAX) == NULL, "nor SIZE_MAX");
    is_int(used(), 0, "none of these took anything");

    p = mk_heap_alloc(MK_HEAP_MAX);
    ok(p != NULL && is_all(p, MK_HEAP_MAX, 0), "the longest, all zero");
    memset(p, PATTERN, MK_HEAP_MAX);
    mk_heap_free(p, MK_HEAP_MAX);
    ok(is_all(p, MK_HEAP_MAX, 0), "and wiped behind it");
}


/* A secret goes there, and comes back from there. */
static void
test_secret(void)
{
    size_t        before;
    uint8_t      *p;
    mk_secret_t  *secret;

    before = used();
    secret = mk_secret_create(MK_SECRET_SHORT);
    p = mk_secret_bytes(secret);
    is_int(used() - before, MK_HEAP_UNIT, "a short secret is one unit");
    ok(mk_heap_holds(p), "in the heap");
    memset(p, PATTERN, MK_SECRET_SHORT);
    mk_secret_free(secret);
    ok(is_all(p, MK_SECRET_SHORT, 0), "wiped");
    is_int(used(), before, "and given back");

    secret = mk_secret_create(MK_SECRET_MAX);
    ok(secret != NULL && mk_heap_holds(mk_secret_bytes(secret)),
       "the longest secret");
    mk_secret_free(secret);
    is_int(used(), before, "too");
}


/* Whatever is allocated and given back, in whatever order. */
static void
test_random(void)
{
    size_t    i, n, wrong, expected;
    held_t   *h;
    uint32_t  seed;

    seed = 1;
    wrong = 0;
    expected = 0;

    for (i = 0; i < ROUNDS; i++) {
        seed = seed * 1664525 + 1013904223;
        h = &held[(seed >> 8) % HELD];

        if (h->p != NULL) {
            wrong += !is_all(h->p, h->len, h->mark);
            mk_heap_free(h->p, h->len);
            wrong += !is_all(h->p, h->len, 0);
            expected -= (h->len + MK_HEAP_UNIT - 1) / MK_HEAP_UNIT;
            h->p = NULL;
        }

        n = seed >> 20;
        h->len = n % 4 != 0 ? 1 + n % MK_HEAP_UNIT : 1 + n % MK_HEAP_MAX;
        h->mark = (uint8_t) (1 + i % 255);
        h->p = mk_heap_alloc(h->len);

        if (h->p == NULL) {
            wrong++;
            continue;
        }

        wrong += (uintptr_t) h->p % MK_HEAP_UNIT != 0;
        wrong += !is_all(h->p, h->len, 0);
        memset(h->p, h->mark, h->len);
        expected += (h->len + MK_HEAP_UNIT - 1) / MK_HEAP_UNIT;
    }

    is_int(wrong, 0, "%d allocations at random: zero, aligned, unchanged, "
           "wiped", ROUNDS);
    is_int(used(), expected * MK_HEAP_UNIT, "and counted");
    ok(mapped <= 4, "in %d regions", mapped);

    for (i = 0; i < HELD; i++) {
        if (held[i].p != NULL) {
            mk_heap_free(held[i].p, held[i].len);
        }
    }

    is_int(used(), 0, "all of it is given back");
}


static void
test_not_its_own(void)
{
    static uint8_t  outside[MK_HEAP_UNIT];

    uint8_t  *p, *longer, *next;

    p = mk_heap_alloc(40);
    longer = mk_heap_alloc(200);
    next = mk_heap_alloc(200);

    ok(dies(outside, 40), "what is not in the heap ends the process");
    ok(dies(NULL, 40), "nothing, too");
    ok(dies(p + 1, 39), "what is inside of an allocation");
    ok(dies(p + MK_HEAP_UNIT, 40), "what was never given");
    ok(dies(p, 0) && dies(p, 65) && dies(p, SIZE_MAX - 63),
       "another length");
    ok(dies(longer, 40) && dies(longer, 100) && dies(longer, 300)
       && dies(longer, 456), "of a longer one");
    ok(dies(longer + MK_HEAP_UNIT, 136), "its rest");
    ok(!dies(p, 40) && !dies(p, 64) && !dies(longer, 200)
       && !dies(next, 193), "but not what is right");

    mk_heap_free(next, 200);
    mk_heap_free(longer, 200);
    mk_heap_free(p, 40);
    ok(dies(p, 40) && dies(longer, 200), "a second time");
}


/* in a child: regions stay, so that each of these begins anew */
static int
in_child(int (*test)(void))
{
    int    status;
    pid_t  pid;

    fflush(stdout);
    pid = fork();

    if (pid == 0) {
        _exit(test());
    }

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status)
           ? WEXITSTATUS(status) : -1;
}


/* the regions are full to the last unit, and then all of it is there again */
static int
full(void)
{
    size_t  i, n, longs;

    refuse = 1;

    for (n = 0; n < sizeof(all) / sizeof(all[0]); n++) {
        all[n] = mk_heap_alloc(1);

        if (all[n] == NULL) {
            break;
        }
    }

    /* single ones leave the others their room */

    for (longs = 0; mk_heap_alloc(2 * MK_HEAP_UNIT) != NULL; longs++) {
        /* void */
    }

    if (n < SINGLES || longs < LONGS / 2
        || n + 2 * longs != (size_t) mapped * UNITS)
    {
        return 1;
    }

    for (i = 0; i < n; i += 2) {
        mk_heap_free(all[i], 1);
    }

    if (mk_heap_alloc(2 * MK_HEAP_UNIT) != NULL) {
        return 2;
    }

    for (i = 0; i < n; i += 2) {
        if (mk_heap_alloc(MK_HEAP_UNIT) == NULL) {
            return 3;
        }
    }

    return mk_heap_alloc(1) != NULL ? 4 : 0;
}


/* tokens of many servers, of two configurations */
static int
tokens(void)
{
    size_t  i;

    for (i = 0; i < TOKENS; i++) {
        all[i] = mk_heap_alloc(1000);

        if (all[i] == NULL) {
            return 1;
        }
    }

    if ((size_t) mapped > 2 + TOKENS / (MK_HEAP_REGION / 1024)) {
        return 2;
    }

    refuse = 1;

    for (i = 0; i < TOKENS; i += 2) {
        mk_heap_free(all[i], 1000);
    }

    for (i = 0; i < TOKENS; i += 2) {
        if (mk_heap_alloc(1024) == NULL) {
            return 3;
        }
    }

    return 0;
}


/* What is reserved is there, whatever was allocated before. */
static int
reserved(void)
{
    size_t           i, base, limit;
    mk_heap_state_t  state;

    for (base = 0; base < 1000; base++) {
        (void) mk_heap_alloc(40);
    }

    limit = 2 * SINGLES;

    if (!mk_heap_set_limit(limit, 100)) {
        return 1;
    }

    if (mk_heap_reserve(limit + 1) || mk_heap_reserve(SIZE_MAX)) {
        return 2;
    }

    for (i = 0; i < limit; i += 3) {
        if (!mk_heap_reserve(3)) {
            return 3;
        }
    }

    if (mk_heap_reserve(1)) {
        return 4;
    }

    refuse = 1;

    for (i = 0; i < limit + MK_HEAP_SPARE_UNITS; i++) {
        all[i] = mk_heap_alloc(MK_HEAP_UNIT);

        if (all[i] == NULL) {
            return 5;
        }
    }

    for (i = 0; i < 4; i++) {
        if (mk_heap_alloc(MK_HEAP_MAX) == NULL) {
            return 6;
        }
    }

    mk_heap_state(&state);

    if (state.reserved != limit || state.limit != limit) {
        return 7;
    }

    mk_heap_release(limit);

    return mk_heap_reserve(limit) ? 0 : 8;
}


/* No memory for a region: nothing is promised, and what was is kept. */
static int
no_region(void)
{
    size_t  i, n, before;

    before = (size_t) mapped;

    if (!mk_heap_set_limit(SIZE_MAX, 1) || (size_t) mapped != before) {
        return 1;
    }

    refuse = 1;

    for (n = 0; n < sizeof(all) / sizeof(all[0]); n++) {
        if (!mk_heap_reserve(1)) {
            break;
        }
    }

    if ((n + MK_HEAP_SPARE_UNITS - SINGLES) % UNITS != 0) {
        return 2;
    }

    for (i = 0; i < n; i++) {
        if (mk_heap_alloc(40) == NULL) {
            return 3;
        }
    }

    refuse = 0;

    return mk_heap_reserve(1) && (size_t) mapped == before + 1 ? 0 : 4;
}


/* A bound of its own: no more regions than that. */
static int
bounded(void)
{
    size_t  n;

    if (!mk_heap_set_limit(SIZE_MAX, 1)) {
        return 1;
    }

    for (n = 0; mk_heap_reserve(UNITS); n++) {
        /* void */
    }

    return mapped == MK_HEAP_REGIONS && n == MK_HEAP_REGIONS - 1 ? 0 : 2;
}


int
main(void)
{
    test_bounds();
    test_secret();
    test_not_its_own();

    is_int(in_child(full), 0, "to the last unit, and again");
    is_int(in_child(reserved), 0, "what is reserved is there");
    is_int(in_child(no_region), 0, "without memory nothing is promised");
    is_int(in_child(bounded), 0, "there is a largest heap");
    is_int(in_child(tokens), 0, "%d tokens", TOKENS);

    test_random();

    is_int(in_child(full), 0, "to the last unit of several regions");
    is_int(in_child(no_region), 0, "and what they have is promised");

    return tap_done();
}
