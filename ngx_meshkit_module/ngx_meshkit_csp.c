/*
 * ngx_meshkit_csp: what a browser may do with a shared file that it shows as
 * a page of this host.
 *
 * A lone image, film or sound is shown by a page of the browser's, which loads
 * it.  A film and a sound Chromium fetches anew, by CORS: a page without an
 * origin would not get it.  Scripts stay forbidden.
 *
 * Nothing else may be loaded: a drawing names images, and a playlist, which a
 * browser knows by its first bytes whatever the type says, anything, with the
 * reader's cookies.  So a second policy has the path that was asked for.
 */

#include "ngx_meshkit_module.h"


#define NGX_MESHKIT_CSP_IMAGE                                                 \
    NGX_MESHKIT_CSP "; img-src 'self'; style-src 'unsafe-inline', "           \
    "img-src *:*"

#define NGX_MESHKIT_CSP_MEDIA                                                 \
    "sandbox allow-same-origin; default-src 'none'; media-src 'self'; "       \
    "style-src 'unsafe-inline', media-src *:*"


/* what browsers play, and by its type no playlist */
static const char  *ngx_meshkit_csp_played[] = {
    "video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/x-m4v",
    "video/x-matroska", "video/mpeg", "video/3gpp",
    "audio/mpeg", "audio/mp3", "audio/mp4", "audio/x-m4a", "audio/aac",
    "audio/ogg", "audio/opus", "audio/webm", "audio/flac", "audio/x-flac",
    "audio/wav", "audio/x-wav", "audio/wave",
};


/*
 * The type is the sender's text: only what is known gets an origin.  Of types
 * with a comma between them some browsers take the last.
 */
static ngx_uint_t
ngx_meshkit_csp_is_played(u_char *p, size_t len)
{
    size_t      n;
    ngx_uint_t  i;

    if (ngx_strlchr(p, p + len, ',') != NULL) {
        return 0;
    }

    for (i = 0;
         i < sizeof(ngx_meshkit_csp_played) / sizeof(ngx_meshkit_csp_played[0]);
         i++)
    {
        n = ngx_strlen(ngx_meshkit_csp_played[i]);

        if (len >= n
            && ngx_strncasecmp(p, (u_char *) ngx_meshkit_csp_played[i], n)
               == 0
            && (len == n || p[n] == ';'))
        {
            return 1;
        }
    }

    return 0;
}


static const char *
ngx_meshkit_csp_by_type(mk_bytes_t type)
{
    u_char  *p;

    p = (u_char *) type.data;

    if (type.len > 6 && ngx_strncasecmp(p, (u_char *) "image/", 6) == 0) {
        return NGX_MESHKIT_CSP_IMAGE;
    }

    return ngx_meshkit_csp_is_played(p, type.len) ? NGX_MESHKIT_CSP_MEDIA
                                                  : NGX_MESHKIT_CSP;
}


/* RFC 3986, 2.3: unreserved; what is escaped already stays so */
static ngx_uint_t
ngx_meshkit_csp_is_plain(u_char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9')
           || (ch != '\0' && ngx_strchr("-._~/%", ch) != NULL);
}


/* The path that the client asked for, as a source in a policy. */
static u_char *
ngx_meshkit_csp_path(u_char *p, const ngx_str_t *uri)
{
    static const u_char  hex[] = "0123456789ABCDEF";

    u_char  ch;
    size_t  i;

    for (i = 0; i < uri->len && uri->data[i] != '?'; i++) {
        ch = uri->data[i];

        if (ngx_meshkit_csp_is_plain(ch)) {
            *p++ = ch;

        } else {
            *p++ = '%';
            *p++ = hex[ch >> 4];
            *p++ = hex[ch & 0x0f];
        }
    }

    return p;
}


/*
 * A path that ends in a slash allows all that is below it, and browsers take
 * "%2F" for one: the whole host, for "/?id=...".
 */
static ngx_uint_t
ngx_meshkit_csp_names_file(const ngx_str_t *uri)
{
    u_char  *p, *last;

    if (uri->len == 0 || uri->data[0] != '/') {
        return 0;
    }

    p = ngx_strlchr(uri->data, uri->data + uri->len, '?');
    last = p == NULL ? uri->data + uri->len : p;

    return last[-1] != '/'
           && (last - uri->data < 3
               || ngx_strncasecmp(last - 3, (u_char *) "%2f", 3) != 0);
}


const char *
ngx_meshkit_csp_file(ngx_http_request_t *r, mk_bytes_t type)
{
    size_t       len;
    u_char      *p, *value;
    const char  *csp;

    csp = ngx_meshkit_csp_by_type(type);
    len = ngx_strlen(csp);

    if (csp[len - 1] != '*') {
        return csp;
    }

    if (!ngx_meshkit_csp_names_file(&r->unparsed_uri)) {
        return NGX_MESHKIT_CSP;
    }

    value = ngx_pnalloc(r->pool, len + r->unparsed_uri.len * 3 + 1);
    if (value == NULL) {
        return NULL;
    }

    p = ngx_cpymem(value, csp, len);
    p = ngx_meshkit_csp_path(p, &r->unparsed_uri);
    *p = '\0';

    return (char *) value;
}
