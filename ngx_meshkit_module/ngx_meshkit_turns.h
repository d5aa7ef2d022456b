/*
 * ngx_meshkit_turns: long work, in turns with all that a worker has to do.
 *
 * One portion of one work is done each time that nginx goes round its event
 * loop, and nginx does not wait for events meanwhile.  So what all works
 * together keep others waiting for is one portion, however many there are.
 */

#ifndef NGX_MESHKIT_TURNS_H
#define NGX_MESHKIT_TURNS_H

#include <ngx_config.h>
#include <ngx_core.h>


/* Zeroed at first, but for work and data. */
typedef struct {
    ngx_queue_t   queue;
    ngx_int_t   (*work)(void *data);    /* a portion; NGX_AGAIN: goes on */
    void         *data;
    unsigned      queued:1;
} ngx_meshkit_turn_t;


/* behind all others; nothing, if it has its place already */
void ngx_meshkit_turns_add(ngx_meshkit_turn_t *turn);

/* no longer; nothing, if it has no place */
void ngx_meshkit_turns_remove(ngx_meshkit_turn_t *turn);


#endif /* NGX_MESHKIT_TURNS_H */
