/*
 * ngx_meshkit_pickup: a denylist's file, picked up as it changes.
 */

#include "ngx_meshkit_pickup.h"
#include "ngx_meshkit_await.h"
#include "ngx_meshkit_inforce.h"
#include "ngx_meshkit_turns.h"


struct ngx_meshkit_pickup_s {
    ngx_meshkit_inforce_t            in;
    time_t                           tried;
    ngx_event_t                      look;      /* in a worker */

    /* a reading, and who waits for it, or for the one behind it */

    ngx_meshkit_turn_t               turn;
    ngx_meshkit_listfile_reading_t   reading;
    ngx_meshkit_listfile_stamp_t     found;     /* what it was begun for */
    ngx_meshkit_inforce_moment_t     begun;
    ngx_queue_t                      waiting;
    ngx_queue_t                      late;
    unsigned                         is_reading:1;
};


static void ngx_meshkit_pickup_finish(ngx_meshkit_pickup_t *pickup);


const mk_denylist_t *
ngx_meshkit_pickup_list(const ngx_meshkit_pickup_t *pickup)
{
    return ngx_meshkit_inforce_list(&pickup->in);
}


/* --- reading -------------------------------------------------------------- */


static void
ngx_meshkit_pickup_end_reading(ngx_meshkit_pickup_t *pickup)
{
    ngx_meshkit_turns_remove(&pickup->turn);
    ngx_meshkit_listfile_end(&pickup->reading);

    pickup->is_reading = 0;
}


static ngx_int_t
ngx_meshkit_pickup_go_on(void *data)
{
    ngx_meshkit_pickup_t  *pickup = data;

    if (ngx_meshkit_listfile_go_on(&pickup->reading) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ngx_meshkit_pickup_finish(pickup);

    return NGX_OK;
}


/* The file was found to be in this state, and it is not what is known. */
static void
ngx_meshkit_pickup_begin(ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_listfile_stamp_t *found)
{
    pickup->tried = ngx_time();
    pickup->found = *found;
    pickup->begun = ngx_meshkit_inforce_moment();
    pickup->is_reading = 1;

    if (ngx_meshkit_listfile_begin(&pickup->in.file, &pickup->reading)
        == NGX_OK)
    {
        ngx_meshkit_pickup_finish(pickup);
        return;
    }

    /*
     * Of a file at rest it is enough to know that it says what the list does.
     * One that is not has to be read once more, and that is how a list that
     * is not at rest is known.
     */

    if (pickup->in.list != NULL
        && ngx_meshkit_inforce_is_at_rest(&pickup->in, &pickup->reading.stamp,
                                          &pickup->begun))
    {
        pickup->reading.than = pickup->in.digest;
    }

    pickup->turn.work = ngx_meshkit_pickup_go_on;
    pickup->turn.data = pickup;

    ngx_meshkit_turns_add(&pickup->turn);
}


/* The file was read, or cannot be.  Whoever waited for that goes on. */
static void
ngx_meshkit_pickup_finish(ngx_meshkit_pickup_t *pickup)
{
    ngx_uint_t                       rests;
    ngx_queue_t                      late;
    ngx_meshkit_listfile_reading_t  *reading;

    reading = &pickup->reading;

    ngx_meshkit_pickup_end_reading(pickup);

    rests = !reading->torn
            && ngx_meshkit_inforce_is_at_rest(&pickup->in, &reading->stamp,
                                              &pickup->begun);

    if (reading->list != NULL) {
        ngx_meshkit_inforce_take(&pickup->in, reading, rests);

    } else if (reading->same) {
        ngx_meshkit_inforce_mark(&pickup->in, &reading->stamp);
        ngx_meshkit_inforce_settle(&pickup->in);
        pickup->in.loaded = ngx_time();

    } else {
        ngx_meshkit_inforce_close(&pickup->in, &reading->fault);
        pickup->in.stamp = pickup->found;
        pickup->in.cut = 0;
    }

    ngx_meshkit_await_release(&pickup->waiting);

    if (ngx_queue_empty(&pickup->late)) {
        return;
    }

    /* the file had changed once more when they came */

    ngx_queue_init(&late);
    ngx_queue_add(&late, &pickup->late);
    ngx_queue_init(&pickup->late);

    if (ngx_meshkit_pickup_look(pickup) == NULL) {
        ngx_meshkit_await_release(&late);
        return;
    }

    ngx_queue_add(&pickup->waiting, &late);
}


/* No file, no list: nothing is waited for. */
static void
ngx_meshkit_pickup_is_missing(ngx_meshkit_pickup_t *pickup, ngx_err_t err)
{
    ngx_meshkit_listfile_fault_t  fault;

    if (pickup->is_reading) {
        ngx_meshkit_pickup_end_reading(pickup);
        mk_denylist_free(pickup->reading.list);
    }

    ngx_meshkit_listfile_fail(&fault, err, NULL);
    ngx_meshkit_inforce_close(&pickup->in, &fault);
    ngx_memzero(&pickup->in.stamp, sizeof(ngx_meshkit_listfile_stamp_t));

    ngx_meshkit_await_release(&pickup->waiting);
    ngx_meshkit_await_release(&pickup->late);
}


/* 1 if it is known what a file in this state says */
static ngx_uint_t
ngx_meshkit_pickup_knows(const ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_listfile_stamp_t *stamp)
{
    ngx_meshkit_inforce_moment_t  now;

    if (!ngx_meshkit_listfile_is_same(stamp, &pickup->in.stamp)) {
        return 0;
    }

    if (pickup->in.list == NULL) {

        /* rights may come back without a trace in the file itself */

        return !pickup->is_reading
               && (pickup->in.fault.err == 0 || pickup->tried == ngx_time());
    }

    if (!pickup->in.moving) {
        return 1;
    }

    now = ngx_meshkit_inforce_moment();

    return !ngx_meshkit_inforce_is_at_rest(&pickup->in, stamp, &now);
}


ngx_queue_t *
ngx_meshkit_pickup_look(ngx_meshkit_pickup_t *pickup)
{
    ngx_file_info_t                fi;
    ngx_meshkit_listfile_stamp_t   stamp;

    if (ngx_file_info(pickup->in.file.data, &fi) == NGX_FILE_ERROR) {
        ngx_meshkit_pickup_is_missing(pickup, ngx_errno);
        return NULL;
    }

    ngx_meshkit_listfile_stamp(&fi, &stamp);

    if (ngx_meshkit_pickup_knows(pickup, &stamp)) {
        return NULL;
    }

    if (!pickup->is_reading) {
        ngx_meshkit_pickup_begin(pickup, &stamp);

        return pickup->is_reading ? &pickup->waiting : NULL;
    }

    /* what is being read may be older than what was just written */

    return ngx_meshkit_listfile_is_same(&stamp, &pickup->reading.stamp)
           ? &pickup->waiting : &pickup->late;
}


/* --- a worker ------------------------------------------------------------- */


static void
ngx_meshkit_pickup_timer(ngx_event_t *ev)
{
    ngx_meshkit_pickup_t  *pickup = ev->data;

    (void) ngx_meshkit_pickup_look(pickup);

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
    if (!ngx_meshkit_listfile_is_still(&pickup->in.file, &pickup->in.stamp)) {
        mk_denylist_free(pickup->in.list);
        pickup->in.list = NULL;

        ngx_memzero(&pickup->in.stamp, sizeof(ngx_meshkit_listfile_stamp_t));

        (void) ngx_meshkit_pickup_look(pickup);
    }

    pickup->look.handler = ngx_meshkit_pickup_timer;
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

    list = ngx_meshkit_inforce_list(&pickup->in);

    ngx_memzero(state, sizeof(ngx_meshkit_pickup_state_t));

    state->file = pickup->in.file;
    state->loaded = pickup->in.loaded;

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

    /* a process without workers outlives its configuration */

    if (pickup->look.timer_set) {
        ngx_del_timer(&pickup->look);
    }

    if (pickup->is_reading) {
        ngx_meshkit_pickup_end_reading(pickup);
        mk_denylist_free(pickup->reading.list);
    }

    ngx_meshkit_inforce_free(&pickup->in);
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
    ngx_queue_init(&pickup->waiting);
    ngx_queue_init(&pickup->late);
    pickup->in.file = *file;
    cln->handler = ngx_meshkit_pickup_cleanup;

    lists = ngx_array_push(&mmcf->denylists);
    if (lists == NULL) {
        return NULL;
    }

    *lists = pickup;

    return pickup;
}


/*
 * An empty file may be one that is being emptied (ngx_meshkit_listfile_is_cut)
 * and it is not known what it was before: it has to stay empty for a moment.
 */
static ngx_uint_t
ngx_meshkit_pickup_is_whole(const ngx_meshkit_pickup_t *pickup,
    const ngx_meshkit_listfile_stamp_t *stamp)
{
    ngx_meshkit_inforce_moment_t  now;

    now = ngx_meshkit_inforce_moment();

    return ngx_meshkit_inforce_is_at_rest(&pickup->in, stamp, &now)
           && (stamp->size > 0
               || now.steady - pickup->in.seen >= NGX_MESHKIT_PICKUP_POLL);
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

        if (ngx_file_info(pickup->in.file.data, &fi) != NGX_FILE_ERROR) {
            ngx_meshkit_listfile_stamp(&fi, &stamp);
        }

        ngx_meshkit_inforce_mark(&pickup->in, &stamp);

        if (ngx_meshkit_pickup_is_whole(pickup, &stamp)
            || ngx_process == NGX_PROCESS_SIGNALLER)
        {
            ngx_meshkit_listfile_read(&pickup->in.file, reading);

            if (reading->list == NULL
                || ngx_process == NGX_PROCESS_SIGNALLER
                || (!reading->torn
                    && ngx_meshkit_listfile_is_same(&reading->stamp,
                                                    &pickup->in.stamp)))
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
        if (lists[i]->in.file.len == file->len
            && ngx_memcmp(lists[i]->in.file.data, file->data, file->len) == 0)
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

    ngx_meshkit_inforce_replace(&pickup->in, &reading, 1);
    ngx_meshkit_inforce_report_bad(&pickup->in, cf);

    *list = pickup;

    return NGX_OK;
}
