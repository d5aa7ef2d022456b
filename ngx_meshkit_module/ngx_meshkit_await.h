/*
 * ngx_meshkit_await: opens that wait until a denylist is read.
 *
 * An open that finds the file changed goes by what stands in it now, so it
 * waits for it, as for a service: by nothing but a place in a queue.  What
 * ends the wait: the list was read, or cannot be; meshkit_deadline is over;
 * the client is gone.
 */

#ifndef NGX_MESHKIT_AWAIT_H
#define NGX_MESHKIT_AWAIT_H

#include "ngx_meshkit_module.h"


/* opens that go on in one turn (ngx_meshkit_turns) */
#define NGX_MESHKIT_AWAIT_TURN  8


/*
 * In front of each look into the denylist.  NGX_OK: what
 * ngx_meshkit_pickup_list has is the file as it is now, or as it was when
 * this open began to wait, or later; NGX_AGAIN: the open waits, and is
 * resumed when that is over.
 */
ngx_int_t ngx_meshkit_await_list(ngx_meshkit_open_t *open);

/* the opens in this queue have waited long enough */
void ngx_meshkit_await_release(ngx_queue_t *queue);

ngx_uint_t ngx_meshkit_await_is_waiting(const ngx_meshkit_open_t *open);

/* meshkit_deadline is over: decides the open if it waits */
void ngx_meshkit_await_late(ngx_meshkit_open_t *open);

/* it waits no longer */
void ngx_meshkit_await_end(ngx_meshkit_open_t *open);


#endif /* NGX_MESHKIT_AWAIT_H */
