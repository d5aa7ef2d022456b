/*
 * progress: a line on standard error that says how far it is, for people: it
 * is there only where standard error is a terminal.
 */

#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>


typedef struct {
    const char  *what;      /* "sealing" */
    uint64_t     total;     /* bytes; 0: not known */
    uint64_t     done;
    int64_t      shown;     /* when the line was last written, in ms */
    int          on;
} progress_t;


void progress_start(progress_t *progress, const char *what, uint64_t total);
void progress_add(progress_t *progress, uint64_t bytes);

/* Takes the line away; a message then begins in the first column. */
void progress_end(progress_t *progress);


#endif /* PROGRESS_H */
