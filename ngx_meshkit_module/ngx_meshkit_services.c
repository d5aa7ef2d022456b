/*
 * ngx_meshkit_services: the directives that name a service's location.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_health.h"
#include "ngx_meshkit_redact.h"


/* An internal location: "/..." and nothing that is no path. */
static char *
ngx_meshkit_services_prefix(ngx_conf_t *cf, ngx_str_t *value,
    ngx_meshkit_service_t *service)
{
    size_t  len;

    if (value->data[0] != '/' || ngx_strlchr(value->data,
                                             value->data + value->len, '?')
                                 != NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a path: name an internal location, "
                           "as \"/_meshkit/metadata\"", value);
        return NGX_CONF_ERROR;
    }

    for (len = value->len; len > 1 && value->data[len - 1] == '/'; len--) {
        /* void */
    }

    service->prefix.data = value->data;
    service->prefix.len = len;
    service->file = cf->conf_file->file.name;
    service->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_meshkit_services_gateway_prefix(ngx_conf_t *cf, ngx_str_t *value,
    ngx_meshkit_service_t *service)
{
    if (ngx_meshkit_services_prefix(cf, value, service) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_meshkit_health_add(cf, &service->prefix, &service->health)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* 1 and *value if the parameter is "name=...". */
static ngx_uint_t
ngx_meshkit_services_parameter(const ngx_str_t *word, const char *name,
    ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (word->len <= len || ngx_strncmp(word->data, name, len) != 0) {
        return 0;
    }

    value->data = word->data + len;
    value->len = word->len - len;

    return 1;
}


char *
ngx_meshkit_conf_unknown(ngx_conf_t *cf, ngx_str_t *word, const char *known)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\", expected %s", word, known);

    return NGX_CONF_ERROR;
}


/* A parameter of every service; "known" are the words that there are. */
static char *
ngx_meshkit_services_token(ngx_conf_t *cf, ngx_str_t *word,
    ngx_meshkit_service_t *service, const char *known)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (ngx_meshkit_services_parameter(word, "token_file=", &value)) {
        rc = ngx_meshkit_keys_read_token(cf, &value, &service->token);

    } else if (ngx_meshkit_services_parameter(word, "token_env=", &value)) {
        rc = ngx_meshkit_keys_read_token_env(cf, &value, &service->token);

    } else {
        return ngx_meshkit_conf_unknown(cf, word, known);
    }

    return rc == NGX_OK
           && ngx_meshkit_redact_token(cf, service->token) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* meshkit_metadata <internal prefix> [token_file=...|token_env=...]; */
char *
ngx_meshkit_services_metadata(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_meshkit_service_t  **service;

    service = (ngx_meshkit_service_t **) (p + cmd->offset);

    if (*service != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *service = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_service_t));
    if (*service == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_meshkit_services_prefix(cf, &value[1], *service) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_meshkit_services_token(cf, &value[i], *service,
                                       "\"token_file=\" or \"token_env=\"")
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* meshkit_policy <internal uri> [format=authzen|lit] [token_file=...]; */
char *
ngx_meshkit_services_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t  *value;
    ngx_uint_t  i;

    if (mlcf->policy != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mlcf->policy = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_service_t));
    if (mlcf->policy == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_meshkit_services_prefix(cf, &value[1], mlcf->policy)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* a whole URI: its last slash belongs to it */

    mlcf->policy->prefix = value[1];
    mlcf->policy_format = MK_DECISION_AUTHZEN;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "format=authzen") == 0) {
            mlcf->policy_format = MK_DECISION_AUTHZEN;
            continue;
        }

        if (ngx_strcmp(value[i].data, "format=lit") == 0) {
            mlcf->policy_format = MK_DECISION_LIT;
            continue;
        }

        if (ngx_meshkit_services_token(cf, &value[i], mlcf->policy,
                                       "\"format=authzen\", \"format=lit\", "
                                       "\"token_file=\" or \"token_env=\"")
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* meshkit_gateway <internal prefix> [auto|car|raw] [token_file=...]; */
char *
ngx_meshkit_services_gateway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_meshkit_service_t  *service;

    if (mlcf->gateways == NGX_CONF_UNSET_PTR) {
        mlcf->gateways = ngx_array_create(cf->pool, 2,
                                          sizeof(ngx_meshkit_service_t));
        if (mlcf->gateways == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (mlcf->gateways->nelts == NGX_MESHKIT_GATEWAYS_MAX) {
        return "stands here more than 32 times";
    }

    service = ngx_array_push(mlcf->gateways);
    if (service == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(service, sizeof(ngx_meshkit_service_t));

    value = cf->args->elts;

    if (ngx_meshkit_services_gateway_prefix(cf, &value[1], service)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "auto") == 0) {
            service->form = NGX_MESHKIT_AUTO;

        } else if (ngx_strcmp(value[i].data, "car") == 0) {
            service->form = NGX_MESHKIT_CAR;

        } else if (ngx_strcmp(value[i].data, "raw") == 0) {
            service->form = NGX_MESHKIT_RAW;

        } else if (ngx_meshkit_services_token(cf, &value[i], service,
                                       "\"auto\", \"car\", \"raw\", "
                                       "\"token_file=\" or \"token_env=\"")
                   != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
