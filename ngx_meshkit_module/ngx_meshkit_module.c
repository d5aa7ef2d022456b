/*
 * ngx_meshkit_module: the directives, and where the module hooks in.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_counters.h"
#include "ngx_meshkit_denylist.h"
#include "ngx_meshkit_heap.h"
#include "ngx_meshkit_memory.h"
#include "ngx_meshkit_redact.h"
#include "ngx_meshkit_stranger.h"


#define NGX_MESHKIT_ANYWHERE                                                  \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF


static ngx_conf_enum_t  ngx_meshkit_releases[] = {
    { ngx_string("segment"), NGX_MESHKIT_RELEASE_SEGMENT },
    { ngx_string("whole"), NGX_MESHKIT_RELEASE_WHOLE },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_meshkit_commands[] = {

    { ngx_string("meshkit_open"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_meshkit_conf_open,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, open),
      NULL },

    { ngx_string("meshkit_metadata"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE12,
      ngx_meshkit_services_metadata,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, metadata),
      NULL },

    { ngx_string("meshkit_policy"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE123,
      ngx_meshkit_services_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_gateway"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE123,
      ngx_meshkit_services_gateway,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_identity"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE2,
      ngx_meshkit_conf_identity,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_as"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, as),
      NULL },

    { ngx_string("meshkit_action"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_meshkit_conf_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, action),
      NULL },

    { ngx_string("meshkit_subject"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, subject),
      NULL },

    { ngx_string("meshkit_capability"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, capability),
      NULL },

    { ngx_string("meshkit_capability_issuers"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_meshkit_capability_set_issuers,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_audience"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_meshkit_capability_set_audience,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, audience),
      NULL },

    { ngx_string("meshkit_owners"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_meshkit_conf_owners,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_deadline"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, deadline),
      NULL },

    { ngx_string("meshkit_clock_skew"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, clock_skew),
      NULL },

    { ngx_string("meshkit_max_size"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, max_size),
      NULL },

    { ngx_string("meshkit_max_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_meshkit_memory_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_meshkit_main_conf_t, max_memory),
      NULL },

    { ngx_string("meshkit_read_ahead"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, read_ahead),
      NULL },

    { ngx_string("meshkit_min_rate"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, min_rate),
      NULL },

    { ngx_string("meshkit_release"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_meshkit_loc_conf_t, release),
      ngx_meshkit_releases },

    { ngx_string("meshkit_denylist"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_meshkit_denylist_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_audit_log"),
      NGX_MESHKIT_ANYWHERE|NGX_CONF_TAKE1,
      ngx_meshkit_audit_log,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_meshkit_status_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_redact_args"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_meshkit_redact_args,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_redact_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_meshkit_redact_headers,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("meshkit_redact_error_log"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_SRV_CONF_OFFSET,
      offsetof(ngx_meshkit_redact_conf_t, error_log),
      NULL },

      ngx_null_command
};


ngx_int_t
ngx_meshkit_module_add_handler(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_module_init(ngx_conf_t *cf)
{
    ngx_meshkit_memory_warn(cf);

    if (ngx_meshkit_filter_init(cf) != NGX_OK
        || ngx_meshkit_question_init(cf) != NGX_OK
        || ngx_meshkit_served_init(cf) != NGX_OK
        || ngx_meshkit_upstream_init(cf) != NGX_OK
        || ngx_meshkit_cache_init(cf) != NGX_OK
        || ngx_meshkit_stranger_init(cf) != NGX_OK
        || ngx_meshkit_counters_add_zone(cf) != NGX_OK
        || ngx_meshkit_redact_init(cf) != NGX_OK
        || ngx_meshkit_locations_init(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_meshkit_audit_init(cf);
}


static ngx_int_t
ngx_meshkit_module_init_process(ngx_cycle_t *cycle)
{
    ngx_meshkit_memory_start(cycle);
    ngx_meshkit_denylist_start(cycle);

    return ngx_meshkit_keys_protect(cycle);
}


static ngx_int_t
ngx_meshkit_module_init_cycle(ngx_cycle_t *cycle)
{
    if (ngx_meshkit_redact_writer_init(cycle) != NGX_OK
        || ngx_meshkit_redact_phase_init(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_meshkit_heap_report(cycle);

    return ngx_meshkit_denylist_init(cycle);
}


static ngx_http_module_t  ngx_meshkit_module_ctx = {
    ngx_meshkit_variables_add,              /* preconfiguration */
    ngx_meshkit_module_init,                /* postconfiguration */

    ngx_meshkit_conf_create_main,           /* create main configuration */
    NULL,                                   /* init main configuration */

    ngx_meshkit_redact_create,              /* create server configuration */
    ngx_meshkit_redact_merge,               /* merge server configuration */

    ngx_meshkit_conf_create,                /* create location configuration */
    ngx_meshkit_conf_merge                  /* merge location configuration */
};


ngx_module_t  ngx_meshkit_module = {
    NGX_MODULE_V1,
    &ngx_meshkit_module_ctx,                /* module context */
    ngx_meshkit_commands,                   /* module directives */
    NGX_HTTP_MODULE,                        /* module type */
    NULL,                                   /* init master */
    ngx_meshkit_module_init_cycle,          /* init module */
    ngx_meshkit_module_init_process,        /* init process */
    NULL,                                   /* init thread */
    NULL,                                   /* exit thread */
    ngx_meshkit_shutdown_exit_process,      /* exit process */
    NULL,                                   /* exit master */
    NGX_MODULE_V1_PADDING
};
