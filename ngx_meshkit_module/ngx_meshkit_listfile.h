/*
 * ngx_meshkit_listfile: a denylist's file: its state, and what stands in it.
 */

#ifndef NGX_MESHKIT_LISTFILE_H
#define NGX_MESHKIT_LISTFILE_H

#include "ngx_meshkit_module.h"


/* how often a file is read that changes while it is read */
#define NGX_MESHKIT_LISTFILE_TRIES  3


/* What of a file changes when its content does. */
typedef struct {
    dev_t            device;
    ino_t            inode;
    off_t            size;
    struct timespec  modified;
    struct timespec  changed;
} ngx_meshkit_listfile_stamp_t;


/* Why a file cannot be used. */
typedef struct {
    const char  *why;           /* static; NULL: it can */
    ngx_err_t    err;           /* 0: it is what stands in it */
} ngx_meshkit_listfile_fault_t;


/* What one reading gave. */
typedef struct {
    mk_denylist_t                 *list;    /* owned; NULL: see fault */
    ngx_meshkit_listfile_stamp_t   stamp;   /* before it was read */
    ngx_meshkit_listfile_fault_t   fault;
    unsigned                       torn:1;  /* it changed meanwhile */
} ngx_meshkit_listfile_reading_t;


/* Compared as a whole, so every one comes from here. */
void ngx_meshkit_listfile_stamp(const ngx_file_info_t *fi,
    ngx_meshkit_listfile_stamp_t *stamp);

ngx_uint_t ngx_meshkit_listfile_is_same(const ngx_meshkit_listfile_stamp_t *a,
    const ngx_meshkit_listfile_stamp_t *b);

/* why == NULL: what err says */
void ngx_meshkit_listfile_fail(ngx_meshkit_listfile_fault_t *fault,
    ngx_err_t err, const char *why);

/*
 * Reads a file (its name NUL closed), and again if it changes meanwhile, at
 * most NGX_MESHKIT_LISTFILE_TRIES times.  Never waits for a FIFO.
 */
void ngx_meshkit_listfile_read(const ngx_str_t *file,
    ngx_meshkit_listfile_reading_t *reading);

/* 1 if it can be opened and its state is this one */
ngx_uint_t ngx_meshkit_listfile_is_still(const ngx_str_t *file,
    const ngx_meshkit_listfile_stamp_t *stamp);


#endif /* NGX_MESHKIT_LISTFILE_H */
