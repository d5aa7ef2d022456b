/*
 * mk_capsule: a share capsule of profile meshkit-gateway/1 (docs/FORMAT.md).
 *
 * Read in two steps: the metadata service's answer (record: capsule and
 * status), then the capsule's signed payload.  What is wrong with the answer
 * is MK_METADATA_PROVIDER_ERROR, what is wrong inside "capsule" is
 * MK_INVALID_CAPSULE.  Nothing here is trusted until mk_checks said so.
 */

#ifndef MK_CAPSULE_H
#define MK_CAPSULE_H

#include "mk_action.h"
#include "mk_cid.h"
#include "mk_floe.h"
#include "mk_hpke.h"
#include "mk_jws.h"
#include "mk_name.h"


/* the constants of the profile; a second profile gets a second set */
#define MK_PROFILE_NAME        "meshkit-gateway/1"
#define MK_PROFILE_VERSION     1
#define MK_PROFILE_TYP         "meshkit-capsule+json"
#define MK_PROFILE_CONTENT     "FLOE-A256GCM-SHA384"
#define MK_PROFILE_WRAP_INFO   "meshkit/wrap/1"
#define MK_PROFILE_FLOE_AAD    "meshkit/payload/1"
#define MK_PROFILE_WRAP_P256   "HPKE-P256-SHA256-A256GCM"
#define MK_PROFILE_WRAP_X25519 "HPKE-X25519-SHA256-A256GCM"

/* segment lengths; MK_PROFILE_SEGMENT is the one to write */
#define MK_PROFILE_SEGMENT_SMALL  65536
#define MK_PROFILE_SEGMENT        262144
#define MK_PROFILE_SEGMENT_LARGE  1048576

#define MK_CAPSULE_WRAPS_MAX   256
#define MK_CAPSULE_TEXT_MAX    255      /* content.name, content.type */

/* the FLOE aad: the constant, a zero byte, a payloadId of up to 64 bytes */
#define MK_CAPSULE_AAD_MAX     (sizeof(MK_PROFILE_FLOE_AAD) + 64)

/* a sealed data key */
#define MK_CAPSULE_WRAP_CT     (MK_FLOE_KEY + MK_HPKE_TAG)


/* Borrowed from the capsule, all of it. */
typedef struct {
    mk_bytes_t  recipient;
    mk_bytes_t  kid;
    mk_bytes_t  alg;
    mk_bytes_t  enc_text;       /* base64url, not yet looked at */
    mk_bytes_t  ct_text;
} mk_wrap_t;


/*
 * The parsed capsule.  Everything is owned by it and lives as long.  Empty
 * bytes stand for an absent optional member.
 */
typedef struct {
    mk_jws_t     jws;
    mk_bytes_t   id;
    mk_bytes_t   owner;
    mk_cid_t     cid;
    int64_t      iat;
    int64_t      exp;               /* has_exp */
    int64_t      nbf;               /* has_nbf */
    unsigned     has_exp:1;
    unsigned     has_nbf:1;
    unsigned     has_capability:1;
    unsigned     capability_open:1;      /* a token is required to open */
    unsigned     capability_download:1;  /* ... and to download */
    unsigned     allow_download:1;
    unsigned     revoked:1;         /* the record's status */
    mk_bytes_t   policy_id;
    mk_bytes_t   vault_id;
    mk_bytes_t   capability_issuer;
    mk_bytes_t   payload_id;
    uint8_t      header[MK_FLOE_HEADER];
    uint64_t     size;              /* of the plaintext, in bytes */
    mk_bytes_t   name;              /* as it is shown: mk_name_show */
    mk_bytes_t   type;              /* likewise */
    uint8_t      shown[2][MK_CAPSULE_TEXT_MAX];
    size_t       nwraps;
    mk_wrap_t   *wraps;
    json_t      *record;            /* these two own the texts */
    json_t      *payload;
} mk_capsule_t;


/*
 * Reads the metadata service's answer.  MK_OK: *capsule (owned, freed by
 * mk_capsule_free).  Otherwise *capsule is NULL: MK_METADATA_PROVIDER_ERROR,
 * MK_INVALID_CAPSULE or MK_INTERNAL_ERROR.
 */
mk_status_t mk_capsule_read_record(mk_bytes_t text, mk_capsule_t **capsule);

/* Reads a bare capsule (no status; "revoked" is 0). */
mk_status_t mk_capsule_read(mk_bytes_t text, mk_capsule_t **capsule);

void mk_capsule_free(mk_capsule_t *capsule);

/* a header's segment length if it is one of the profile's, else 0 */
uint32_t mk_capsule_segment_length(const uint8_t header[MK_FLOE_HEADER]);

/*
 * bytes of the sealed object: size + 32 n (docs/FORMAT.md); 0 if the
 * header's segment length is none of the profile's
 */
uint64_t mk_capsule_body_size(const mk_capsule_t *capsule);

/* 1 if a capability token is required for the action, else 0 */
int mk_capsule_requires_token(const mk_capsule_t *capsule,
    mk_action_t action);

/* Writes the FLOE aad; returns its length. */
size_t mk_capsule_floe_aad(const mk_capsule_t *capsule,
    uint8_t out[MK_CAPSULE_AAD_MAX]);

/*
 * The wrap for identity with that kid.  MK_OK and *wrap, borrowed;
 * MK_RECIPIENT_NOT_AUTHORIZED: none; MK_INVALID_CAPSULE: two of them.
 */
mk_status_t mk_capsule_find_wrap(const mk_capsule_t *capsule,
    mk_bytes_t identity, mk_bytes_t kid, const mk_wrap_t **wrap);

/*
 * Opens a wrap.  MK_OK: *key is a secret of MK_FLOE_KEY bytes that the
 * caller owns.  MK_INVALID_CAPSULE: an unknown alg, or one that does not fit
 * the key.  MK_KEY_UNWRAP_FAILED: anything else.  MK_INTERNAL_ERROR.
 */
mk_status_t mk_capsule_unwrap(const mk_capsule_t *capsule,
    const mk_wrap_t *wrap, const mk_key_t *key, mk_secret_t **data_key);


#endif /* MK_CAPSULE_H */
