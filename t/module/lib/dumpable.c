/*
 * For t/module/memory.t: preloaded, it keeps the module from making workers
 * undumpable, so that what a core dump would hold can be looked at.
 */

#define _GNU_SOURCE

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>


int
prctl(int option, ...)
{
    __builtin_va_list  args;
    unsigned long      value;

    __builtin_va_start(args, option);
    value = __builtin_va_arg(args, unsigned long);
    __builtin_va_end(args);

    if (option == PR_SET_DUMPABLE) {
        value = 1;
    }

    return (int) syscall(SYS_prctl, option, value, 0, 0, 0);
}
