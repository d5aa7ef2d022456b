/*
 * ngx_meshkit_open: the story of one request, from its address to its end.
 *
 * Address, record, checks, decision, key, header, plaintext.  Each refusal
 * ends the story there: nothing behind it is called.  nginx runs
 * ngx_meshkit_open_resume whenever an answer came or the client is ready for
 * more; it goes on where it was.
 */

#include "ngx_meshkit_await.h"
#include "ngx_meshkit_denylist.h"
#include "ngx_meshkit_heap.h"
#include "ngx_meshkit_memory.h"


static ngx_int_t ngx_meshkit_open_admit(ngx_meshkit_open_t *open);
static ngx_int_t ngx_meshkit_open_ask_metadata(ngx_meshkit_open_t *open);
static void ngx_meshkit_open_read_record(ngx_meshkit_open_t *open);
static ngx_int_t ngx_meshkit_open_check(ngx_meshkit_open_t *open);
static ngx_int_t ngx_meshkit_open_check_again(ngx_meshkit_open_t *open);
static ngx_int_t ngx_meshkit_open_unwrap(ngx_meshkit_open_t *open);
static void ngx_meshkit_open_stream(ngx_meshkit_open_t *open);


/*
 * What is waited for, and what it means if it does not come in time.  A step
 * that looks into the denylist waits for that first.
 */
typedef struct {
    mk_check_t    check;
    mk_status_t   late;
    ngx_uint_t    denylist;
    ngx_int_t   (*ask)(ngx_meshkit_open_t *open);
    void        (*read)(ngx_meshkit_open_t *open);  /* NULL: asks nobody */
} ngx_meshkit_open_step_t;


static const ngx_meshkit_open_step_t  ngx_meshkit_open_steps[] = {

    [NGX_MESHKIT_ADMIT] = {
        MK_CHECK_DENYLIST, MK_INTERNAL_ERROR, 1,
        ngx_meshkit_open_admit, NULL },

    [NGX_MESHKIT_METADATA] = {
        MK_CHECK_RECORD, MK_METADATA_PROVIDER_ERROR, 0,
        ngx_meshkit_open_ask_metadata, ngx_meshkit_open_read_record },

    [NGX_MESHKIT_CHECK] = {
        MK_CHECK_DENYLIST, MK_INTERNAL_ERROR, 1,
        ngx_meshkit_open_check, NULL },

    [NGX_MESHKIT_VAULT] = {
        MK_CHECK_VAULT, MK_VAULT_PROVIDER_ERROR, 0,
        ngx_meshkit_vault_ask, ngx_meshkit_vault_read },

    [NGX_MESHKIT_CAPABILITY] = {
        MK_CHECK_CAPABILITY, MK_METADATA_PROVIDER_ERROR, 1,
        ngx_meshkit_capability_ask, ngx_meshkit_capability_read },

    [NGX_MESHKIT_POLICY] = {
        MK_CHECK_POLICY, MK_POLICY_PROVIDER_ERROR, 0,
        ngx_meshkit_policy_ask, ngx_meshkit_policy_read },

    [NGX_MESHKIT_CHECK_AGAIN] = {
        MK_CHECK_DENYLIST, MK_INTERNAL_ERROR, 1,
        ngx_meshkit_open_check_again, NULL },

    [NGX_MESHKIT_FETCH] = {
        MK_CHECK_KEY, MK_PROVIDER_REQUEST_FAILED, 0,
        ngx_meshkit_open_unwrap, ngx_meshkit_open_stream },

    [NGX_MESHKIT_END] = { MK_CHECK_CONTENT, MK_INTERNAL_ERROR, 0, NULL, NULL }
};


/*
 * The entry in nginx's list is our own: nginx would take a new one from the
 * request's pool each time.
 */
void
ngx_meshkit_open_post(ngx_meshkit_open_t *open)
{
    if (!open->over) {
        ngx_meshkit_post_request(open->request, &open->posted);
    }
}


/* --- the end -------------------------------------------------------------- */


/*
 * The outcome is final.  May be called from anywhere; the request is ended
 * by its own write handler.
 */
void
ngx_meshkit_open_decide(ngx_meshkit_open_t *open, mk_status_t outcome,
    const char *why)
{
    if (open->decided || open->over) {
        return;
    }

    if (open->step == NGX_MESHKIT_POLICY && open->policy_asked) {
        open->policy_ms = ngx_current_msec - open->policy_start;
    }

    if (open->asked != NULL) {
        open->answer = open->asked->status;
    }

    open->decided = 1;
    open->outcome = outcome;
    open->why = why;

    ngx_meshkit_open_post(open);
}


/* The service that was waited for when time ran out. */
void
ngx_meshkit_open_too_late(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_meshkit_open_t  *open;

    open = ev->data;
    c = open->request->connection;

    ngx_http_set_log_request(c->log, open->request);

    if (open->step == NGX_MESHKIT_FETCH && open->fetch != NULL) {
        ngx_meshkit_pace_late(open->fetch);
    }

    ngx_meshkit_await_late(open);
    ngx_meshkit_repeat_late(open);
    ngx_meshkit_open_decide(open, ngx_meshkit_open_steps[open->step].late,
                            "meshkit_deadline is over");

    ngx_http_run_posted_requests(c);
}


/* --- what is asked -------------------------------------------------------- */


static ngx_int_t
ngx_meshkit_open_admit(ngx_meshkit_open_t *open)
{
    return ngx_meshkit_denylist_admit(open) == NGX_OK
           && ngx_meshkit_heap_admit(open) == NGX_OK
           && ngx_meshkit_memory_begin(open) == NGX_OK
           ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_meshkit_open_ask(ngx_meshkit_open_t *open,
    const ngx_meshkit_service_t *service, const ngx_str_t *path,
    const ngx_str_t *body)
{
    u_char                  *p;
    ngx_meshkit_question_t   q;

    ngx_memzero(&q, sizeof(ngx_meshkit_question_t));

    q.uri.len = service->prefix.len + path->len;
    q.uri.data = ngx_pnalloc(open->request->pool, q.uri.len);
    if (q.uri.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(q.uri.data, service->prefix.data, service->prefix.len);
    ngx_memcpy(p, path->data, path->len);

    ngx_str_set(&q.accept, "application/json");
    q.token = service->token;
    q.limit = NGX_MESHKIT_ANSWER_MAX;
    q.fresh = 1;

    if (body != NULL) {
        q.body = *body;
    }

    return ngx_meshkit_subrequest_create(open, &q, &open->asked);
}


static ngx_int_t
ngx_meshkit_open_ask_metadata(ngx_meshkit_open_t *open)
{
    u_char      path[sizeof("/v1/capsules/") + MK_NAME_MAX];
    ngx_str_t   str;

    str.data = path;
    str.len = ngx_sprintf(path, "/v1/capsules/%V", &open->id) - path;

    return ngx_meshkit_open_ask(open, open->conf->metadata, &str, NULL);
}


/* Asks what this step is about, or whatever follows it and is needed. */
static void
ngx_meshkit_open_enter(ngx_meshkit_open_t *open, ngx_meshkit_step_t step)
{
    ngx_int_t                        rc;
    const ngx_meshkit_open_step_t   *s;

    do {
        s = &ngx_meshkit_open_steps[step];

        open->step = step;
        open->check = s->check;

        if (s->denylist && ngx_meshkit_await_list(open) == NGX_AGAIN) {
            return;
        }

        rc = s->ask(open);

        step++;

    } while (rc == NGX_DECLINED);

    if (rc != NGX_OK) {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR, "no subrequest");
    }
}


void
ngx_meshkit_open_begin(ngx_meshkit_open_t *open)
{
    ngx_meshkit_open_enter(open, NGX_MESHKIT_ADMIT);
}


void
ngx_meshkit_open_answered(ngx_meshkit_open_t *open, mk_status_t status,
    const char *why)
{
    if (open->asked != NULL) {
        open->answer = open->asked->status;

        ngx_meshkit_subrequest_cancel(open->asked);
        ngx_meshkit_subrequest_release(open->asked);
        open->asked = NULL;
    }

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, why);
        return;
    }

    ngx_meshkit_open_enter(open, open->step + 1);
}


/* --- what came back ------------------------------------------------------- */


/* MK_OK; MK_INTERNAL_ERROR where the denylist cannot be used. */
static mk_status_t
ngx_meshkit_open_facts(ngx_meshkit_open_t *open, mk_checks_facts_t *facts)
{
    const ngx_meshkit_loc_conf_t  *conf;

    conf = open->conf;

    ngx_memzero(facts, sizeof(mk_checks_facts_t));

    facts->capsule = open->capsule;
    facts->id = ngx_meshkit_bytes(&open->id);
    facts->identity = ngx_meshkit_bytes(&open->identity);
    facts->action = open->action;
    facts->owners = conf->owners;
    facts->insecure_any_owner = conf->any_owner == 1;
    facts->keyring = conf->keyring;
    facts->now = ngx_time();
    facts->skew = conf->clock_skew;
    facts->max_size = (uint64_t) conf->max_size;

    open->check = MK_CHECK_DENYLIST;

    return ngx_meshkit_denylist_now(open, &facts->denylist);
}


/*
 * Services may take as long as meshkit_deadline: what needs none is asked
 * once more, so that nothing begins that has ended or was stopped meanwhile.
 */
static ngx_int_t
ngx_meshkit_open_check_again(ngx_meshkit_open_t *open)
{
    mk_status_t        status;
    mk_checks_facts_t  facts;

    if (ngx_meshkit_denylist_admit(open) != NGX_OK) {
        return NGX_OK;
    }

    status = ngx_meshkit_open_facts(open, &facts);

    if (status == MK_OK) {
        status = mk_checks_again(&facts, &open->check, &open->why);
    }

    if (status == MK_OK) {
        status = ngx_meshkit_capability_check_again(open);
    }

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, open->why);
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * The header of the file, the size and the key fit; or the story ends.  The
 * data key is on loan to the opener's creation only.
 */
static ngx_int_t
ngx_meshkit_open_unwrap(ngx_meshkit_open_t *open)
{
    ngx_uint_t           whole;
    mk_secret_t         *data_key;
    mk_status_t          status;
    const mk_capsule_t  *capsule;

    if (ngx_meshkit_memory_admit(open) != NGX_OK) {
        return NGX_OK;
    }

    capsule = open->capsule;

    status = mk_capsule_unwrap(capsule, open->found.wrap, open->found.key,
                               &data_key);
    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, status == MK_INTERNAL_ERROR
                                              ? "no memory for keys"
                                              : "the wrap does not open");
        return NGX_OK;
    }

    open->granted = 1;

    status = ngx_meshkit_condition_read(open);

    if (status != MK_OK) {
        open->check = MK_CHECK_RANGE;
        mk_secret_free(data_key);
        ngx_meshkit_open_decide(open, status, "the range is outside the file");
        return NGX_OK;
    }

    whole = open->conf->release == NGX_MESHKIT_RELEASE_WHOLE;

    open->wanted = whole ? capsule->size : open->len;

    status = mk_opener_create(capsule, data_key, whole ? 0 : open->first,
                              open->wanted, &open->opener);

    mk_secret_free(data_key);

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, "the FLOE header does not open");
        return NGX_OK;
    }

    open->check = MK_CHECK_RANGE;

    if (open->request->method == NGX_HTTP_HEAD || open->condition != 0) {
        ngx_meshkit_open_decide(open, MK_OK, NULL);
        return NGX_OK;
    }

    open->check = MK_CHECK_CONTENT;

    if (ngx_meshkit_fetch_create(open) != NGX_OK
        || (whole && ngx_meshkit_spool_create(open) != NGX_OK))
    {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                "no memory, or no temporary file");
        return NGX_OK;
    }

    ngx_meshkit_open_stream(open);

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_open_check(ngx_meshkit_open_t *open)
{
    mk_status_t        status;
    mk_checks_facts_t  facts;

    status = ngx_meshkit_open_facts(open, &facts);

    if (status == MK_OK) {
        status = mk_checks_local(&facts, &open->found, &open->why);
        open->check = open->found.check;
    }

    open->accepted = status == MK_OK;

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, open->why);
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static void
ngx_meshkit_open_read_record(ngx_meshkit_open_t *open)
{
    mk_status_t                status;
    ngx_meshkit_subrequest_t  *s;

    s = open->asked;

    if (ngx_meshkit_subrequest_is_missing(s)) {
        ngx_meshkit_open_decide(open, MK_CAPSULE_NOT_FOUND, NULL);
        return;
    }

    if (!ngx_meshkit_subrequest_is_good(s)) {
        ngx_meshkit_open_decide(open, MK_METADATA_PROVIDER_ERROR,
                                ngx_meshkit_subrequest_fault(s));
        return;
    }

    status = mk_capsule_read_record(ngx_meshkit_bytes_of(s->body, s->len),
                                    &open->capsule);

    ngx_meshkit_subrequest_release(s);
    open->asked = NULL;

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, status == MK_INVALID_CAPSULE
                                              ? "the capsule is malformed"
                                              : "the answer is no record");
        return;
    }

    ngx_meshkit_open_answered(open, MK_OK, NULL);
}


/* --- going on ------------------------------------------------------------- */


static void
ngx_meshkit_open_stream(ngx_meshkit_open_t *open)
{
    ngx_uint_t  waits;

    if (!open->verified) {
        ngx_meshkit_fetch_advance(open);
    }

    waits = ngx_meshkit_fetch_waits(open);

    ngx_meshkit_stream_pump(open);

    if (waits && !open->decided) {
        ngx_meshkit_fetch_wake(open);
    }
}


static void
ngx_meshkit_open_step(ngx_meshkit_open_t *open)
{
    if (ngx_meshkit_await_is_waiting(open)) {
        return;
    }

    if (open->step < NGX_MESHKIT_FETCH) {

        if (open->asked != NULL && !ngx_meshkit_subrequest_is_over(open->asked))
        {
            return;
        }

        if (ngx_meshkit_repeat_service(open)) {
            if (!ngx_meshkit_repeat_is_pausing(open)) {
                ngx_meshkit_open_enter(open, open->step);
            }

            return;
        }
    }

    ngx_meshkit_open_steps[open->step].read(open);
}


void
ngx_meshkit_open_resume(ngx_http_request_t *r)
{
    ngx_meshkit_open_t  *open;

    open = ngx_http_get_module_ctx(r, ngx_meshkit_module);

    if (open == NULL || open->over || open->step == NGX_MESHKIT_END) {
        return;
    }

    ngx_meshkit_subrequest_sweep(open);

    /* set by the gateway's part of nginx; open->client is what counts here */

    r->connection->write->timedout = 0;

    if (!open->decided && !r->connection->write->delayed) {
        ngx_meshkit_open_step(open);
    }

    if (open->decided) {
        ngx_meshkit_end_open(open);
    }
}
