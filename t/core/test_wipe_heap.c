/*
 * The same as test_wipe, as in nginx: keys are in mk_heap, and OpenSSL has no
 * secure heap.  What it takes for a calculation is ordinary memory then, and
 * wiped when it is given back.
 */

#define _DEFAULT_SOURCE

#include "mk_heap.h"

#include <openssl/crypto.h>

#include <sys/mman.h>


static void *
heap_map(void)
{
    void  *p;

    p = mmap(NULL, MK_HEAP_REGION, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}


static int
heap_init(size_t size, int least)
{
    return size > 0 && least > 0 && mk_heap_init(heap_map);
}


#define CRYPTO_secure_malloc_init  heap_init
#define CRYPTO_secure_allocated    mk_heap_holds

#include "test_wipe.c"
