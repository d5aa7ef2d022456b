/*
 * ngx_meshkit_repeat: a service is asked again where this server failed, or
 * the connection was closed before any byte of a response.
 *
 * What cannot be kept is asked for past nginx's cache, for the rest of the
 * open.  Where there is no connection left, nobody can be asked: a moment
 * later there may be one.  Nobody is blamed for either.
 */

#ifndef NGX_MESHKIT_REPEAT_H
#define NGX_MESHKIT_REPEAT_H

#include "ngx_meshkit_local.h"


/*
 * How long the next try is waited for where no connection is left: twice as
 * long each time, up to a limit (milliseconds).  In front of the response's
 * header meshkit_deadline is the end of it, behind it this time without a
 * block.
 */
#define NGX_MESHKIT_PAUSE       50
#define NGX_MESHKIT_PAUSE_MAX   1000
#define NGX_MESHKIT_PAUSE_TIME  15000


/*
 * Of a response that is no good: NGX_OK if the service is to be asked again,
 * at once or when is_pausing is over; NGX_DECLINED if this server failed, and
 * would again; NGX_ABORT if it did not fail.  May decide the open.
 */
ngx_int_t ngx_meshkit_repeat_look(ngx_meshkit_open_t *open,
    const ngx_meshkit_subrequest_t *s);

/*
 * In front of the gateways: 1 if the response that was waited for is to be
 * asked for again, which open->asked, NULL, shows.
 */
ngx_uint_t ngx_meshkit_repeat_service(ngx_meshkit_open_t *open);

/* nobody is to be asked now; the open is resumed when that is over */
ngx_uint_t ngx_meshkit_repeat_is_pausing(const ngx_meshkit_open_t *open);

/* meshkit_deadline is over: decides the open if it is in a pause */
void ngx_meshkit_repeat_late(ngx_meshkit_open_t *open);

/* deletes the timer */
void ngx_meshkit_repeat_end(ngx_meshkit_open_t *open);


#endif /* NGX_MESHKIT_REPEAT_H */
