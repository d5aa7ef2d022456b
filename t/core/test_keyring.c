/*
 * The ring: whose key is whose, and what it does not take.
 */

#include "mk_keyring.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


static mk_bytes_t
text(const char *s)
{
    mk_bytes_t  run;

    run.data = (const uint8_t *) s;
    run.len = strlen(s);

    return run;
}


/* a second object for the same private key */
static mk_key_t *
twin(const mk_key_t *key)
{
    char        *pem;
    size_t       len;
    mk_key_t    *copy;
    const char  *why;

    mk_key_to_pem(key, &pem, &len);
    copy = mk_key_from_pem(pem, len, &why);
    mk_key_wipe(pem, len);

    return copy;
}


static mk_key_t *
public_part(const mk_key_t *key)
{
    char        *jwk;
    size_t       len;
    mk_key_t    *copy;
    const char  *why;

    mk_key_to_jwk(key, NULL, &jwk, &len);
    copy = mk_key_from_jwk(jwk, len, &why);
    mk_key_wipe(jwk, len);

    return copy;
}


static void
test_look_up(void)
{
    mk_key_t      *old, *new, *bobs;
    mk_bytes_t     old_kid, new_kid, cut;
    mk_keyring_t  *ring;

    ring = mk_keyring_create();
    old = mk_key_generate(MK_KEY_P256);
    new = mk_key_generate(MK_KEY_X25519);
    bobs = mk_key_generate(MK_KEY_X25519);

    old_kid = text(mk_key_thumbprint(old));
    new_kid = text(mk_key_thumbprint(new));

    ok(!mk_keyring_has(ring, text("alice")), "an empty ring has nobody");
    ok(mk_keyring_find(ring, text("alice"), old_kid) == NULL, "and no key");

    is_status(mk_keyring_add(ring, "alice", old), MK_OK, "alice's key");
    is_status(mk_keyring_add(ring, "bob", bobs), MK_OK, "bob's key");
    is_status(mk_keyring_add(ring, "alice", new), MK_OK,
              "a second key of alice");

    ok(mk_keyring_has(ring, text("alice")) && mk_keyring_has(ring,
                                                             text("bob")),
       "both are there");
    ok(mk_keyring_find(ring, text("alice"), old_kid) == old
       && mk_keyring_find(ring, text("alice"), new_kid) == new,
       "each key is found by its thumbprint");
    ok(mk_keyring_find(ring, text("bob"), old_kid) == NULL,
       "but not under another identity");

    ok(!mk_keyring_has(ring, text("ali")) && !mk_keyring_has(ring,
                                                      text("alice2")),
       "a prefix is somebody else, and so is a longer name");
    ok(!mk_keyring_has(ring, text("Alice")), "case matters");
    ok(!mk_keyring_has(ring, text("")), "nobody has no name");

    cut = old_kid;
    cut.len--;
    ok(mk_keyring_find(ring, text("alice"), cut) == NULL,
       "a cut thumbprint finds nothing");
    ok(mk_keyring_find(ring, text("alice"), text("")) == NULL,
       "nor does an empty one");

    mk_keyring_free(ring);
    mk_keyring_free(NULL);
}


static void
test_refused(void)
{
    size_t         i, refused;
    mk_key_t      *key;
    mk_keyring_t  *ring;

    static const char *const  names[] = {
        "", ".", "..", "a/b", "a\\b", "a?b", "a#b", "a%b", "a\nb", "\xff",
    };

    ring = mk_keyring_create();
    refused = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        refused += mk_keyring_add(ring, names[i],
                                  mk_key_generate(MK_KEY_X25519))
                   == MK_INVALID_REQUEST;
    }

    is_int(refused, sizeof(names) / sizeof(names[0]),
           "a name that is no identity");

    key = mk_key_generate(MK_KEY_X25519);
    is_status(mk_keyring_add(ring, "alice", public_part(key)),
              MK_INVALID_REQUEST, "a public key");
    is_status(mk_keyring_add(ring, "alice", twin(key)), MK_OK, "its private");
    is_status(mk_keyring_add(ring, "bob", twin(key)), MK_OK,
              "two may share a key");
    is_status(mk_keyring_add(ring, "alice", key), MK_INVALID_REQUEST,
              "a key that is there already");

    is_status(mk_keyring_add(ring, "carol", mk_key_generate(MK_KEY_ED25519)),
              MK_OK, "a signing key");
    ok(!mk_keyring_has(ring, text("carol")), "opens nothing");

    mk_keyring_free(ring);
}


/* names that begin alike share a key, beside many other keys */
static void
test_places(void)
{
    size_t           i, k, found, place;
    mk_key_t        *key;
    mk_bytes_t       kid;
    mk_keyring_t    *ring;
    const mk_key_t  *keys[3 * 20];
    uint8_t          seen[MK_KEYRING_MAX] = { 0 };

    static const char *const  names[3] = { "al", "alice", "bob" };

    ring = mk_keyring_create();

    for (i = 0; i < 20; i++) {
        key = mk_key_generate(MK_KEY_X25519);

        for (k = 0; k < 3; k++) {
            keys[3 * i + k] = twin(key);
            mk_keyring_add(ring, names[(i + k) % 3],
                           (mk_key_t *) (uintptr_t) keys[3 * i + k]);
        }

        mk_key_free(key);
    }

    found = 0;

    for (i = 0; i < 3 * 20; i++) {
        kid = text(mk_key_thumbprint(keys[i]));
        k = (i / 3 + i % 3) % 3;
        place = mk_keyring_place(ring, text(names[k]), kid);

        if (place < MK_KEYRING_MAX && !seen[place]
            && mk_keyring_find(ring, text(names[k]), kid) == keys[i]
            && mk_keyring_place(ring, text("ali"), kid) == MK_KEYRING_MAX
            && mk_keyring_place(ring, text("alice2"), kid) == MK_KEYRING_MAX)
        {
            seen[place] = 1;
            found++;
        }
    }

    is_int(found, 3 * 20, "each of 60 keys is found, at a place of its own");

    mk_keyring_free(ring);
}


static void
test_full(void)
{
    size_t         i, taken;
    mk_keyring_t  *ring;

    ring = mk_keyring_create();
    taken = 0;

    for (i = 0; i < MK_KEYRING_MAX; i++) {
        taken += mk_keyring_add(ring, "alice",
                                mk_key_generate(MK_KEY_X25519))
                 == MK_OK;
    }

    is_int(taken, MK_KEYRING_MAX, "a ring is filled");
    is_status(mk_keyring_add(ring, "alice", mk_key_generate(MK_KEY_X25519)),
              MK_INVALID_REQUEST, "and takes no more");

    mk_keyring_free(ring);
}


int
main(void)
{
    test_look_up();
    test_refused();
    test_places();
    test_full();

    return tap_done();
}
