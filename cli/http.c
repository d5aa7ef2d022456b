/*
 * http: a few request forms on top of libcurl.
 */

#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "mk_secret.h"
#include "report.h"
#include "tokens.h"


/* seconds: to connect; for a small answer; with less than HTTP_RATE_MIN */
#define HTTP_CONNECT_TIME  10L
#define HTTP_SMALL_TIME    60L
#define HTTP_SLOW_TIME     30L

/* bytes per second that a stream must bring */
#define HTTP_RATE_MIN  1024L

#define HTTP_WHY_MAX  (CURL_ERROR_SIZE + 64)


struct http_s {
    CURL         *curl;
    mk_secret_t  *token;            /* NUL closed; NULL: none */
    long          status;
    headers_t     headers;          /* of the last response */
    char          error[CURL_ERROR_SIZE];
    char          why[HTTP_WHY_MAX];
};


/* One request under way. */
typedef struct {
    http_t        *http;
    const char    *accept;          /* NULL: any media type */
    http_sink_pt   sink;
    void          *data;
    unsigned       accepted:1;      /* status and type were looked at */
    http_result_t  result;
} http_transfer_t;


/* A body in memory. */
typedef struct {
    char     *data;
    size_t    len;
    size_t    max;
    unsigned  too_large:1;
} http_body_t;


int
http_create(const char *token_file, const char *token_env, http_t **http)
{
    int      rc;
    http_t  *h;

    *http = NULL;

    h = calloc(1, sizeof(http_t));
    if (h == NULL) {
        return report_no_memory();
    }

    rc = tokens_read(token_file, token_env, &h->token);
    if (rc != REPORT_OK) {
        http_free(h);
        return rc;
    }

    h->curl = curl_easy_init();
    if (h->curl == NULL) {
        http_free(h);
        return report_no_memory();
    }

    *http = h;

    return REPORT_OK;
}


void
http_free(http_t *http)
{
    if (http == NULL) {
        return;
    }

    curl_easy_cleanup(http->curl);
    mk_secret_free(http->token);
    free(http);
}


static size_t
http_on_header(char *line, size_t size, size_t n, void *data)
{
    http_transfer_t  *t;

    t = data;
    headers_add(&t->http->headers, line, size * n);

    return size * n;
}


/* Is it the media type that begins "accept"? */
static int
http_type_fits(const char *type, const char *accept)
{
    size_t  len;

    if (accept == NULL) {
        return 1;
    }

    len = strcspn(accept, "; ");

    return type != NULL && strcspn(type, "; ") == len
           && strncasecmp(type, accept, len) == 0;
}


/* Looks at status and type, once; t->result says whether the body counts. */
static void
http_accept(http_transfer_t *t)
{
    char  *type;
    long   status;

    if (t->accepted) {
        return;
    }

    t->accepted = 1;
    status = 0;
    type = NULL;

    (void) curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &status);
    (void) curl_easy_getinfo(t->http->curl, CURLINFO_CONTENT_TYPE, &type);

    t->http->status = status;

    if (status != 200) {
        t->result = HTTP_STATUS;

    } else if (t->http->headers.coded || !http_type_fits(type, t->accept)) {
        t->result = HTTP_TYPE;

    } else {
        t->result = HTTP_OK;
    }
}


static size_t
http_on_body(char *bytes, size_t size, size_t n, void *data)
{
    mk_bytes_t        piece;
    http_transfer_t  *t;

    t = data;
    piece.data = (const uint8_t *) bytes;
    piece.len = size * n;

    http_accept(t);

    if (t->result != HTTP_OK) {
        /* the body of a refusal is nothing that anybody reads */
        return 0;
    }

    if (t->sink != NULL && !t->sink(t->data, piece)) {
        t->result = HTTP_STOPPED;
        return 0;
    }

    return piece.len;
}


static void
http_set_up(http_transfer_t *t, const char *url)
{
    CURL  *curl;

    curl = t->http->curl;
    t->http->status = 0;
    t->http->error[0] = '\0';
    memset(&t->http->headers, 0, sizeof(headers_t));

    curl_easy_reset(curl);

#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
                     (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, HTTP_CONNECT_TIME);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, HTTP_RATE_MIN);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, HTTP_SLOW_TIME);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->http->error);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "meshkitctl");
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, http_on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, http_on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);

    if (t->http->token != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER,
                         (const char *) mk_secret_view(t->http->token).data);
    }
}


static void
http_explain(http_transfer_t *t)
{
    http_t  *http;

    http = t->http;

    switch (t->result) {

    case HTTP_STATUS:
        (void) snprintf(http->why, HTTP_WHY_MAX, "answered with status %ld%s",
                        http->status, http->status / 100 == 3
                        ? ", and redirects are not followed" : "");
        return;

    case HTTP_TYPE:
        (void) snprintf(http->why, HTTP_WHY_MAX,
                        "answered with another media type");
        return;

    case HTTP_TOO_LARGE:
        (void) snprintf(http->why, HTTP_WHY_MAX, "answered with too much");
        return;

    case HTTP_STOPPED:
        (void) snprintf(http->why, HTTP_WHY_MAX, "answered with other bytes");
        return;

    default:
        (void) snprintf(http->why, HTTP_WHY_MAX, "gave no whole answer: %s",
                        http->error);
        return;
    }
}


static http_result_t
http_perform(http_transfer_t *t, const char *const *headers, size_t n)
{
    size_t              i;
    CURLcode            code;
    struct curl_slist  *list, *next;

    list = NULL;

    for (i = 0; i < n; i++) {
        next = curl_slist_append(list, headers[i]);
        if (next == NULL) {
            curl_slist_free_all(list);
            return HTTP_FAILED;
        }

        list = next;
    }

    curl_easy_setopt(t->http->curl, CURLOPT_HTTPHEADER, list);

    code = curl_easy_perform(t->http->curl);

    if (code == CURLE_OK) {
        /* an empty body never came to http_on_body */
        http_accept(t);

    } else if (!t->accepted || t->result == HTTP_OK) {
        t->result = HTTP_FAILED;

        if (t->http->error[0] == '\0') {
            (void) snprintf(t->http->error, CURL_ERROR_SIZE, "%s",
                            curl_easy_strerror(code));
        }
    }

    curl_slist_free_all(list);
    http_explain(t);

    return t->result;
}


static int
http_keep(void *data, mk_bytes_t piece)
{
    char         *grown;
    http_body_t  *body;

    body = data;

    if (piece.len > body->max - body->len) {
        body->too_large = 1;
        return 0;
    }

    grown = realloc(body->data, body->len + piece.len + 1);
    if (grown == NULL) {
        return 0;
    }

    memcpy(grown + body->len, piece.data, piece.len);
    body->data = grown;
    body->len += piece.len;
    body->data[body->len] = '\0';

    return 1;
}


/* Runs a transfer whose answer is kept in memory. */
static http_result_t
http_perform_small(http_transfer_t *t, const char *const *headers, size_t n,
    size_t max, char **out, size_t *len)
{
    http_body_t  body;

    memset(&body, 0, sizeof(body));
    body.max = max;

    t->sink = http_keep;
    t->data = &body;

    (void) http_perform(t, headers, n);

    t->data = NULL;

    if (t->result == HTTP_OK && body.data == NULL) {
        body.data = calloc(1, 1);
        t->result = (body.data == NULL) ? HTTP_FAILED : HTTP_OK;
    }

    if (t->result == HTTP_OK) {
        *out = body.data;
        *len = body.len;
        return HTTP_OK;
    }

    if (body.too_large) {
        t->result = HTTP_TOO_LARGE;
        http_explain(t);
    }

    free(body.data);

    return t->result;
}


http_result_t
http_stream(http_t *http, const char *url, const char *accept,
    http_sink_pt sink, void *data)
{
    char             line[256];
    const char      *headers[2];
    http_transfer_t  t;

    memset(&t, 0, sizeof(t));
    t.http = http;
    t.accept = accept;
    t.sink = sink;
    t.data = data;

    http_set_up(&t, url);

    (void) snprintf(line, sizeof(line), "Accept: %s", accept);
    headers[0] = line;
    headers[1] = "Accept-Encoding: identity";

    return http_perform(&t, headers, 2);
}


static http_result_t
http_get_small(http_t *http, const char *url, const char *accept,
    const char *header, size_t max, char **body, size_t *len)
{
    char             line[256];
    const char      *headers[3];
    http_transfer_t  t;

    *body = NULL;
    *len = 0;

    memset(&t, 0, sizeof(t));
    t.http = http;
    t.accept = accept;

    http_set_up(&t, url);
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT, HTTP_SMALL_TIME);

    (void) snprintf(line, sizeof(line), "Accept: %s",
                    (accept == NULL) ? "*/*" : accept);
    headers[0] = line;
    headers[1] = "Accept-Encoding: identity";
    headers[2] = header;

    return http_perform_small(&t, headers, (header == NULL) ? 2 : 3, max,
                              body, len);
}


http_result_t
http_get(http_t *http, const char *url, const char *accept, size_t max,
    char **body, size_t *len)
{
    return http_get_small(http, url, accept, NULL, max, body, len);
}


http_result_t
http_get_current(http_t *http, const char *url, size_t max, char **body,
    size_t *len)
{
    return http_get_small(http, url, NULL, "Cache-Control: no-cache", max,
                          body, len);
}


/* Any status of 2xx says that it was done, whatever comes with it. */
static http_result_t
http_write(http_transfer_t *t, const char *method,
    const char *const *headers, size_t n)
{
    http_t  *http;

    http = t->http;

    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT, HTTP_SMALL_TIME);
    curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, method);

    (void) http_perform(t, headers, n);

    return (http->status / 100 == 2) ? HTTP_OK : t->result;
}


http_result_t
http_put(http_t *http, const char *url, mk_bytes_t body,
    const char *condition)
{
    const char      *headers[3];
    http_transfer_t  t;

    memset(&t, 0, sizeof(t));
    t.http = http;

    http_set_up(&t, url);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t) body.len);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS,
                     (const char *) body.data);

    headers[0] = "Content-Type: application/json";
    headers[1] = "Expect:";
    headers[2] = condition;

    return http_write(&t, "PUT", headers, (condition == NULL) ? 2 : 3);
}


http_result_t
http_delete(http_t *http, const char *url)
{
    http_transfer_t  t;

    memset(&t, 0, sizeof(t));
    t.http = http;

    http_set_up(&t, url);

    return http_write(&t, "DELETE", NULL, 0);
}


http_result_t
http_post(http_t *http, const char *url, mk_bytes_t file, size_t max,
    char **body, size_t *len)
{
    curl_mime        *mime;
    const char       *headers[1];
    http_result_t     result;
    curl_mimepart    *part;
    http_transfer_t   t;

    *body = NULL;
    *len = 0;

    memset(&t, 0, sizeof(t));
    t.http = http;

    http_set_up(&t, url);
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT, HTTP_SMALL_TIME);

    mime = NULL;

    if (file.data == NULL) {
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE, 0L);
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, "");

    } else {
        mime = curl_mime_init(http->curl);
        part = (mime == NULL) ? NULL : curl_mime_addpart(mime);

        if (part == NULL
            || curl_mime_name(part, "data") != CURLE_OK
            || curl_mime_filename(part, "block") != CURLE_OK
            || curl_mime_data(part, (const char *) file.data, file.len)
               != CURLE_OK)
        {
            curl_mime_free(mime);
            return HTTP_FAILED;
        }

        curl_easy_setopt(http->curl, CURLOPT_MIMEPOST, mime);
    }

    headers[0] = "Expect:";

    result = http_perform_small(&t, headers, 1, max, body, len);
    curl_mime_free(mime);

    return result;
}


long
http_status(const http_t *http)
{
    return http->status;
}


const headers_t *
http_headers(const http_t *http)
{
    return &http->headers;
}


const char *
http_why(const http_t *http)
{
    return http->why;
}
