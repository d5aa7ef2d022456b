/*
 * No memory: the n-th allocation fails, for every n.  Nothing leaks (the
 * sanitizers and valgrind look), nothing is half made, the outcome is
 * MK_INTERNAL_ERROR, and it is nobody else's fault.
 *
 * The linker replaces malloc, calloc and realloc for this test (--wrap), in
 * the library and here, not inside OpenSSL.
 */

#include "dag.h"
#include "mk_car.h"
#include "mk_denylist.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);


/* allocations until one fails; below zero: none does */
static long  countdown = -1;


static int
is_refused(void)
{
    return countdown >= 0 && countdown-- == 0;
}


void *
__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return is_refused() ? NULL : __real_calloc(n, size);
}


void *
__wrap_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __real_realloc(old, size);
}


/* does something that allocates; MK_INTERNAL_ERROR if it cannot */
typedef mk_status_t (*task_pt)(void);

static void
every_allocation(const char *name, task_pt task, long least)
{
    long         n;
    mk_status_t  status;

    is_status(task(), MK_OK, "%s", name);

    for (n = 0; n < 1000; n++) {
        countdown = n;
        status = task();

        /* not reached: all allocations were made */

        if (countdown >= 0 || status != MK_INTERNAL_ERROR) {
            break;
        }
    }

    ok(countdown >= 0 && n >= least, "%s: each of %ld allocations fails",
       name, n);
    is_status(status, MK_OK, "%s: with memory it goes on", name);

    countdown = -1;
}


static mk_dagpb_link_t  root;


static mk_status_t
walk_task(void)
{
    uint64_t     offset;
    mk_walk_t   *walk;
    mk_bytes_t   data;
    mk_blame_t   blame;
    mk_status_t  status;

    walk = mk_walk_create(&root.cid, root.size, 0, root.size);

    if (walk == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = MK_OK;

    while (status == MK_OK && mk_walk_next(walk, 0) != NULL) {
        status = dag_step(walk, &data, &offset, &blame);

        if (status != MK_OK
            && (blame != MK_BLAME_SELF || data.data != NULL
                || mk_walk_done(walk) || mk_walk_next(walk, 0) != NULL))
        {
            status = MK_INVALID_REQUEST;
        }
    }

    mk_walk_free(walk);

    return status;
}


static mk_status_t
encode_task(void)
{
    size_t       len;
    uint8_t     *out;
    uint64_t     tsize;
    mk_status_t  status;

    tsize = 1;
    status = mk_dagpb_encode(&root, &tsize, 1, &out, &len);

    if (status != MK_OK && (out != NULL || len != 0)) {
        status = MK_INVALID_REQUEST;
    }

    free(out);

    return status;
}


static uint8_t  car_bytes[DAG_FILE_MAX + 1024];
static size_t   car_len;


/* one section of nearly 64 KiB: the buffer grows more than once */
static void
car_make(void)
{
    uint8_t          *p;
    mk_dagpb_link_t  leaf;

    leaf = dag_raw(0, DAG_FILE_MAX);
    p = car_bytes;
    memcpy(p, "\x11\xa2\x65" "roots\x80\x67" "version\x01", 18);
    p += 18;
    p += mk_bytes_put_varint(p, 36 + DAG_FILE_MAX);
    p += mk_cid_write(&leaf.cid, p);
    memcpy(p, dag_file, DAG_FILE_MAX);
    car_len = (size_t) (p - car_bytes) + DAG_FILE_MAX;
}


static mk_status_t
car_task(void)
{
    int               found;
    size_t            at, n;
    mk_car_t         *car;
    mk_bytes_t        in;
    mk_status_t       status;
    mk_car_section_t  section;

    car = mk_car_create();

    if (car == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = MK_OK;
    found = 0;

    for (at = 0; at < car_len && status == MK_OK; at += n) {
        n = (car_len - at < 1000) ? car_len - at : 1000;
        in = dag_bytes(car_bytes + at, n);
        status = mk_car_read(car, &in, &section, &found);
    }

    if (status == MK_OK && (!found || section.block.len != DAG_FILE_MAX)) {
        status = MK_INVALID_REQUEST;
    }

    if (status != MK_OK && mk_car_at_boundary(car)) {
        status = MK_INVALID_REQUEST;
    }

    mk_car_free(car);

    return status;
}


static mk_status_t
denylist_task(void)
{
    static const char  text[] = "jti\ta\tx\nowner\tb\n";

    const char     *why;
    mk_status_t     status;
    mk_denylist_t  *list;

    status = mk_denylist_parse(dag_bytes((const uint8_t *) text,
                                         sizeof(text) - 1), &list, &why);

    if ((status == MK_OK) != (list != NULL)
        || (status == MK_OK) != (why == NULL))
    {
        status = MK_INVALID_REQUEST;
    }

    mk_denylist_free(list);

    return status;
}


int
main(void)
{
    size_t           i;
    mk_dagpb_link_t  leaves[6], nodes[2];

    dag_fill();

    for (i = 0; i < 6; i++) {
        leaves[i] = dag_raw(8 * i, 8);
    }

    nodes[0] = dag_node(leaves, 3);
    nodes[1] = dag_node(leaves + 3, 3);
    root = dag_node(nodes, 2);
    car_make();

    every_allocation("a walk", walk_task, 4);
    every_allocation("an encoder", encode_task, 1);
    every_allocation("a CAR reader", car_task, 4);
    every_allocation("a denylist", denylist_task, 3);

    dag_forget();

    return tap_done();
}
