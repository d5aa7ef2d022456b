/*
 * ngx_meshkit_car: blocks from a CAR, as it streams in.
 */

#include "ngx_meshkit_memory.h"


#define NGX_MESHKIT_CAR_ARGS                                                  \
    "format=car&dag-scope=%s&car-version=1&car-order=dfs&car-dups=y"
#define NGX_MESHKIT_CAR_BYTES   "&entity-bytes=%uL:%uL"
#define NGX_MESHKIT_CAR_ARGS_MAX                                              \
    (sizeof(NGX_MESHKIT_CAR_ARGS) + sizeof(NGX_MESHKIT_CAR_BYTES)             \
     + sizeof("entity") + 2 * NGX_INT64_LEN)
#define NGX_MESHKIT_CAR_ACCEPT                                                \
    "application/vnd.ipld.car; version=1; order=dfs; dups=y"
#define NGX_MESHKIT_NOT_ACCEPTABLE  406

#define NGX_MESHKIT_CAR_TYPE    "application/vnd.ipld.car"


static const ngx_meshkit_fault_t  ngx_meshkit_car_disorder = {
    NGX_MESHKIT_MALFORMED, MK_PROVIDER_REQUEST_FAILED,
    "a block that is not the next one"
};

static const ngx_meshkit_fault_t  ngx_meshkit_car_unordered = {
    NGX_MESHKIT_MALFORMED, MK_PROVIDER_REQUEST_FAILED,
    "the CAR is not in depth-first order"
};

static const ngx_meshkit_fault_t  ngx_meshkit_car_malformed = {
    NGX_MESHKIT_MALFORMED, MK_PROVIDER_REQUEST_FAILED, "the CAR is malformed"
};

static const ngx_meshkit_fault_t  ngx_meshkit_car_oversize = {
    NGX_MESHKIT_MISMATCH, MK_CID_MISMATCH, "the CAR is malformed"
};


static void
ngx_meshkit_car_bytes(ngx_meshkit_subrequest_t *s)
{
    ngx_meshkit_fetch_t  *f = s->data;

    if (f->stream == s) {
        ngx_meshkit_stream_pump(f->open);
    }
}


/*
 * The whole below the next block; of a long range, what lies in it.  Behind
 * the root a range is asked for block by block, since a gateway counts
 * entity-bytes from where the request starts; so is a short one, and one at a
 * gateway that took no notice of entity-bytes.
 */
static void
ngx_meshkit_car_args(ngx_meshkit_fetch_t *f,
    u_char buf[NGX_MESHKIT_CAR_ARGS_MAX], ngx_str_t *args)
{
    u_char              *p;
    uint64_t             first, last;
    ngx_uint_t           blocks, whole;
    ngx_meshkit_open_t  *open;

    open = f->open;
    whole = open->wanted == open->capsule->size;
    blocks = !whole && (mk_opener_position(open->opener) > 0
                        || open->wanted < NGX_MESHKIT_LONG_RANGE
                        || f->gateways[f->stream_gateway].car_blocks);

    p = ngx_sprintf(buf, NGX_MESHKIT_CAR_ARGS,
                    blocks ? "block" : "entity");

    if (!whole && !blocks) {
        mk_opener_extent(open->opener, &first, &last);
        p = ngx_sprintf(p, NGX_MESHKIT_CAR_BYTES, first, last);
    }

    args->data = buf;
    args->len = p - buf;
}


ngx_int_t
ngx_meshkit_car_start(ngx_meshkit_fetch_t *f, ngx_uint_t n)
{
    u_char                  buf[NGX_MESHKIT_CAR_ARGS_MAX];
    ngx_meshkit_question_t  q;

    f->kept_waiting = 0;
    f->stream_gateway = n;
    f->stream_start = mk_opener_position(f->open->opener);

    ngx_memzero(&q, sizeof(ngx_meshkit_question_t));

    ngx_meshkit_car_args(f, buf, &q.args);
    ngx_str_set(&q.accept, NGX_MESHKIT_CAR_ACCEPT);
    q.media_type = NGX_MESHKIT_CAR_TYPE;
    q.stream = ngx_meshkit_car_bytes;

    mk_car_free(f->car);

    f->car = mk_car_create();
    if (f->car == NULL) {
        return NGX_ERROR;
    }

    return ngx_meshkit_fetch_ask(f, n, mk_opener_next(f->open->opener, 0), &q,
                                 &f->stream);
}


/* The CAR is at its end for us; the rest comes from elsewhere. */
static void
ngx_meshkit_car_leave(ngx_meshkit_fetch_t *f)
{
    ngx_meshkit_fetch_close(f);
    ngx_meshkit_open_post(f->open);
}


/*
 * The cache's copy is at fault: it is out of the cache, and blocks of the same
 * gateway go on, or another CAR where it has no blocks.
 */
static void
ngx_meshkit_car_forget(ngx_meshkit_fetch_t *f)
{
    ngx_meshkit_gateway_t  *gateway;

    gateway = &f->gateways[f->stream_gateway];

    ngx_meshkit_cache_forget(f->stream);

    if (f->services[f->stream_gateway].form != NGX_MESHKIT_CAR
        || gateway->car_again)
    {
        gateway->car_out = 1;
    }

    gateway->car_again = 1;
    ngx_meshkit_car_leave(f);
}


/*
 * A gateway that sent wrong bytes, or none in time, is not asked again; one
 * that merely does not speak CAR, or cut it short, is asked for blocks.
 */
static void
ngx_meshkit_car_fault(ngx_meshkit_fetch_t *f,
    const ngx_meshkit_fault_t *fault, ngx_uint_t out)
{
    ngx_meshkit_gateway_t  *gateway;

    if (f->stream->cached) {
        ngx_meshkit_car_forget(f);
        return;
    }

    /* it may have looked whole, and have been kept before it was read here */

    ngx_meshkit_cache_forget(f->stream);

    gateway = &f->gateways[f->stream_gateway];

    ngx_meshkit_fault_blame(f, f->stream_gateway, f->stream, fault);

    gateway->car_out = 1;

    if (out) {
        gateway->raw_out = 1;

    } else if (ngx_meshkit_fault_is_illness(f->stream)) {

        /* it may be well where it has no CAR to make, but others go first */

        ngx_meshkit_fetch_put_last(f, f->stream_gateway);
    }

    if (out || ngx_meshkit_fault_is_illness(f->stream)) {
        ngx_meshkit_fault_rest(f, f->stream_gateway, f->stream);
    }

    ngx_meshkit_car_leave(f);
}


static void
ngx_meshkit_car_other_block(ngx_meshkit_fetch_t *f)
{
    ngx_meshkit_gateway_t  *gateway;

    gateway = &f->gateways[f->stream_gateway];

    if (f->services[f->stream_gateway].form == NGX_MESHKIT_CAR
        && f->open->wanted < f->open->capsule->size && !gateway->car_blocks
        && mk_opener_position(f->open->opener) > f->stream_start)
    {
        /* it may take no notice of entity-bytes or dag-scope: see once more */

        gateway->car_blocks = 1;
        ngx_meshkit_car_leave(f);
        return;
    }

    if (gateway->car_blocks
        && mk_opener_position(f->open->opener) > f->stream_start
        && ++gateway->surplus <= NGX_MESHKIT_SURPLUS_MAX)
    {
        ngx_meshkit_car_leave(f);
        return;
    }

    ngx_meshkit_car_fault(f, &ngx_meshkit_car_disorder, 0);
}


/* A section came: it must be the block that the walk waits for. */
static ngx_int_t
ngx_meshkit_car_section(ngx_meshkit_fetch_t *f,
    const mk_car_section_t *section)
{
    mk_blame_t       blame;
    mk_status_t      status;
    const mk_cid_t  *cid;

    cid = mk_opener_next(f->open->opener, 0);

    if (cid == NULL || !section->known
        || !mk_multihash_equal(&section->hash, &cid->hash))
    {
        ngx_meshkit_car_other_block(f);
        return NGX_AGAIN;
    }

    status = mk_opener_block(f->open->opener, section->block, &blame);

    if (status == MK_OK) {
        ngx_meshkit_fetch_credit(f, f->stream_gateway, section->block.len);
        f->stream->used = f->stream->taken;

        if (mk_opener_next(f->open->opener, 0) == NULL) {

            /* whatever is behind it, it is not waited for */

            ngx_meshkit_open_post(f->open);
        }

        return NGX_OK;
    }

    if (blame == MK_BLAME_SOURCE) {
        ngx_meshkit_car_fault(f, &ngx_meshkit_fault_mismatch, 1);
        return NGX_AGAIN;
    }

    ngx_meshkit_fault_of_object(f, status);

    return NGX_ERROR;
}


/* The answers of gateways that do not serve CARs. */
static ngx_uint_t
ngx_meshkit_car_is_unspoken(const ngx_meshkit_subrequest_t *s)
{
    return s->status == NGX_HTTP_BAD_REQUEST
           || s->status == NGX_HTTP_NOT_ALLOWED
           || s->status == NGX_MESHKIT_NOT_ACCEPTABLE
           || s->status == NGX_HTTP_UNSUPPORTED_MEDIA_TYPE
           || s->status == NGX_HTTP_NOT_IMPLEMENTED;
}


/* The CAR's subrequest ended and not every block came. */
static void
ngx_meshkit_car_ended(ngx_meshkit_fetch_t *f)
{
    ngx_int_t                  rc;
    ngx_meshkit_subrequest_t  *s;

    s = f->stream;
    rc = ngx_meshkit_repeat_look(f->open, s);

    if (rc != NGX_ABORT) {

        if (rc == NGX_DECLINED) {
            ngx_meshkit_fault_local(f, f->stream_gateway);
            f->gateways[f->stream_gateway].car_out = 1;
            f->gateways[f->stream_gateway].raw_out = 1;
        }

        ngx_meshkit_car_leave(f);
        return;
    }

    if (f->services[f->stream_gateway].form == NGX_MESHKIT_CAR
        && ngx_meshkit_subrequest_is_good(s) && mk_car_at_boundary(f->car)
        && mk_opener_position(f->open->opener) > f->stream_start)
    {
        /* the subtree that was asked for is there: ask for the next one */

        if (f->stream_start == 0 && f->open->wanted == f->open->capsule->size)
        {
            /* ... but that was the whole file, and is not to be kept so */

            ngx_meshkit_cache_forget(s);
        }

        ngx_meshkit_car_leave(f);
        return;
    }

    if (f->kept_waiting && s->status == NGX_HTTP_OK && !s->complete
        && !s->stopped)
    {
        /* nobody is to blame: it may have waited as long as it does */

        ngx_log_error(NGX_LOG_INFO, f->open->request->connection->log, 0,
                      "meshkit: gateway \"%V\" ended a CAR that waited for "
                      "the client", &f->services[f->stream_gateway].prefix);

        ngx_meshkit_cache_forget(s);
        ngx_meshkit_car_leave(f);
        return;
    }

    if (s->mistyped || ngx_meshkit_car_is_unspoken(s)) {
        ngx_meshkit_health_no_car(f->services[f->stream_gateway].health);
    }

    ngx_meshkit_car_fault(f, ngx_meshkit_fault_diagnose(s), 0);
}


ngx_int_t
ngx_meshkit_car_read(ngx_meshkit_fetch_t *f)
{
    int                found;
    size_t             room;
    ngx_buf_t         *b;
    mk_bytes_t         in;
    ngx_chain_t       *cl;
    mk_status_t        status;
    mk_car_section_t   section;

    if (f->stream->in != NULL
        && !ngx_meshkit_fetch_has_parameter(&f->stream->content_type,
                                            "order=dfs"))
    {
        ngx_meshkit_car_fault(f, &ngx_meshkit_car_unordered, 0);
        return NGX_AGAIN;
    }

    for (cl = f->stream->in; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (!ngx_buf_in_memory(b) || b->pos == b->last) {
            continue;
        }

        in = ngx_meshkit_bytes_of(b->pos, b->last - b->pos);
        room = mk_car_room(f->car);
        status = mk_car_read(f->car, &in, &section, &found);
        f->stream->taken += b->last - b->pos - in.len;
        b->pos = b->last - in.len;

        if (status == MK_INTERNAL_ERROR) {
            ngx_meshkit_open_decide(f->open, status, "no memory");
            return NGX_ERROR;
        }

        if (status != MK_OK) {
            ngx_meshkit_car_fault(f, status == MK_CID_MISMATCH
                                     ? &ngx_meshkit_car_oversize
                                     : &ngx_meshkit_car_malformed,
                                  status == MK_CID_MISMATCH);
            return NGX_AGAIN;
        }

        if (!ngx_meshkit_memory_grow(f->open, room, mk_car_room(f->car))) {
            ngx_meshkit_car_fault(f, &ngx_meshkit_fault_outgrown, 1);
            return NGX_AGAIN;
        }

        if (found) {
            return ngx_meshkit_car_section(f, &section);
        }
    }

    if (ngx_meshkit_subrequest_is_over(f->stream)) {
        ngx_meshkit_car_ended(f);
    }

    return NGX_AGAIN;
}


void
ngx_meshkit_car_slow(ngx_meshkit_fetch_t *f, const ngx_meshkit_fault_t *fault)
{
    ngx_meshkit_car_fault(f, fault, 1);
}
