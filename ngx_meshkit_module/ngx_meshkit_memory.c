/*
 * ngx_meshkit_memory: gives freed memory back to the system.
 */

#include "ngx_meshkit_memory.h"

#include <malloc.h>


/*
 * From how many bytes on memory is the system's own again as soon as it is
 * freed: blocks, segments, nginx's larger buffers.
 */
#define NGX_MESHKIT_MEMORY_LARGE  (64 * 1024)


/*
 * glibc raises this limit, from 128 KiB, as soon as a large block is freed;
 * from then on blocks come from the heap, and leave holes there that a few
 * small allocations behind them keep for ever.
 */
void
ngx_meshkit_memory_start(ngx_cycle_t *cycle)
{
#ifdef M_MMAP_THRESHOLD

    if (mallopt(M_MMAP_THRESHOLD, NGX_MESHKIT_MEMORY_LARGE) == 0) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "meshkit: mallopt(M_MMAP_THRESHOLD) failed");
    }

#endif
}
