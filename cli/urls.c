/*
 * urls: an operator's base URLs.
 */

#include "urls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"


int
urls_check(const char *url)
{
    const char  *host;

    if (strncmp(url, "http://", 7) == 0) {
        host = url + 7;

    } else if (strncmp(url, "https://", 8) == 0) {
        host = url + 8;

    } else {
        return report_usage("a URL begins with http:// or https://");
    }

    if (host[strcspn(host, "/?#")] != '\0'
        && strpbrk(host, "?#") != NULL)
    {
        return report_usage("a URL has no query and no fragment here");
    }

    if (memchr(host, '@', strcspn(host, "/")) != NULL) {
        (void) report_usage("a URL holds no user and password here");
        report_hint("use --token-file or --token-env");
        return REPORT_USAGE;
    }

    if (*host == '\0' || *host == '/') {
        return report_usage("a URL names a host");
    }

    return REPORT_OK;
}


char *
urls_join(const char *base, const char *path)
{
    char    *url;
    size_t   len, size;

    len = strlen(base);
    while (len > 0 && base[len - 1] == '/') {
        len--;
    }

    size = len + strlen(path) + 1;

    url = malloc(size);
    if (url != NULL) {
        (void) snprintf(url, size, "%.*s%s", (int) len, base, path);
    }

    return url;
}
