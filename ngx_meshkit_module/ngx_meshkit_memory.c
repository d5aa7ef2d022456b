/*
 * ngx_meshkit_memory: what the opens of a worker hold together, and the limit
 * of that, meshkit_max_memory.
 */

#include "ngx_meshkit_memory.h"

#include <sys/mman.h>
#include <unistd.h>


/* AddressSanitizer watches what malloc gives, and not what is mapped */

#if defined(__SANITIZE_ADDRESS__)
#define NGX_MESHKIT_MEMORY_MAPS  0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NGX_MESHKIT_MEMORY_MAPS  0
#endif
#endif

#ifndef NGX_MESHKIT_MEMORY_MAPS
#define NGX_MESHKIT_MEMORY_MAPS  1
#endif


/* of this worker */
static size_t  ngx_meshkit_memory_claimed;
static size_t  ngx_meshkit_memory_max;


#if (NGX_MESHKIT_MEMORY_MAPS)

/*
 * Mapping a block costs a page fault for each 4 KiB of it.  A file's blocks
 * are mostly of one size, and one is freed as another comes: a few pieces are
 * kept for the next ones.
 */
#define NGX_MESHKIT_MEMORY_PIECES  16
#define NGX_MESHKIT_MEMORY_KEPT    (4 * 1024 * 1024)

typedef struct {
    void    *data;
    size_t   len;       /* 0: none */
} ngx_meshkit_memory_piece_t;

static ngx_meshkit_memory_piece_t
    ngx_meshkit_memory_pieces[NGX_MESHKIT_MEMORY_PIECES];

/* bytes of all of them; which one is the next to make room */
static size_t      ngx_meshkit_memory_kept;
static ngx_uint_t  ngx_meshkit_memory_next;

#endif


static ngx_uint_t
ngx_meshkit_memory_fits(size_t size, size_t max)
{
    return ngx_meshkit_memory_max == 0
           || (size <= max && ngx_meshkit_memory_claimed <= max - size);
}


/* Exchanges what the open has claimed for itself. */
static void
ngx_meshkit_memory_claim(ngx_meshkit_open_t *open, size_t size)
{
    ngx_meshkit_memory_claimed += size - open->claimed;
    open->claimed = size;
}


static ngx_int_t
ngx_meshkit_memory_ask(ngx_meshkit_open_t *open, size_t size)
{
    if (ngx_meshkit_memory_fits(size - open->claimed, ngx_meshkit_memory_max)) {
        ngx_meshkit_memory_claim(open, size);
        return NGX_OK;
    }

    ngx_meshkit_count(ngx_meshkit_counters_get(open->request)->memory, 1);
    ngx_meshkit_open_decide(open, MK_GATEWAY_OVERLOADED,
                            NGX_MESHKIT_MEMORY_FULL);

    return NGX_DECLINED;
}


ngx_int_t
ngx_meshkit_memory_begin(ngx_meshkit_open_t *open)
{
    return ngx_meshkit_memory_ask(open, NGX_MESHKIT_MEMORY_OPEN);
}


/* A block and a segment; how large they are is not known before the root. */
ngx_int_t
ngx_meshkit_memory_admit(ngx_meshkit_open_t *open)
{
    size_t    size;
    uint64_t  body, block, segment;

    if (open->request->method == NGX_HTTP_HEAD) {
        return NGX_OK;
    }

    body = mk_capsule_body_size(open->capsule);
    segment = mk_capsule_segment_length(open->capsule->header);
    block = ngx_min(body + MK_WALK_FRAME, MK_BLOCK_MAX);

    size = NGX_MESHKIT_MEMORY_OPEN + block + ngx_min(segment, body);

    if (open->conf->release == NGX_MESHKIT_RELEASE_WHOLE) {
        size += NGX_MESHKIT_SPOOL_READ;
    }

    return ngx_meshkit_memory_ask(open, size);
}


/* Blocks that there are, or will be as soon as their responses come. */
static ngx_uint_t
ngx_meshkit_memory_blocks(const ngx_meshkit_fetch_t *f)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < f->nslots; i++) {
        n += f->slots[i].used;
    }

    return n;
}


size_t
ngx_meshkit_memory_bound(const ngx_meshkit_open_t *open)
{
    return mk_opener_block_max(open->opener) + NGX_MESHKIT_MEMORY_FRAME;
}


static size_t
ngx_meshkit_memory_beyond(const ngx_meshkit_open_t *open, size_t room)
{
    size_t  bound;

    bound = ngx_meshkit_memory_bound(open);

    return room > bound ? room - bound : 0;
}


/* What is held for responses that are longer than their blocks can be. */
static size_t
ngx_meshkit_memory_surplus(const ngx_meshkit_fetch_t *f)
{
    size_t                     n, room;
    ngx_uint_t                 i;
    ngx_meshkit_subrequest_t  *s;

    n = 0;

    for (i = 0; i < f->nslots; i++) {
        s = f->slots[i].subrequest;

        if (s != NULL) {
            n += ngx_meshkit_memory_beyond(f->open, s->room);
        }
    }

    if (f->car != NULL) {
        room = mk_car_room(f->car);
        n += f->stream != NULL ? ngx_meshkit_memory_beyond(f->open, room)
                               : room;
    }

    return n;
}


/*
 * One block is claimed as long as any is to come: a CAR's, or the raw one that
 * is needed next or was taken.  Only blocks beyond that one are read ahead.
 */
void
ngx_meshkit_memory_settle(ngx_meshkit_open_t *open)
{
    size_t      size;
    ngx_uint_t  blocks;

    blocks = ngx_meshkit_memory_blocks(open->fetch);

    if (blocks == 0 && !open->decided && !open->verified) {
        blocks = 1;
    }

    size = NGX_MESHKIT_MEMORY_OPEN
           + blocks * mk_opener_block_max(open->opener)
           + ngx_meshkit_memory_surplus(open->fetch)
           + mk_opener_room(open->opener)
           + mk_opener_tables(open->opener);

    if (open->spool != NULL) {
        size += NGX_MESHKIT_SPOOL_READ;
    }

    ngx_meshkit_memory_claim(open, size);
}


ngx_uint_t
ngx_meshkit_memory_grow(ngx_meshkit_open_t *open, size_t from, size_t to)
{
    size_t  more;

    more = ngx_meshkit_memory_beyond(open, to)
           - ngx_meshkit_memory_beyond(open, from);

    if (more > 0 && !ngx_meshkit_memory_fits(more, ngx_meshkit_memory_max)) {
        return 0;
    }

    ngx_meshkit_memory_claim(open, open->claimed + more);

    return 1;
}


/* The other half is for opens that begin. */
ngx_uint_t
ngx_meshkit_memory_has_room(const ngx_meshkit_open_t *open)
{
    return ngx_meshkit_memory_blocks(open->fetch) == 0
           || ngx_meshkit_memory_fits(mk_opener_block_max(open->opener),
                                      ngx_meshkit_memory_max / 2);
}


void
ngx_meshkit_memory_buffers(ngx_meshkit_subrequest_t *s)
{
    ngx_http_upstream_t  *u;

    ngx_meshkit_memory_free(s);

    s->claimed = NGX_MESHKIT_MEMORY_REQUEST;
    u = s->request->upstream;

    if (u == NULL) {
        s->claimed += NGX_MESHKIT_MEMORY_FILE;

    } else {
        s->claimed += u->conf->buffer_size;

        if (u->buffering) {
            s->claimed += u->conf->bufs.num * u->conf->bufs.size;
        }
    }

    ngx_meshkit_memory_claimed += s->claimed;
}


void
ngx_meshkit_memory_free(ngx_meshkit_subrequest_t *s)
{
    ngx_meshkit_memory_claimed -= s->claimed;
    s->claimed = 0;
}


void
ngx_meshkit_memory_end(ngx_meshkit_open_t *open)
{
    ngx_meshkit_memory_claim(open, 0);
}


size_t
ngx_meshkit_memory_held(void)
{
    return ngx_meshkit_memory_claimed;
}


size_t
ngx_meshkit_memory_limit(void)
{
    return ngx_meshkit_memory_max;
}


/* --- a worker begins ------------------------------------------------------ */


/* Half of the machine's memory, in equal parts for its workers. */
static size_t
ngx_meshkit_memory_default(ngx_cycle_t *cycle)
{
    long              pages;
    ngx_int_t         workers;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    workers = ngx_max(ccf->worker_processes, 1);

    pages = sysconf(_SC_PHYS_PAGES);

    if (pages <= 0) {
        return 0;
    }

    return ngx_max((size_t) pages / 2 / workers * ngx_pagesize,
                   NGX_MESHKIT_MEMORY_MIN);
}


#if (NGX_MESHKIT_MEMORY_MAPS)

/* A piece that was kept, or a new one. */
static void *
ngx_meshkit_memory_map(size_t len)
{
    void        *p;
    ngx_uint_t   i;

    for (i = 0; i < NGX_MESHKIT_MEMORY_PIECES; i++) {
        if (ngx_meshkit_memory_pieces[i].len == len) {
            ngx_meshkit_memory_pieces[i].len = 0;
            ngx_meshkit_memory_kept -= len;

            return ngx_meshkit_memory_pieces[i].data;
        }
    }

    p = mmap(NULL, len, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANON, -1, 0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "mmap(%uz) failed", len);
        return NULL;
    }

    return p;
}


static void
ngx_meshkit_memory_drop(void *p, size_t len)
{
    if (munmap(p, len) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "munmap(%p, %uz) failed", p, len);
    }
}


/* Keeps the piece; those that were kept for longest, in turns, make room. */
static void
ngx_meshkit_memory_unmap(void *p, size_t len)
{
    ngx_uint_t                   i;
    ngx_meshkit_memory_piece_t  *piece;

    if (len > NGX_MESHKIT_MEMORY_KEPT) {
        ngx_meshkit_memory_drop(p, len);
        return;
    }

    for (i = 0; i < NGX_MESHKIT_MEMORY_PIECES; i++) {
        piece = &ngx_meshkit_memory_pieces[ngx_meshkit_memory_next];

        ngx_meshkit_memory_next = (ngx_meshkit_memory_next + 1)
                                  % NGX_MESHKIT_MEMORY_PIECES;

        if (piece->len > 0) {
            ngx_meshkit_memory_drop(piece->data, piece->len);
            ngx_meshkit_memory_kept -= piece->len;
            piece->len = 0;
        }

        if (len <= NGX_MESHKIT_MEMORY_KEPT - ngx_meshkit_memory_kept) {
            piece->data = p;
            piece->len = len;
            ngx_meshkit_memory_kept += len;
            return;
        }
    }
}

#endif


void
ngx_meshkit_memory_start(ngx_cycle_t *cycle)
{
    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_meshkit_module);

    if (mmcf == NULL) {
        return;
    }

    ngx_meshkit_memory_max = mmcf->max_memory == NGX_CONF_UNSET
                             ? ngx_meshkit_memory_default(cycle)
                             : (size_t) mmcf->max_memory;

#if (NGX_MESHKIT_MEMORY_MAPS)
    mk_pages_init(ngx_meshkit_memory_map, ngx_meshkit_memory_unmap);
#endif
}
