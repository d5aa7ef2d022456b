/*
 * A good record, damaged in every place: each bit, each byte, each length.
 * Nothing that is not the record opens.
 */

#include "share.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


typedef size_t (*damage_pt)(const share_t *share, size_t at, char *out);


/* How many of n damaged records do not end in a plain refusal. */
static size_t
accepted(const share_t *share, size_t n, damage_pt damage)
{
    char         *text, *damaged;
    size_t        i, len, wrong;
    mk_status_t   status;

    damaged = malloc(share->record_len + 1);
    wrong = 0;

    for (i = 0; i < n; i++) {

        /* of its very size: what is read behind it is seen by sanitizers */

        len = damage(share, i, damaged);
        text = malloc(len + (len == 0));
        memcpy(text, damaged, len);
        status = share_unlock(share, text, len, 0);

        if (status == MK_OK || status >= MK_INTERNAL_ERROR) {
            tap_diag("%zu: %s", i, mk_status_name(status));
            wrong++;
        }

        free(text);
    }

    free(damaged);

    return wrong;
}


static size_t
flip(const share_t *share, size_t at, char *out)
{
    memcpy(out, share->record, share->record_len);
    out[at / 8] = (char) (out[at / 8] ^ (1 << at % 8));

    return share->record_len;
}


static size_t
cut_behind(const share_t *share, size_t at, char *out)
{
    memcpy(out, share->record, at);

    return at;
}


static size_t
cut_before(const share_t *share, size_t at, char *out)
{
    memcpy(out, share->record + at + 1, share->record_len - at - 1);

    return share->record_len - at - 1;
}


static size_t
leave_out(const share_t *share, size_t at, char *out)
{
    memcpy(out, share->record, at);
    memcpy(out + at, share->record + at + 1, share->record_len - at - 1);

    return share->record_len - 1;
}


static size_t
repeat(const share_t *share, size_t at, char *out)
{
    memcpy(out, share->record, at + 1);
    memcpy(out + at + 1, share->record + at, share->record_len - at);

    return share->record_len + 1;
}


static size_t
blank(const share_t *share, size_t at, char *out)
{
    memcpy(out, share->record, share->record_len);
    out[at] = '\0';

    return share->record_len;
}


/*
 * Without trusted owners a signature may be anybody's, but the data key
 * still comes out under the payload that it was wrapped for only.
 */
static void
test_any_owner(const share_t *share, const char *name)
{
    char         *text;
    size_t        i, at, end, wrong, opened;
    mk_status_t   status;
    const char   *payload;

    text = malloc(share->record_len + 1);
    payload = strstr(share->record, "\"payload\":\"");
    at = (size_t) (payload - share->record);
    end = at + strlen("\"payload\":\"");
    end += strcspn(share->record + end, "\"") + 1;
    wrong = 0;
    opened = 0;

    for (i = 0; i < 8 * share->record_len; i++) {
        flip(share, i, text);
        status = share_unlock(share, text, share->record_len, 1);

        wrong += status >= MK_INTERNAL_ERROR;
        wrong += status == MK_OK && i / 8 >= at && i / 8 < end;
        opened += status == MK_OK;
    }

    is_int(wrong, 0, "%s: without owners, no other payload opens", name);
    ok(opened > 0 && opened < 8 * 200,
       "%s: and little else may differ (%zu bits)", name, opened);

    free(text);
}


static void
test_record(mk_key_type_t owner, mk_key_type_t recipient, const char *name)
{
    size_t   n;
    share_t  share;

    share_make(&share, 100, owner, recipient);
    n = share.record_len;

    is_status(share_unlock(&share, share.record, n, 0), MK_OK,
              "%s: a good record", name);
    is_int(accepted(&share, 8 * n, flip), 0, "%s: each bit flipped", name);
    is_int(accepted(&share, n, cut_behind), 0, "%s: cut at each length",
           name);
    is_int(accepted(&share, n, cut_before), 0, "%s: begun at each byte",
           name);
    is_int(accepted(&share, n, leave_out), 0, "%s: each byte left out",
           name);
    is_int(accepted(&share, n, repeat), 0, "%s: each byte twice", name);
    is_int(accepted(&share, n, blank), 0, "%s: each byte a NUL", name);
    test_any_owner(&share, name);

    share_clear(&share);
}


int
main(void)
{
    test_record(MK_KEY_ED25519, MK_KEY_P256, "Ed25519, P-256");
    test_record(MK_KEY_P256, MK_KEY_X25519, "ES256, X25519");

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    return tap_done();
}
