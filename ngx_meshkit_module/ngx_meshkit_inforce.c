/*
 * ngx_meshkit_inforce: which of the lists that were read is in force.
 */

#include "ngx_meshkit_inforce.h"


ngx_meshkit_inforce_moment_t
ngx_meshkit_inforce_moment(void)
{
    ngx_time_t                    *now;
    ngx_meshkit_inforce_moment_t   moment;

    now = ngx_timeofday();

    moment.wall = (int64_t) now->sec * 1000 + (int64_t) now->msec;
    moment.steady = ngx_current_msec;

    return moment;
}


/* 1 if a file of this state was being cut short when it was looked at */
static ngx_uint_t
ngx_meshkit_inforce_is_cut(const ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_stamp_t *stamp)
{
    if (ngx_meshkit_listfile_is_same(stamp, &in->stamp)) {
        return in->cut;
    }

    return ngx_meshkit_listfile_is_cut(stamp, &in->stamp)
           || ngx_meshkit_listfile_is_cut(stamp, &in->whole);
}


ngx_uint_t
ngx_meshkit_inforce_is_at_rest(const ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_stamp_t *stamp,
    const ngx_meshkit_inforce_moment_t *at)
{
    int64_t  age;

    age = at->wall - (int64_t) stamp->modified.tv_sec * 1000
          - stamp->modified.tv_nsec / 1000000;

    if (age >= NGX_MESHKIT_INFORCE_REST
        && !ngx_meshkit_inforce_is_cut(in, stamp))
    {
        return 1;
    }

    /* a time that lies ahead: of another clock, or somebody set it */

    return ngx_meshkit_listfile_is_same(stamp, &in->stamp)
           && (ngx_msec_int_t) (at->steady - in->seen)
              >= NGX_MESHKIT_INFORCE_REST;
}


/* Half a list is none, if no whole one stands by it. */
const mk_denylist_t *
ngx_meshkit_inforce_list(const ngx_meshkit_inforce_t *in)
{
    return in->moving && in->rested == NULL ? NULL : in->list;
}


void
ngx_meshkit_inforce_mark(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_stamp_t *stamp)
{
    if (!ngx_meshkit_listfile_is_same(stamp, &in->stamp)) {
        in->cut = ngx_meshkit_inforce_is_cut(in, stamp);
        in->stamp = *stamp;
        in->seen = ngx_current_msec;
    }
}


void
ngx_meshkit_inforce_report_bad(const ngx_meshkit_inforce_t *in,
    ngx_conf_t *cf)
{
    size_t                    i, n, named;
    ngx_log_t                *log;
    ngx_uint_t                level;
    const mk_denylist_bad_t  *bad;

    log = cf != NULL ? cf->log : ngx_cycle->log;
    level = cf != NULL ? NGX_LOG_WARN : NGX_LOG_ERR;
    n = mk_denylist_bad(in->list, &bad);
    named = ngx_min(n, MK_DENYLIST_BAD_MAX);

    for (i = 0; i < named; i++) {

        if (cf != NULL) {
            ngx_conf_log_error(level, cf, 0,
                               "line %uz of the denylist \"%V\" denies "
                               "nothing: %s", bad[i].line, &in->file,
                               bad[i].why);
            continue;
        }

        ngx_log_error(level, log, 0,
                      "meshkit: line %uz of the denylist \"%V\" denies "
                      "nothing: %s", bad[i].line, &in->file, bad[i].why);
    }

    if (n > named) {
        ngx_log_error(level, log, 0,
                      "meshkit: %uz further lines of the denylist \"%V\" deny "
                      "nothing", n - named, &in->file);
    }
}


/* From now on it is at rest, and stands alone. */
void
ngx_meshkit_inforce_settle(ngx_meshkit_inforce_t *in)
{
    in->moving = 0;
    in->whole = in->stamp;

    mk_denylist_free(in->rested);
    in->rested = NULL;

    mk_denylist_also(in->list, NULL);
}


/*
 * The new list is in force, and with it the last one that was at rest, as
 * long as the new one is not.
 */
void
ngx_meshkit_inforce_replace(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_reading_t *reading, ngx_uint_t rests)
{
    if (in->moving) {
        mk_denylist_free(in->list);

    } else if (in->list != NULL) {
        in->rested = in->list;
    }

    in->list = reading->list;
    in->digest = reading->digest;
    in->loaded = ngx_time();
    in->moving = 1;

    mk_denylist_also(in->list, in->rested);

    if (rests) {
        ngx_meshkit_inforce_settle(in);
    }
}


static void
ngx_meshkit_inforce_report_closed(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_fault_t *fault)
{
    if (in->fault.why != fault->why || in->fault.err != fault->err) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, fault->err,
                      "meshkit: the denylist \"%V\" cannot be used: %s; "
                      "whatever it is set for is refused",
                      &in->file, fault->why);
    }

    in->fault = *fault;
}


void
ngx_meshkit_inforce_close(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_fault_t *fault)
{
    ngx_meshkit_inforce_report_closed(in, fault);

    if (in->moving) {
        mk_denylist_free(in->list);

    } else if (in->list != NULL) {

        /* what comes in its place may be half written */

        in->rested = in->list;
    }

    in->list = NULL;
    in->moving = 0;
}


/* 1 if a reading of the same state gave what was known already */
static ngx_uint_t
ngx_meshkit_inforce_is_known(const ngx_meshkit_inforce_t *in,
    const mk_denylist_t *list)
{
    const mk_denylist_bad_t  *bad;

    return in->list != NULL
           && mk_denylist_entries(in->list) == mk_denylist_entries(list)
           && mk_denylist_bad(in->list, &bad)
              == mk_denylist_bad(list, &bad);
}


void
ngx_meshkit_inforce_take(ngx_meshkit_inforce_t *in,
    const ngx_meshkit_listfile_reading_t *reading, ngx_uint_t rests)
{
    ngx_uint_t                     known;
    ngx_meshkit_listfile_fault_t   fault;

    known = ngx_meshkit_listfile_is_same(&reading->stamp, &in->stamp)
            && ngx_meshkit_inforce_list(in) != NULL
            && ngx_meshkit_inforce_is_known(in, reading->list);

    ngx_meshkit_inforce_mark(in, &reading->stamp);
    ngx_meshkit_inforce_replace(in, reading, rests);

    if (ngx_meshkit_inforce_list(in) == NULL) {
        ngx_meshkit_listfile_fail(&fault, 0, "it is being written");
        ngx_meshkit_inforce_report_closed(in, &fault);
        return;
    }

    in->fault.why = NULL;

    if (!known) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "meshkit: the denylist \"%V\" has %uz entries",
                      &in->file, mk_denylist_entries(in->list));

        ngx_meshkit_inforce_report_bad(in, NULL);
    }
}


void
ngx_meshkit_inforce_free(ngx_meshkit_inforce_t *in)
{
    mk_denylist_free(in->list);
    mk_denylist_free(in->rested);
}
