/*
 * progress: redraws one line, a few times a second.
 */

#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


/* milliseconds between two drawings */
#define PROGRESS_PAUSE  200

#define PROGRESS_BAR    30
#define PROGRESS_MIB    (1024.0 * 1024.0)


static int64_t
progress_now(void)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1) {
        return 0;
    }

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
progress_draw(const progress_t *p)
{
    int   filled;
    char  bar[PROGRESS_BAR + 1];

    if (p->total == 0) {
        fprintf(stderr, "\r%s %.1f MiB ", p->what,
                (double) p->done / PROGRESS_MIB);
        return;
    }

    filled = (int) ((double) p->done / (double) p->total * PROGRESS_BAR);
    if (filled > PROGRESS_BAR) {
        filled = PROGRESS_BAR;
    }

    memset(bar, ' ', PROGRESS_BAR);
    memset(bar, '#', (size_t) filled);
    bar[PROGRESS_BAR] = '\0';

    fprintf(stderr, "\r%s [%s] %.1f of %.1f MiB ", p->what, bar,
            (double) p->done / PROGRESS_MIB,
            (double) p->total / PROGRESS_MIB);
}


void
progress_start(progress_t *progress, const char *what, uint64_t total)
{
    memset(progress, 0, sizeof(*progress));

    progress->what = what;
    progress->total = total;
    progress->on = isatty(STDERR_FILENO);

    /* what is done at once needs no bar */
    progress->shown = progress_now();
}


void
progress_add(progress_t *progress, uint64_t bytes)
{
    int64_t  now;

    progress->done += bytes;

    if (!progress->on) {
        return;
    }

    now = progress_now();

    if (now - progress->shown >= PROGRESS_PAUSE) {
        progress->shown = now;
        progress_draw(progress);
    }
}


void
progress_end(progress_t *progress)
{
    if (progress->on) {
        fputs("\r\033[K", stderr);
        progress->on = 0;
    }
}
