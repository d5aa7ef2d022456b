#define _POSIX_C_SOURCE 200809L

#include "tap.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static int  tests;
static int  failures;


static int
tap_line(int pass, const char *file, int line, const char *fmt, va_list args)
{
    tests++;

    printf("%sok %d - ", pass ? "" : "not ", tests);
    vprintf(fmt, args);
    printf("\n");

    if (!pass) {
        failures++;
        printf("#   at %s line %d\n", file, line);
    }

    fflush(stdout);

    return pass;
}


int
tap_ok(int pass, const char *file, int line, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_line(pass, file, line, fmt, args);
    va_end(args);

    return pass;
}


int
tap_int(long long got, long long want, const char *file, int line,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    tap_line(got == want, file, line, fmt, args);
    va_end(args);

    if (got != want) {
        printf("#   got %lld, wanted %lld\n", got, want);
    }

    return got == want;
}


int
tap_str(const char *got, const char *want, const char *file, int line,
    const char *fmt, ...)
{
    int      pass;
    va_list  args;

    pass = (got == NULL || want == NULL) ? got == want
                                         : strcmp(got, want) == 0;

    va_start(args, fmt);
    tap_line(pass, file, line, fmt, args);
    va_end(args);

    if (!pass) {
        printf("#   got \"%s\", wanted \"%s\"\n", got == NULL ? "(null)" : got,
               want == NULL ? "(null)" : want);
    }

    return pass;
}


int
tap_mem(const void *got, size_t got_len, const void *want, size_t want_len,
    const char *file, int line, const char *fmt, ...)
{
    int      pass;
    va_list  args;

    pass = got_len == want_len
           && (got_len == 0 || memcmp(got, want, got_len) == 0);

    va_start(args, fmt);
    tap_line(pass, file, line, fmt, args);
    va_end(args);

    if (!pass) {
        printf("#   %zu bytes, wanted %zu; or they differ\n", got_len,
               want_len);
    }

    return pass;
}


void
tap_diag(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    printf("# ");
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
}


void
tap_skip_all(const char *why)
{
    printf("1..0 # SKIP %s\n", why);
    exit(0);
}


int
tap_done(void)
{
    printf("1..%d\n", tests);

    if (failures > 0) {
        printf("# %d of %d failed\n", failures, tests);
    }

    return failures > 0;
}


char *
tap_slurp(const char *path, size_t *len)
{
    long   size;
    char  *data;
    FILE  *file;

    *len = 0;
    data = NULL;

    file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }

    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0
        && fseek(file, 0, SEEK_SET) == 0)
    {
        data = malloc((size_t) size + 1);

        if (data != NULL) {
            *len = fread(data, 1, (size_t) size, file);
            data[*len] = '\0';
        }
    }

    fclose(file);

    return data;
}


uint8_t *
tap_unhex(const char *hex, size_t *len)
{
    size_t    i, n;
    uint8_t  *out;
    unsigned  byte;

    n = strlen(hex);
    *len = 0;

    if (n % 2 != 0) {
        return NULL;
    }

    out = malloc(n / 2 + 1);
    if (out == NULL) {
        return NULL;
    }

    for (i = 0; i < n / 2; i++) {
        if (!isxdigit((unsigned char) hex[2 * i])
            || !isxdigit((unsigned char) hex[2 * i + 1])
            || sscanf(hex + 2 * i, "%2x", &byte) != 1)
        {
            free(out);
            return NULL;
        }

        out[i] = (uint8_t) byte;
    }

    *len = n / 2;

    return out;
}
