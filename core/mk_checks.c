/*
 * mk_checks: the checks that need no other service, in their order.
 */

#include "mk_checks.h"

#include <string.h>


const char *
mk_checks_name(mk_check_t check)
{
    static const char *const  names[MK_CHECK_NUMBER] = {
        "request", "denylist", "record", "signature", "time", "status",
        "recipient", "action", "vault", "capability", "policy", "key",
        "range", "content",
    };

    return (unsigned) check < MK_CHECK_NUMBER ? names[check] : "unknown";
}


static mk_status_t
mk_checks_id(const mk_checks_facts_t *facts, const char **why)
{
    if (!mk_bytes_equal(facts->capsule->id, facts->id)) {
        *why = "the capsule has another id than the one asked for";
        return MK_INVALID_CAPSULE;
    }

    return MK_OK;
}


mk_status_t
mk_checks_header(const mk_capsule_t *capsule, const char **why)
{
    if (capsule->jws.kid.len == 0) {
        *why = "the protected header has no kid";
        return MK_INVALID_CAPSULE;
    }

    if (!mk_json_is(capsule->jws.header, "typ", MK_PROFILE_TYP)) {
        *why = "the protected header has another typ";
        return MK_INVALID_CAPSULE;
    }

    return MK_OK;
}


static mk_status_t
mk_checks_signature(const mk_checks_facts_t *facts, const char **why)
{
    mk_status_t          status;
    const mk_capsule_t  *capsule;

    capsule = facts->capsule;

    status = mk_checks_header(capsule, why);
    if (status != MK_OK) {
        return status;
    }

    if (facts->owners != NULL) {
        status = mk_jws_verify_by(&capsule->jws, facts->owners,
                                  capsule->owner, MK_INVALID_CAPSULE);
        if (status != MK_OK) {
            *why = status == MK_INTERNAL_ERROR
                   ? "no memory"
                   : "not signed by a trusted key of the owner";
        }

        return status;
    }

    if (!facts->insecure_any_owner) {
        *why = "no owner is trusted";
        return MK_INVALID_CAPSULE;
    }

    return MK_OK;
}


/* it is the capsule that was asked for, and its owner's */
static mk_status_t
mk_checks_origin(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    mk_status_t  status;

    (void) found;

    status = mk_checks_id(facts, why);

    return status == MK_OK ? mk_checks_signature(facts, why) : status;
}


/*
 * Behind the signature: before it a capsule's owner is anybody's word.  Id
 * and identity are known before there is a capsule, and looked up by then.
 */
static mk_status_t
mk_checks_denied(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    (void) found;

    if (mk_denylist_has_cid(facts->denylist, &facts->capsule->cid)) {
        *why = "the denylist names the CID";
        return MK_SHARE_REVOKED;
    }

    if (mk_denylist_has(facts->denylist, MK_DENYLIST_OWNER,
                        facts->capsule->owner))
    {
        *why = "the denylist names the owner";
        return MK_SHARE_REVOKED;
    }

    return MK_OK;
}


/*
 * Times in a capsule are at least 0 and so is the skew: a difference of the
 * two cannot overflow, where a sum could.
 */
static mk_status_t
mk_checks_times(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    const mk_capsule_t  *capsule;

    (void) found;

    capsule = facts->capsule;

    if (capsule->has_nbf && facts->now < capsule->nbf - facts->skew) {
        *why = "before nbf";
        return MK_SHARE_NOT_YET_VALID;
    }

    if (capsule->has_exp && facts->now - facts->skew >= capsule->exp) {
        *why = "at or after exp";
        return MK_SHARE_EXPIRED;
    }

    return MK_OK;
}


static mk_status_t
mk_checks_revoked(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    (void) found;

    if (facts->capsule->revoked) {
        *why = "the record says revoked";
        return MK_SHARE_REVOKED;
    }

    return MK_OK;
}


/*
 * The first wrap for the identity whose key the ring holds.  All are looked
 * at, so that two wraps for one key are found wherever they stand; each once,
 * since a record may have as many as the ring has keys.
 */
static mk_status_t
mk_checks_wrap(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    size_t            i, place;
    uint8_t           seen[MK_KEYRING_MAX];
    const mk_wrap_t  *item;

    memset(seen, 0, sizeof(seen));

    for (i = 0; i < facts->capsule->nwraps; i++) {
        item = &facts->capsule->wraps[i];

        if (!mk_bytes_equal(item->recipient, facts->identity)) {
            continue;
        }

        place = mk_keyring_place(facts->keyring, facts->identity, item->kid);

        if (place == MK_KEYRING_MAX) {
            continue;
        }

        if (seen[place]) {
            *why = "two wraps for one key";
            return MK_INVALID_CAPSULE;
        }

        seen[place] = 1;

        if (found->wrap == NULL) {
            found->key = mk_keyring_find(facts->keyring, facts->identity,
                                         item->kid);
            found->wrap = item;
        }
    }

    if (found->wrap == NULL) {
        *why = "no wrap for a key of that identity";
        return MK_RECIPIENT_NOT_AUTHORIZED;
    }

    return MK_OK;
}


static mk_status_t
mk_checks_recipient(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    if (!mk_keyring_has(facts->keyring, facts->identity)) {
        *why = "no key of that identity";
        return MK_IDENTITY_NOT_FOUND;
    }

    return mk_checks_wrap(facts, found, why);
}


static mk_status_t
mk_checks_action(const mk_checks_facts_t *facts, const char **why)
{
    if (facts->action != MK_ACTION_OPEN && !facts->capsule->allow_download) {
        *why = "allowDownload is false";
        return MK_DOWNLOAD_NOT_ALLOWED;
    }

    return MK_OK;
}


static mk_status_t
mk_checks_size(const mk_checks_facts_t *facts, const char **why)
{
    if (facts->max_size != 0 && facts->capsule->size > facts->max_size) {
        *why = "larger than the operator's limit";
        return MK_INPUT_TOO_LARGE;
    }

    return MK_OK;
}


/* the action, and what the operator lets through at all */
static mk_status_t
mk_checks_limits(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    mk_status_t  status;

    (void) found;

    status = mk_checks_action(facts, why);

    return status == MK_OK ? mk_checks_size(facts, why) : status;
}


mk_status_t
mk_checks_local(const mk_checks_facts_t *facts, mk_checks_found_t *found,
    const char **why)
{
    static const struct {
        mk_check_t    check;
        mk_status_t (*passes)(const mk_checks_facts_t *facts,
                              mk_checks_found_t *found, const char **why);
    } checks[] = {
        { MK_CHECK_SIGNATURE, mk_checks_origin },
        { MK_CHECK_DENYLIST, mk_checks_denied },
        { MK_CHECK_TIME, mk_checks_times },
        { MK_CHECK_STATUS, mk_checks_revoked },
        { MK_CHECK_RECIPIENT, mk_checks_recipient },
        { MK_CHECK_ACTION, mk_checks_limits },
    };

    size_t       i;
    mk_status_t  status;

    memset(found, 0, sizeof(*found));
    *why = NULL;

    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {

        status = checks[i].passes(facts, found, why);

        if (status != MK_OK) {
            memset(found, 0, sizeof(*found));
            found->check = checks[i].check;

            return status;
        }

        found->check = checks[i].check;
    }

    return MK_OK;
}


mk_status_t
mk_checks_again(const mk_checks_facts_t *facts, mk_check_t *check,
    const char **why)
{
    mk_status_t        status;
    mk_checks_found_t  found;

    *why = NULL;
    *check = MK_CHECK_DENYLIST;

    status = mk_checks_denied(facts, &found, why);

    if (status == MK_OK) {
        *check = MK_CHECK_TIME;
        status = mk_checks_times(facts, &found, why);
    }

    return status;
}
