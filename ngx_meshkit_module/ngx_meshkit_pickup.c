/*
 * ngx_meshkit_pickup: a denylist's file, picked up as it changes.
 */

#include "ngx_meshkit_pickup.h"


/* What of a file changes when its content does. */
typedef struct {
    dev_t            device;
    ino_t            inode;
    off_t            size;
    struct timespec  modified;
    struct timespec  changed;
} ngx_meshkit_pickup_stamp_t;


/* Why a file cannot be used. */
typedef struct {
    const char  *why;           /* static; NULL: it can */
    ngx_err_t    err;           /* 0: it is what stands in it */
} ngx_meshkit_pickup_fault_t;


/* What one reading gave. */
typedef struct {
    mk_denylist_t               *list;      /* owned; NULL: see fault */
    ngx_meshkit_pickup_stamp_t   stamp;     /* before it was read */
    ngx_meshkit_pickup_fault_t   fault;
    unsigned                     torn:1;    /* it changed meanwhile */
} ngx_meshkit_pickup_reading_t;


struct ngx_meshkit_pickup_s {
    ngx_str_t                    file;      /* NUL closed */
    mk_denylist_t               *list;      /* NULL: cannot be used */
    mk_denylist_t               *rested;    /* the last one at rest, while
                                               "list" is not */
    ngx_meshkit_pickup_stamp_t   stamp;     /* of what was read */
    ngx_msec_t                   seen;      /* when that was first seen */
    time_t                       loaded;
    time_t                       tried;
    ngx_meshkit_pickup_fault_t   fault;
    ngx_event_t                  look;      /* in a worker */
    unsigned                     moving:1;  /* "list" was not at rest */
};


/* --- the file ------------------------------------------------------------- */


static void
ngx_meshkit_pickup_stamp(const ngx_file_info_t *fi,
    ngx_meshkit_pickup_stamp_t *stamp)
{
    /* compared as a whole, its padding too */

    ngx_memzero(stamp, sizeof(ngx_meshkit_pickup_stamp_t));

    stamp->device = fi->st_dev;
    stamp->inode = fi->st_ino;
    stamp->size = fi->st_size;
    stamp->modified = fi->st_mtim;
    stamp->changed = fi->st_ctim;
}


static ngx_uint_t
ngx_meshkit_pickup_is_same(const ngx_meshkit_pickup_stamp_t *a,
    const ngx_meshkit_pickup_stamp_t *b)
{
    return ngx_memcmp(a, b, sizeof(ngx_meshkit_pickup_stamp_t)) == 0;
}


static void
ngx_meshkit_pickup_fail(ngx_meshkit_pickup_fault_t *fault, ngx_err_t err,
    const char *why)
{
    fault->err = err;
    fault->why = why;

    if (why == NULL) {
        fault->why = err == NGX_ENOENT
                     ? "it is not there, and an empty one would deny nothing"
                     : "it cannot be read";
    }
}


/* The bytes of a file, owned; NULL and the fault. */
static u_char *
ngx_meshkit_pickup_text(ngx_fd_t fd, size_t size, size_t *len,
    ngx_meshkit_pickup_fault_t *fault)
{
    u_char   *text;
    ssize_t   n;

    text = ngx_alloc(size + 1, ngx_cycle->log);
    if (text == NULL) {
        ngx_meshkit_pickup_fail(fault, NGX_ENOMEM, NULL);
        return NULL;
    }

    for (*len = 0; *len < size; *len += n) {

        n = pread(fd, text + *len, size - *len, *len);

        if (n == -1) {
            ngx_meshkit_pickup_fail(fault, ngx_errno, NULL);
            ngx_free(text);
            return NULL;
        }

        if (n == 0) {
            break;
        }
    }

    return text;
}


static void
ngx_meshkit_pickup_read_fd(ngx_fd_t fd, ngx_meshkit_pickup_reading_t *reading)
{
    size_t            len;
    u_char           *text;
    const char       *why;
    mk_status_t       status;
    ngx_file_info_t   fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_meshkit_pickup_fail(&reading->fault, ngx_errno, NULL);
        return;
    }

    ngx_meshkit_pickup_stamp(&fi, &reading->stamp);

    if (!ngx_is_file(&fi)) {
        ngx_meshkit_pickup_fail(&reading->fault, 0, "it is no regular file");
        return;
    }

    if (ngx_file_size(&fi) > MK_DENYLIST_TEXT_MAX) {
        ngx_meshkit_pickup_fail(&reading->fault, 0, "it is too large");
        return;
    }

    text = ngx_meshkit_pickup_text(fd, (size_t) ngx_file_size(&fi), &len,
                                   &reading->fault);
    if (text == NULL) {
        return;
    }

    status = mk_denylist_parse(ngx_meshkit_bytes_of(text, len),
                               &reading->list, &why);
    ngx_free(text);

    if (status != MK_OK) {
        ngx_meshkit_pickup_fail(&reading->fault,
                                status == MK_INTERNAL_ERROR ? NGX_ENOMEM : 0,
                                why);
    }
}


static void
ngx_meshkit_pickup_read(const ngx_str_t *file,
    ngx_meshkit_pickup_reading_t *reading)
{
    ngx_fd_t                     fd;
    ngx_uint_t                   i;
    ngx_file_info_t              fi;
    ngx_meshkit_pickup_stamp_t   after;

    ngx_memzero(reading, sizeof(ngx_meshkit_pickup_reading_t));

    /* of a FIFO there is nothing to wait for */

    fd = open((char *) file->data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    if (fd == NGX_INVALID_FILE) {
        ngx_meshkit_pickup_fail(&reading->fault, ngx_errno, NULL);
        return;
    }

    for (i = 0; i < NGX_MESHKIT_PICKUP_TRIES; i++) {

        mk_denylist_free(reading->list);
        reading->list = NULL;

        ngx_meshkit_pickup_read_fd(fd, reading);
        if (reading->list == NULL) {
            break;
        }

        reading->torn = 1;

        if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
            ngx_meshkit_pickup_stamp(&fi, &after);
            reading->torn = !ngx_meshkit_pickup_is_same(&reading->stamp,
                                                        &after);
        }

        if (!reading->torn) {
            break;
        }
    }

    (void) close(fd);
}


/* --- what is in force ----------------------------------------------------- */


static ngx_uint_t
ngx_meshkit_pickup_is_at_rest(const ngx_meshkit_pickup_t *pickup)
{
    int64_t      age;
    ngx_time_t  *now;

    now = ngx_timeofday();

    age = ((int64_t) now->sec - pickup->stamp.modified.tv_sec) * 1000
          + (int64_t) now->msec - pickup->stamp.modified.tv_nsec / 1000000;

    if (age >= NGX_MESHKIT_PICKUP_REST) {
        return 1;
    }

    /* a time that lies ahead: of another clock, or somebody set it */

    return (ngx_msec_int_t) (ngx_current_msec - pickup->seen)
           >= NGX_MESHKIT_PICKUP_REST;
}


static void
ngx_meshkit_pickup_report_bad(const ngx_meshkit_pickup_t *pickup,
    ngx_conf_t *cf)
{
    size_t                    i, n, named;
    ngx_log_t                *log;
    ngx_uint_t                level;
    const mk_denylist_bad_t  *bad;

    log = cf != NULL ? cf->log : ngx_cycle->log;
    level = cf != NULL ? NGX_LOG_WARN : NGX_LOG_ERR;
    n = mk_denylist_bad(pickup->list, &bad);
    named = ngx_min(n, MK_DENYLIST_BAD_MAX);

    for (i = 0; i < named; i++) {

        if (cf != NULL) {
            ngx_conf_log_error(level, cf, 0,
                               "line %uz of the denylist \"%V\" denies "
                               "nothing: %s", bad[i].line, &pickup->file,
                               bad[i].why);
            continue;
        }

        ngx_log_error(level, log, 0,
                      "meshkit: line %uz of the denylist \"%V\" denies "
                      "nothing: %s", bad[i].line, &pickup->file, bad[i].why);
    }

    if (n > named) {
        ngx_log_error(level, log, 0,
                      "meshkit: %uz further lines of the denylist \"%V\" deny "
                      "nothing", n - named, &pickup->file);
    }
}


/*
 * The new list is in force, and with it the last one that was at rest, as
 * long as the new one is not.
 */
static void
ngx_meshkit_pickup_replace(ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_pickup_reading_t *reading)
{
    if (pickup->moving) {
        mk_denylist_free(pickup->list);

    } else if (pickup->list != NULL) {
        pickup->rested = pickup->list;
    }

    pickup->list = reading->list;
    pickup->loaded = ngx_time();
    pickup->fault.why = NULL;
    pickup->moving = reading->torn || !ngx_meshkit_pickup_is_at_rest(pickup);

    if (!pickup->moving) {
        mk_denylist_free(pickup->rested);
        pickup->rested = NULL;
    }

    mk_denylist_also(pickup->list, pickup->rested);
}


static void
ngx_meshkit_pickup_close(ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_pickup_fault_t *fault)
{
    if (pickup->fault.why != fault->why || pickup->fault.err != fault->err) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, fault->err,
                      "meshkit: the denylist \"%V\" cannot be used: %s; "
                      "whatever it is set for is refused",
                      &pickup->file, fault->why);
    }

    if (pickup->moving) {
        mk_denylist_free(pickup->list);

    } else if (pickup->list != NULL) {

        /* what comes in its place may be half written */

        pickup->rested = pickup->list;
    }

    pickup->list = NULL;
    pickup->moving = 0;
    pickup->fault = *fault;
}


/* 1 if a reading of the same state gave what was known already */
static ngx_uint_t
ngx_meshkit_pickup_is_known(const ngx_meshkit_pickup_t *pickup,
    const mk_denylist_t *list)
{
    const mk_denylist_bad_t  *bad;

    return pickup->list != NULL
           && mk_denylist_entries(pickup->list) == mk_denylist_entries(list)
           && mk_denylist_bad(pickup->list, &bad)
              == mk_denylist_bad(list, &bad);
}


static void
ngx_meshkit_pickup_load(ngx_meshkit_pickup_t *pickup)
{
    ngx_uint_t                     known;
    ngx_meshkit_pickup_reading_t   reading;

    pickup->tried = ngx_time();

    ngx_meshkit_pickup_read(&pickup->file, &reading);

    if (reading.list == NULL) {
        ngx_meshkit_pickup_close(pickup, &reading.fault);
        return;
    }

    known = 0;

    if (ngx_meshkit_pickup_is_same(&reading.stamp, &pickup->stamp)) {
        known = ngx_meshkit_pickup_is_known(pickup, reading.list);

    } else {
        pickup->stamp = reading.stamp;
        pickup->seen = ngx_current_msec;
    }

    ngx_meshkit_pickup_replace(pickup, &reading);

    if (!known) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "meshkit: the denylist \"%V\" has %uz entries",
                      &pickup->file, mk_denylist_entries(pickup->list));

        ngx_meshkit_pickup_report_bad(pickup, NULL);
    }
}


const mk_denylist_t *
ngx_meshkit_pickup_now(ngx_meshkit_pickup_t *pickup)
{
    ngx_uint_t                   stays;
    ngx_file_info_t              fi;
    ngx_meshkit_pickup_fault_t   fault;
    ngx_meshkit_pickup_stamp_t   stamp;

    if (ngx_file_info(pickup->file.data, &fi) == NGX_FILE_ERROR) {
        ngx_meshkit_pickup_fail(&fault, ngx_errno, NULL);
        ngx_meshkit_pickup_close(pickup, &fault);
        ngx_memzero(&pickup->stamp, sizeof(ngx_meshkit_pickup_stamp_t));

        return NULL;
    }

    ngx_meshkit_pickup_stamp(&fi, &stamp);

    if (pickup->list != NULL) {
        stays = !pickup->moving || !ngx_meshkit_pickup_is_at_rest(pickup);

    } else {

        /* rights may come back without a trace in the file itself */

        stays = pickup->fault.err == 0 || pickup->tried == ngx_time();
    }

    if (stays && ngx_meshkit_pickup_is_same(&stamp, &pickup->stamp)) {
        return pickup->list;
    }

    ngx_meshkit_pickup_load(pickup);

    if (pickup->list == NULL) {
        pickup->stamp = stamp;
    }

    return pickup->list;
}


/* --- a worker ------------------------------------------------------------- */


static void
ngx_meshkit_pickup_look(ngx_event_t *ev)
{
    ngx_meshkit_pickup_t  *pickup = ev->data;

    (void) ngx_meshkit_pickup_now(pickup);

    ngx_add_timer(ev, NGX_MESHKIT_PICKUP_LOOK);
}


void
ngx_meshkit_pickup_start(ngx_meshkit_pickup_t *pickup)
{
    ngx_fd_t                     fd;
    ngx_meshkit_pickup_fault_t   fault;

    fd = open((char *) pickup->file.data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == NGX_INVALID_FILE) {

        /* better now than on the day when an entry is added */

        ngx_meshkit_pickup_fail(&fault, ngx_errno, NULL);
        ngx_meshkit_pickup_close(pickup, &fault);

    } else {
        (void) close(fd);
    }

    pickup->look.handler = ngx_meshkit_pickup_look;
    pickup->look.data = pickup;
    pickup->look.log = ngx_cycle->log;
    pickup->look.cancelable = 1;

    ngx_add_timer(&pickup->look, NGX_MESHKIT_PICKUP_LOOK);
}


void
ngx_meshkit_pickup_state(const ngx_meshkit_pickup_t *pickup,
    ngx_meshkit_pickup_state_t *state)
{
    const mk_denylist_bad_t  *bad;

    ngx_memzero(state, sizeof(ngx_meshkit_pickup_state_t));

    state->file = pickup->file;
    state->loaded = pickup->loaded;

    if (pickup->list != NULL) {
        state->usable = 1;
        state->entries = mk_denylist_entries(pickup->list);
        state->bad = mk_denylist_bad(pickup->list, &bad);
    }
}


/* --- configuration -------------------------------------------------------- */


static void
ngx_meshkit_pickup_cleanup(void *data)
{
    ngx_meshkit_pickup_t  *pickup = data;

    mk_denylist_free(pickup->list);
    mk_denylist_free(pickup->rested);
}


static ngx_meshkit_pickup_t *
ngx_meshkit_pickup_create(ngx_conf_t *cf, const ngx_str_t *file)
{
    ngx_pool_cleanup_t        *cln;
    ngx_meshkit_pickup_t     **lists, *pickup;
    ngx_meshkit_main_conf_t   *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_meshkit_pickup_t));
    if (cln == NULL) {
        return NULL;
    }

    pickup = cln->data;
    ngx_memzero(pickup, sizeof(ngx_meshkit_pickup_t));
    pickup->file = *file;
    cln->handler = ngx_meshkit_pickup_cleanup;

    lists = ngx_array_push(&mmcf->denylists);
    if (lists == NULL) {
        return NULL;
    }

    *lists = pickup;

    return pickup;
}


ngx_int_t
ngx_meshkit_pickup_add(ngx_conf_t *cf, const ngx_str_t *file,
    ngx_meshkit_pickup_t **list)
{
    ngx_uint_t                      i;
    ngx_meshkit_pickup_t          **lists, *pickup;
    ngx_meshkit_main_conf_t        *mmcf;
    ngx_meshkit_pickup_reading_t    reading;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);
    lists = mmcf->denylists.elts;

    for (i = 0; i < mmcf->denylists.nelts; i++) {
        if (lists[i]->file.len == file->len
            && ngx_memcmp(lists[i]->file.data, file->data, file->len) == 0)
        {
            *list = lists[i];
            return NGX_OK;
        }
    }

    pickup = ngx_meshkit_pickup_create(cf, file);
    if (pickup == NULL) {
        return NGX_ERROR;
    }

    ngx_meshkit_pickup_read(file, &reading);

    if (reading.list == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, reading.fault.err,
                           "the denylist \"%V\" cannot be used: %s", file,
                           reading.fault.why);
        return NGX_ERROR;
    }

    pickup->stamp = reading.stamp;
    pickup->seen = ngx_current_msec;
    ngx_meshkit_pickup_replace(pickup, &reading);
    ngx_meshkit_pickup_report_bad(pickup, cf);

    *list = pickup;

    return NGX_OK;
}
