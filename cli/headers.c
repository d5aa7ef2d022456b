/*
 * headers: header lines, one by one.
 */

#include "headers.h"

#include <string.h>
#include <strings.h>


/* The value of a line of that name, or NULL. */
static const char *
headers_value(const char *line, size_t len, const char *name, size_t *n)
{
    size_t       at;
    const char  *value;

    at = strlen(name);

    if (len <= at || strncasecmp(line, name, at) != 0 || line[at] != ':') {
        return NULL;
    }

    value = line + at + 1;
    len -= at + 1;

    while (len > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        len--;
    }

    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t')) {
        len--;
    }

    *n = len;

    return value;
}


/* opaque-tag: quotes, and between them neither quotes, spaces nor controls */
static int
headers_is_tag(const char *text, size_t len)
{
    size_t         i;
    unsigned char  c;

    if (len < 2 || text[0] != '"' || text[len - 1] != '"') {
        return 0;
    }

    for (i = 1; i < len - 1; i++) {
        c = (unsigned char) text[i];

        if (c <= ' ' || c == '"' || c == 0x7f) {
            return 0;
        }
    }

    return 1;
}


static void
headers_take_etag(headers_t *h, const char *text, size_t len)
{
    if (h->etag != HEADERS_ETAG_NONE) {
        h->etag = HEADERS_ETAG_BAD;

    } else if (len <= HEADERS_ETAG_MAX && headers_is_tag(text, len)) {
        memcpy(h->tag, text, len);
        h->tag[len] = '\0';
        h->etag = HEADERS_ETAG_STRONG;
        return;

    } else if (len > 2 && text[0] == 'W' && text[1] == '/'
               && headers_is_tag(text + 2, len - 2))
    {
        h->etag = HEADERS_ETAG_WEAK;

    } else {
        h->etag = HEADERS_ETAG_BAD;
    }

    h->tag[0] = '\0';
}


void
headers_add(headers_t *h, const char *line, size_t len)
{
    size_t       n;
    const char  *value;

    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        memset(h, 0, sizeof(*h));
        return;
    }

    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        len--;
    }

    if (h->ended || len == 0) {
        h->ended = 1;
        return;
    }

    if (line[0] == ' ' || line[0] == '\t') {
        /* a folded line goes on with the one before */
        if (h->in_etag) {
            h->etag = HEADERS_ETAG_BAD;
            h->tag[0] = '\0';
        }

        return;
    }

    h->in_etag = 0;

    value = headers_value(line, len, "ETag", &n);
    if (value != NULL) {
        h->in_etag = 1;
        headers_take_etag(h, value, n);
        return;
    }

    value = headers_value(line, len, "Content-Encoding", &n);
    if (value != NULL) {
        h->coded = (n != 8 || strncasecmp(value, "identity", n) != 0);
    }
}
