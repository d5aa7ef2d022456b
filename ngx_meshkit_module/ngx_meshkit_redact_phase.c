/*
 * ngx_meshkit_redact_phase: masks a request while its log phase runs.
 *
 * The main request ends with its log phase.  A subrequest shares headers and
 * variables with its parent, which goes on: the strings are put back, and
 * variables are its own for so long, since what a log evaluates first would
 * stay as the log saw it.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_redact.h"


/* What a subrequest had before. */
typedef struct {
    ngx_str_t                   request_line;
    ngx_str_t                   unparsed_uri;
    ngx_str_t                   uri;
    ngx_str_t                   args;
    ngx_http_headers_in_t       headers_in;
    ngx_http_headers_out_t      headers_out;
    ngx_http_upstream_t        *upstream;
    ngx_http_variable_value_t  *variables;

#if (NGX_PCRE)
    ngx_uint_t                  ncaptures;
    int                        *captures;
    u_char                     *captures_data;
#endif
} ngx_meshkit_redact_phase_before_t;


/* nginx logs one request at a time */
static ngx_meshkit_redact_strings_t       ngx_meshkit_redact_phase;
static ngx_meshkit_redact_phase_before_t  ngx_meshkit_redact_phase_before;


/* --- a subrequest --------------------------------------------------------- */


/* the variables that a subrequest has while it is logged */
static ngx_http_variable_value_t *
ngx_meshkit_redact_phase_own_variables(ngx_http_request_t *r, size_t *size)
{
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_http_core_main_conf_t  *cmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    *size = cmcf->variables.nelts * sizeof(ngx_http_variable_value_t);

    return mmcf->redact->variables;
}


/* random, and the same for parent and subrequest whoever is logged first */
static void
ngx_meshkit_redact_phase_evaluate(ngx_http_request_t *r)
{
    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);

    if (mmcf->redact->request_id != NGX_ERROR) {
        (void) ngx_http_get_indexed_variable(r, mmcf->redact->request_id);
    }
}


static void
ngx_meshkit_redact_phase_keep(ngx_meshkit_redact_strings_t *all)
{
    size_t                              size;
    ngx_http_request_t                 *r;
    ngx_http_variable_value_t          *variables;
    ngx_meshkit_redact_phase_before_t  *before;

    r = all->request;
    before = &ngx_meshkit_redact_phase_before;

    before->request_line = r->request_line;
    before->unparsed_uri = r->unparsed_uri;
    before->uri = r->uri;
    before->args = r->args;
    before->headers_in = r->headers_in;
    before->headers_out = r->headers_out;
    before->upstream = r->upstream;
    before->variables = r->variables;

    ngx_meshkit_redact_phase_evaluate(r);

    variables = ngx_meshkit_redact_phase_own_variables(r, &size);
    ngx_memcpy(variables, r->variables, size);
    r->variables = variables;

#if (NGX_PCRE)

    before->ncaptures = r->ncaptures;
    before->captures = r->captures;
    before->captures_data = r->captures_data;

    r->realloc_captures = 1;

#endif

    ngx_meshkit_redact_strings_share(all);
}


/* Without memory for masks a log shows nothing of what they would hide. */
static void
ngx_meshkit_redact_phase_nothing(ngx_meshkit_redact_strings_t *all)
{
    size_t               size;
    ngx_uint_t           status;
    ngx_http_request_t  *r;

    ngx_meshkit_redact_strings_undo(all);

    r = all->request;
    status = r->headers_out.status;

    ngx_str_set(&r->request_line, "");
    ngx_str_set(&r->unparsed_uri, "");
    ngx_str_set(&r->uri, "");
    ngx_str_null(&r->args);

    ngx_memzero(&r->headers_in, sizeof(ngx_http_headers_in_t));
    ngx_memzero(&r->headers_out, sizeof(ngx_http_headers_out_t));

    r->headers_in.content_length_n = -1;
    r->headers_out.content_length_n = -1;
    r->headers_out.last_modified_time = -1;
    r->headers_out.status = status;
    r->upstream = NULL;

    r->variables = ngx_meshkit_redact_phase_own_variables(r, &size);
    ngx_memzero(r->variables, size);
}


/* --- the handlers --------------------------------------------------------- */


static ngx_int_t
ngx_meshkit_redact_phase_begin(ngx_http_request_t *r)
{
    ngx_array_t                   *args, *headers;
    ngx_meshkit_redact_t          *known;
    ngx_meshkit_main_conf_t       *mmcf;
    ngx_meshkit_redact_strings_t  *all;

    all = &ngx_meshkit_redact_phase;
    ngx_memzero(all, sizeof(ngx_meshkit_redact_strings_t));

    if (!ngx_meshkit_redact_request_names(r, &args, &headers)) {
        return NGX_OK;
    }

    all->request = r;
    all->args = args;
    all->headers = headers;
    all->failed = ngx_meshkit_redact_request_ensure(r) != NGX_OK;

    known = ngx_meshkit_redact_known_get(r);

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);

    ngx_meshkit_redact_request_rules(&all->text, mmcf->redact, args, headers,
                                     known, 0);
    ngx_meshkit_redact_request_rules(&all->value, mmcf->redact, args, headers,
                                     known, 1);

    if (r != r->main) {
        ngx_meshkit_redact_phase_keep(all);
    }

    if (!all->failed) {
        ngx_meshkit_redact_strings_mask(all);
    }

    if (all->failed) {
        ngx_meshkit_redact_phase_nothing(all);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_redact_phase_end(ngx_http_request_t *r)
{
    ngx_meshkit_redact_strings_t       *all;
    ngx_meshkit_redact_phase_before_t  *before;

    all = &ngx_meshkit_redact_phase;
    before = &ngx_meshkit_redact_phase_before;

    if (all->request != r || r == r->main) {
        return NGX_OK;
    }

    ngx_meshkit_redact_strings_undo(all);

    r->request_line = before->request_line;
    r->unparsed_uri = before->unparsed_uri;
    r->uri = before->uri;
    r->args = before->args;
    r->headers_in = before->headers_in;
    r->headers_out = before->headers_out;
    r->upstream = before->upstream;
    r->variables = before->variables;

#if (NGX_PCRE)

    r->ncaptures = before->ncaptures;
    r->captures = before->captures;
    r->captures_data = before->captures_data;

#endif

    all->request = NULL;

    return NGX_OK;
}


/*
 * Modules put their handlers where they like, Lua's in front of all: so the
 * first and the last one are chosen when all are there.
 */
ngx_int_t
ngx_meshkit_redact_phase_init(ngx_cycle_t *cycle)
{
    ngx_array_t                *handlers;
    ngx_http_handler_pt        *h;
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_http_core_main_conf_t  *cmcf;

    static const ngx_str_t      id = ngx_string("request_id");

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_meshkit_module);

    if (mmcf == NULL || mmcf->redact->key == NULL) {
        return NGX_OK;
    }

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);

    mmcf->redact->request_id = ngx_meshkit_redact_variable_index(cmcf, &id);
    mmcf->redact->variables = ngx_pcalloc(cycle->pool,
        cmcf->variables.nelts * sizeof(ngx_http_variable_value_t));

    handlers = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;

    if (mmcf->redact->variables == NULL
        || ngx_array_push_n(handlers, 2) == NULL)
    {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(&h[1], &h[0],
                (handlers->nelts - 2) * sizeof(ngx_http_handler_pt));

    h[0] = ngx_meshkit_redact_phase_begin;
    h[handlers->nelts - 1] = ngx_meshkit_redact_phase_end;

    return NGX_OK;
}
