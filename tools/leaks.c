/*
 * For tools/build-nginx: lets LeakSanitizer look at a worker as it exits.
 *
 * It stops the process by ptrace, which a process that is not dumpable does
 * not allow, and the module makes workers so (PR_SET_DUMPABLE).  They are so
 * for all of their life here too: destructors run after what nginx does at
 * its exit, and before the leak check.
 */

#include <sys/prctl.h>


__attribute__((destructor))
static void
leaks_allow_ptrace(void)
{
    (void) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
