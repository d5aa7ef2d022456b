/*
 * ngx_meshkit_fetch: which gateway, in which form, from which block on.
 */

#include "ngx_meshkit_memory.h"


/*
 * The operator's order, the healthy ones first: a gateway that is down is not
 * tried anew by each request.
 */
static void
ngx_meshkit_fetch_set_order(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t  i, n, pass;

    n = 0;

    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < f->ngateways; i++) {
            if (ngx_meshkit_health_is_cooling(f->services[i].health) == pass) {
                f->order[n++] = i;
            }
        }
    }

    for (i = 0; i < f->ngateways; i++) {
        if (f->services[i].form == NGX_MESHKIT_AUTO
            && ngx_meshkit_health_lacks_car(f->services[i].health))
        {
            f->gateways[i].car_out = 1;
        }
    }
}


ngx_int_t
ngx_meshkit_fetch_create(ngx_meshkit_open_t *open)
{
    ngx_pool_t           *pool;
    ngx_meshkit_fetch_t  *f;

    pool = open->request->pool;

    f = ngx_pcalloc(pool, sizeof(ngx_meshkit_fetch_t));
    if (f == NULL) {
        return NGX_ERROR;
    }

    f->open = open;
    f->services = open->conf->gateways->elts;
    f->ngateways = open->conf->gateways->nelts;
    f->ahead = open->conf->read_ahead;
    f->nslots = f->ahead + 1;

    f->gateways = ngx_pcalloc(pool, f->ngateways
                                    * sizeof(ngx_meshkit_gateway_t));
    f->order = ngx_pcalloc(pool, f->ngateways * sizeof(ngx_uint_t));
    f->slots = ngx_pcalloc(pool, f->nslots * sizeof(ngx_meshkit_slot_t));

    if (f->gateways == NULL || f->order == NULL || f->slots == NULL) {
        return NGX_ERROR;
    }

    ngx_meshkit_fetch_set_order(f);

    ngx_meshkit_pace_begin(f);
    ngx_meshkit_ahead_begin(f);

    open->fetch = f;

    return NGX_OK;
}


void
ngx_meshkit_fetch_close(ngx_meshkit_fetch_t *f)
{
    if (f->stream != NULL) {
        ngx_meshkit_subrequest_cancel(f->stream);
        ngx_meshkit_subrequest_release(f->stream);
        f->stream = NULL;
    }
}


void
ngx_meshkit_fetch_drop(ngx_meshkit_fetch_t *f)
{
    ngx_meshkit_fetch_close(f);

    f->taken = NULL;
    ngx_meshkit_blocks_keep(f, 0);

    mk_car_free(f->car);
    f->car = NULL;

    ngx_meshkit_memory_settle(f->open);
}


/* What the open says about the gateways that took part in it. */
void
ngx_meshkit_fetch_end(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t  i;

    ngx_meshkit_pace_end(f);
    ngx_meshkit_ahead_end(f);

    /* of an open that came to nothing, nothing good is said */

    if (f->ended || (!f->open->verified
                     && (f->open->outcome != MK_OK || f->open->client_gone)))
    {
        return;
    }

    f->ended = 1;

    for (i = 0; i < f->ngateways; i++) {
        if (f->gateways[i].gave && f->gateways[i].fault == MK_OK) {
            ngx_meshkit_health_good(f->services[i].health);
        }
    }
}


void
ngx_meshkit_fetch_free(ngx_meshkit_fetch_t *f)
{
    if (f == NULL) {
        return;
    }

    mk_car_free(f->car);
    f->car = NULL;
}


void
ngx_meshkit_fetch_credit(ngx_meshkit_fetch_t *f, ngx_uint_t n, size_t len)
{
    f->gateway = n;
    f->gateways[n].gave = 1;
    f->gateways[n].given++;
    f->gateways[n].useful += len;
    f->gave = 1;
    f->open->pauses = 0;

    ngx_meshkit_memory_settle(f->open);

    ngx_meshkit_health_gave(f->services[n].health, len);
}


/* Gateway n is asked last, in what is left of this open. */
void
ngx_meshkit_fetch_put_last(ngx_meshkit_fetch_t *f, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; f->order[i] != n; i++) { /* void */ }

    for ( /* void */ ; i + 1 < f->ngateways; i++) {
        f->order[i] = f->order[i + 1];
    }

    f->order[i] = n;
}


/* --- nobody is left ------------------------------------------------------- */


/*
 * A gateway that had no answer, or an error of its own, may have one now; but
 * it is asked again only when nobody else is left, and once for each position.
 */
static ngx_uint_t
ngx_meshkit_fetch_again_ill(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot)
{
    uint64_t                position;
    ngx_uint_t              n, found;
    ngx_meshkit_gateway_t  *gateway;

    position = mk_opener_position(f->open->opener) + 1;

    if (f->again == position) {
        return 0;
    }

    f->again = position;
    found = 0;

    for (n = 0; n < f->ngateways; n++) {
        gateway = &f->gateways[n];

        if (!gateway->passing || gateway->wrong) {
            continue;
        }

        found = 1;

        if (f->services[n].form == NGX_MESHKIT_CAR) {
            gateway->car_out = 0;
            continue;
        }

        gateway->raw_out = 0;

        if (slot != NULL) {
            slot->tried &= ~((uint32_t) 1 << n);
        }
    }

    return found;
}


/*
 * A CAR with wrong bytes says nothing of the blocks that the same gateway has:
 * it may be a file of its own, which was damaged.  Once for each open.
 */
static ngx_uint_t
ngx_meshkit_fetch_again_raw(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot)
{
    ngx_uint_t              n, found;
    ngx_meshkit_gateway_t  *gateway;

    found = 0;

    for (n = 0; n < f->ngateways; n++) {
        gateway = &f->gateways[n];

        if (!gateway->wrong_car || gateway->wrong
            || f->services[n].form != NGX_MESHKIT_AUTO)
        {
            continue;
        }

        found = 1;

        gateway->wrong_car = 0;
        gateway->raw_out = 0;

        if (slot != NULL) {
            slot->tried &= ~((uint32_t) 1 << n);
        }
    }

    return found;
}


static ngx_uint_t
ngx_meshkit_fetch_again(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot)
{
    if (!ngx_meshkit_fetch_again_ill(f, slot)
        && !ngx_meshkit_fetch_again_raw(f, slot))
    {
        return 0;
    }

    if (slot != NULL) {
        ngx_meshkit_blocks_retry(f, slot);
    }

    return 1;
}


/* What all gateways have in common, this server's failures too. */
static void
ngx_meshkit_fetch_exhausted(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t              i;
    mk_status_t             fault, outcome;
    ngx_meshkit_gateway_t  *gateway;

    outcome = MK_OK;

    for (i = 0; i < f->ngateways; i++) {
        gateway = &f->gateways[i];
        fault = gateway->local ? ngx_meshkit_local_outcome(f->open->local)
                               : gateway->fault;

        if (i == 0) {
            outcome = fault;

        } else if (outcome != fault) {
            outcome = MK_PROVIDER_REQUEST_FAILED;
        }
    }

    if (outcome == MK_OK) {
        outcome = MK_PROVIDER_REQUEST_FAILED;
    }

    ngx_meshkit_open_decide(f->open, outcome,
                            outcome == MK_INTERNAL_ERROR
                            || outcome == MK_GATEWAY_OVERLOADED
                            ? ngx_meshkit_local_why(f->open->local)
                            : "no gateway is left");
}


/* --- asking --------------------------------------------------------------- */


/* 1 if a parameter of the media type has that value (RFC 9110, 5.6.6). */
ngx_uint_t
ngx_meshkit_fetch_has_parameter(const ngx_str_t *type, const char *want)
{
    size_t   len;
    u_char  *p, *end;

    len = ngx_strlen(want);
    end = type->data + type->len;

    for (p = type->data; p < end; p++) {

        if (*p != ';') {
            continue;
        }

        while (p + 1 < end && (p[1] == ' ' || p[1] == '\t')) {
            p++;
        }

        if ((size_t) (end - p - 1) >= len
            && ngx_strncasecmp(p + 1, (u_char *) want, len) == 0
            && (p + 1 + len == end || p[1 + len] == ';' || p[1 + len] == ' '))
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_meshkit_fetch_ask(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const mk_cid_t *cid, ngx_meshkit_question_t *q,
    ngx_meshkit_subrequest_t **s)
{
    u_char                 *p;
    char                    text[MK_CID_PRINT_MAX];
    size_t                  len;
    u_char                  uri[NGX_MAX_PATH];
    ngx_meshkit_service_t  *service;

    service = &f->services[n];
    len = mk_cid_print(cid, text);

    if (service->prefix.len + sizeof("/ipfs/") + len > sizeof(uri)) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(uri, service->prefix.data, service->prefix.len);
    p = ngx_cpymem(p, "/ipfs/", sizeof("/ipfs/") - 1);
    p = ngx_cpymem(p, text, len);

    q->uri.data = uri;
    q->uri.len = p - uri;
    q->token = service->token;
    q->data = f;
    q->tally = &f->gateways[n].received;

    ngx_meshkit_health_asked(service->health);

    return ngx_meshkit_subrequest_create(f->open, q, s);
}


/* --- both ----------------------------------------------------------------- */


/*
 * A short range touches few blocks; raw, they come with the fewest bytes and
 * from any gateway.
 */
static ngx_uint_t
ngx_meshkit_fetch_is_long(const ngx_meshkit_open_t *open)
{
    return open->wanted == open->capsule->size
           || open->wanted >= NGX_MESHKIT_LONG_RANGE;
}


/*
 * Decides where the next block comes from.  A CAR begins with the root, so
 * from a later position it is asked only of gateways that speak nothing else,
 * for the subtree that comes next.
 */
static void
ngx_meshkit_fetch_choose(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t           i, n;
    const mk_cid_t      *cid;
    ngx_meshkit_form_t   form;
    ngx_meshkit_slot_t  *slot;

    cid = mk_opener_next(f->open->opener, 0);

    if (cid == NULL) {
        return;
    }

    slot = ngx_meshkit_blocks_find(f, cid, 1);

    if ((slot != NULL && slot->subrequest != NULL)
        || ngx_meshkit_repeat_is_pausing(f->open))
    {
        return;
    }

    for (i = 0; i < f->ngateways; i++) {
        n = f->order[i];
        form = f->services[n].form;

        if (form != NGX_MESHKIT_RAW && !f->gateways[n].car_out
            && (form == NGX_MESHKIT_CAR
                || (ngx_meshkit_fetch_is_long(f->open)
                    && mk_opener_position(f->open->opener) == 0)))
        {
            if (ngx_meshkit_car_start(f, n) != NGX_OK) {
                ngx_meshkit_open_decide(f->open, MK_INTERNAL_ERROR,
                                        "no memory");
            }

            return;
        }

        if (form != NGX_MESHKIT_CAR && !f->gateways[n].raw_out
            && !(slot != NULL && (slot->tried & ((uint32_t) 1 << n))))
        {
            ngx_meshkit_blocks_fill(f);

            if (ngx_meshkit_blocks_find(f, cid, 1) == NULL) {
                ngx_meshkit_open_decide(f->open, MK_INTERNAL_ERROR,
                                        "no slot for a block");
            }

            return;
        }
    }

    if (ngx_meshkit_fetch_again(f, slot)) {
        ngx_meshkit_fetch_choose(f);
        return;
    }

    ngx_meshkit_fetch_exhausted(f);
}


ngx_int_t
ngx_meshkit_fetch_block(ngx_meshkit_open_t *open)
{
    ngx_int_t             rc;
    ngx_meshkit_fetch_t  *f;

    f = open->fetch;

    ngx_meshkit_blocks_return(f);

    if (f->stream != NULL) {
        return ngx_meshkit_car_read(f);
    }

    /* the opener is through with what came of a CAR that was left */

    mk_car_free(f->car);
    f->car = NULL;

    rc = ngx_meshkit_blocks_take(f);

    if (rc == NGX_AGAIN && !open->decided) {
        ngx_meshkit_fetch_choose(f);
    }

    if (rc == NGX_AGAIN && !open->decided && f->stream == NULL) {
        ngx_meshkit_ahead_starved(f);
    }

    ngx_meshkit_pace_watch(f);

    return open->decided ? NGX_ERROR : rc;
}


void
ngx_meshkit_fetch_advance(ngx_meshkit_open_t *open)
{
    ngx_meshkit_fetch_t  *f;

    f = open->fetch;

    if (mk_opener_next(open->opener, 0) == NULL) {
        ngx_meshkit_fetch_close(f);
        return;
    }

    ngx_meshkit_blocks_look(f);

    if (!open->decided && f->stream == NULL
        && ngx_meshkit_ahead_reach(f) > 0)
    {
        ngx_meshkit_fetch_choose(f);
    }

    ngx_meshkit_pace_watch(f);
}


ngx_uint_t
ngx_meshkit_fetch_waits(const ngx_meshkit_open_t *open)
{
    return open->fetch->stream != NULL && open->fetch->stream->in != NULL;
}


void
ngx_meshkit_fetch_wake(ngx_meshkit_open_t *open)
{
    if (open->fetch->stream != NULL) {
        ngx_meshkit_subrequest_wake(open->fetch->stream);
    }
}


const ngx_str_t *
ngx_meshkit_fetch_gateway(const ngx_meshkit_open_t *open)
{
    if (open->fetch == NULL || !open->fetch->gave) {
        return NULL;
    }

    return &open->fetch->services[open->fetch->gateway].prefix;
}


ngx_uint_t
ngx_meshkit_fetch_failed(const ngx_meshkit_open_t *open)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; open->fetch != NULL && i < open->fetch->ngateways; i++) {
        n += open->fetch->gateways[i].fault != MK_OK;
    }

    return n;
}
