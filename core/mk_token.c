/*
 * mk_token: what a capability or link token says, once it is verified.
 */

#include "mk_token.h"

#include <string.h>


/* What both kinds of token have. */
typedef struct {
    mk_bytes_t  jti;
    unsigned    early:1;        /* before nbf */
    unsigned    expired:1;      /* at or after exp */
} mk_token_claims_t;


/* text is at most MK_NAME_MAX or MK_CAPSULE_TEXT_MAX bytes, as out is */
static void
mk_token_copy(char *out, mk_bytes_t text)
{
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
}


static mk_status_t
mk_token_parse(const mk_jws_t *jws, mk_status_t refused, json_t **json,
    const char **why)
{
    mk_bytes_t   text;
    mk_status_t  status;

    text.data = jws->payload;
    text.len = jws->payload_len;

    status = mk_json_parse(text, refused, json);

    if (status != MK_OK) {
        *why = status == MK_INTERNAL_ERROR ? "no memory"
                                           : "the claims are not strict JSON";
    }

    return status;
}


/* NULL, or what is wrong with "exp", "nbf", "iat" or "jti" */
static const char *
mk_token_read_claims(const json_t *json, int64_t now, int64_t skew,
    mk_token_claims_t *claims)
{
    int      has_nbf;
    int64_t  exp, nbf, iat;

    if (mk_json_integer(json, "exp", &exp) != 1 || exp < 0) {
        return "\"exp\" is missing or not a time";
    }

    has_nbf = mk_json_integer(json, "nbf", &nbf);

    if (has_nbf < 0 || nbf < 0) {
        return "\"nbf\" is not a time";
    }

    if (mk_json_integer(json, "iat", &iat) < 0 || iat < 0) {
        return "\"iat\" is not a time";
    }

    if (mk_json_string(json, "jti", &claims->jti) != 1
        || !mk_name_is_id(claims->jti))
    {
        return "\"jti\" is missing or not an identifier";
    }

    /* differences of what is at least 0 cannot overflow */
    claims->early = has_nbf && now < nbf - skew;
    claims->expired = now - skew >= exp;

    return NULL;
}


/* NULL if "cap" is for this capsule, or why it is not */
static const char *
mk_token_match_scope(const json_t *cap, const mk_capsule_t *capsule)
{
    int         by_capsule, by_vault, by_cid;
    mk_cid_t    cid;
    mk_bytes_t  text;

    by_capsule = mk_json_string(cap, "capsule", &text);

    if (by_capsule < 0
        || (by_capsule && !mk_bytes_equal(text, capsule->id)))
    {
        return "\"cap.capsule\" is another";
    }

    by_vault = mk_json_string(cap, "vault", &text);

    if (by_vault < 0
        || (by_vault && (text.len == 0
                         || !mk_bytes_equal(text, capsule->vault_id))))
    {
        return "\"cap.vault\" is another";
    }

    by_cid = mk_json_string(cap, "cid", &text);

    if (by_cid < 0
        || (by_cid && (!mk_cid_parse((const char *) text.data, text.len,
                                     &cid)
                       || !mk_cid_equal(&cid, &capsule->cid))))
    {
        return "\"cap.cid\" is another";
    }

    if (!by_capsule && !by_vault && !by_cid) {
        return "\"cap\" names no capsule, vault or CID";
    }

    return NULL;
}


/* an action that is not known grants nothing that could be asked for */
static const char *
mk_token_read_actions(const json_t *cap, mk_capability_t *capability)
{
    size_t         i;
    mk_bytes_t     text;
    mk_action_t    action;
    const json_t  *actions, *item;

    if (mk_json_array(cap, "actions", &actions) != 1) {
        return "\"cap.actions\" is not a list";
    }

    for (i = 0; i < json_array_size(actions); i++) {
        item = json_array_get(actions, i);

        if (!json_is_string(item)) {
            return "\"cap.actions\" is not a list of strings";
        }

        text.data = (const uint8_t *) json_string_value(item);
        text.len = json_string_length(item);

        if (!mk_action_parse(text, &action)) {
            continue;
        }

        if (action == MK_ACTION_OPEN) {
            capability->may_open = 1;

        } else {
            capability->may_download = 1;
        }
    }

    return NULL;
}


/* NULL if the token was issued for this gateway and this opener */
static const char *
mk_token_match_parties(const json_t *json, const mk_token_facts_t *facts)
{
    mk_bytes_t     text;
    const json_t  *aud;

    if (mk_json_string(json, "iss", &text) != 1
        || !mk_bytes_equal(text, facts->capsule->capability_issuer))
    {
        return "\"iss\" is not the capsule's issuer";
    }

    if (mk_json_string(json, "sub", &text) != 1
        || !mk_bytes_equal(text, facts->identity))
    {
        return "\"sub\" is not the opener";
    }

    aud = json_object_get(json, "aud");

    if (aud != NULL
        && (facts->audience.len == 0
            || !mk_json_names(aud, facts->audience)))
    {
        return "\"aud\" does not name this gateway";
    }

    return NULL;
}


static const char *
mk_token_read_capability(const json_t *json, const mk_token_facts_t *facts,
    mk_capability_t *capability)
{
    int                 may;
    const char         *why;
    const json_t       *cap;
    mk_token_claims_t   claims;

    why = mk_token_match_parties(json, facts);
    if (why != NULL) {
        return why;
    }

    why = mk_token_read_claims(json, facts->now, facts->skew, &claims);
    if (why != NULL) {
        return why;
    }

    if (claims.early) {
        return "before nbf";
    }

    if (claims.expired) {
        return "at or after exp";
    }

    if (mk_json_object(json, "cap", &cap) != 1) {
        return "\"cap\" is not an object";
    }

    why = mk_token_match_scope(cap, facts->capsule);
    if (why != NULL) {
        return why;
    }

    why = mk_token_read_actions(cap, capability);
    if (why != NULL) {
        return why;
    }

    may = facts->action == MK_ACTION_OPEN ? capability->may_open
                                          : capability->may_download;
    if (!may) {
        return "the action is not listed";
    }

    mk_token_copy(capability->jti, claims.jti);
    mk_json_integer(json, "exp", &capability->exp);

    return NULL;
}


static mk_status_t
mk_token_verify_issuer(const mk_jws_t *jws, const mk_token_facts_t *facts,
    const char **why)
{
    mk_status_t  status;

    if (!mk_json_is(jws->header, "typ", MK_TOKEN_CAPABILITY_TYP)) {
        *why = "another typ";
        return MK_CAPABILITY_DENIED;
    }

    if (jws->kid.len == 0) {
        *why = "its header has no \"kid\"";
        return MK_CAPABILITY_DENIED;
    }

    if (!facts->capsule->has_capability) {
        *why = "the capsule names no issuer";
        return MK_CAPABILITY_DENIED;
    }

    if (facts->issuers == NULL) {
        *why = "no issuer is trusted";
        return MK_CAPABILITY_DENIED;
    }

    status = mk_jws_verify_by(jws, facts->issuers,
                              facts->capsule->capability_issuer,
                              MK_CAPABILITY_DENIED);
    if (status != MK_OK) {
        *why = status == MK_INTERNAL_ERROR
               ? "no memory"
               : "not signed by a trusted key of the issuer";
    }

    return status;
}


static mk_status_t
mk_token_accept_capability(const mk_jws_t *jws,
    const mk_token_facts_t *facts, mk_capability_t *capability,
    const char **why)
{
    json_t       *json;
    mk_status_t   status;

    status = mk_token_verify_issuer(jws, facts, why);
    if (status != MK_OK) {
        return status;
    }

    status = mk_token_parse(jws, MK_CAPABILITY_DENIED, &json, why);
    if (status != MK_OK) {
        return status;
    }

    *why = mk_token_read_capability(json, facts, capability);

    json_decref(json);

    return *why == NULL ? MK_OK : MK_CAPABILITY_DENIED;
}


mk_status_t
mk_token_capability(mk_bytes_t token, const mk_token_facts_t *facts,
    mk_capability_t *capability, const char **why)
{
    mk_jws_t     jws;
    mk_status_t  status;

    memset(capability, 0, sizeof(*capability));
    *why = NULL;

    status = mk_jws_read_compact(token, MK_CAPABILITY_DENIED, &jws, why);
    if (status != MK_OK) {
        return status;
    }

    status = mk_token_accept_capability(&jws, facts, capability, why);

    if (status != MK_OK) {
        memset(capability, 0, sizeof(*capability));
    }

    mk_jws_clear(&jws);

    return status;
}


/* NULL and *link, or what is wrong with the claims */
static const char *
mk_token_read_link(const json_t *json, mk_link_t *link)
{
    int         rc;
    mk_bytes_t  text;

    if (mk_json_string(json, "cap", &text) != 1 || !mk_name_is_id(text)) {
        return "\"cap\" is not a capsule id";
    }

    mk_token_copy(link->capsule, text);

    if (mk_json_string(json, "as", &text) != 1
        || !mk_name_is_identity(text))
    {
        return "\"as\" is not an identity";
    }

    mk_token_copy(link->identity, text);

    rc = mk_json_string(json, "sub", &text);

    if (rc < 0
        || (rc == 1 && (text.len == 0
                        || !mk_name_is_text(text, MK_CAPSULE_TEXT_MAX))))
    {
        return "\"sub\" is not a subject";
    }

    if (rc == 1) {
        mk_token_copy(link->subject, text);
    }

    rc = mk_json_integer(json, "max", &link->max);

    if (rc < 0 || (rc == 1 && link->max < 1)) {
        return "\"max\" is not a number of downloads";
    }

    link->action = MK_ACTION_DOWNLOAD;

    rc = mk_json_string(json, "act", &text);

    if (rc < 0 || (rc == 1 && !mk_action_parse(text, &link->action))) {
        return "\"act\" is not an action";
    }

    return NULL;
}


/*
 * A link key speaks for the identities that it may open as: a key of another
 * service in the same file cannot mint links for everybody.
 */
static mk_status_t
mk_token_verify_link(const mk_jws_t *jws, const mk_link_keys_t *keys,
    mk_bytes_t identity)
{
    size_t       i;
    mk_status_t  status;

    if (jws->alg != MK_JWS_ALG_HS256) {
        return keys->jwks == NULL
               ? MK_LINK_INVALID
               : mk_jws_verify_by(jws, keys->jwks, identity,
                                  MK_LINK_INVALID);
    }

    for (i = 0; i < keys->nhmac; i++) {
        status = mk_jws_verify_hmac(jws, keys->hmac[i], MK_LINK_INVALID);

        if (status != MK_LINK_INVALID) {
            return status;
        }
    }

    return MK_LINK_INVALID;
}


static mk_status_t
mk_token_accept_link(const mk_jws_t *jws, const mk_link_keys_t *keys,
    const json_t *json, int64_t now, int64_t skew, mk_link_t *link,
    const char **why)
{
    mk_bytes_t         identity;
    mk_status_t        status;
    mk_token_claims_t  claims;

    if (!mk_json_is(jws->header, "typ", MK_TOKEN_LINK_TYP)) {
        *why = "another typ";
        return MK_LINK_INVALID;
    }

    /* which keys may have signed depends on the claim; it is trusted later */
    if (mk_json_string(json, "as", &identity) != 1) {
        *why = "\"as\" is not an identity";
        return MK_LINK_INVALID;
    }

    status = mk_token_verify_link(jws, keys, identity);
    if (status != MK_OK) {
        *why = status == MK_INTERNAL_ERROR ? "no memory"
                                           : "not signed by a link key";
        return status;
    }

    *why = mk_token_read_claims(json, now, skew, &claims);

    if (*why == NULL) {
        *why = mk_token_read_link(json, link);
    }

    if (*why == NULL && claims.early) {
        *why = "before nbf";
    }

    if (*why != NULL) {
        return MK_LINK_INVALID;
    }

    if (claims.expired) {
        *why = "at or after exp";
        return MK_LINK_EXPIRED;
    }

    mk_token_copy(link->jti, claims.jti);
    mk_json_integer(json, "exp", &link->exp);

    return MK_OK;
}


mk_status_t
mk_token_link(mk_bytes_t token, const mk_link_keys_t *keys, int64_t now,
    int64_t skew, mk_link_t *link, const char **why)
{
    json_t       *json;
    mk_jws_t      jws;
    mk_status_t   status;

    memset(link, 0, sizeof(*link));
    *why = NULL;

    status = mk_jws_read_compact(token, MK_LINK_INVALID, &jws, why);
    if (status != MK_OK) {
        return status;
    }

    status = mk_token_parse(&jws, MK_LINK_INVALID, &json, why);

    if (status == MK_OK) {
        status = mk_token_accept_link(&jws, keys, json, now, skew, link, why);
        json_decref(json);
    }

    if (status != MK_OK) {
        memset(link, 0, sizeof(*link));
    }

    mk_jws_clear(&jws);

    return status;
}
