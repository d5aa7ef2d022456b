/*
 * ngx_meshkit_fetch: the blocks of one open, from gateways that are trusted
 * for nothing.
 *
 * Gateways are asked in the operator's order: a CAR for the whole file where
 * it is spoken, raw blocks with read-ahead otherwise.  A gateway that gives a
 * wrong, short, late or malformed answer is left at the verified position,
 * and the next one goes on from there.  Memory: one CAR section and nginx's
 * buffers of that answer, or read_ahead + 1 blocks, of a client that does not
 * read two of them; what is left is freed as soon as nginx is through with it.
 */

#ifndef NGX_MESHKIT_FETCH_H
#define NGX_MESHKIT_FETCH_H

#include "ngx_meshkit_health.h"
#include "ngx_meshkit_repeat.h"


/* from here on, a range is worth a CAR of its own (bytes) */
#define NGX_MESHKIT_LONG_RANGE  (8 * 1024 * 1024)


/* over how long meshkit_min_rate is looked at (milliseconds) */
#define NGX_MESHKIT_RATE_TIME   10000


/*
 * How often a CAR of one block may have others behind it.  A gateway that does
 * not know dag-scope sends more than one wants on the way down to where a
 * range begins, once for each level.
 */
#define NGX_MESHKIT_SURPLUS_MAX  MK_WALK_DEPTH_MAX


/* What this open has seen of a gateway. */
typedef struct {
    mk_status_t                fault;       /* the last one; MK_OK: none */
    ngx_meshkit_fault_kind_t   kind;        /* of that, if there is one */
    uint64_t                   received;    /* bytes of all its answers */
    uint64_t                   useful;      /* ... of blocks that were taken */
    ngx_uint_t                 given;       /* blocks that were taken */
    ngx_uint_t                 lacked;      /* blocks that others had */
    ngx_uint_t                 surplus;     /* CARs with more than asked for */
    unsigned                   gave:1;      /* a block that was accepted */
    unsigned                   car_out:1;   /* no further CAR of it */
    unsigned                   car_again:1;     /* asked past the cache */
    unsigned                   car_blocks:1;    /* a range block by block */
    unsigned                   raw_out:1;   /* no further block of it */
    unsigned                   wrong:1;     /* a raw block of another hash */
    unsigned                   wrong_car:1; /* a CAR with one */
    unsigned                   local:1;     /* it could not be asked */
    unsigned                   passing:1;   /* its fault may be over soon */
    unsigned                   last:1;      /* it was put there */
    unsigned                   refused:1;   /* a block, and the log says so */
} ngx_meshkit_gateway_t;


/* What is wrong with an answer. */
typedef struct {
    ngx_meshkit_fault_kind_t   kind;
    mk_status_t                outcome;     /* if nobody has a better one */
    const char                *why;         /* for the log */
} ngx_meshkit_fault_t;


/* A raw block that was asked for. */
typedef struct {
    mk_cid_t                   cid;
    ngx_uint_t                 gateway;
    uint32_t                   tried;       /* gateways, one bit each */
    ngx_meshkit_subrequest_t  *subrequest;  /* NULL: none left to ask */
    unsigned                   used:1;
    unsigned                   wanted:1;    /* among the next ones */
    unsigned                   marked:1;    /* ... and accounted for */
    unsigned                   again:1;     /* asked past the cache */
    unsigned                   paused:1;    /* to be asked again, soon */
} ngx_meshkit_slot_t;


struct ngx_meshkit_fetch_s {
    ngx_meshkit_open_t        *open;
    ngx_meshkit_service_t     *services;
    ngx_meshkit_gateway_t     *gateways;
    ngx_uint_t                 ngateways;
    ngx_uint_t                *order;       /* the healthy ones first */
    ngx_uint_t                 gateway;     /* gave the last block */
    unsigned                   gave:1;

    ngx_meshkit_subrequest_t  *stream;      /* the CAR that is read */
    ngx_uint_t                 stream_gateway;
    uint64_t                   stream_start;    /* position as it began */
    mk_car_t                  *car;

    ngx_meshkit_slot_t        *slots;
    ngx_uint_t                 nslots;      /* one more than "ahead" */
    ngx_uint_t                 ahead;       /* meshkit_read_ahead */
    ngx_uint_t                 reach;       /* ... as far as it is used now */
    ngx_event_t                slow;        /* the client has been, for long */
    ngx_msec_t                 stalled_since;
    ngx_meshkit_slot_t        *taken;       /* its block is the opener's */

    uint64_t                   again;       /* position + 1, see choose */

    ngx_event_t                rate;        /* every NGX_MESHKIT_RATE_TIME */
    ngx_event_t                share;       /* of meshkit_deadline */
    ngx_uint_t                 paced;       /* gateway + 1; 0: none yet */
    ngx_msec_t                 since;       /* it is waited for */
    uint64_t                   received;    /* of it, as the period began */
    uint64_t                   useful;
    unsigned                   waited:1;    /* for the client, in it */
    unsigned                   is_slow:1;   /* the client, not a gateway */
    unsigned                   stalled:1;   /* a segment waits for it */
    unsigned                   kept_waiting:1;  /* the CAR, for long */
    unsigned                   ended:1;     /* health was noted */
};


/* NGX_OK, or NGX_ERROR for no memory.  Its memory is the request's pool's. */
ngx_int_t ngx_meshkit_fetch_create(ngx_meshkit_open_t *open);

/*
 * Gives the opener its next block.  NGX_OK: it took it.  NGX_AGAIN: the block
 * is not there yet.  NGX_ERROR: the open was refused.
 */
ngx_int_t ngx_meshkit_fetch_block(ngx_meshkit_open_t *open);

/*
 * Looks at what finished and asks for what is missing.  From the parent
 * request's handlers only.
 */
void ngx_meshkit_fetch_advance(ngx_meshkit_open_t *open);

/* Whether a CAR had to wait for the client; lets it go on. */
ngx_uint_t ngx_meshkit_fetch_waits(const ngx_meshkit_open_t *open);
void ngx_meshkit_fetch_wake(ngx_meshkit_open_t *open);

/* The open is decided: the gateways' health is noted. */
void ngx_meshkit_fetch_end(ngx_meshkit_fetch_t *fetch);

/* Nothing more is wanted: a CAR that goes on behind its last block is left. */
void ngx_meshkit_fetch_close(ngx_meshkit_fetch_t *fetch);

/* The opener needs no block any more, nor the one that it has: all go. */
void ngx_meshkit_fetch_drop(ngx_meshkit_fetch_t *fetch);

void ngx_meshkit_fetch_free(ngx_meshkit_fetch_t *fetch);

/* for the variables: the last gateway that gave a block, how many were left */
const ngx_str_t *ngx_meshkit_fetch_gateway(const ngx_meshkit_open_t *open);
ngx_uint_t ngx_meshkit_fetch_failed(const ngx_meshkit_open_t *open);


/* --- between the files of the fetch --------------------------------------- */


/* room for ", status N" */
#define NGX_MESHKIT_FAULT_STATUS  (sizeof(", status ") + NGX_INT_T_LEN)

/* What a log line ends with: text, with an HTTP status that is no 200 in it. */
u_char *ngx_meshkit_fault_status(u_char *text, ngx_uint_t status);

/* Notes, counts and logs that gateway n is left for its answer s. */
void ngx_meshkit_fault_blame(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const ngx_meshkit_subrequest_t *s, const ngx_meshkit_fault_t *fault);

/* Notes that gateway n is left since this server failed to ask it. */
void ngx_meshkit_fault_local(ngx_meshkit_fetch_t *f, ngx_uint_t n);

/* Gateway n gave a block of so many bytes, and the opener took it. */
void ngx_meshkit_fetch_credit(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    size_t len);

extern const ngx_meshkit_fault_t  ngx_meshkit_fault_mismatch;
extern const ngx_meshkit_fault_t  ngx_meshkit_fault_outgrown;
extern const ngx_meshkit_fault_t  ngx_meshkit_fault_slow;
extern const ngx_meshkit_fault_t  ngx_meshkit_fault_late;

/* Gateway n is asked last, in what is left of this open. */
void ngx_meshkit_fetch_put_last(ngx_meshkit_fetch_t *f, ngx_uint_t n);

/* The block is the one that was asked for, and nobody has a better one. */
void ngx_meshkit_fault_of_object(ngx_meshkit_fetch_t *f,
    mk_status_t status);

/* The gateway is at fault, not only a block; s: its answer, or NULL. */
void ngx_meshkit_fault_rest(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const ngx_meshkit_subrequest_t *s);

/* What is wrong with an answer that is no good. */
const ngx_meshkit_fault_t *ngx_meshkit_fault_diagnose(
    const ngx_meshkit_subrequest_t *s);

/* It did not answer, or says itself that it cannot. */
ngx_uint_t ngx_meshkit_fault_is_illness(const ngx_meshkit_subrequest_t *s);

/* It is about this block only: a 4xx other than 401, 407, 408 and 429. */
ngx_uint_t ngx_meshkit_fault_is_refusal(const ngx_meshkit_subrequest_t *s);

/* 1 if a parameter of the media type is "want" (RFC 9110, 5.6.6) */
ngx_uint_t ngx_meshkit_fetch_has_parameter(const ngx_str_t *type,
    const char *want);

/* Asks gateway n for a CID; the question's form is set by the caller. */
ngx_int_t ngx_meshkit_fetch_ask(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const mk_cid_t *cid, ngx_meshkit_question_t *q,
    ngx_meshkit_subrequest_t **s);


/* ngx_meshkit_car.c: asks for a CAR from the next block on; reads on in it */
ngx_int_t ngx_meshkit_car_start(ngx_meshkit_fetch_t *f, ngx_uint_t n);
ngx_int_t ngx_meshkit_car_read(ngx_meshkit_fetch_t *f);

/* the gateway that the next block is to come from is too slow */
void ngx_meshkit_car_slow(ngx_meshkit_fetch_t *f,
    const ngx_meshkit_fault_t *fault);
void ngx_meshkit_blocks_slow(ngx_meshkit_fetch_t *f,
    const ngx_meshkit_fault_t *fault);


/*
 * ngx_meshkit_pace.c: how long a gateway is waited for.  watch looks whether
 * it is another one by now, late is the end of meshkit_deadline, cost are the
 * seconds that gateway n was waited for; end deletes the timers.
 */
void ngx_meshkit_pace_begin(ngx_meshkit_fetch_t *f);
void ngx_meshkit_pace_watch(ngx_meshkit_fetch_t *f);
void ngx_meshkit_pace_late(ngx_meshkit_fetch_t *f);
ngx_uint_t ngx_meshkit_pace_cost(const ngx_meshkit_fetch_t *f, ngx_uint_t n);
void ngx_meshkit_pace_end(ngx_meshkit_fetch_t *f);


/*
 * ngx_meshkit_ahead.c: how many blocks from the next one on are asked for;
 * what the client does: it takes no bytes, or took them all, or waits for a
 * block; end deletes the timer.
 */
void ngx_meshkit_ahead_begin(ngx_meshkit_fetch_t *f);
ngx_uint_t ngx_meshkit_ahead_reach(const ngx_meshkit_fetch_t *f);
void ngx_meshkit_ahead_stalled(ngx_meshkit_fetch_t *f);
void ngx_meshkit_ahead_taken(ngx_meshkit_fetch_t *f);
void ngx_meshkit_ahead_starved(ngx_meshkit_fetch_t *f);
void ngx_meshkit_ahead_end(ngx_meshkit_fetch_t *f);


/*
 * ngx_meshkit_blocks.c: asks for the blocks that come next; asks elsewhere
 * where an answer is bad; finds the one asked for; gives the opener the next;
 * takes back what it is through with; keeps that one and the next n only.
 */
void ngx_meshkit_blocks_fill(ngx_meshkit_fetch_t *f);
void ngx_meshkit_blocks_look(ngx_meshkit_fetch_t *f);
ngx_meshkit_slot_t *ngx_meshkit_blocks_find(ngx_meshkit_fetch_t *f,
    const mk_cid_t *cid, ngx_uint_t wanted);
ngx_int_t ngx_meshkit_blocks_take(ngx_meshkit_fetch_t *f);
void ngx_meshkit_blocks_return(ngx_meshkit_fetch_t *f);
void ngx_meshkit_blocks_keep(ngx_meshkit_fetch_t *f, ngx_uint_t n);
void ngx_meshkit_blocks_retry(ngx_meshkit_fetch_t *f,
    ngx_meshkit_slot_t *slot);


#endif /* NGX_MESHKIT_FETCH_H */
