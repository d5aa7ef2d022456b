/*
 * http: the only user of libcurl.
 *
 * One connection to talk over, one request at a time.  http and https only,
 * no redirects, no content coding, every wait bounded.  A bearer token comes
 * from a file or from the environment, never from argv, and goes to the
 * service that it was given for.
 */

#ifndef HTTP_H
#define HTTP_H

#include "headers.h"
#include "mk_bytes.h"


typedef struct http_s  http_t;


typedef enum {
    HTTP_OK = 0,
    HTTP_STATUS,        /* answered, with a status that is no success */
    HTTP_TYPE,          /* answered, with another media type or a coding */
    HTTP_TOO_LARGE,     /* answered, with more than was asked for */
    HTTP_STOPPED,       /* the sink wanted no more */
    HTTP_FAILED         /* no answer, or none to its end */
} http_result_t;

/* Takes a piece of a body.  Returns 1, or 0 to end the transfer. */
typedef int (*http_sink_pt)(void *data, mk_bytes_t piece);


/*
 * token_file, token_env: where the bearer token is, both NULL for none.
 * REPORT_OK and *http (owned), or another report_exit_t after a message.
 */
int http_create(const char *token_file, const char *token_env,
    http_t **http);

void http_free(http_t *http);

/*
 * GET, the body bounded to max bytes.  Only 200 is a success.  accept may be
 * NULL, else its media type is required of the answer.  HTTP_OK: *body is
 * owned (free()) and NUL closed.
 */
http_result_t http_get(http_t *http, const char *url, const char *accept,
    size_t max, char **body, size_t *len);

/* The same of any media type, past every cache on the way. */
http_result_t http_get_current(http_t *http, const char *url, size_t max,
    char **body, size_t *len);

/* GET, the body given piece by piece to sink, which is called after 200. */
http_result_t http_stream(http_t *http, const char *url, const char *accept,
    http_sink_pt sink, void *data);

/*
 * PUT of JSON.  condition: a header line, If-Match or If-None-Match; NULL:
 * none.  HTTP_OK after any status of 2xx.
 */
http_result_t http_put(http_t *http, const char *url, mk_bytes_t body,
    const char *condition);

/* HTTP_OK after any status of 2xx. */
http_result_t http_delete(http_t *http, const char *url);

/*
 * POST of a file as multipart/form-data (file.data NULL: of nothing); the
 * answer as in http_get.
 */
http_result_t http_post(http_t *http, const char *url, mk_bytes_t file,
    size_t max, char **body, size_t *len);

/* of the last answer; 0 if there was none */
long http_status(const http_t *http);

/* of the last response; borrowed, until the next request */
const headers_t *http_headers(const http_t *http);

/* what the last result was, for a message; borrowed */
const char *http_why(const http_t *http);


#endif /* HTTP_H */
