/*
 * Memory for blocks and segments: large pieces come from whom mk_pages_init
 * names, and go back there with their length; the rest does not.
 */

#include "mk_pages.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


static int     maps;
static int     unmaps;
static int     fails;
static size_t  last;


static void *
map(size_t len)
{
    if (fails) {
        return NULL;
    }

    maps++;
    last = len;

    return malloc(len);
}


static void
unmap(void *p, size_t len)
{
    unmaps++;
    last = len;
    free(p);
}


/* a piece of that size, written to its last byte; how many were mapped */
static void
piece(size_t len, int mapped)
{
    unsigned char  *p;

    maps = 0;
    unmaps = 0;
    last = 0;

    p = mk_pages_alloc(len);
    ok(p != NULL && maps == mapped, "%zu bytes: mapped %d", len, mapped);

    memset(p, 0x5a, len);
    mk_pages_free(p, len);
    ok(unmaps == mapped && last == (mapped ? len : 0),
       "%zu bytes: unmapped %d", len, mapped);
}


int
main(void)
{
    piece(2 * 1024 * 1024, 0);

    mk_pages_init(map, unmap);

    piece(1, 0);
    piece(MK_PAGES_LARGE - 1, 0);
    piece(MK_PAGES_LARGE, 1);
    piece(2 * 1024 * 1024 + 164, 1);

    unmaps = 0;
    mk_pages_free(NULL, MK_PAGES_LARGE);
    is_int(unmaps, 0, "nothing is not unmapped");

    fails = 1;
    ok(mk_pages_alloc(MK_PAGES_LARGE) == NULL, "no memory");

    return tap_done();
}
