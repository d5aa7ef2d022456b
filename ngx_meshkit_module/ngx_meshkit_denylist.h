/*
 * ngx_meshkit_denylist: the operator's kill switch.
 *
 * It is looked at where something becomes known that it can name: id and
 * identity before anybody is asked, CID and owner as the record's signature
 * is verified (mk_checks), a token as its own signature is.  In front of each
 * the file's state is looked at anew, and the open waits until a file that
 * changed is read (ngx_meshkit_await).  ngx_meshkit_pickup.h says when a
 * change counts.
 *
 * A list that cannot be used closes everything: MK_INTERNAL_ERROR.
 */

#ifndef NGX_MESHKIT_DENYLIST_H
#define NGX_MESHKIT_DENYLIST_H

#include "ngx_meshkit_pickup.h"


/* groups of the workers' user that are looked at for the warning */
#define NGX_MESHKIT_DENYLIST_GROUPS  64


/* meshkit_denylist <file>; */
char *ngx_meshkit_denylist_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* the configuration is complete: warns of a file that workers cannot read */
ngx_int_t ngx_meshkit_denylist_init(ngx_cycle_t *cycle);

/* a worker begins, with its own rights */
void ngx_meshkit_denylist_start(ngx_cycle_t *cycle);


/*
 * What can be looked up before anybody is asked: the capsule's id, and the
 * identity.  NGX_OK, or NGX_DECLINED and the open is decided.
 */
ngx_int_t ngx_meshkit_denylist_admit(ngx_meshkit_open_t *open);

/*
 * The list that is in force, borrowed until control goes back to nginx; NULL
 * where none is set.  MK_OK, or MK_INTERNAL_ERROR with open->why set.
 */
mk_status_t ngx_meshkit_denylist_now(ngx_meshkit_open_t *open,
    const mk_denylist_t **list);

/*
 * The jti of a token whose signature was verified.  MK_OK; "denied", which is
 * what this kind of token is refused with; or MK_INTERNAL_ERROR.  open->why
 * is set in the latter two.
 */
mk_status_t ngx_meshkit_denylist_token(ngx_meshkit_open_t *open,
    const char *jti, mk_status_t denied);


#endif /* NGX_MESHKIT_DENYLIST_H */
