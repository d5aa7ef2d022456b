/*
 * ngx_meshkit_capability: what the bearer of a capability token may do.
 *
 * The token comes with the request and is looked at only where the capsule
 * requires one for the action: signature and claims here, revocation at the
 * metadata service.  Nobody else is shown it, and a log has its reference.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_denylist.h"
#include "ngx_meshkit_redact.h"
#include "ngx_meshkit_subrequest.h"

#include "mk_standing.h"
#include "mk_token.h"


/* where a token is taken from without meshkit_capability */
#define NGX_MESHKIT_CAPABILITY_HEADER  "x-meshkit-capability"


/* --- directives ----------------------------------------------------------- */


/* meshkit_capability_issuers <jwks file>; */
char *
ngx_meshkit_capability_set_issuers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t  *value;

    if (mlcf->issuers != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    return ngx_meshkit_keys_read_jwks(cf, &value[1], &mlcf->issuers) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* meshkit_audience <name>; */
char *
ngx_meshkit_capability_set_audience(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (value[1].len == 0
        || !mk_name_is_text(ngx_meshkit_bytes(&value[1]),
                            NGX_MESHKIT_AUDIENCE_MAX))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a name: 1 to %d bytes of UTF-8 "
                           "without control characters",
                           &value[1], NGX_MESHKIT_AUDIENCE_MAX);
        return NGX_CONF_ERROR;
    }

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


/* --- the token ------------------------------------------------------------ */


/*
 * nginx's own variable is the first of several headers in one version and
 * all of them in another.  Which one is meant must not depend on that.
 */
static void
ngx_meshkit_capability_header(ngx_meshkit_open_t *open)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    len = sizeof(NGX_MESHKIT_CAPABILITY_HEADER) - 1;
    part = &open->request->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (header[i].key.len != len
            || ngx_strncmp(header[i].lowcase_key,
                           NGX_MESHKIT_CAPABILITY_HEADER, len)
               != 0)
        {
            continue;
        }

        if (open->token.data != NULL) {
            open->two_tokens = 1;
            return;
        }

        open->token = header[i].value;
    }
}


/* 1 if the capsule's id would be masked with it: the client chose both */
static ngx_uint_t
ngx_meshkit_capability_hides(const ngx_meshkit_open_t *open)
{
    size_t  i, len;

    len = ngx_min(open->token.len, MK_NEEDLES_PREFIX);

    for (i = 0; i + len <= open->id.len; i++) {
        if (ngx_memcmp(open->id.data + i, open->token.data, len) == 0) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_meshkit_capability_take(ngx_meshkit_open_t *open)
{
    ngx_http_complex_value_t  *value;

    value = open->conf->capability;

    if (value == NULL) {
        ngx_meshkit_capability_header(open);

    } else if (ngx_http_complex_value(open->request, value, &open->token)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (open->token.len == 0) {
        return NGX_OK;
    }

    if (!ngx_meshkit_redact_is_named(value)
        && !ngx_meshkit_capability_hides(open))
    {
        /* one in a header is no reason to mask a path that is called so */

        ngx_meshkit_redact_request_token(open->request, &open->token);
    }

    return mk_token_ref_print(ngx_meshkit_keys_token_ref(),
                              ngx_meshkit_bytes(&open->token),
                              open->token_ref)
           == MK_OK ? NGX_OK : NGX_ERROR;
}


static mk_status_t
ngx_meshkit_capability_check(ngx_meshkit_open_t *open, const char **why)
{
    mk_token_facts_t               facts;
    const ngx_meshkit_loc_conf_t  *conf;

    conf = open->conf;

    if (open->two_tokens) {
        *why = "there are two tokens";
        return MK_CAPABILITY_DENIED;
    }

    if (open->token.len == 0) {
        *why = "no token is given";
        return MK_CAPABILITY_REQUIRED;
    }

    ngx_memzero(&facts, sizeof(mk_token_facts_t));

    facts.capsule = open->capsule;
    facts.issuers = conf->issuers;
    facts.identity = ngx_meshkit_bytes(&open->identity);
    facts.audience = ngx_meshkit_bytes(&conf->audience);
    facts.action = open->action;
    facts.now = ngx_time();
    facts.skew = conf->clock_skew;

    return mk_token_capability(ngx_meshkit_bytes(&open->token), &facts,
                               &open->capability, why);
}


mk_status_t
ngx_meshkit_capability_check_again(ngx_meshkit_open_t *open)
{
    const mk_capability_t  *capability;

    capability = &open->capability;

    if (capability->jti[0] == '\0') {
        return MK_OK;
    }

    open->check = MK_CHECK_CAPABILITY;

    if (ngx_time() - open->conf->clock_skew >= capability->exp) {
        open->why = "the token expired while services were asked";
        return MK_CAPABILITY_DENIED;
    }

    return ngx_meshkit_denylist_token(open, capability->jti,
                                      MK_CAPABILITY_DENIED);
}


/* --- whether it was revoked ----------------------------------------------- */


ngx_int_t
ngx_meshkit_capability_ask(ngx_meshkit_open_t *open)
{
    u_char        path[sizeof("/v1/capabilities/") + MK_NAME_MAX];
    ngx_str_t     str;
    mk_status_t   status;
    const char   *why;

    if (!mk_capsule_requires_token(open->capsule, open->action)) {
        return NGX_DECLINED;
    }

    status = ngx_meshkit_capability_check(open, &why);

    if (status == MK_OK) {
        status = ngx_meshkit_denylist_token(open, open->capability.jti,
                                            MK_CAPABILITY_DENIED);
        why = open->why;
    }

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, why);
        return NGX_OK;
    }

    str.data = path;
    str.len = ngx_sprintf(path, "/v1/capabilities/%s", open->capability.jti)
              - path;

    return ngx_meshkit_open_ask(open, open->conf->metadata, &str, NULL);
}


void
ngx_meshkit_capability_read(ngx_meshkit_open_t *open)
{
    mk_status_t                status;
    const char                *why;
    ngx_meshkit_subrequest_t  *s;

    s = open->asked;
    why = "the capability was revoked";

    if (ngx_meshkit_subrequest_is_missing(s)) {
        status = MK_CAPABILITY_DENIED;
        why = "the metadata service knows no such capability";

    } else if (!ngx_meshkit_subrequest_is_good(s)) {
        status = MK_METADATA_PROVIDER_ERROR;
        why = ngx_meshkit_subrequest_fault(s);

    } else {
        status = mk_standing_capability(ngx_meshkit_bytes_of(s->body,
                                                             s->len));

        if (status != MK_CAPABILITY_DENIED) {
            why = "the answer has no state of the capability";
        }
    }

    ngx_meshkit_open_answered(open, status, why);
}
