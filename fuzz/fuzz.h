/*
 * fuzz: the few words that the fuzz targets need.
 *
 * A target is one file, fuzz_<name>.c, with LLVMFuzzerTestOneInput.  clang's
 * libFuzzer drives it (make fuzz), or replay.c with files (make check).  What
 * must hold is said by FUZZ_HOLDS and ends the program if it does not.  Paths
 * of keys are relative to the top of the tree.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include "mk_jws.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define FUZZ_HOLDS(condition)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fuzz_broken(#condition, __FILE__, __LINE__);                    \
        }                                                                   \
    } while (0)

void fuzz_broken(const char *condition, const char *file, int line)
    __attribute__((noreturn));

mk_bytes_t fuzz_bytes(const void *data, size_t len);
mk_bytes_t fuzz_text(const char *text);

/* 1 if all of it is zero */
int fuzz_is_zero(const void *data, size_t len);

/*
 * What a script takes off the front of its input.  An input that is used up
 * gives zeros and nothing more.
 */
uint8_t fuzz_byte(mk_bytes_t *in);
uint32_t fuzz_number(mk_bytes_t *in, uint32_t below);
uint64_t fuzz_u64(mk_bytes_t *in);
mk_bytes_t fuzz_take(mk_bytes_t *in, size_t most);

/* what stands before the first NUL, which is taken too */
mk_bytes_t fuzz_part(mk_bytes_t *in);

/* memory of its very size, so that a byte too far is seen; owned */
uint8_t *fuzz_copy(mk_bytes_t bytes);

/* base64url, NUL closed, owned; "" for nothing */
char *fuzz_base64url(mk_bytes_t bytes);

/*
 * A JWS in compact form over any header and any payload, signed by key, or
 * by secret where key is NULL; NUL closed, owned.
 */
char *fuzz_compact(mk_bytes_t header, mk_bytes_t payload,
    const mk_key_t *key, const mk_secret_t *secret);

/* t/vectors/keys/<name>.pem and owners.jwks, borrowed for ever */
const mk_key_t *fuzz_key(const char *name);
const mk_jwks_t *fuzz_owners(void);


#endif /* FUZZ_H */
