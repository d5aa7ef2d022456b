/*
 * fuzz_range: a Range header; what it means is inside the representation.
 */

#include "fuzz.h"
#include "mk_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>


/* printed as the range that was understood, it is understood the same */
static void
check_again(uint64_t size, uint64_t first, uint64_t len)
{
    int       partial;
    char      text[64];
    uint64_t  from, n;

    snprintf(text, sizeof(text), "bytes=%" PRIu64 "-%" PRIu64, first,
             first + len - 1);

    FUZZ_HOLDS(mk_range_read(fuzz_text(text), size, &partial, &from, &n)
               == MK_OK);
    FUZZ_HOLDS(partial && from == first && n == len);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          partial;
    uint8_t     *copy;
    uint64_t     total, first, len;
    mk_bytes_t   in;
    mk_status_t  status;

    in = fuzz_bytes(data, size);

    /* small and large files alike */

    total = fuzz_u64(&in);
    total >>= total & 63;

    copy = fuzz_copy(in);
    status = mk_range_read(fuzz_bytes(copy, in.len), total, &partial, &first,
                           &len);

    if (status == MK_RANGE_NOT_SATISFIABLE) {
        FUZZ_HOLDS(!partial && first == 0 && len == 0);

    } else if (!partial) {
        FUZZ_HOLDS(status == MK_OK && first == 0 && len == total);

    } else {
        FUZZ_HOLDS(status == MK_OK && len > 0 && first < total
                   && len <= total - first);
        check_again(total, first, len);
    }

    free(copy);

    return 0;
}
