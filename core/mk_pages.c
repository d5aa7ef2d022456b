#include "mk_pages.h"

#include <stdlib.h>


static mk_pages_map_pt    mk_pages_map;
static mk_pages_unmap_pt  mk_pages_unmap;


void
mk_pages_init(mk_pages_map_pt map, mk_pages_unmap_pt unmap)
{
    mk_pages_map = map;
    mk_pages_unmap = unmap;
}


void *
mk_pages_alloc(size_t len)
{
    return (mk_pages_map == NULL || len < MK_PAGES_LARGE) ? malloc(len)
                                                          : mk_pages_map(len);
}


void
mk_pages_free(void *p, size_t len)
{
    if (p == NULL) {
        return;
    }

    if (mk_pages_unmap == NULL || len < MK_PAGES_LARGE) {
        free(p);
        return;
    }

    mk_pages_unmap(p, len);
}
