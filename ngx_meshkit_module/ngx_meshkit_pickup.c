/*
 * ngx_meshkit_pickup: a denylist's file, picked up as it changes.
 */

#include "ngx_meshkit_pickup.h"
#include "ngx_meshkit_listfile.h"


struct ngx_meshkit_pickup_s {
    ngx_str_t                      file;    /* NUL closed */
    mk_denylist_t                 *list;    /* NULL: cannot be used */
    mk_denylist_t                 *rested;  /* the last one that was at rest,
                                               while "list" is not; NULL: this
                                               process knows of none */
    ngx_meshkit_listfile_stamp_t   stamp;   /* of what was read */
    ngx_msec_t                     seen;    /* when that was first seen */
    time_t                         loaded;
    time_t                         tried;
    ngx_meshkit_listfile_fault_t   fault;
    ngx_event_t                    look;    /* in a worker */
    unsigned                       moving:1;    /* "list" was not at rest */
};


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


/* What is in force: half a list is none, if no whole one stands by it. */
static const mk_denylist_t *
ngx_meshkit_pickup_list(const ngx_meshkit_pickup_t *pickup)
{
    return pickup->moving && pickup->rested == NULL ? NULL : pickup->list;
}


/* The state of the file is this one; since when is known. */
static void
ngx_meshkit_pickup_mark(ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_listfile_stamp_t *stamp)
{
    if (!ngx_meshkit_listfile_is_same(stamp, &pickup->stamp)) {
        pickup->stamp = *stamp;
        pickup->seen = ngx_current_msec;
    }
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
    const ngx_meshkit_listfile_reading_t *reading)
{
    if (pickup->moving) {
        mk_denylist_free(pickup->list);

    } else if (pickup->list != NULL) {
        pickup->rested = pickup->list;
    }

    pickup->list = reading->list;
    pickup->loaded = ngx_time();
    pickup->moving = reading->torn || !ngx_meshkit_pickup_is_at_rest(pickup);

    if (!pickup->moving) {
        mk_denylist_free(pickup->rested);
        pickup->rested = NULL;
    }

    mk_denylist_also(pickup->list, pickup->rested);
}


static void
ngx_meshkit_pickup_report_closed(ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_listfile_fault_t *fault)
{
    if (pickup->fault.why != fault->why || pickup->fault.err != fault->err) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, fault->err,
                      "meshkit: the denylist \"%V\" cannot be used: %s; "
                      "whatever it is set for is refused",
                      &pickup->file, fault->why);
    }

    pickup->fault = *fault;
}


static void
ngx_meshkit_pickup_close(ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_listfile_fault_t *fault)
{
    ngx_meshkit_pickup_report_closed(pickup, fault);

    if (pickup->moving) {
        mk_denylist_free(pickup->list);

    } else if (pickup->list != NULL) {

        /* what comes in its place may be half written */

        pickup->rested = pickup->list;
    }

    pickup->list = NULL;
    pickup->moving = 0;
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
    ngx_uint_t                       known;
    ngx_meshkit_listfile_fault_t     fault;
    ngx_meshkit_listfile_reading_t   reading;

    pickup->tried = ngx_time();

    ngx_meshkit_listfile_read(&pickup->file, &reading);

    if (reading.list == NULL) {
        ngx_meshkit_pickup_close(pickup, &reading.fault);
        return;
    }

    known = ngx_meshkit_listfile_is_same(&reading.stamp, &pickup->stamp)
            && ngx_meshkit_pickup_list(pickup) != NULL
            && ngx_meshkit_pickup_is_known(pickup, reading.list);

    ngx_meshkit_pickup_mark(pickup, &reading.stamp);
    ngx_meshkit_pickup_replace(pickup, &reading);

    if (ngx_meshkit_pickup_list(pickup) == NULL) {
        ngx_meshkit_listfile_fail(&fault, 0, "it is being written");
        ngx_meshkit_pickup_report_closed(pickup, &fault);
        return;
    }

    pickup->fault.why = NULL;

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
    ngx_meshkit_listfile_fault_t   fault;
    ngx_meshkit_listfile_stamp_t   stamp;

    if (ngx_file_info(pickup->file.data, &fi) == NGX_FILE_ERROR) {
        ngx_meshkit_listfile_fail(&fault, ngx_errno, NULL);
        ngx_meshkit_pickup_close(pickup, &fault);
        ngx_memzero(&pickup->stamp, sizeof(ngx_meshkit_listfile_stamp_t));

        return NULL;
    }

    ngx_meshkit_listfile_stamp(&fi, &stamp);

    if (pickup->list != NULL) {
        stays = !pickup->moving || !ngx_meshkit_pickup_is_at_rest(pickup);

    } else {

        /* rights may come back without a trace in the file itself */

        stays = pickup->fault.err == 0 || pickup->tried == ngx_time();
    }

    if (stays && ngx_meshkit_listfile_is_same(&stamp, &pickup->stamp)) {
        return ngx_meshkit_pickup_list(pickup);
    }

    ngx_meshkit_pickup_load(pickup);

    if (pickup->list == NULL) {
        pickup->stamp = stamp;
    }

    return ngx_meshkit_pickup_list(pickup);
}


/* --- a worker ------------------------------------------------------------- */


static void
ngx_meshkit_pickup_look(ngx_event_t *ev)
{
    ngx_meshkit_pickup_t  *pickup = ev->data;

    (void) ngx_meshkit_pickup_now(pickup);

    ngx_add_timer(ev, NGX_MESHKIT_PICKUP_LOOK);
}


/*
 * The master's list is that of the configuration, which may be long ago.  If
 * the file is another one by now, nobody here knows what it was like in
 * between, so that list is no measure of one that is being written.
 */
void
ngx_meshkit_pickup_start(ngx_meshkit_pickup_t *pickup)
{
    if (!ngx_meshkit_listfile_is_still(&pickup->file, &pickup->stamp)) {
        mk_denylist_free(pickup->list);
        pickup->list = NULL;

        ngx_memzero(&pickup->stamp, sizeof(ngx_meshkit_listfile_stamp_t));

        (void) ngx_meshkit_pickup_now(pickup);
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
    const mk_denylist_t      *list;
    const mk_denylist_bad_t  *bad;

    list = ngx_meshkit_pickup_list(pickup);

    ngx_memzero(state, sizeof(ngx_meshkit_pickup_state_t));

    state->file = pickup->file;
    state->loaded = pickup->loaded;

    if (list != NULL) {
        state->usable = 1;
        state->entries = mk_denylist_entries(list);
        state->bad = mk_denylist_bad(list, &bad);
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


/*
 * A list at rest: there is no other one yet that could stand by half a list.
 * The master may wait.  A process that only sends a signal opens nothing and
 * does not; "nginx -s stop" must not depend on who writes a file.
 */
static void
ngx_meshkit_pickup_await(ngx_meshkit_pickup_t *pickup,
    ngx_meshkit_listfile_reading_t *reading)
{
    ngx_msec_t                     start;
    ngx_file_info_t                fi;
    ngx_meshkit_listfile_stamp_t   stamp;

    ngx_time_update();
    start = ngx_current_msec;

    for ( ;; ) {

        ngx_memzero(&stamp, sizeof(ngx_meshkit_listfile_stamp_t));

        if (ngx_file_info(pickup->file.data, &fi) != NGX_FILE_ERROR) {
            ngx_meshkit_listfile_stamp(&fi, &stamp);
        }

        ngx_meshkit_pickup_mark(pickup, &stamp);

        if (ngx_meshkit_pickup_is_at_rest(pickup)
            || ngx_process == NGX_PROCESS_SIGNALLER)
        {
            ngx_meshkit_listfile_read(&pickup->file, reading);

            if (reading->list == NULL
                || ngx_process == NGX_PROCESS_SIGNALLER
                || (!reading->torn
                    && ngx_meshkit_listfile_is_same(&reading->stamp,
                                                    &pickup->stamp)))
            {
                return;
            }

            mk_denylist_free(reading->list);
        }

        if (ngx_current_msec - start >= NGX_MESHKIT_PICKUP_WAIT) {
            break;
        }

        ngx_msleep(NGX_MESHKIT_PICKUP_POLL);
        ngx_time_update();
    }

    reading->list = NULL;
    ngx_meshkit_listfile_fail(&reading->fault, 0, "it is being written");
}


ngx_int_t
ngx_meshkit_pickup_add(ngx_conf_t *cf, const ngx_str_t *file,
    ngx_meshkit_pickup_t **list)
{
    ngx_uint_t                      i;
    ngx_meshkit_pickup_t          **lists, *pickup;
    ngx_meshkit_main_conf_t        *mmcf;
    ngx_meshkit_listfile_reading_t    reading;

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

    ngx_meshkit_pickup_await(pickup, &reading);

    if (reading.list == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, reading.fault.err,
                           "the denylist \"%V\" cannot be used: %s", file,
                           reading.fault.why);
        return NGX_ERROR;
    }

    ngx_meshkit_pickup_replace(pickup, &reading);
    ngx_meshkit_pickup_report_bad(pickup, cf);

    *list = pickup;

    return NGX_OK;
}
