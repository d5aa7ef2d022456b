/*
 * ngx_meshkit_inforce: which of the lists that were read is in force.
 *
 * The last one; and as long as its file is not at rest, the last one that
 * was at rest as well.  ngx_meshkit_pickup.h says why.
 */

#ifndef NGX_MESHKIT_INFORCE_H
#define NGX_MESHKIT_INFORCE_H

#include "ngx_meshkit_listfile.h"


/* how long a file must not change to be taken for whole, in milliseconds */
#define NGX_MESHKIT_INFORCE_REST  1000


typedef struct {
    ngx_str_t                       file;   /* NUL closed */
    mk_denylist_t                  *list;   /* NULL: cannot be used */
    mk_denylist_t                  *rested; /* the last one that was at rest,
                                               while "list" is not; NULL: this
                                               process knows of none */
    ngx_meshkit_listfile_digest_t   digest; /* of what "list" is */
    ngx_meshkit_listfile_stamp_t    stamp;  /* of what was read */
    ngx_meshkit_listfile_stamp_t    whole;  /* of the last that was at rest */
    ngx_msec_t                      seen;   /* when stamp was first seen */
    time_t                          loaded;
    ngx_meshkit_listfile_fault_t    fault;
    unsigned                        moving:1;   /* "list" was not at rest */
    unsigned                        cut:1;      /* "stamp" is of a file that
                                                   was being cut short */
} ngx_meshkit_inforce_t;


/* Now, by the clock that files have and by one that nobody sets (in ms). */
typedef struct {
    int64_t      wall;
    ngx_msec_t   steady;
} ngx_meshkit_inforce_moment_t;


ngx_meshkit_inforce_moment_t ngx_meshkit_inforce_moment(void);

/* 1 if a file of this state did not change for long enough at that moment */
ngx_uint_t ngx_meshkit_inforce_is_at_rest(const ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_stamp_t *stamp,
    const ngx_meshkit_inforce_moment_t *at);

/* NULL: everything is refused */
const mk_denylist_t *ngx_meshkit_inforce_list(const ngx_meshkit_inforce_t *in);

/* the state of the file is this one; since when is known */
void ngx_meshkit_inforce_mark(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_stamp_t *stamp);

/*
 * replace: a list was read, of a file that was at rest or not; take does so
 * and logs what is new of it.  settle: the list that is known is what stands
 * in the file, which is at rest.  close: there is no list, which is logged
 * once for each fault.
 */
void ngx_meshkit_inforce_replace(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_reading_t *reading, ngx_uint_t rests);
void ngx_meshkit_inforce_take(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_reading_t *reading, ngx_uint_t rests);
void ngx_meshkit_inforce_settle(ngx_meshkit_inforce_t *in);
void ngx_meshkit_inforce_close(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_fault_t *fault);

/* names the lines that deny nothing; cf != NULL: warns of them */
void ngx_meshkit_inforce_report_bad(const ngx_meshkit_inforce_t *in,
    ngx_conf_t *cf);

void ngx_meshkit_inforce_free(ngx_meshkit_inforce_t *in);


#endif /* NGX_MESHKIT_INFORCE_H */
