/*
 * replay: files and folders through a fuzz target, without libFuzzer.
 *
 *     replay [file or folder ...]
 *
 * Without arguments it takes the corpus that is named after the program:
 * build/replay/cid replays fuzz/corpus/cid.  It prints TAP; a target that finds
 * something ends the program, which is no success.
 */

/* scandir */
#define _POSIX_C_SOURCE  200809L

#include "fuzz.h"
#include "tap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define REPLAY_CORPUS  "fuzz/corpus/"
#define REPLAY_PATH    512


static size_t  replayed;


static void
replay_file(const char *path)
{
    char     *text;
    size_t    len;
    uint8_t  *copy;

    text = tap_slurp(path, &len);

    if (text == NULL) {
        ok(0, "%s can be read", path);
        return;
    }

    /* of its very size, as libFuzzer's */

    copy = fuzz_copy(fuzz_bytes(text, len));
    free(text);

    ok(LLVMFuzzerTestOneInput(copy, len) == 0, "%s", path);
    replayed++;

    free(copy);
}


static void
replay(const char *path)
{
    int              i, count;
    char             name[REPLAY_PATH];
    struct dirent  **entries;

    count = scandir(path, &entries, NULL, alphasort);

    if (count < 0) {
        replay_file(path);
        return;
    }

    for (i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            replay_file(name);
        }

        free(entries[i]);
    }

    free(entries);
}


int
main(int argc, char *argv[])
{
    int          i;
    char         path[REPLAY_PATH];
    const char  *name;

    for (i = 1; i < argc; i++) {
        replay(argv[i]);
    }

    if (argc == 1) {
        name = strrchr(argv[0], '/');
        snprintf(path, sizeof(path), REPLAY_CORPUS "%s",
                 name == NULL ? argv[0] : name + 1);
        replay(path);
    }

    ok(replayed > 0, "there is something to replay");

    return tap_done();
}
