/*
 * ngx_meshkit_vault: a capsule that belongs to a vault is opened for its
 * members only, and the metadata service is asked who they are.
 */

#include "ngx_meshkit_subrequest.h"

#include "mk_standing.h"


/*
 * Both ids are of a kind that cannot name another resource of the service
 * (mk_name), nor is the question another location's (ngx_meshkit_question).
 * They stand here in nginx's decoded form: nginx escapes them on their way
 * out.
 */
ngx_int_t
ngx_meshkit_vault_ask(ngx_meshkit_open_t *open)
{
    u_char             *p;
    u_char              path[sizeof("/v1/vaults//members/") + 2 * MK_NAME_MAX];
    ngx_str_t           str;
    const mk_bytes_t   *vault;

    vault = &open->capsule->vault_id;

    if (vault->len == 0) {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(path, "/v1/vaults/", sizeof("/v1/vaults/") - 1);
    p = ngx_cpymem(p, vault->data, vault->len);
    p = ngx_cpymem(p, "/members/", sizeof("/members/") - 1);
    p = ngx_cpymem(p, open->identity.data, open->identity.len);

    str.data = path;
    str.len = p - path;

    return ngx_meshkit_open_ask(open, open->conf->metadata, &str, NULL);
}


void
ngx_meshkit_vault_read(ngx_meshkit_open_t *open)
{
    mk_status_t                status;
    const char                *why;
    ngx_meshkit_subrequest_t  *s;

    s = open->asked;
    why = "not a member of the vault";

    if (ngx_meshkit_subrequest_is_missing(s)) {
        status = MK_VAULT_DENIED;

    } else if (!ngx_meshkit_subrequest_is_good(s)) {
        status = MK_VAULT_PROVIDER_ERROR;
        why = ngx_meshkit_subrequest_fault(s);

    } else {
        status = mk_standing_member(ngx_meshkit_bytes_of(s->body, s->len));

        if (status != MK_VAULT_DENIED) {
            why = "the answer about the vault's member is neither yes nor no";
        }
    }

    ngx_meshkit_open_answered(open, status, why);
}
