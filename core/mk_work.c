/*
 * mk_work: counts what code does with bytes that a stranger sent.
 */

#include "mk_work.h"


#ifdef MK_COUNT_WORK

unsigned long long  mk_work_steps;
unsigned long long  mk_work_passes;

#endif
