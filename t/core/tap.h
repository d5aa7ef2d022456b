/*
 * tap: the few words of the Test Anything Protocol that the C tests need.
 *
 * A test file has main() and ends with "return tap_done();".  prove reads
 * the lines; valgrind and the sanitizers run the same binaries.
 */

#ifndef TAP_H
#define TAP_H

#include <stddef.h>
#include <stdint.h>


/* printf-like names; each returns whether it passed */
int tap_ok(int pass, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int tap_int(long long got, long long want, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int tap_str(const char *got, const char *want, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int tap_mem(const void *got, size_t got_len, const void *want,
    size_t want_len, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

#define ok(pass, ...)         tap_ok((pass) ? 1 : 0, __FILE__, __LINE__, \
                                     __VA_ARGS__)
#define is_int(got, want, ...)  tap_int((long long) (got),               \
                                        (long long) (want), __FILE__,    \
                                        __LINE__, __VA_ARGS__)
#define is_str(got, want, ...)  tap_str(got, want, __FILE__, __LINE__,   \
                                        __VA_ARGS__)
#define is_mem(got, got_len, want, want_len, ...)                        \
    tap_mem(got, got_len, want, want_len, __FILE__, __LINE__, __VA_ARGS__)

/* compares outcomes and shows their names */
#define is_status(got, want, ...)                                        \
    tap_str(mk_status_name(got), mk_status_name(want), __FILE__,         \
            __LINE__, __VA_ARGS__)

void tap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* a whole file that cannot run here: prints the plan and exits */
void tap_skip_all(const char *why) __attribute__((noreturn));

/* prints the plan; the exit code for main */
int tap_done(void);


/*
 * Reads a whole file; NULL if it cannot be read.  The caller frees it; it is
 * NUL closed behind *len bytes.
 */
char *tap_slurp(const char *path, size_t *len);

/* hex text to new bytes (freed by the caller); NULL if it is not hex */
uint8_t *tap_unhex(const char *hex, size_t *len);


#endif /* TAP_H */
