/*
 * ngx_meshkit_heap: the memory that keys are in, as the system gives it.
 */

#include "ngx_meshkit_heap.h"

#include "mk_heap.h"

#include <sys/mman.h>

#if (NGX_LINUX)
#include <sys/syscall.h>
#endif


/*
 * Opens at once for each of worker_connections.  Over HTTP/1.1 an open has a
 * connection to itself; over HTTP/2 many streams share one.
 */
#define NGX_MESHKIT_HEAP_STREAMS  8


/* what there was before the configuration that is being read */
static ngx_cycle_t  *ngx_meshkit_heap_cycle;
static size_t        ngx_meshkit_heap_before;

/* the process that has said that it cannot lock it */
static ngx_pid_t     ngx_meshkit_heap_warned;


static int
ngx_meshkit_heap_mlock(void *start)
{
#if defined(SYS_mlock2) && defined(MLOCK_ONFAULT)

    /* only pages that are used take memory */

    if (syscall(SYS_mlock2, start, MK_HEAP_REGION, MLOCK_ONFAULT) == 0) {
        return 0;
    }

#endif

    return mlock(start, MK_HEAP_REGION);
}


static void
ngx_meshkit_heap_lock(void *start, size_t size)
{
    if (ngx_meshkit_heap_mlock(start) == 0
        || ngx_meshkit_heap_warned == ngx_pid)
    {
        return;
    }

    ngx_meshkit_heap_warned = ngx_pid;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                  "meshkit: the memory for keys could not be locked, raise "
                  "RLIMIT_MEMLOCK to %uz bytes", size);
}


/*
 * A region between two pages that nobody may touch.  A child inherits that it
 * is not dumped, but not that it is locked.
 */
static void *
ngx_meshkit_heap_map(void)
{
    char             *p;
    size_t            len;
    mk_heap_state_t   state;

    len = MK_HEAP_REGION + 2 * ngx_pagesize;

    p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE|MAP_ANON, -1, 0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      "meshkit: mmap(%uz) of memory for keys failed", len);
        return NULL;
    }

    p += ngx_pagesize;

    if (mprotect(p, MK_HEAP_REGION, PROT_READ|PROT_WRITE) == -1) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      "meshkit: mprotect() of memory for keys failed");
        (void) munmap(p - ngx_pagesize, len);
        return NULL;
    }

#if defined(MADV_DONTDUMP)
    (void) madvise(p, MK_HEAP_REGION, MADV_DONTDUMP);
#elif defined(MADV_NOCORE)
    (void) madvise(p, MK_HEAP_REGION, MADV_NOCORE);
#endif

    mk_heap_state(&state);
    ngx_meshkit_heap_lock(p, state.size + MK_HEAP_REGION);

    return p;
}


ngx_int_t
ngx_meshkit_heap_init(ngx_conf_t *cf)
{
    mk_heap_state_t  state;

    if (!mk_heap_init(ngx_meshkit_heap_map)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no memory for keys");
        return NGX_ERROR;
    }

    if (ngx_meshkit_heap_cycle != cf->cycle) {
        ngx_meshkit_heap_cycle = cf->cycle;

        mk_heap_state(&state);
        ngx_meshkit_heap_before = state.used;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_meshkit_heap_max_opens(ngx_cycle_t *cycle)
{
    return cycle->connection_n * NGX_MESHKIT_HEAP_STREAMS;
}


void
ngx_meshkit_heap_report(ngx_cycle_t *cycle)
{
    size_t            keys, opens;
    ngx_uint_t        n;
    mk_heap_state_t   state;

    static const char  *text = "meshkit: keys of this configuration take "
                               "%uz bytes, those of at most %ui opens in a "
                               "worker %uz bytes";

    if (ngx_meshkit_heap_cycle != cycle) {
        return;
    }

    mk_heap_state(&state);

    n = ngx_meshkit_heap_max_opens(cycle);
    keys = state.used - ngx_meshkit_heap_before;
    opens = n * MK_OPENER_SECRETS * MK_HEAP_UNIT;

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, text, keys, n, opens);

    if (ngx_test_config && !ngx_quiet_mode) {
        ngx_log_stderr(0, text, keys, n, opens);
    }
}


void
ngx_meshkit_heap_start(ngx_cycle_t *cycle)
{
    void             *region;
    size_t            i;
    ngx_uint_t        n;
    mk_heap_state_t   state;

    mk_heap_state(&state);

    for (i = 0; (region = mk_heap_region(i)) != NULL; i++) {
        ngx_meshkit_heap_lock(region, state.size);
    }

    if (ngx_process == NGX_PROCESS_HELPER) {
        return;
    }

    n = ngx_meshkit_heap_max_opens(cycle);

    /* what is missing now is asked for again by each open */

    (void) mk_heap_set_limit(n * MK_OPENER_SECRETS,
                             cycle->connection_n * MK_OPENER_SECRETS);
}


static void
ngx_meshkit_heap_release(void *data)
{
    ngx_meshkit_open_t  *open = data;

    if (open->room) {
        open->room = 0;
        mk_heap_release(MK_OPENER_SECRETS);
    }
}


ngx_int_t
ngx_meshkit_heap_admit(ngx_meshkit_open_t *open)
{
    ngx_pool_cleanup_t      *cln;
    ngx_meshkit_counters_t  *counters;

    cln = ngx_pool_cleanup_add(open->request->pool, 0);
    if (cln == NULL) {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR, "no memory");
        return NGX_DECLINED;
    }

    if (mk_heap_reserve(MK_OPENER_SECRETS)) {
        open->room = 1;
        cln->handler = ngx_meshkit_heap_release;
        cln->data = open;
        return NGX_OK;
    }

    counters = ngx_meshkit_counters_get(open->request);

    ngx_meshkit_count(counters->keys_refused, 1);
    ngx_meshkit_open_decide(open, MK_GATEWAY_OVERLOADED,
                            "the memory for keys is full");

    return NGX_DECLINED;
}


void
ngx_meshkit_heap_refused(ngx_meshkit_open_t *open)
{
    if (open->opener == NULL) {
        ngx_meshkit_heap_release(open);
    }
}


void
ngx_meshkit_heap_state(ngx_meshkit_heap_state_t *state)
{
    mk_heap_state_t  heap;

    mk_heap_state(&heap);

    state->size = heap.size;
    state->used = heap.used;
    state->opens = heap.reserved / MK_OPENER_SECRETS;
    state->max_opens = heap.limit / MK_OPENER_SECRETS;
}
