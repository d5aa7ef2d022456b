/*
 * ngx_meshkit_redact_known: the secrets of one request.
 *
 * Those are the values of its named arguments and headers, its cookies, and
 * the tokens that were found in it.  All are borrowed from the request; there
 * are as many as its header has.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_redact.h"

#include "mk_redact_names.h"


static void
ngx_meshkit_redact_known_cleanup(void *data)
{
    ngx_memzero(data, sizeof(ngx_meshkit_redact_t));
}


/* of a pool that stands in for the request's: the record is not its own */
static void
ngx_meshkit_redact_known_borrowed(void *data)
{
    *(ngx_meshkit_redact_t **) data = NULL;
}


/* an internal redirect zeroes the contexts of modules, the pool stays */
ngx_meshkit_redact_t *
ngx_meshkit_redact_known_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->main->pool->cleanup; cln != NULL; cln = cln->next) {

        if (cln->handler == ngx_meshkit_redact_known_cleanup) {
            return cln->data;
        }

        if (cln->handler == ngx_meshkit_redact_known_borrowed) {
            return *(ngx_meshkit_redact_t **) cln->data;
        }
    }

    return NULL;
}


ngx_int_t
ngx_meshkit_redact_known_lend(ngx_http_request_t *r, ngx_pool_t *pool)
{
    ngx_pool_cleanup_t    *cln;
    ngx_meshkit_redact_t  *known;

    known = ngx_meshkit_redact_known_get(r);
    if (known == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_meshkit_redact_t *));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    *(ngx_meshkit_redact_t **) cln->data = known;
    cln->handler = ngx_meshkit_redact_known_borrowed;

    return NGX_OK;
}


/* the names are sorted by mk_redact_sort */
ngx_uint_t
ngx_meshkit_redact_known_is_named(const ngx_array_t *names,
    const u_char *name, size_t len)
{
    return mk_redact_names_has(names->elts, names->nelts,
                               ngx_meshkit_bytes_of(name, len), 1);
}


/* --- collecting ----------------------------------------------------------- */


/* counts where there is no array yet */
static void
ngx_meshkit_redact_known_add(ngx_meshkit_redact_t *known, const u_char *p,
    const u_char *last)
{
    while (p < last && *p == ' ') {
        p++;
    }

    while (p < last && last[-1] == ' ') {
        last--;
    }

    if (last - p < MK_NEEDLES_SHORTEST) {
        return;
    }

    if (known->values != NULL) {
        known->values[known->nvalues] = ngx_meshkit_bytes_of(p, last - p);
    }

    known->nvalues++;
}


/* name=value pairs that are named */
static void
ngx_meshkit_redact_known_args(ngx_meshkit_redact_t *known,
    const ngx_array_t *names, u_char *p, u_char *last)
{
    u_char  *end, *equals;

    for ( /* void */ ; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '&');
        end = end == NULL ? last : end;
        equals = ngx_strlchr(p, end, '=');

        if (equals != NULL
            && ngx_meshkit_redact_known_is_named(names, p, equals - p))
        {
            ngx_meshkit_redact_known_add(known, equals + 1, end);
        }
    }
}


/*
 * nginx finds a cookie's name behind ";" or ",", and its value goes to the
 * next ";": so values are both what is between semicolons and its parts.
 */
static void
ngx_meshkit_redact_known_cookies(ngx_meshkit_redact_t *known, u_char *p,
    u_char *last)
{
    u_char  *end, *part, *comma, *equals;

    for ( /* void */ ; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, ';');
        end = end == NULL ? last : end;
        equals = ngx_strlchr(p, end, '=');

        if (equals != NULL) {
            ngx_meshkit_redact_known_add(known, equals + 1, end);
        }

        for (part = p; part < end; part = comma + 1) {
            comma = ngx_strlchr(part, end, ',');
            comma = comma == NULL ? end : comma;
            equals = ngx_strlchr(part, comma, '=');

            ngx_meshkit_redact_known_add(known,
                equals == NULL ? part : equals + 1, comma);
        }
    }
}


static void
ngx_meshkit_redact_known_header(ngx_meshkit_redact_t *known,
    const ngx_table_elt_t *h)
{
    u_char  *p, *last;

    last = h->value.data + h->value.len;

    ngx_meshkit_redact_known_add(known, h->value.data, last);

    if (h->key.len == 6 && ngx_strncasecmp(h->key.data, (u_char *) "cookie", 6)
                           == 0)
    {
        ngx_meshkit_redact_known_cookies(known, h->value.data, last);
        return;
    }

    p = ngx_strlchr(h->value.data, last, ' ');

    if (p != NULL) {
        ngx_meshkit_redact_known_add(known, p, last);
    }
}


static void
ngx_meshkit_redact_known_collect(ngx_meshkit_redact_t *known,
    ngx_http_request_t *r, const ngx_array_t *args, const ngx_array_t *headers)
{
    u_char           *p, *last;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    known->nvalues = 0;

    /* an error page has other arguments than what was asked for */

    ngx_meshkit_redact_known_args(known, args, r->args.data,
                                  r->args.data + r->args.len);

    last = r->unparsed_uri.data + r->unparsed_uri.len;
    p = ngx_strlchr(r->unparsed_uri.data, last, '?');

    if (p != NULL) {
        ngx_meshkit_redact_known_args(known, args, p + 1, last);
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_meshkit_redact_known_is_named(headers, h[i].key.data,
                                              h[i].key.len))
        {
            ngx_meshkit_redact_known_header(known, &h[i]);
        }
    }
}


ngx_meshkit_redact_t *
ngx_meshkit_redact_known_create(ngx_http_request_t *r, const ngx_array_t *args,
    const ngx_array_t *headers)
{
    ngx_pool_cleanup_t    *cln;
    ngx_meshkit_redact_t  *known, count;

    count.values = NULL;
    ngx_meshkit_redact_known_collect(&count, r, args, headers);

    count.values = ngx_palloc(r->pool,
                              (count.nvalues + NGX_MESHKIT_REDACT_TOKENS)
                              * sizeof(mk_bytes_t));
    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_meshkit_redact_t));

    if (count.values == NULL || cln == NULL) {
        return NULL;
    }

    known = cln->data;
    ngx_memzero(known, sizeof(ngx_meshkit_redact_t));
    known->values = count.values;

    ngx_meshkit_redact_known_collect(known, r, args, headers);
    known->nvalues = mk_needles_sort(known->values, known->nvalues);

    cln->handler = ngx_meshkit_redact_known_cleanup;

    return known;
}


void
ngx_meshkit_redact_known_token(ngx_meshkit_redact_t *known,
    const ngx_str_t *token)
{
    if (known->ntokens == NGX_MESHKIT_REDACT_TOKENS) {
        return;
    }

    known->tokens[known->ntokens++] = ngx_meshkit_bytes(token);
    known->ntokens = mk_needles_sort(known->tokens, known->ntokens);

    known->values[known->nvalues++] = ngx_meshkit_bytes(token);
    known->nvalues = mk_needles_sort(known->values, known->nvalues);
}
