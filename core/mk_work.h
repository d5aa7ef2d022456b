/*
 * mk_work: counts what code does with bytes that a stranger sent.
 *
 * Tests and fuzzers are compiled with MK_COUNT_WORK and hold the count against
 * the length of the input: it says the same on a slow machine and on a busy
 * one.  A step is a byte, or a percent-encoded character, that is looked at
 * once, or one comparison of a search.  What reads a text more than once counts
 * its passes, too.  Elsewhere both are nothing.
 */

#ifndef MK_WORK_H
#define MK_WORK_H

#include <stddef.h>


#ifdef MK_COUNT_WORK

extern unsigned long long  mk_work_steps;
extern unsigned long long  mk_work_passes;

#define MK_WORK(steps)   (mk_work_steps += (steps))
#define MK_WORK_PASS()   (mk_work_passes++)

#else

#define MK_WORK(steps)   ((void) 0)
#define MK_WORK_PASS()   ((void) 0)

#endif


#endif /* MK_WORK_H */
