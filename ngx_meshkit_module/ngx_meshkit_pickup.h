/*
 * ngx_meshkit_pickup: a denylist's file, picked up as it changes.
 *
 * The master reads it with the configuration; from then on each worker has
 * a list of its own.  It looks at the file's state (stat) with each open and,
 * so that a change is reported where nobody opens anything, every second; and
 * it reads the file again when that changed: in portions, between which the
 * worker does what else there is to do.  An open that found the change waits
 * for the new list, and does not go by the old one.
 *
 * A file that cannot be used is no list, and whoever asks is told so.
 *
 * A file that changed less than a second ago may still be written, and is
 * half a list then. So what is read of it counts at once, and the last list
 * that was at rest counts as well; when the file has been at rest for a
 * second it is read once more, and the old list goes.  An entry is in force
 * immediately, and gone a second or two later.  The second reading also finds
 * what was written within the resolution of the file's times.
 *
 * Where no list was at rest before, half a list is none.  The master waits
 * until the file is at rest, and refuses the configuration if that does not
 * happen.  A worker that finds another file than the master read (it was
 * started anew, long after) has no list until the file is at rest.
 */

#ifndef NGX_MESHKIT_PICKUP_H
#define NGX_MESHKIT_PICKUP_H

#include "ngx_meshkit_module.h"


/* how long the master waits for that, and how often it looks meanwhile */
#define NGX_MESHKIT_PICKUP_WAIT   3000
#define NGX_MESHKIT_PICKUP_POLL   50

/* how often it is looked at in any case, in milliseconds */
#define NGX_MESHKIT_PICKUP_LOOK   1000


/* What can be said of a list; borrowed while the configuration lives. */
typedef struct {
    ngx_str_t          file;
    ngx_atomic_uint_t  usable;      /* 0: everything is refused */
    ngx_atomic_uint_t  loaded;      /* when it was read last, in seconds */
    ngx_atomic_uint_t  entries;
    ngx_atomic_uint_t  bad;         /* lines that could not be read */
} ngx_meshkit_pickup_state_t;


/*
 * At configuration time: *list is that of the file, one however often it is
 * named.  NGX_ERROR, with file, line and reason logged, if it cannot be used
 * or does not come to rest within NGX_MESHKIT_PICKUP_WAIT; lines that deny
 * nothing are warned of.
 */
ngx_int_t ngx_meshkit_pickup_add(ngx_conf_t *cf, const ngx_str_t *file,
    ngx_meshkit_pickup_t **list);

/*
 * Looks at the file.  NULL: what ngx_meshkit_pickup_list has is what stands in
 * it.  Otherwise it is being read; whoever is put into this queue (by
 * ngx_meshkit_await) is released when it was.  What changed is logged once.
 */
ngx_queue_t *ngx_meshkit_pickup_look(ngx_meshkit_pickup_t *list);

/*
 * What is in force, borrowed until control goes back to nginx; NULL: the file
 * cannot be used.
 */
const mk_denylist_t *ngx_meshkit_pickup_list(const ngx_meshkit_pickup_t *list);

/* in a worker that begins: looks from now on; no list if it cannot be read */
void ngx_meshkit_pickup_start(ngx_meshkit_pickup_t *list);

/* for whoever reports on this worker's lists */
void ngx_meshkit_pickup_state(const ngx_meshkit_pickup_t *list,
    ngx_meshkit_pickup_state_t *state);


#endif /* NGX_MESHKIT_PICKUP_H */
