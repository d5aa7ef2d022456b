/*
 * The walk: each lie of a DAG whose hashes are right (D1 to D22), and what
 * an honest-looking one may cost.
 */

#include "dag.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


static void
lie(const char *name, const mk_dagpb_link_t *root, uint64_t size,
    mk_status_t want)
{
    mk_blame_t  blame;

    is_status(dag_walk(root, size, &blame), want, "%s", name);
    ok(blame == MK_BLAME_OBJECT, "the object's fault: %s", name);
}


static void
test_lies(void)
{
    mk_dagpb_link_t  l[3], root;

    l[0] = dag_raw(0, 110);
    l[1] = dag_raw(110, 90);
    root = dag_node(l, 2);
    lie("the capsule says a byte more", &root, 201, MK_INVALID_ENVELOPE);
    lie("the capsule says a byte less", &root, 199, MK_INVALID_ENVELOPE);
    lie("the capsule says 2^64 - 1", &root, UINT64_MAX, MK_INVALID_ENVELOPE);

    l[0].size = 100;
    l[1].size = 100;
    root = dag_node(l, 2);
    lie("raw leaves whose border is moved", &root, 200, MK_CID_MISMATCH);

    l[0] = dag_leaf(0, 110);
    l[1] = dag_leaf(110, 90);
    l[0].size = 100;
    l[1].size = 100;
    root = dag_node(l, 2);
    lie("dag-pb leaves whose border is moved", &root, 200, MK_CID_MISMATCH);

    l[0] = dag_raw(0, 50);
    l[1] = dag_raw(50, 60);
    l[0] = dag_node(l, 2);
    l[0].size = 100;
    l[1] = dag_raw(110, 100);
    root = dag_node(l, 2);
    lie("a subtree that is larger than its link says", &root, 200,
        MK_CID_MISMATCH);

    l[0] = dag_raw(0, 10);
    l[0].cid.codec = MK_CID_CODEC_DAG_PB;
    root = dag_node(l, 1);
    dag_blocks[dag_nblocks - 2].cid.codec = MK_CID_CODEC_DAG_PB;
    lie("raw bytes that are linked as dag-pb", &root, 10, MK_CID_MISMATCH);

    root = dag_keep((const uint8_t *) "\x0a\x02\x08\x01", 4,
                    MK_CID_CODEC_DAG_PB, 0);
    lie("a directory", &root, 0, MK_CID_MISMATCH);

    l[0] = dag_leaf(0, 3);
    root = dag_keep(dag_blocks[dag_nblocks - 1].bytes,
                    dag_blocks[dag_nblocks - 1].len, MK_CID_CODEC_RAW, 3);
    lie("a dag-pb leaf that is named as raw", &root, 3, MK_INVALID_ENVELOPE);

    dag_forget();
}


static void
test_depth(void)
{
    uint64_t         asked;
    mk_blame_t       blame;
    mk_dagpb_link_t  l[2], root;

    root = dag_chain(MK_WALK_DEPTH_MAX, 9);
    is_status(dag_walk(&root, 9, &blame), MK_OK, "a chain of eight levels");

    root = dag_chain(MK_WALK_DEPTH_MAX + 1, 9);
    is_status(dag_walk_range(&root, 9, 0, 9, &blame, &asked), MK_CID_MISMATCH,
              "a chain of nine levels");
    ok(blame == MK_BLAME_OBJECT && asked == MK_WALK_DEPTH_MAX - 1,
       "is refused at the eighth");

    /* a last child does not hide its parents: they count as levels */

    l[0] = dag_raw(0, 9);
    l[1] = dag_chain(MK_WALK_DEPTH_MAX, 9);
    memcpy(dag_file + 9, dag_file, 9);
    root = dag_node(l, 2);
    is_status(dag_walk(&root, 18, &blame), MK_CID_MISMATCH,
              "nine levels below a last child");
    dag_forget();
}


/* crumbs: D16, D17 */
static void
test_budget(void)
{
    size_t            i;
    uint64_t          asked;
    mk_blame_t        blame;
    mk_dagpb_link_t  *l, p[4], root;

    l = calloc(MK_DAGPB_LINKS_MAX, sizeof(mk_dagpb_link_t));
    memset(dag_file, 'x', sizeof(dag_file));
    l[0] = dag_raw(0, 1);

    for (i = 1; i < MK_DAGPB_LINKS_MAX; i++) {
        l[i] = l[0];
    }

    root = dag_node(l, MK_DAGPB_LINKS_MAX);
    is_status(dag_walk(&root, MK_DAGPB_LINKS_MAX, &blame), MK_OK,
              "a full node of single bytes");

    p[0] = p[1] = root;
    root = dag_node(p, 2);
    is_status(dag_walk_range(&root, 2 * MK_DAGPB_LINKS_MAX, 0,
                         2 * MK_DAGPB_LINKS_MAX, &blame, &asked),
              MK_CID_MISMATCH, "two of them");
    ok(blame == MK_BLAME_OBJECT && asked == MK_DAGPB_LINKS_MAX + 2,
       "are refused at the second node, before its first leaf");
    is_status(dag_walk_range(&root, 2 * MK_DAGPB_LINKS_MAX, 8000, 400, &blame,
                         &asked),
              MK_OK, "but a range across both opens");
    is_int(asked, 3 + 400, "with the blocks that it touches");

    l[0] = dag_chain(MK_WALK_DEPTH_MAX - 1, 1);

    for (i = 1; i < MK_DAGPB_LINKS_MAX; i++) {
        l[i] = l[0];
    }

    root = dag_node(l, MK_DAGPB_LINKS_MAX);
    lie("chains of single links for single bytes", &root,
        MK_DAGPB_LINKS_MAX, MK_CID_MISMATCH);

    free(l);
    dag_forget();
}


/* D16: 174^6 times 256 KiB from seven small blocks */
static void
test_bomb(void)
{
    size_t           i, k;
    uint64_t         asked;
    mk_blame_t       blame;
    mk_dagpb_link_t  l[174], root;

    l[0] = dag_raw(0, 1);
    l[0].size = 256 * 1024;

    for (k = 0; k < 6; k++) {
        for (i = 1; i < 174; i++) {
            l[i] = l[0];
        }

        root = dag_node(l, 174);
        l[0] = root;
    }

    is_status(dag_walk_range(&root, 1 << 20, 0, 1 << 20, &blame, &asked),
              MK_INVALID_ENVELOPE, "a bomb of 7.3 EB");
    ok(blame == MK_BLAME_OBJECT && asked == 0, "is refused at the root");

    is_status(dag_walk_range(&root, root.size, 0, root.size, &blame, &asked),
              MK_CID_MISMATCH, "a bomb whose capsule lies as well");
    is_int(asked, 6, "is refused at the first leaf");
    dag_forget();
}


int
main(void)
{
    dag_fill();

    test_lies();
    test_depth();
    test_budget();
    test_bomb();

    return tap_done();
}
