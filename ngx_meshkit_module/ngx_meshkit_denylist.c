/*
 * ngx_meshkit_denylist: the operator's kill switch.
 */

#include "ngx_meshkit_denylist.h"

#include <grp.h>


/* --- opens ---------------------------------------------------------------- */


mk_status_t
ngx_meshkit_denylist_now(ngx_meshkit_open_t *open, const mk_denylist_t **list)
{
    *list = NULL;

    if (open->conf->denylist == NULL) {
        return MK_OK;
    }

    *list = ngx_meshkit_pickup_list(open->conf->denylist);

    if (*list == NULL) {
        open->why = "the denylist cannot be used";
        return MK_INTERNAL_ERROR;
    }

    return MK_OK;
}


ngx_int_t
ngx_meshkit_denylist_admit(ngx_meshkit_open_t *open)
{
    mk_status_t           status;
    const mk_denylist_t  *list;

    open->check = MK_CHECK_DENYLIST;

    status = ngx_meshkit_denylist_now(open, &list);

    if (mk_denylist_has(list, MK_DENYLIST_CAPSULE,
                        ngx_meshkit_bytes(&open->id)))
    {
        status = MK_SHARE_REVOKED;
        open->why = "the denylist names the capsule";

    } else if (mk_denylist_has(list, MK_DENYLIST_IDENTITY,
                               ngx_meshkit_bytes(&open->identity)))
    {
        status = MK_SHARE_REVOKED;
        open->why = "the denylist names the identity";
    }

    if (status == MK_OK) {
        return NGX_OK;
    }

    ngx_meshkit_open_decide(open, status, open->why);

    return NGX_DECLINED;
}


mk_status_t
ngx_meshkit_denylist_token(ngx_meshkit_open_t *open, const char *jti,
    mk_status_t denied)
{
    mk_status_t           status;
    const mk_denylist_t  *list;

    status = ngx_meshkit_denylist_now(open, &list);

    if (mk_denylist_has(list, MK_DENYLIST_JTI,
                        ngx_meshkit_bytes_of((const u_char *) jti,
                                             ngx_strlen(jti))))
    {
        open->why = "the denylist names the token";
        return denied;
    }

    return status;
}


/* --- configuration -------------------------------------------------------- */


char *
ngx_meshkit_denylist_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t  *value, file;

    if (mlcf->denylist != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    file = value[1];

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK
        || ngx_meshkit_pickup_add(cf, &file, &mlcf->denylist) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * By the mode alone, which is "right" for others, S_IROTH or S_IXOTH, three
 * bits further for the group and six for the owner.
 */
static ngx_uint_t
ngx_meshkit_denylist_lets_in(const ngx_file_info_t *fi,
    const ngx_core_conf_t *ccf, ngx_uint_t right)
{
    int    i, n;
    gid_t  groups[NGX_MESHKIT_DENYLIST_GROUPS];

    if (fi->st_uid == ccf->user) {
        return (fi->st_mode & right << 6) != 0;
    }

    n = NGX_MESHKIT_DENYLIST_GROUPS;

    if (getgrouplist(ccf->username, ccf->group, groups, &n) == -1) {
        n = NGX_MESHKIT_DENYLIST_GROUPS;
    }

    for (i = 0; i < n; i++) {
        if (fi->st_gid == groups[i]) {
            return (fi->st_mode & right << 3) != 0;
        }
    }

    return (fi->st_mode & right) != 0;
}


/* NULL, or what is to be done so that the workers' user can read the file. */
static const char *
ngx_meshkit_denylist_advice(const ngx_str_t *file, const ngx_core_conf_t *ccf)
{
    size_t            i;
    ngx_file_info_t   fi;
    u_char            folder[NGX_MAX_PATH];

    if (file->len < NGX_MAX_PATH) {

        for (i = 1; i < file->len; i++) {

            if (file->data[i] != '/') {
                continue;
            }

            ngx_cpystrn(folder, file->data, i + 1);

            if (ngx_file_info(folder, &fi) != NGX_FILE_ERROR
                && !ngx_meshkit_denylist_lets_in(&fi, ccf, S_IXOTH))
            {
                return "let that user enter its folder";
            }
        }
    }

    if (ngx_file_info(file->data, &fi) != NGX_FILE_ERROR
        && !ngx_meshkit_denylist_lets_in(&fi, ccf, S_IROTH))
    {
        return "set its mode to 0644";
    }

    return NULL;
}


ngx_int_t
ngx_meshkit_denylist_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    const char                   *advice;
    ngx_core_conf_t              *ccf;
    ngx_meshkit_pickup_t        **lists;
    ngx_meshkit_main_conf_t      *mmcf;
    ngx_meshkit_pickup_state_t    state;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_meshkit_module);
    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    /* only root's workers are somebody else */

    if (mmcf == NULL || geteuid() != 0 || ccf->user == 0
        || ccf->username == NULL)
    {
        return NGX_OK;
    }

    lists = mmcf->denylists.elts;

    for (i = 0; i < mmcf->denylists.nelts; i++) {
        ngx_meshkit_pickup_state(lists[i], &state);

        advice = ngx_meshkit_denylist_advice(&state.file, ccf);
        if (advice == NULL) {
            continue;
        }

        /* where configuration messages go, whatever "error_log" says */

        ngx_log_error(NGX_LOG_WARN, cycle->old_cycle->log, 0,
                      "the denylist \"%V\" cannot be read by the workers' "
                      "user \"%s\", who would refuse whatever it is set "
                      "for, %s", &state.file, ccf->username, advice);
    }

    return NGX_OK;
}


void
ngx_meshkit_denylist_start(ngx_cycle_t *cycle)
{
    ngx_uint_t                 i;
    ngx_meshkit_pickup_t     **lists;
    ngx_meshkit_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_meshkit_module);

    /* nginx's cache processes open nothing */

    if (mmcf == NULL || (ngx_process != NGX_PROCESS_WORKER
                         && ngx_process != NGX_PROCESS_SINGLE))
    {
        return;
    }

    lists = mmcf->denylists.elts;

    for (i = 0; i < mmcf->denylists.nelts; i++) {
        ngx_meshkit_pickup_start(lists[i]);
    }
}
