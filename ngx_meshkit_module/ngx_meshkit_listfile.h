/*
 * ngx_meshkit_listfile: a denylist's file: its state, and what stands in it.
 *
 * It is read in portions: first the text, and whether it changed meanwhile,
 * then what stands in it.
 */

#ifndef NGX_MESHKIT_LISTFILE_H
#define NGX_MESHKIT_LISTFILE_H

#include "ngx_meshkit_module.h"

#include "mk_denylist_reader.h"

#include <openssl/evp.h>


/* how often a file is read that changes while it is read */
#define NGX_MESHKIT_LISTFILE_TRIES    3

/* bytes that are read, or looked at, or entries that are sorted, at a time */
#define NGX_MESHKIT_LISTFILE_PORTION  65536

#define NGX_MESHKIT_LISTFILE_DIGEST   32


/* What of a file changes when its content does. */
typedef struct {
    dev_t            device;
    ino_t            inode;
    off_t            size;
    struct timespec  modified;
    struct timespec  changed;
} ngx_meshkit_listfile_stamp_t;


/* SHA-256 of a text; which is not known without memory. */
typedef struct {
    u_char           sum[NGX_MESHKIT_LISTFILE_DIGEST];
    unsigned         known:1;
} ngx_meshkit_listfile_digest_t;


/* Why a file cannot be used. */
typedef struct {
    const char  *why;           /* static; NULL: it can */
    ngx_err_t    err;           /* 0: it is what stands in it */
} ngx_meshkit_listfile_fault_t;


/* A reading: what it gave, and what it needs while it goes on. */
typedef struct {
    mk_denylist_t                 *list;    /* owned; NULL: see fault */
    ngx_meshkit_listfile_stamp_t   stamp;   /* before it was read */
    ngx_meshkit_listfile_digest_t  digest;
    ngx_meshkit_listfile_fault_t   fault;

    /*
     * May be set behind begin: a text with this digest is not looked into,
     * and "same" says so; if it changed meanwhile, it is.
     */
    ngx_meshkit_listfile_digest_t  than;

    ngx_fd_t                       fd;
    u_char                        *text;
    size_t                         size;
    size_t                         len;     /* that was read */
    EVP_MD_CTX                    *md;
    mk_denylist_reader_t          *reader;
    ngx_uint_t                     tries;
    unsigned                       torn:1;  /* it changed meanwhile */
    unsigned                       same:1;
} ngx_meshkit_listfile_reading_t;


/* Compared as a whole, so every one comes from here. */
void ngx_meshkit_listfile_stamp(const ngx_file_info_t *fi,
    ngx_meshkit_listfile_stamp_t *stamp);

ngx_uint_t ngx_meshkit_listfile_is_same(const ngx_meshkit_listfile_stamp_t *a,
    const ngx_meshkit_listfile_stamp_t *b);

/*
 * 1 if a file that was in state "before" is being cut short: the kernel gives
 * it another size first, and other times when its memory is free.
 */
ngx_uint_t ngx_meshkit_listfile_is_cut(
    const ngx_meshkit_listfile_stamp_t *stamp,
    const ngx_meshkit_listfile_stamp_t *before);

/* why == NULL: what err says */
void ngx_meshkit_listfile_fail(ngx_meshkit_listfile_fault_t *fault,
    ngx_err_t err, const char *why);

/*
 * Begins to read a file (its name NUL closed), and notes its state; never
 * waits for a FIFO.  go_on reads a portion, and begins anew if the file
 * changed meanwhile, at most NGX_MESHKIT_LISTFILE_TRIES times.  NGX_AGAIN:
 * there is more; NGX_OK: the list, "same" or the fault is there.  end frees
 * what the reading still has, but not the list; it may come at any time.
 */
ngx_int_t ngx_meshkit_listfile_begin(const ngx_str_t *file,
    ngx_meshkit_listfile_reading_t *reading);
ngx_int_t ngx_meshkit_listfile_go_on(ngx_meshkit_listfile_reading_t *reading);
void ngx_meshkit_listfile_end(ngx_meshkit_listfile_reading_t *reading);

/* all of it in one go, from begin to end */
void ngx_meshkit_listfile_read(const ngx_str_t *file,
    ngx_meshkit_listfile_reading_t *reading);

/* 1 if it can be opened and its state is this one */
ngx_uint_t ngx_meshkit_listfile_is_still(const ngx_str_t *file,
    const ngx_meshkit_listfile_stamp_t *stamp);


#endif /* NGX_MESHKIT_LISTFILE_H */
