/*
 * ngx_meshkit_policy: the policy service decides, and only a yes that
 * nobody could mistake is one.
 */

#include "ngx_meshkit_subrequest.h"


ngx_int_t
ngx_meshkit_policy_ask(ngx_meshkit_open_t *open)
{
    char                          *body;
    size_t                         len;
    ngx_int_t                      rc;
    ngx_str_t                      path, str;
    mk_status_t                    status;
    mk_decision_facts_t            facts;
    const ngx_meshkit_loc_conf_t  *conf;

    conf = open->conf;

    if (open->capsule->policy_id.len == 0) {
        return NGX_DECLINED;
    }

    if (conf->policy == NULL) {
        ngx_meshkit_open_decide(open, MK_POLICY_PROVIDER_REQUIRED,
                                "no meshkit_policy is set");
        return NGX_OK;
    }

    if (conf->subject != NULL && open->subject.len == 0) {

        /* else the question would be whether the gateway itself may */

        ngx_meshkit_open_decide(open, MK_POLICY_DENIED,
                                "meshkit_subject is empty");
        return NGX_OK;
    }

    ngx_memzero(&facts, sizeof(mk_decision_facts_t));

    facts.capsule = open->capsule;
    facts.subject = ngx_meshkit_bytes(&open->subject);
    facts.identity = ngx_meshkit_bytes(&open->identity);
    facts.action = open->action;
    facts.request_id = ngx_meshkit_bytes(&open->request_id);
    facts.ip = ngx_meshkit_handler_address(open->request);
    facts.now = ngx_time();

    if (open->capability.jti[0] != '\0') {
        facts.capability_jti = open->capability.jti;
        facts.capability_open = open->capability.may_open;
        facts.capability_download = open->capability.may_download;
    }

    status = mk_decision_request(conf->policy_format, &facts, &body, &len);
    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, "the question cannot be put");
        return NGX_OK;
    }

    if (!open->policy_asked) {
        open->policy_asked = 1;
        open->policy_start = ngx_current_msec;
    }

    ngx_str_null(&path);
    str.data = (u_char *) body;
    str.len = len;

    rc = ngx_meshkit_open_ask(open, conf->policy, &path, &str);

    free(body);

    return rc;
}


void
ngx_meshkit_policy_read(ngx_meshkit_open_t *open)
{
    mk_status_t                status;
    const char                *why;
    mk_decision_answer_t       answer;
    ngx_meshkit_subrequest_t  *s;

    s = open->asked;

    open->policy_ms = ngx_current_msec - open->policy_start;

    ngx_memzero(&answer, sizeof(mk_decision_answer_t));

    answer.http = (int) s->status;
    answer.complete = ngx_meshkit_subrequest_is_good(s);
    answer.media_type = ngx_meshkit_bytes(&s->content_type);
    answer.body = ngx_meshkit_bytes_of(s->body, s->len);
    answer.request_id = ngx_meshkit_bytes(&s->request_id);
    answer.request_id_sent = ngx_meshkit_bytes(&open->request_id);

    if (!ngx_meshkit_subrequest_is_good(s) || s->two_ids) {
        status = MK_POLICY_PROVIDER_ERROR;
        why = s->two_ids ? "it echoes no single X-Request-ID"
                         : ngx_meshkit_subrequest_fault(s);

    } else {
        status = mk_decision_read(open->conf->policy_format, &answer, &why);
    }

    ngx_meshkit_open_answered(open, status, why);
}
