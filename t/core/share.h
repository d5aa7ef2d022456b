/*
 * share: one good share for the tests, and what a gateway makes of it.
 */

#ifndef SHARE_H
#define SHARE_H

#include "mk_checks.h"
#include "mk_walk.h"


#define SHARE_ID        "cap_1"
#define SHARE_OWNER     "olga"
#define SHARE_IDENTITY  "alice"
#define SHARE_NOW       1700000000


typedef struct {
    mk_key_t        *owner;         /* signs */
    const mk_key_t  *alice;         /* opens; the ring's */
    mk_jwks_t       *owners;
    mk_keyring_t    *ring;
    mk_secret_t     *data_key;
    uint8_t         *plain;
    size_t           size;
    uint8_t         *body;          /* the sealed object, one raw block */
    size_t           body_len;
    mk_cid_t         cid;
    uint8_t          header[MK_FLOE_HEADER];
    char            *record;        /* the metadata service's answer */
    size_t           record_len;
} share_t;


/* What came of an open. */
typedef struct {
    mk_status_t  status;
    mk_blame_t   blame;
    uint64_t     released;          /* bytes of plaintext that came out */
    unsigned     authentic:1;       /* all of them are the share's */
} share_opened_t;


/*
 * A share of size bytes, a body of at most 1 MiB, in segments of 64 KiB.
 * Ends the test if it cannot be made.
 */
void share_make(share_t *share, size_t size, mk_key_type_t owner,
    mk_key_type_t recipient);

void share_clear(share_t *share);

/*
 * Record, checks, unwrap.  MK_OK: the data key is the share's.
 * MK_STATUS_COUNT: a refusal left something behind, or the data key is
 * another.
 */
mk_status_t share_unlock(const share_t *share, const char *record,
    size_t len, int any_owner);

/* The parsed record, for an opener; NULL only where memory runs out. */
mk_capsule_t *share_capsule(const share_t *share);

/* Opens a part of the capsule's object, whose blocks are among dag's. */
share_opened_t share_open(const share_t *share, const mk_capsule_t *capsule,
    uint64_t first, uint64_t len);


#endif /* SHARE_H */
