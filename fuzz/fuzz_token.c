/*
 * fuzz_token: capability and link tokens, unsigned and well signed.
 *
 * A byte that says which, a header (none: the right one), a NUL, the claims.
 */

#include "fuzz.h"
#include "mk_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CID  "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
#define NOW  1700000000

static mk_secret_t  *secret;


static void
present_capability(mk_bytes_t token, uint8_t what)
{
    const char        *why;
    mk_status_t        status;
    mk_capsule_t       capsule;
    mk_capability_t    capability;
    mk_token_facts_t   facts;

    memset(&capsule, 0, sizeof(capsule));
    mk_cid_parse(CID, sizeof(CID) - 1, &capsule.cid);
    capsule.id = fuzz_text("cap_1");
    capsule.has_capability = 1;
    capsule.capability_issuer = fuzz_text("owner");

    if ((what & 16) == 0) {
        capsule.vault_id = fuzz_text("vault");
    }

    memset(&facts, 0, sizeof(facts));
    facts.capsule = &capsule;
    facts.issuers = fuzz_owners();
    facts.identity = fuzz_text("alice");
    facts.action = (what & 32) == 0 ? MK_ACTION_OPEN : MK_ACTION_DOWNLOAD;
    facts.now = NOW;
    facts.skew = (what & 64) == 0 ? 0 : 60;

    if ((what & 128) == 0) {
        facts.audience = fuzz_text("gw");
    }

    memset(&capability, 0xa5, sizeof(capability));
    status = mk_token_capability(token, &facts, &capability, &why);

    if (status != MK_OK) {
        FUZZ_HOLDS(status == MK_CAPABILITY_DENIED && why != NULL);
        FUZZ_HOLDS(fuzz_is_zero(&capability, sizeof(capability)));
        return;
    }

    FUZZ_HOLDS(why == NULL && mk_name_is_id(fuzz_text(capability.jti)));
    FUZZ_HOLDS(facts.action == MK_ACTION_OPEN ? capability.may_open
                                              : capability.may_download);

    /* the same token, for somebody else, somewhere else, from nobody */

    facts.identity = fuzz_text("bob");
    FUZZ_HOLDS(mk_token_capability(token, &facts, &capability, &why)
               == MK_CAPABILITY_DENIED);

    facts.identity = fuzz_text("alice");
    capsule.capability_issuer = fuzz_text("owner-two");
    FUZZ_HOLDS(mk_token_capability(token, &facts, &capability, &why)
               == MK_CAPABILITY_DENIED);

    capsule.capability_issuer = fuzz_text("owner");
    capsule.has_capability = 0;
    FUZZ_HOLDS(mk_token_capability(token, &facts, &capability, &why)
               == MK_CAPABILITY_DENIED);

    capsule.has_capability = 1;
    facts.issuers = NULL;
    FUZZ_HOLDS(mk_token_capability(token, &facts, &capability, &why)
               == MK_CAPABILITY_DENIED);
}


static void
present_link(mk_bytes_t token, uint8_t what)
{
    int64_t          skew;
    mk_link_t        link;
    const char      *why;
    mk_status_t      status;
    mk_secret_t     *secrets[1];
    mk_link_keys_t   keys;

    secrets[0] = secret;
    skew = (what & 64) == 0 ? 0 : 60;
    memset(&keys, 0, sizeof(keys));
    keys.hmac = secrets;
    keys.nhmac = 1;
    keys.jwks = (what & 16) == 0 ? fuzz_owners() : NULL;

    memset(&link, 0xa5, sizeof(link));
    status = mk_token_link(token, &keys, NOW, skew, &link, &why);

    if (status != MK_OK) {
        FUZZ_HOLDS(status == MK_LINK_INVALID || status == MK_LINK_EXPIRED);
        FUZZ_HOLDS(why != NULL && fuzz_is_zero(&link, sizeof(link)));
        return;
    }

    FUZZ_HOLDS(why == NULL);
    FUZZ_HOLDS(mk_name_is_id(fuzz_text(link.capsule)));
    FUZZ_HOLDS(mk_name_is_id(fuzz_text(link.jti)));
    FUZZ_HOLDS(mk_name_is_identity(fuzz_text(link.identity)));
    FUZZ_HOLDS(mk_name_is_text(fuzz_text(link.subject),
                               MK_CAPSULE_TEXT_MAX));
    FUZZ_HOLDS(link.exp > NOW - skew && link.max >= 0);
    FUZZ_HOLDS(link.action == MK_ACTION_OPEN
               || link.action == MK_ACTION_DOWNLOAD);

    /* at its end it is over; without keys it is nothing */

    FUZZ_HOLDS(link.exp > INT64_MAX - skew
               || mk_token_link(token, &keys, link.exp + skew, skew, &link,
                                &why)
                  == MK_LINK_EXPIRED);
    keys.nhmac = 0;
    keys.jwks = NULL;
    FUZZ_HOLDS(mk_token_link(token, &keys, NOW, skew, &link, &why)
               == MK_LINK_INVALID);
}


/* the claims, signed as they should be */
static char *
sign(mk_bytes_t in, int is_link, int by_secret)
{
    char             header[256];
    mk_bytes_t       head;
    const mk_key_t  *key;

    head = fuzz_part(&in);
    key = by_secret ? NULL : fuzz_key("owner-ed25519");

    if (head.len == 0) {
        snprintf(header, sizeof(header),
                 "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"%s\"}",
                 by_secret ? "HS256" : "Ed25519",
                 by_secret ? "x" : mk_key_kid(key),
                 is_link ? MK_TOKEN_LINK_TYP : MK_TOKEN_CAPABILITY_TYP);
        head = fuzz_text(header);
    }

    return fuzz_compact(head, in, key, secret);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          is_link;
    char        *text;
    uint8_t      what;
    mk_bytes_t   in, token;

    if (secret == NULL) {
        secret = mk_secret_create(MK_SIGNATURE_KEY_MIN);
    }

    in = fuzz_bytes(data, size);
    what = fuzz_byte(&in);
    is_link = (what & 1) != 0;

    if ((what & 2) == 0) {
        text = (char *) fuzz_copy(in);
        token = fuzz_bytes(text, in.len);

    } else {
        text = sign(in, is_link, (what & 4) != 0);
        token = fuzz_text(text);
    }

    if (is_link) {
        present_link(token, what);

    } else {
        present_capability(token, what);
    }

    free(text);

    return 0;
}
