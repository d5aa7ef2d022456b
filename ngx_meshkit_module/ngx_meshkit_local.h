/*
 * ngx_meshkit_local: failures of this server while it asks a service.
 *
 * A response may be missing, or cut short, for a reason that the service has
 * no part in: nginx's cache or a temporary file cannot be used, or there is no
 * connection left to ask by.  nginx shows such a failure in much the same way
 * as one of the service.  Each is counted, by its cause.
 */

#ifndef NGX_MESHKIT_LOCAL_H
#define NGX_MESHKIT_LOCAL_H

#include "ngx_meshkit_subrequest.h"


/*
 * Called as a subrequest ends with rc: notes the cause in the record and counts
 * it.  Twice, where its last bytes had to wait; the first call has the cause.
 */
void ngx_meshkit_local_note(ngx_meshkit_subrequest_t *s, ngx_int_t rc);

/*
 * From the header filter, for a response that nginx buffers: tells a body that
 * is malformed from a file that cannot be written.
 */
void ngx_meshkit_local_watch(ngx_meshkit_subrequest_t *s);

/* MK_GATEWAY_OVERLOADED where connections are short, else MK_INTERNAL_ERROR */
mk_status_t ngx_meshkit_local_outcome(ngx_meshkit_local_t local);

/* the cause, for the log; "storage", "connections", "other", for counters */
const char *ngx_meshkit_local_why(ngx_meshkit_local_t local);
const char *ngx_meshkit_local_name(ngx_meshkit_local_t local);


#endif /* NGX_MESHKIT_LOCAL_H */
