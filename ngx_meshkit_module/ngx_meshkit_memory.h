/*
 * ngx_meshkit_memory: gives freed memory back to the system.
 */

#ifndef NGX_MESHKIT_MEMORY_H
#define NGX_MESHKIT_MEMORY_H

#include "ngx_meshkit_module.h"


/* for init_process: freed memory goes back to the system */
void ngx_meshkit_memory_start(ngx_cycle_t *cycle);


#endif /* NGX_MESHKIT_MEMORY_H */
