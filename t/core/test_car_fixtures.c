/*
 * CAR files that other projects publish for their own tests (a folder
 * ../shared/vectors/car beside the checkout): each is read or refused as
 * its origin means it, and the files in them are walked.
 */

#include "mk_car.h"
#include "mk_walk.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define DIRECTORY     "../shared/vectors/car"
#define SECTIONS_MAX  256


typedef struct {
    const char  *path;
    mk_status_t  status;
    size_t       sections;
    int          boundary;
} fixture_t;

typedef struct {
    const char  *path;
    const char  *name;
    const char  *cid;
    uint64_t     size;
    mk_status_t  status;
    uint64_t     blocks;        /* accepted, before what is missing */
    int          done;
} walked_t;


#define GATEWAY    "gateway-conformance/"
#define TRUSTLESS  GATEWAY "trustless_gateway_car/"
#define REFUSED    MK_PROVIDER_REQUEST_FAILED

static const fixture_t  fixtures[] = {
    { "boxo/directory-with-multilayer-hamt-and-multiblock-files.car", MK_OK,
      18, 1 },
    { "boxo/unixfs-dir-with-mode-mtime.car", MK_OK, 10, 1 },
    { GATEWAY "gateway-raw-block.car", MK_OK, 3, 1 },
    { GATEWAY "path_gateway_dag/dag-pb.car", MK_OK, 4, 1 },
    { GATEWAY "path_gateway_tar/fixtures.car", MK_OK, 10, 1 },
    { GATEWAY "path_gateway_tar/inside-root.car", MK_OK, 4, 1 },
    { GATEWAY "path_gateway_tar/outside-root.car", MK_OK, 2, 1 },
    { GATEWAY "path_gateway_unixfs/dir-with-percent-encoded-filename.car",
      MK_OK, 2, 1 },
    { GATEWAY "path_gateway_unixfs/symlink.car", MK_OK, 3, 1 },
    { GATEWAY "subdomain_gateway/fixtures.car", MK_OK, 11, 1 },
    { TRUSTLESS "dir-with-dag-cbor-with-links.car", MK_OK, 9, 1 },
    { TRUSTLESS "dir-with-duplicate-files.car", MK_OK, 9, 1 },
    { TRUSTLESS "file-3k-and-3-blocks-missing-block.car", MK_OK, 3, 1 },
    { TRUSTLESS "single-layer-hamt-with-multi-block-files.car", MK_OK, 243,
      1 },
    { TRUSTLESS "subdir-with-mixed-block-files.car", MK_OK, 10, 1 },
    { TRUSTLESS "subdir-with-two-single-block-files.car", MK_OK, 4, 1 },
    { "go-car/simple-unixfs-missing-blocks.car", MK_OK, 17, 1 },
    { "go-car/simple-unixfs.car", MK_OK, 22, 1 },
    { "ipld/carv1-basic.car", MK_OK, 8, 1 },

    { "go-car/sample-corrupt-pragma.car", MK_OK, 0, 0 },
    { "go-car/badheaderlength.car", REFUSED, 0, 0 },
    { "go-car/badsectionlength.car", MK_CID_MISMATCH, 0, 0 },
    { "go-car/sample-rootless-v42.car", REFUSED, 0, 0 },
    { "go-car/sample-unixfs-v2.car", REFUSED, 0, 0 },
    { "go-car/sample-v1-with-zero-len-section2.car", REFUSED, 20, 0 },
    { "ipld/carv2-basic.car", REFUSED, 0, 0 },
};

static const walked_t  walked[] = {
    { TRUSTLESS "dir-with-duplicate-files.car", "five raw leaves",
      "bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa", 1026,
      MK_OK, 6, 1 },
    { TRUSTLESS "file-3k-and-3-blocks-missing-block.car",
      "a file whose middle block is missing",
      "bafybeiez7wpycgofbnbb5duh24ch625xzrgu2xh6z2tfqe73jp7pkbe3pe", 3072,
      MK_OK, 2, 0 },
    { "go-car/sample-v1-with-zero-len-section2.car", "blake2b-256",
      "bafykbzaceapvx4wxbe3bfc5neit43wl22pruy2ysk7wv763iuyyxcffj3te56",
      19000, MK_OK, 20, 1 },
    { "go-car/simple-unixfs.car", "a dag-pb leaf",
      "bafybeicsiveia3sug6a75mtmjzokdlylbovimfoapfu7loey4ez4x4xxpi", 4,
      MK_OK, 1, 1 },
    { "boxo/unixfs-dir-with-mode-mtime.car", "an empty file with metadata",
      "bafybeihwaw35q3dncu5naf6mjsgorcvny2artt4vmfs7hx2on5ilheneyu", 0,
      MK_OK, 1, 1 },
    { TRUSTLESS "dir-with-duplicate-files.car", "a file of another size",
      "bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa", 1027,
      MK_INVALID_ENVELOPE, 0, 0 },
    { GATEWAY "path_gateway_unixfs/symlink.car", "a directory",
      "QmWvY6FaqFMS89YAQ9NAPjVP4WZKA1qbHbicc9HeSKQTgt", 0, MK_CID_MISMATCH,
      0, 0 },
};


typedef struct {
    mk_multihash_t  hash;
    uint8_t        *bytes;
    size_t          len;
} block_t;

static block_t  blocks[SECTIONS_MAX];
static size_t   nblocks;


static const char *
path_of(const char *name)
{
    static char  path[4096];

    snprintf(path, sizeof(path), "%s/%s", DIRECTORY, name);

    return path;
}


static void
forget(void)
{
    while (nblocks > 0) {
        free(blocks[--nblocks].bytes);
    }
}


/* Reads a file in pieces and keeps its blocks. */
static mk_status_t
load(const char *name, size_t piece, int *boundary)
{
    int               found;
    char             *text;
    size_t            len, at, n;
    block_t          *block;
    mk_car_t         *car;
    mk_bytes_t        in;
    mk_status_t       status;
    mk_car_section_t  section;

    *boundary = 0;
    text = tap_slurp(path_of(name), &len);

    if (text == NULL) {
        return MK_INTERNAL_ERROR;
    }

    car = mk_car_create();
    status = MK_OK;

    for (at = 0; at < len && status == MK_OK; at += n) {
        n = (len - at < piece) ? len - at : piece;
        in.data = (const uint8_t *) text + at;
        in.len = n;

        while ((status = mk_car_read(car, &in, &section, &found)) == MK_OK
               && found && nblocks < SECTIONS_MAX)
        {
            block = &blocks[nblocks++];
            block->hash = section.hash;
            block->len = section.block.len;
            block->bytes = malloc(block->len + 1);
            memcpy(block->bytes, section.block.data, block->len);
        }
    }

    *boundary = mk_car_at_boundary(car);
    mk_car_free(car);
    free(text);

    return status;
}


static void
test_fixture(const fixture_t *fixture)
{
    int          boundary, sound;
    size_t       i, k, piece;
    mk_status_t  status;

    static const size_t  pieces[] = { 1, 7, 1000, 1 << 20 };

    for (k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
        piece = pieces[k];
        status = load(fixture->path, piece, &boundary);
        sound = 1;

        for (i = 0; i < nblocks; i++) {
            sound = sound
                    && mk_multihash_verify(&blocks[i].hash, blocks[i].bytes,
                                           blocks[i].len) == MK_OK;
        }

        ok(status == fixture->status && boundary == fixture->boundary
           && nblocks == fixture->sections && sound,
           "%s in pieces of %zu", fixture->path, piece);
        forget();
    }
}


static void
test_walk(const walked_t *want)
{
    int              boundary;
    size_t           i;
    uint64_t         offset, sum;
    mk_cid_t         root;
    mk_walk_t       *walk;
    mk_bytes_t       data, block;
    mk_blame_t       blame;
    mk_status_t      status;
    const mk_cid_t  *next;

    load(want->path, 4096, &boundary);
    mk_cid_parse(want->cid, strlen(want->cid), &root);
    walk = mk_walk_create(&root, want->size, 0, want->size);
    status = MK_OK;
    sum = 0;

    while (status == MK_OK && (next = mk_walk_next(walk, 0)) != NULL) {

        for (i = 0; i < nblocks; i++) {
            if (mk_multihash_equal(&blocks[i].hash, &next->hash)) {
                break;
            }
        }

        if (i == nblocks) {
            break;
        }

        block.data = blocks[i].bytes;
        block.len = blocks[i].len;
        status = mk_walk_block(walk, block, &data, &offset, &blame);
        sum += data.len;
    }

    is_status(status, want->status, "walk: %s", want->name);
    ok(mk_walk_position(walk) == want->blocks
       && mk_walk_done(walk) == want->done
       && (!want->done || sum == want->size), "blocks and bytes: %s",
       want->name);

    mk_walk_free(walk);
    forget();
}


int
main(void)
{
    char    *text;
    size_t   i, len;

    text = tap_slurp(path_of(fixtures[0].path), &len);

    if (text == NULL) {
        tap_skip_all("the CAR fixtures are not here");
    }

    free(text);

    for (i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
        test_fixture(&fixtures[i]);
    }

    for (i = 0; i < sizeof(walked) / sizeof(walked[0]); i++) {
        test_walk(&walked[i]);
    }

    return tap_done();
}
