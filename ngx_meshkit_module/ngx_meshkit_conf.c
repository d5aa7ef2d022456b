/*
 * ngx_meshkit_conf: what the directives mean, and that they fit together.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_redact.h"


#define NGX_MESHKIT_DEADLINE    30000
#define NGX_MESHKIT_READ_AHEAD  8
#define NGX_MESHKIT_MIN_RATE    4096


/* --- identities and owners ------------------------------------------------ */


/* meshkit_identity <id> <key.pem>; */
char *
ngx_meshkit_conf_identity(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t               *value;
    ngx_meshkit_identity_t  *identity;

    value = cf->args->elts;

    if (!mk_name_is_identity(ngx_meshkit_bytes(&value[1]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not an identity: 1 to %d bytes of UTF-8 "
                           "without control characters and / \\ ? # %%",
                           &value[1], MK_NAME_MAX);
        return NGX_CONF_ERROR;
    }

    if (mlcf->identities == NGX_CONF_UNSET_PTR) {
        mlcf->identities = ngx_array_create(cf->pool, 2,
                                            sizeof(ngx_meshkit_identity_t));
        if (mlcf->identities == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    identity = ngx_array_push(mlcf->identities);
    if (identity == NULL) {
        return NGX_CONF_ERROR;
    }

    identity->id = value[1];
    identity->file = value[2];

    return ngx_meshkit_keys_add_identity(cf, &value[1], &value[2],
                                         &mlcf->keyring)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* meshkit_owners <jwks file>|insecure_any; */
char *
ngx_meshkit_conf_owners(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t  *value;

    if (mlcf->any_owner != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "insecure_any") == 0) {
        mlcf->any_owner = 1;

        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"meshkit_owners insecure_any\": whoever can "
                           "write a record decides what is served here");
        return NGX_CONF_OK;
    }

    mlcf->any_owner = 0;

    return ngx_meshkit_keys_read_jwks(cf, &value[1], &mlcf->owners) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* meshkit_action open|download|<variable>; */
char *
ngx_meshkit_conf_action(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t    *value;
    mk_action_t   action;

    value = cf->args->elts;

    if (ngx_http_script_variables_count(&value[1]) == 0
        && !mk_action_parse(ngx_meshkit_bytes(&value[1]), &action))
    {
        return ngx_meshkit_conf_unknown(cf, &value[1],
                                        "\"open\", \"download\" or a "
                                        "variable");
    }

    return ngx_http_set_complex_value_slot(cf, cmd, conf);
}


/* --- the handler ---------------------------------------------------------- */


/* meshkit_open $var; */
char *
ngx_meshkit_conf_open(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                      *rv;
    ngx_meshkit_loc_conf_t    *mlcf = conf;
    ngx_http_core_loc_conf_t  *clcf;

    rv = ngx_http_set_complex_value_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (mlcf->status != NGX_CONF_UNSET_UINT) {
        return "stands beside \"meshkit_status\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "stands in a location that serves something else";
    }

    mlcf->file = cf->conf_file->file.name;
    mlcf->line = cf->conf_file->line;

    clcf->handler = ngx_meshkit_handler;

    return NGX_CONF_OK;
}


static char *
ngx_meshkit_conf_missing(ngx_conf_t *cf, const ngx_meshkit_loc_conf_t *mlcf,
    const char *what)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"meshkit_open\" needs %s in %V:%ui", what, &mlcf->file,
                  mlcf->line);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_meshkit_conf_identities(const ngx_array_t *identities)
{
    ngx_uint_t               i;
    ngx_meshkit_identity_t  *id;

    id = identities->elts;

    for (i = 1; i < identities->nelts; i++) {
        if (id[i].id.len != id[0].id.len
            || ngx_memcmp(id[i].id.data, id[0].id.data, id[0].id.len) != 0)
        {
            return 2;
        }
    }

    return 1;
}


/* "meshkit_as" without variables names an identity with a key here */
static char *
ngx_meshkit_conf_check_as(ngx_conf_t *cf, const ngx_meshkit_loc_conf_t *mlcf)
{
    ngx_uint_t               i;
    const ngx_str_t         *as;
    ngx_meshkit_identity_t  *id;

    if (mlcf->as == NULL || mlcf->as->lengths != NULL) {
        return NGX_CONF_OK;
    }

    as = &mlcf->as->value;
    id = mlcf->identities->elts;

    for (i = 0; i < mlcf->identities->nelts; i++) {
        if (id[i].id.len == as->len
            && ngx_memcmp(id[i].id.data, as->data, as->len) == 0)
        {
            return NGX_CONF_OK;
        }
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"meshkit_as\" is \"%V\", which no \"meshkit_identity\" "
                  "here has a key for in %V:%ui", as, &mlcf->file, mlcf->line);

    return NGX_CONF_ERROR;
}


/* a directive behind "meshkit_open" may have taken the location over */
static char *
ngx_meshkit_conf_check_handler(ngx_conf_t *cf,
    const ngx_meshkit_loc_conf_t *mlcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname || clcf->handler == ngx_meshkit_handler) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"meshkit_open\" stands in a location that serves "
                  "something else in %V:%ui", &mlcf->file, mlcf->line);

    return NGX_CONF_ERROR;
}


static char *
ngx_meshkit_conf_check(ngx_conf_t *cf, const ngx_meshkit_loc_conf_t *mlcf)
{
    if (ngx_meshkit_conf_check_handler(cf, mlcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (mlcf->metadata == NULL) {
        return ngx_meshkit_conf_missing(cf, mlcf,
                   "\"meshkit_metadata <internal prefix>;\"");
    }

    if (mlcf->gateways == NULL) {
        return ngx_meshkit_conf_missing(cf, mlcf,
                   "at least one \"meshkit_gateway <internal prefix>;\"");
    }

    if (mlcf->identities == NULL) {
        return ngx_meshkit_conf_missing(cf, mlcf,
                   "at least one \"meshkit_identity <id> <key.pem>;\"");
    }

    if (mlcf->as == NULL
        && ngx_meshkit_conf_identities(mlcf->identities) > 1)
    {
        return ngx_meshkit_conf_missing(cf, mlcf,
                   "\"meshkit_as <id or variables>;\", since there are "
                   "several identities");
    }

    if (mlcf->any_owner == NGX_CONF_UNSET) {
        return ngx_meshkit_conf_missing(cf, mlcf,
                   "\"meshkit_owners <jwks file>;\": whose capsules are "
                   "served");
    }

    if (mlcf->deadline == 0) {
        return ngx_meshkit_conf_missing(cf, mlcf,
                   "a \"meshkit_deadline\" above 0");
    }

    if (mlcf->read_ahead < 1
        || mlcf->read_ahead > NGX_MESHKIT_READ_AHEAD_MAX)
    {
        return ngx_meshkit_conf_missing(cf, mlcf,
                   "a \"meshkit_read_ahead\" of 1 to 64 blocks");
    }

    if (ngx_meshkit_locations_add(cf, mlcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_meshkit_conf_check_as(cf, mlcf);
}


/* --- create and merge ----------------------------------------------------- */


void *
ngx_meshkit_conf_create_main(ngx_conf_t *cf)
{
    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_main_conf_t));

    if (mmcf == NULL
        || ngx_array_init(&mmcf->gateways, cf->pool, 4,
                          sizeof(ngx_meshkit_health_t *))
           != NGX_OK
        || ngx_array_init(&mmcf->denylists, cf->pool, 4,
                          sizeof(ngx_meshkit_pickup_t *))
           != NGX_OK
        || ngx_array_init(&mmcf->token_envs, cf->pool, 4,
                          sizeof(ngx_meshkit_token_env_t))
           != NGX_OK)
    {
        return NULL;
    }

    mmcf->max_memory = NGX_CONF_UNSET;
    mmcf->redact = ngx_meshkit_redact_create_main(cf);

    return mmcf->redact == NULL ? NULL : mmcf;
}


void *
ngx_meshkit_conf_create(ngx_conf_t *cf)
{
    ngx_meshkit_loc_conf_t  *mlcf;

    mlcf = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_loc_conf_t));
    if (mlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mlcf->open = NULL;
     *     mlcf->policy_format = MK_DECISION_AUTHZEN;
     *     mlcf->keyring = NULL;
     *     mlcf->as = NULL;
     *     mlcf->action = NULL;
     *     mlcf->subject = NULL;
     *     mlcf->capability = NULL;
     *     mlcf->issuers = NULL;
     *     mlcf->audience = { 0, NULL };
     *     mlcf->owners = NULL;
     *     mlcf->file = { 0, NULL };
     *     mlcf->line = 0;
     */

    mlcf->metadata = NGX_CONF_UNSET_PTR;
    mlcf->policy = NGX_CONF_UNSET_PTR;
    mlcf->gateways = NGX_CONF_UNSET_PTR;
    mlcf->identities = NGX_CONF_UNSET_PTR;
    mlcf->any_owner = NGX_CONF_UNSET;
    mlcf->deadline = NGX_CONF_UNSET_MSEC;
    mlcf->clock_skew = NGX_CONF_UNSET;
    mlcf->max_size = NGX_CONF_UNSET;
    mlcf->read_ahead = NGX_CONF_UNSET;
    mlcf->min_rate = NGX_CONF_UNSET_SIZE;
    mlcf->release = NGX_CONF_UNSET_UINT;
    mlcf->denylist = NGX_CONF_UNSET_PTR;
    mlcf->status = NGX_CONF_UNSET_UINT;
    mlcf->audit = NGX_CONF_UNSET_PTR;

    return mlcf;
}


char *
ngx_meshkit_conf_merge(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_meshkit_loc_conf_t *prev = parent;
    ngx_meshkit_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->open == NULL && prev->open != NULL) {

        /* an "if" or "limit_except" block in a location that opens */

        conf->open = prev->open;
        conf->file = prev->file;
        conf->line = prev->line;

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = ngx_meshkit_handler;
        }
    }

    ngx_conf_merge_ptr_value(conf->metadata, prev->metadata, NULL);

    if (conf->policy == NGX_CONF_UNSET_PTR) {
        conf->policy_format = prev->policy_format;
    }

    ngx_conf_merge_ptr_value(conf->policy, prev->policy, NULL);
    ngx_conf_merge_ptr_value(conf->gateways, prev->gateways, NULL);

    if (conf->identities == NGX_CONF_UNSET_PTR) {
        conf->keyring = prev->keyring;
    }

    ngx_conf_merge_ptr_value(conf->identities, prev->identities, NULL);

    if (conf->any_owner == NGX_CONF_UNSET) {
        conf->any_owner = prev->any_owner;
        conf->owners = prev->owners;
    }

    if (conf->as == NULL) {
        conf->as = prev->as;
    }

    if (conf->action == NULL) {
        conf->action = prev->action;
    }

    if (conf->subject == NULL) {
        conf->subject = prev->subject;
    }

    if (conf->capability == NULL) {
        conf->capability = prev->capability;
    }

    if (conf->issuers == NULL) {
        conf->issuers = prev->issuers;
    }

    ngx_conf_merge_str_value(conf->audience, prev->audience, "");

    ngx_conf_merge_msec_value(conf->deadline, prev->deadline,
                              NGX_MESHKIT_DEADLINE);
    ngx_conf_merge_sec_value(conf->clock_skew, prev->clock_skew, 0);
    ngx_conf_merge_off_value(conf->max_size, prev->max_size, 0);
    ngx_conf_merge_value(conf->read_ahead, prev->read_ahead,
                         NGX_MESHKIT_READ_AHEAD);

    ngx_conf_merge_size_value(conf->min_rate, prev->min_rate,
                              NGX_MESHKIT_MIN_RATE);
    ngx_conf_merge_uint_value(conf->release, prev->release,
                              NGX_MESHKIT_RELEASE_SEGMENT);
    ngx_conf_merge_ptr_value(conf->denylist, prev->denylist, NULL);
    ngx_conf_merge_uint_value(conf->status, prev->status, 0);
    ngx_conf_merge_ptr_value(conf->audit, prev->audit, NULL);

    if (ngx_meshkit_redact_location(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return conf->open == NULL ? NGX_CONF_OK
                              : ngx_meshkit_conf_check(cf, conf);
}
