/*
 * The walk: every range of every shape, in order; what a source sends wrong
 * changes nothing.
 */

#include "dag.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


/* every range of a file of size bytes */
static void
every_range(const char *name, const mk_dagpb_link_t *root, uint64_t size,
    uint64_t nall)
{
    int         pass;
    uint64_t    first, len, asked;
    mk_blame_t  blame;

    pass = 1;

    for (first = 0; first <= size; first++) {
        for (len = 0; len <= size - first; len++) {
            pass = pass
                   && dag_walk_range(root, size, first, len, &blame, &asked)
                      == MK_OK
                   && blame == MK_BLAME_NONE
                   && (len > 0 || asked == 1)
                   && (len < size || asked == nall);
        }
    }

    ok(pass, "every range of: %s", name);
}


static void
test_shapes(void)
{
    size_t           i;
    mk_dagpb_link_t  l[24], p[8], q[4], root;

    root = dag_raw(0, 23);
    every_range("one raw block", &root, 23, 1);

    root = dag_leaf(0, 23);
    every_range("one dag-pb leaf", &root, 23, 1);

    for (i = 0; i < 23; i++) {
        l[i] = (i % 3 == 0) ? dag_leaf(i, 1) : dag_raw(i, 1);
    }

    root = dag_node(l, 23);
    every_range("23 leaves of one byte", &root, 23, 24);

    for (i = 0; i < 8; i++) {
        p[i] = dag_node(l + 3 * i, i < 7 ? 3 : 2);
    }

    root = dag_node(p, 8);
    every_range("two levels", &root, 23, 1 + 8 + 23);

    for (i = 0; i < 4; i++) {
        q[i] = dag_node(p + 2 * i, 2);
    }

    root = dag_node(q, 4);
    every_range("three levels", &root, 23, 1 + 4 + 8 + 23);

    q[0] = l[0];
    q[1] = l[1];
    p[0] = dag_node(l + 2, 4);
    p[1] = dag_node(l + 6, 1);
    p[2] = dag_raw(7, 16);
    q[2] = dag_node(p, 3);
    root = dag_node(q, 3);
    every_range("leaves at three depths", &root, 23, 1 + 2 + 1 + 5 + 2 + 1);

    memset(dag_file, 'x', 20);
    l[0] = dag_raw(0, 4);
    l[1] = l[2] = l[3] = l[4] = l[0];
    root = dag_node(l, 5);
    every_range("one block five times", &root, 20, 6);

    dag_forget();
}


static void
test_empty(void)
{
    mk_blame_t       blame;
    mk_dagpb_link_t  root;

    root = dag_raw(0, 0);
    is_status(dag_walk(&root, 0, &blame), MK_OK, "an empty raw block");
    is_status(dag_walk(&root, 1, &blame), MK_INVALID_ENVELOPE,
              "an empty raw block is no file of a byte");
    ok(blame == MK_BLAME_OBJECT, "which is the object's fault");

    root = dag_leaf(0, 0);
    is_status(dag_walk(&root, 0, &blame), MK_OK, "an empty dag-pb leaf");

    root = dag_raw(0, 1);
    is_status(dag_walk(&root, 0, &blame), MK_INVALID_ENVELOPE,
              "a byte is no empty file");

    ok(mk_walk_create(&root.cid, 5, 6, 0) == NULL
       && mk_walk_create(&root.cid, 5, 5, 1) == NULL
       && mk_walk_create(&root.cid, 5, 1, UINT64_MAX) == NULL,
       "a range that is not in the file is no walk");

    mk_walk_free(NULL);
    dag_forget();
}


/* the codec is the link's: an envelope that is linked as raw is content */
static void
test_codec_of_link(void)
{
    size_t           len;
    mk_blame_t       blame;
    mk_dagpb_link_t  link, root;

    dag_leaf(0, 3);
    len = dag_blocks[0].len;
    memcpy(dag_file, dag_blocks[0].bytes, len);
    dag_forget();

    link = dag_raw(0, len);
    root = dag_node(&link, 1);
    is_status(dag_walk(&root, len, &blame), MK_OK,
              "dag-pb bytes that are linked as raw are the file's bytes");
    dag_forget();
}


/* 1 if the source is blamed for these bytes and nothing has moved */
static int
is_refused(mk_walk_t *walk, const uint8_t *bytes, size_t len)
{
    uint64_t         offset, position;
    mk_bytes_t       data;
    mk_blame_t       blame;
    const mk_cid_t  *next;

    next = mk_walk_next(walk, 0);
    position = mk_walk_position(walk);

    return mk_walk_block(walk, dag_bytes(bytes, len), &data, &offset, &blame)
           == MK_CID_MISMATCH
           && blame == MK_BLAME_SOURCE && data.data == NULL && data.len == 0
           && offset == 0 && mk_walk_next(walk, 0) == next
           && mk_walk_position(walk) == position;
}


static void
test_source(void)
{
    int                 pass;
    size_t              i;
    uint8_t            *big;
    uint64_t            offset;
    mk_walk_t          *walk;
    mk_bytes_t          data;
    mk_blame_t          blame;
    const dag_block_t  *block;
    mk_dagpb_link_t     l[3], root;

    for (i = 0; i < 3; i++) {
        l[i] = dag_raw(10 * i, 10);
    }

    root = dag_node(l, 3);
    big = calloc(1, MK_BLOCK_MAX + 1);
    walk = mk_walk_create(&root.cid, 30, 0, 30);
    pass = 1;

    while (mk_walk_next(walk, 0) != NULL) {
        block = dag_find(mk_walk_next(walk, 0));

        for (i = 0; i < block->len * 8; i += 3) {
            block->bytes[i / 8] ^= (uint8_t) (1 << (i % 8));
            pass = pass && is_refused(walk, block->bytes, block->len);
            block->bytes[i / 8] ^= (uint8_t) (1 << (i % 8));
        }

        pass = pass && is_refused(walk, block->bytes, block->len - 1)
               && is_refused(walk, big, MK_BLOCK_MAX + 1)
               && is_refused(walk, NULL, 0)
               && dag_step(walk, &data, &offset, &blame) == MK_OK
               && blame == MK_BLAME_NONE;
    }

    ok(pass, "wrong bytes leave the walk where it was");
    ok(mk_walk_done(walk) && mk_walk_position(walk) == 4, "and it ends");
    ok(is_refused(walk, big, 1) && mk_walk_done(walk),
       "a block behind the end is refused and changes nothing");

    mk_walk_free(walk);
    free(big);
    dag_forget();
}


/* a block that lies is final: the same answer from then on */
static void
test_final(void)
{
    uint64_t         offset;
    mk_walk_t       *walk;
    mk_bytes_t       data;
    mk_blame_t       blame;
    mk_status_t      status;
    mk_dagpb_link_t  root;

    root = dag_raw(0, 3);
    walk = mk_walk_create(&root.cid, 4, 0, 4);
    status = mk_walk_block(walk, dag_bytes(dag_file, 3), &data, &offset,
                           &blame);
    is_status(status, MK_INVALID_ENVELOPE, "a root of another size");

    ok(mk_walk_next(walk, 0) == NULL && !mk_walk_done(walk)
       && mk_walk_position(walk) == 0, "no block is awaited then");
    status = mk_walk_block(walk, dag_bytes(dag_file, 4), &data, &offset,
                           &blame);
    ok(status == MK_INVALID_ENVELOPE && blame == MK_BLAME_OBJECT,
       "the same answer again");

    mk_walk_free(walk);
    dag_forget();
}


static void
test_look_ahead(void)
{
    size_t           i;
    uint64_t         offset;
    mk_walk_t       *walk;
    mk_bytes_t       data;
    mk_blame_t       blame;
    mk_dagpb_link_t  l[100], p[4], root;

    for (i = 0; i < 100; i++) {
        l[i] = dag_raw(8 * i, 8);
    }

    p[0] = dag_node(l, 80);
    p[1] = dag_raw(640, 8);
    p[2] = dag_leaf(648, 8);
    p[3] = dag_node(l, 1);
    p[3].size = MK_BLOCK_MAX + 1;
    l[99] = dag_node(p, 4);
    root = l[99];

    walk = mk_walk_create(&root.cid, root.size, 100, root.size - 100);
    ok(mk_cid_equal(mk_walk_next(walk, 0), &root.cid)
       && mk_walk_next(walk, 1) == NULL, "at first the root is known");

    dag_step(walk, &data, &offset, &blame);
    ok(mk_cid_equal(mk_walk_next(walk, 0), &p[0].cid)
       && mk_cid_equal(mk_walk_next(walk, 3), &p[3].cid)
       && mk_walk_next(walk, 4) == NULL, "then its links");

    dag_step(walk, &data, &offset, &blame);
    ok(mk_cid_equal(mk_walk_next(walk, 0), &l[12].cid)
       && mk_cid_equal(mk_walk_next(walk, 64), &l[76].cid)
       && mk_cid_equal(mk_walk_next(walk, 67), &l[79].cid),
       "the first child's links inside the range come first");
    ok(mk_cid_equal(mk_walk_next(walk, 68), &p[1].cid)
       && mk_cid_equal(mk_walk_next(walk, 70), &p[3].cid)
       && mk_walk_next(walk, 71) == NULL
       && mk_walk_next(walk, SIZE_MAX) == NULL, "then what follows it");
    mk_walk_free(walk);

    p[0] = p[3];
    p[3] = p[1];
    root = dag_node(p, 4);
    walk = mk_walk_create(&root.cid, root.size, 0, root.size - 8);
    dag_step(walk, &data, &offset, &blame);
    ok(mk_cid_equal(mk_walk_next(walk, 0), &p[0].cid)
       && mk_walk_next(walk, 1) == NULL,
       "a subtree that is no leaf ends the list, after itself");
    mk_walk_free(walk);
    dag_forget();
}


int
main(void)
{
    dag_fill();

    test_shapes();
    test_empty();
    test_codec_of_link();
    test_source();
    test_final();
    test_look_ahead();

    return tap_done();
}
