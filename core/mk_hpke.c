#include "mk_hpke.h"

#include "mk_dh.h"
#include "mk_hpke_internal.h"

#include <openssl/crypto.h>

#include <string.h>


/* RFC 9180 section 7 */
#define MK_HPKE_KEM_P256      0x0010
#define MK_HPKE_KEM_X25519    0x0020
#define MK_HPKE_KDF_SHA256    0x0001
#define MK_HPKE_AEAD_AES_256  0x0002

#define MK_HPKE_MODE_BASE     0x00

#define MK_HPKE_KEM_CONTEXT   (2 * MK_HPKE_ENC_MAX)
#define MK_HPKE_KEY_CONTEXT   (1 + 2 * MK_HKDF_SHA256_LEN)


/* A suite_id: of the KEM alone, or of the whole. */
typedef struct {
    size_t   len;
    uint8_t  id[MK_HPKE_SUITE];
} mk_hpke_suite_t;


/* 0 for a key of no KEM */
static unsigned
mk_hpke_kem(const mk_key_t *key)
{
    switch (mk_key_type(key)) {

    case MK_KEY_P256:
        return MK_HPKE_KEM_P256;

    case MK_KEY_X25519:
        return MK_HPKE_KEM_X25519;

    default:
        return 0;
    }
}


static void
mk_hpke_suite_add(mk_hpke_suite_t *suite, unsigned number)
{
    suite->id[suite->len++] = (uint8_t) (number >> 8);
    suite->id[suite->len++] = (uint8_t) number;
}


/* section 4.1 */
static mk_hpke_suite_t
mk_hpke_kem_suite(unsigned kem)
{
    mk_hpke_suite_t  suite = { 3, "KEM" };

    mk_hpke_suite_add(&suite, kem);

    return suite;
}


/* section 5.1 */
static mk_hpke_suite_t
mk_hpke_suite(unsigned kem)
{
    mk_hpke_suite_t  suite = { 4, "HPKE" };

    mk_hpke_suite_add(&suite, kem);
    mk_hpke_suite_add(&suite, MK_HPKE_KDF_SHA256);
    mk_hpke_suite_add(&suite, MK_HPKE_AEAD_AES_256);

    return suite;
}


/* all but the length that LabeledExpand begins with */
static mk_bytes_t
mk_hpke_label(mk_hpke_secrets_t *secrets, size_t len,
    const mk_hpke_suite_t *suite, const char *label, mk_bytes_t text)
{
    mk_bytes_t  labeled;

    memcpy(secrets->labeled + len, "HPKE-v1", 7);
    len += 7;

    memcpy(secrets->labeled + len, suite->id, suite->len);
    len += suite->len;

    memcpy(secrets->labeled + len, label, strlen(label));
    len += strlen(label);

    if (text.len > 0) {
        memcpy(secrets->labeled + len, text.data, text.len);
        len += text.len;
    }

    labeled.data = secrets->labeled;
    labeled.len = len;

    return labeled;
}


/* section 4; ikm is at most MK_HPKE_INFO_MAX bytes */
static int
mk_hpke_labeled_extract(mk_hpke_secrets_t *secrets,
    const mk_hpke_suite_t *suite, mk_bytes_t salt, const char *label,
    mk_bytes_t ikm, uint8_t prk[MK_HKDF_SHA256_LEN])
{
    ikm = mk_hpke_label(secrets, 0, suite, label, ikm);

    return mk_hkdf_extract(MK_HKDF_SHA256, salt, ikm, prk);
}


static int
mk_hpke_labeled_expand(mk_hpke_secrets_t *secrets,
    const mk_hpke_suite_t *suite, const uint8_t prk[MK_HKDF_SHA256_LEN],
    const char *label, mk_bytes_t info, uint8_t *out, size_t len)
{
    mk_bytes_t  key;

    key.data = prk;
    key.len = MK_HKDF_SHA256_LEN;

    secrets->labeled[0] = (uint8_t) (len >> 8);
    secrets->labeled[1] = (uint8_t) len;
    info = mk_hpke_label(secrets, 2, suite, label, info);

    return mk_hkdf_expand(MK_HKDF_SHA256, key, info, out, len);
}


/* section 4.1, with kem_context = enc || pkRm */
static int
mk_hpke_extract_and_expand(const mk_key_t *recipient, mk_bytes_t enc,
    mk_hpke_secrets_t *secrets)
{
    uint8_t          context[MK_HPKE_KEM_CONTEXT];
    mk_bytes_t       dh, info, none, public;
    mk_hpke_suite_t  suite;

    public = mk_key_public(recipient);

    memcpy(context, enc.data, enc.len);
    memcpy(context + enc.len, public.data, public.len);

    info.data = context;
    info.len = enc.len + public.len;
    dh.data = secrets->dh;
    dh.len = MK_HPKE_SECRET;
    none.data = NULL;
    none.len = 0;

    suite = mk_hpke_kem_suite(mk_hpke_kem(recipient));

    return mk_hpke_labeled_extract(secrets, &suite, none, "eae_prk", dh,
                                   secrets->eae_prk)
           && mk_hpke_labeled_expand(secrets, &suite, secrets->eae_prk,
                                     "shared_secret", info,
                                     secrets->shared_secret,
                                     MK_HPKE_SECRET);
}


static mk_status_t
mk_hpke_encap(const mk_key_t *recipient, mk_hpke_secrets_t *secrets,
    uint8_t *enc, size_t *enc_len)
{
    mk_key_t    *ephemeral;
    mk_bytes_t   public;
    mk_status_t  status;

    ephemeral = mk_key_generate(mk_key_type(recipient));
    if (ephemeral == NULL) {
        return MK_INTERNAL_ERROR;
    }

    public = mk_key_public(ephemeral);
    memcpy(enc, public.data, public.len);
    *enc_len = public.len;

    status = mk_dh_secret(ephemeral, mk_key_public(recipient), secrets->dh);
    mk_key_free(ephemeral);

    if (status != MK_OK) {
        return MK_INTERNAL_ERROR;
    }

    public.data = enc;

    return mk_hpke_extract_and_expand(recipient, public, secrets)
           ? MK_OK : MK_INTERNAL_ERROR;
}


mk_status_t
mk_hpke_decap(const mk_key_t *key, mk_bytes_t enc, mk_hpke_secrets_t *secrets)
{
    mk_status_t  status;

    status = mk_dh_secret(key, enc, secrets->dh);
    if (status != MK_OK) {
        return status;
    }

    return mk_hpke_extract_and_expand(key, enc, secrets)
           ? MK_OK : MK_INTERNAL_ERROR;
}


/* section 5.1, mode_base: psk and psk_id are empty */
static int
mk_hpke_key_schedule(unsigned kem, mk_bytes_t info,
    mk_hpke_secrets_t *secrets)
{
    uint8_t          text[MK_HPKE_KEY_CONTEXT], *psk_id_hash, *info_hash;
    mk_bytes_t       none, shared, context;
    mk_hpke_suite_t  suite;

    text[0] = MK_HPKE_MODE_BASE;
    psk_id_hash = text + 1;
    info_hash = psk_id_hash + MK_HKDF_SHA256_LEN;

    none.data = NULL;
    none.len = 0;
    shared.data = secrets->shared_secret;
    shared.len = MK_HPKE_SECRET;
    context.data = text;
    context.len = sizeof(text);

    suite = mk_hpke_suite(kem);

    return mk_hpke_labeled_extract(secrets, &suite, none, "psk_id_hash",
                                   none, psk_id_hash)
           && mk_hpke_labeled_extract(secrets, &suite, none, "info_hash",
                                      info, info_hash)
           && mk_hpke_labeled_extract(secrets, &suite, shared, "secret",
                                      none, secrets->secret)
           && mk_hpke_labeled_expand(secrets, &suite, secrets->secret, "key",
                                     context, secrets->key, MK_GCM_KEY)
           && mk_hpke_labeled_expand(secrets, &suite, secrets->secret,
                                     "base_nonce", context,
                                     secrets->base_nonce, MK_GCM_IV);
}


/* a cipher for the one message: sequence number 0 leaves the nonce as is */
static mk_gcm_t *
mk_hpke_cipher(unsigned kem, mk_bytes_t info, mk_hpke_secrets_t *secrets)
{
    mk_gcm_t  *gcm;

    if (!mk_hpke_key_schedule(kem, info, secrets)) {
        return NULL;
    }

    gcm = mk_gcm_create();
    if (gcm == NULL) {
        return NULL;
    }

    mk_gcm_set_key(gcm, secrets->key);

    return gcm;
}


static mk_status_t
mk_hpke_seal_with(const mk_key_t *recipient, mk_bytes_t info, mk_bytes_t aad,
    mk_bytes_t pt, mk_hpke_secrets_t *secrets, uint8_t *enc, size_t *enc_len,
    uint8_t *ct)
{
    mk_gcm_t    *gcm;
    mk_status_t  status;

    status = mk_hpke_encap(recipient, secrets, enc, enc_len);
    if (status != MK_OK) {
        return status;
    }

    gcm = mk_hpke_cipher(mk_hpke_kem(recipient), info, secrets);
    if (gcm == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = mk_gcm_seal(gcm, secrets->base_nonce, aad, pt, ct);
    mk_gcm_free(gcm);

    return status;
}


mk_status_t
mk_hpke_seal(const mk_key_t *recipient, mk_bytes_t info, mk_bytes_t aad,
    mk_bytes_t pt, uint8_t *enc, size_t *enc_len, uint8_t *ct,
    size_t *ct_len)
{
    mk_secret_t  *memory;
    mk_status_t   status;

    status = MK_INTERNAL_ERROR;
    memory = NULL;

    if (mk_hpke_kem(recipient) != 0 && info.len <= MK_HPKE_INFO_MAX
        && aad.len <= MK_HPKE_AAD_MAX && pt.len > 0
        && pt.len <= MK_HPKE_PT_MAX)
    {
        memory = mk_secret_create(sizeof(mk_hpke_secrets_t));
    }

    if (memory != NULL) {
        status = mk_hpke_seal_with(recipient, info, aad, pt,
                               (mk_hpke_secrets_t *) mk_secret_bytes(memory),
                               enc, enc_len, ct);
        mk_secret_free(memory);
    }

    if (status != MK_OK) {
        OPENSSL_cleanse(enc, MK_HPKE_ENC_MAX);
        OPENSSL_cleanse(ct, pt.len + MK_HPKE_TAG);
        *enc_len = 0;
        *ct_len = 0;
        return status;
    }

    *ct_len = pt.len + MK_HPKE_TAG;

    return MK_OK;
}


static mk_status_t
mk_hpke_open_with(const mk_key_t *key, mk_bytes_t enc, mk_bytes_t info,
    mk_bytes_t aad, mk_bytes_t ct, mk_hpke_secrets_t *secrets,
    mk_secret_t *pt)
{
    mk_gcm_t    *gcm;
    mk_status_t  status;

    status = mk_hpke_decap(key, enc, secrets);
    if (status != MK_OK) {
        return status;
    }

    gcm = mk_hpke_cipher(mk_hpke_kem(key), info, secrets);
    if (gcm == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = mk_gcm_open(gcm, secrets->base_nonce, aad, ct,
                         MK_KEY_UNWRAP_FAILED, mk_secret_bytes(pt));
    mk_gcm_free(gcm);

    return status;
}


mk_status_t
mk_hpke_open(const mk_key_t *key, mk_bytes_t enc, mk_bytes_t info,
    mk_bytes_t aad, mk_bytes_t ct, mk_secret_t **pt)
{
    mk_secret_t  *memory, *opened;
    mk_status_t   status;

    *pt = NULL;

    if (info.len > MK_HPKE_INFO_MAX || aad.len > MK_HPKE_AAD_MAX) {
        return MK_INTERNAL_ERROR;
    }

    if (mk_hpke_kem(key) == 0 || !mk_key_is_private(key)
        || ct.len <= MK_HPKE_TAG || ct.len > MK_HPKE_PT_MAX + MK_HPKE_TAG)
    {
        return MK_KEY_UNWRAP_FAILED;
    }

    memory = mk_secret_create(sizeof(mk_hpke_secrets_t));
    opened = mk_secret_create(ct.len - MK_HPKE_TAG);
    status = MK_INTERNAL_ERROR;

    if (memory != NULL && opened != NULL) {
        status = mk_hpke_open_with(key, enc, info, aad, ct,
                               (mk_hpke_secrets_t *) mk_secret_bytes(memory),
                               opened);
    }

    mk_secret_free(memory);

    if (status != MK_OK) {
        mk_secret_free(opened);
        return status;
    }

    *pt = opened;

    return MK_OK;
}
