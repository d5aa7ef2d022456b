/*
 * ngx_meshkit_blocks: raw blocks, several ahead, taken in order.
 */

#include "ngx_meshkit_memory.h"


#define NGX_MESHKIT_RAW_ARGS    "format=raw"
/* how many blocks that others have a gateway may lack, if it gives few */
#define NGX_MESHKIT_LACKED_MAX  3

#define NGX_MESHKIT_RAW_TYPE    "application/vnd.ipld.raw"


static ngx_int_t
ngx_meshkit_blocks_ask(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot)
{
    ngx_uint_t              i, n;
    ngx_meshkit_question_t  q;

    slot->subrequest = NULL;
    n = 0;

    for (i = 0; i < f->ngateways; i++) {
        n = f->order[i];

        if (f->services[n].form != NGX_MESHKIT_CAR
            && !f->gateways[n].raw_out
            && !(slot->tried & ((uint32_t) 1 << n)))
        {
            break;
        }
    }

    if (i == f->ngateways) {
        return NGX_DECLINED;
    }

    ngx_memzero(&q, sizeof(ngx_meshkit_question_t));
    ngx_str_set(&q.args, NGX_MESHKIT_RAW_ARGS);
    ngx_str_set(&q.accept, NGX_MESHKIT_RAW_TYPE);
    q.media_type = NGX_MESHKIT_RAW_TYPE;
    q.limit = MK_BLOCK_MAX;
    q.hash = &slot->cid.hash;

    slot->gateway = n;
    slot->tried |= (uint32_t) 1 << n;

    return ngx_meshkit_fetch_ask(f, n, &slot->cid, &q, &slot->subrequest);
}


static void
ngx_meshkit_blocks_free(ngx_meshkit_slot_t *slot)
{
    if (slot->subrequest != NULL) {
        ngx_meshkit_subrequest_cancel(slot->subrequest);
        ngx_meshkit_subrequest_release(slot->subrequest);
    }

    ngx_memzero(slot, sizeof(ngx_meshkit_slot_t));
}


/* Asks elsewhere for a block; if nobody is left, the slot shows that. */
void
ngx_meshkit_blocks_retry(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot)
{
    if (slot->subrequest != NULL) {
        ngx_meshkit_subrequest_cancel(slot->subrequest);
        ngx_meshkit_subrequest_release(slot->subrequest);
    }

    slot->paused = 0;

    if (ngx_meshkit_blocks_ask(f, slot) == NGX_ERROR) {
        ngx_meshkit_open_decide(f->open, MK_INTERNAL_ERROR, "no memory");
    }
}


/* If the cache's copy is at fault, not the gateway: once more, past it. */
static ngx_uint_t
ngx_meshkit_blocks_forget(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot)
{
    if (!slot->subrequest->cached || slot->again) {
        return 0;
    }

    ngx_meshkit_cache_forget(slot->subrequest);

    slot->again = 1;
    slot->tried &= ~((uint32_t) 1 << slot->gateway);
    ngx_meshkit_blocks_retry(f, slot);

    return 1;
}


/* It was this server's failure that the answer is bad. */
static void
ngx_meshkit_blocks_repeat(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot)
{
    slot->tried &= ~((uint32_t) 1 << slot->gateway);

    if (!ngx_meshkit_repeat_is_pausing(f->open)) {
        ngx_meshkit_blocks_retry(f, slot);
        return;
    }

    ngx_meshkit_subrequest_release(slot->subrequest);
    slot->subrequest = NULL;
    slot->paused = 1;
}


/* No further block of this gateway: what it has not sent comes elsewhere. */
static void
ngx_meshkit_blocks_out(ngx_meshkit_fetch_t *f, ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_meshkit_slot_t  *slot;

    f->gateways[n].raw_out = 1;
    f->gateways[n].car_out = 1;

    for (i = 0; i < f->nslots; i++) {
        slot = &f->slots[i];

        if (slot->used && slot->gateway == n && slot->subrequest != NULL
            && !slot->subrequest->finished)
        {
            ngx_meshkit_blocks_retry(f, slot);
        }
    }
}


/*
 * A slot's answer was no good.  As long as nothing was accepted the choice
 * is open again, CAR included; later, the block is asked for elsewhere.
 */
static void
ngx_meshkit_blocks_fault(ngx_meshkit_fetch_t *f, ngx_meshkit_slot_t *slot,
    ngx_uint_t out)
{
    ngx_uint_t  n, start;

    n = slot->gateway;
    start = mk_opener_position(f->open->opener) == 0;

    if (start) {
        ngx_meshkit_blocks_free(slot);
    }

    if (out || start) {
        ngx_meshkit_blocks_out(f, n);
    }

    if (!start && slot->gateway == n) {

        /* it was finished, or is not asked elsewhere yet */

        ngx_meshkit_blocks_retry(f, slot);
    }
}


ngx_meshkit_slot_t *
ngx_meshkit_blocks_find(ngx_meshkit_fetch_t *f, const mk_cid_t *cid,
    ngx_uint_t wanted)
{
    ngx_uint_t           i;
    ngx_meshkit_slot_t  *slot;

    for (i = 0; i < f->nslots; i++) {
        slot = &f->slots[i];

        if (slot->used && slot != f->taken && slot->wanted == wanted
            && mk_cid_equal(&slot->cid, cid))
        {
            return slot;
        }
    }

    return NULL;
}


/*
 * A slot for a further block: a free one, or one that was read ahead and is
 * no longer among the next ones, because a node's children came in between.
 * Half of the slots may keep such blocks: they are needed later.  Without the
 * block that the opener has, at most "ahead" are in use, so that there is
 * always one for the block needed now.
 */
static ngx_meshkit_slot_t *
ngx_meshkit_blocks_new(ngx_meshkit_fetch_t *f, ngx_uint_t next)
{
    ngx_uint_t           i, later, used;
    ngx_meshkit_slot_t  *slot, *unwanted;

    slot = NULL;
    unwanted = NULL;
    later = 0;
    used = 0;

    for (i = 0; i < f->nslots; i++) {

        if (!f->slots[i].used) {
            slot = &f->slots[i];
            continue;
        }

        if (&f->slots[i] == f->taken) {
            continue;
        }

        used++;

        if (!f->slots[i].wanted) {
            unwanted = &f->slots[i];
            later++;
        }
    }

    if (slot != NULL && (next || used < f->ahead)) {
        return slot;
    }

    if (unwanted == NULL || (!next && later <= f->nslots / 2)) {
        return NULL;
    }

    ngx_meshkit_blocks_free(unwanted);

    return unwanted;
}


/* Which slots hold, or wait for, one of the blocks that come next. */
static void
ngx_meshkit_blocks_mark(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t           i;
    const mk_cid_t      *cid;
    ngx_meshkit_slot_t  *slot;

    for (i = 0; i < f->nslots; i++) {
        f->slots[i].wanted = 0;
        f->slots[i].marked = 0;
    }

    for (i = 0; i < f->ahead; i++) {

        cid = mk_opener_next(f->open->opener, i);
        if (cid == NULL) {
            break;
        }

        slot = ngx_meshkit_blocks_find(f, cid, 0);

        if (slot != NULL) {
            slot->wanted = 1;
        }
    }

    for (i = 0; i < f->nslots; i++) {
        slot = &f->slots[i];

        if (slot->used && !slot->wanted && slot->subrequest == NULL) {
            ngx_meshkit_blocks_free(slot);
        }
    }
}


/* The slot of a block that is wanted, each slot for one place only. */
static ngx_meshkit_slot_t *
ngx_meshkit_blocks_marked(ngx_meshkit_fetch_t *f, const mk_cid_t *cid)
{
    ngx_uint_t           i;
    ngx_meshkit_slot_t  *slot;

    for (i = 0; i < f->nslots; i++) {
        slot = &f->slots[i];

        if (slot->used && slot->wanted && !slot->marked && slot != f->taken
            && mk_cid_equal(&slot->cid, cid))
        {
            return slot;
        }
    }

    return NULL;
}


static void
ngx_meshkit_blocks_reach(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t           i, reach;
    const mk_cid_t      *cid;
    ngx_meshkit_slot_t  *slot;

    reach = ngx_meshkit_ahead_reach(f);

    for (i = 0; i < reach && !f->open->decided; i++) {

        cid = mk_opener_next(f->open->opener, i);
        if (cid == NULL) {
            return;
        }

        slot = ngx_meshkit_blocks_marked(f, cid);

        if (slot == NULL) {
            if (i > 0 && !ngx_meshkit_memory_has_room(f->open)) {
                return;
            }

            slot = ngx_meshkit_blocks_new(f, i == 0);
            if (slot == NULL) {
                return;
            }

            ngx_memzero(slot, sizeof(ngx_meshkit_slot_t));
            slot->used = 1;
            slot->wanted = 1;
            slot->cid = *cid;

            ngx_meshkit_blocks_retry(f, slot);

        } else if (slot->paused) {
            ngx_meshkit_blocks_retry(f, slot);
        }

        slot->marked = 1;
    }
}


/* Asks for the blocks that come next, as far as they are wanted now. */
void
ngx_meshkit_blocks_fill(ngx_meshkit_fetch_t *f)
{
    ngx_meshkit_blocks_mark(f);

    if (!ngx_meshkit_repeat_is_pausing(f->open)) {
        ngx_meshkit_blocks_reach(f);
    }

    ngx_meshkit_memory_settle(f->open);
}


/* Looks at the answers that came and asks elsewhere where they are bad. */
void
ngx_meshkit_blocks_look(ngx_meshkit_fetch_t *f)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_meshkit_slot_t        *slot;
    ngx_meshkit_subrequest_t  *s;

    for (i = 0; i < f->nslots && !f->open->decided; i++) {
        slot = &f->slots[i];
        s = slot->subrequest;

        if (!slot->used || s == NULL || !ngx_meshkit_subrequest_is_over(s)
            || ngx_meshkit_subrequest_is_good(s)
            || ngx_meshkit_blocks_forget(f, slot))
        {
            continue;
        }

        rc = ngx_meshkit_repeat_look(f->open, s);

        if (rc == NGX_OK) {
            ngx_meshkit_blocks_repeat(f, slot);
            continue;
        }

        if (rc == NGX_DECLINED) {
            ngx_meshkit_fault_local(f, slot->gateway);
            ngx_meshkit_blocks_fault(f, slot, 1);
            continue;
        }

        ngx_meshkit_fault_blame(f, slot->gateway, s,
                                ngx_meshkit_fault_diagnose(s));

        if (!ngx_meshkit_fault_is_refusal(s)) {
            ngx_meshkit_fault_rest(f, slot->gateway, s);
        }

        ngx_meshkit_blocks_fault(f, slot,
                                 !ngx_meshkit_fault_is_refusal(s));
    }
}


/* The opener is through with the block that it took. */
void
ngx_meshkit_blocks_return(ngx_meshkit_fetch_t *f)
{
    if (f->taken != NULL) {
        ngx_meshkit_blocks_free(f->taken);
        f->taken = NULL;
        ngx_meshkit_blocks_fill(f);
    }
}


void
ngx_meshkit_blocks_keep(ngx_meshkit_fetch_t *f, ngx_uint_t n)
{
    ngx_uint_t           i;
    const mk_cid_t      *cid;
    ngx_meshkit_slot_t  *slot;

    for (i = 0; i < f->nslots; i++) {
        f->slots[i].marked = 0;
    }

    for (i = 0; i < n; i++) {
        cid = mk_opener_next(f->open->opener, i);
        slot = cid == NULL ? NULL : ngx_meshkit_blocks_marked(f, cid);

        if (slot != NULL) {
            slot->marked = 1;
        }
    }

    for (i = 0; i < f->nslots; i++) {
        slot = &f->slots[i];

        if (slot->used && !slot->marked && slot != f->taken) {
            ngx_meshkit_blocks_free(slot);
        }
    }

    ngx_meshkit_memory_settle(f->open);
}


/* A gateway that lacks many blocks that others have is asked last. */
static void
ngx_meshkit_blocks_lacked(ngx_meshkit_fetch_t *f,
    const ngx_meshkit_slot_t *slot)
{
    ngx_uint_t              n;
    ngx_meshkit_gateway_t  *gateway;

    for (n = 0; n < f->ngateways; n++) {
        gateway = &f->gateways[n];

        if (n == slot->gateway || !(slot->tried & ((uint32_t) 1 << n))) {
            continue;
        }

        gateway->lacked++;

        if (!gateway->last && gateway->lacked >= NGX_MESHKIT_LACKED_MAX
            && gateway->lacked > gateway->given / 4)
        {
            gateway->last = 1;
            ngx_meshkit_fetch_put_last(f, n);
        }
    }
}


ngx_int_t
ngx_meshkit_blocks_take(ngx_meshkit_fetch_t *f)
{
    mk_blame_t                 blame;
    mk_status_t                status;
    const mk_cid_t            *cid;
    ngx_meshkit_slot_t        *slot;
    ngx_meshkit_subrequest_t  *s;

    cid = mk_opener_next(f->open->opener, 0);
    slot = cid == NULL ? NULL : ngx_meshkit_blocks_find(f, cid, 1);

    if (slot == NULL || slot->subrequest == NULL
        || !slot->subrequest->finished
        || !ngx_meshkit_subrequest_is_good(slot->subrequest))
    {
        return NGX_AGAIN;
    }

    s = slot->subrequest;

    status = mk_opener_block(f->open->opener,
                             ngx_meshkit_bytes_of(s->body, s->len), &blame);

    if (status == MK_OK) {
        ngx_meshkit_fetch_credit(f, slot->gateway, s->len);
        f->taken = slot;
        ngx_meshkit_blocks_lacked(f, slot);

        /* the next ones come while the client takes this one, if it does */

        ngx_meshkit_blocks_fill(f);
        return NGX_OK;
    }

    if (blame != MK_BLAME_SOURCE) {
        ngx_meshkit_fault_of_object(f, status);
        return NGX_ERROR;
    }

    if (ngx_meshkit_blocks_forget(f, slot)) {
        return NGX_AGAIN;
    }

    ngx_meshkit_fault_blame(f, slot->gateway, s, &ngx_meshkit_fault_mismatch);
    ngx_meshkit_fault_rest(f, slot->gateway, NULL);
    ngx_meshkit_blocks_fault(f, slot, 1);

    return NGX_AGAIN;
}


void
ngx_meshkit_blocks_slow(ngx_meshkit_fetch_t *f,
    const ngx_meshkit_fault_t *fault)
{
    const mk_cid_t      *cid;
    ngx_meshkit_slot_t  *slot;

    cid = mk_opener_next(f->open->opener, 0);
    slot = cid == NULL ? NULL : ngx_meshkit_blocks_find(f, cid, 1);

    if (slot == NULL || slot->subrequest == NULL || slot->subrequest->finished)
    {
        return;
    }

    ngx_meshkit_fault_blame(f, slot->gateway, slot->subrequest,
                            fault);
    ngx_meshkit_fault_rest(f, slot->gateway, NULL);
    ngx_meshkit_blocks_fault(f, slot, 1);
}
