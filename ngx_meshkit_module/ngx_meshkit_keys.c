/*
 * ngx_meshkit_keys: key, JWKS and token files.
 *
 * They are read by the master with its rights, go into core objects that
 * wipe themselves, and never into the configuration's own memory.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_heap.h"

#include <openssl/crypto.h>

#if (NGX_LINUX)
#include <sys/prctl.h>
#endif


static ngx_uint_t  ngx_meshkit_keys_held;


static ngx_int_t
ngx_meshkit_keys_init(ngx_conf_t *cf)
{
    ngx_meshkit_keys_held = 1;

    return ngx_meshkit_heap_init(cf);
}


/*
 * Reads a regular file of at most MK_KEY_TEXT_MAX bytes into new memory,
 * freed by mk_key_wipe.
 */
static ngx_int_t
ngx_meshkit_keys_slurp(ngx_conf_t *cf, const ngx_str_t *name,
    ngx_uint_t secret, char **text, size_t *len)
{
    int              fd;
    size_t           size;
    ssize_t          n;
    ngx_int_t        rc;
    ngx_file_info_t  fi;

    *text = NULL;
    *len = 0;
    rc = NGX_ERROR;

    fd = open((char *) name->data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    if (fd == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot open \"%V\"", name);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)
        || ngx_file_size(&fi) > MK_KEY_TEXT_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a file of at most %d bytes", name,
                           MK_KEY_TEXT_MAX);
        goto done;
    }

    if (secret && (ngx_file_access(&fi) & 0077)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" can be read by others than its owner, "
                           "set its mode to 0600", name);
    }

    size = (size_t) ngx_file_size(&fi);

    *text = OPENSSL_zalloc(size + 1);
    if (*text == NULL) {
        goto done;
    }

    while (*len < size) {
        n = read(fd, *text + *len, size - *len);

        if (n <= 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "cannot read \"%V\"", name);
            mk_key_wipe(*text, size);
            *text = NULL;
            *len = 0;
            goto done;
        }

        *len += n;
    }

    rc = NGX_OK;

done:

    (void) close(fd);

    return rc;
}


static ngx_int_t
ngx_meshkit_keys_full_name(ngx_conf_t *cf, const ngx_str_t *file,
    ngx_str_t *name)
{
    *name = *file;

    return ngx_conf_full_name(cf->cycle, name, 1);
}


static void
ngx_meshkit_keys_free_ring(void *data)
{
    mk_keyring_t  **ring = data;

    mk_keyring_free(*ring);
}


static ngx_int_t
ngx_meshkit_keys_create_ring(ngx_conf_t *cf, mk_keyring_t **ring)
{
    mk_keyring_t        **slot;
    ngx_pool_cleanup_t   *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(mk_keyring_t *));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    slot = cln->data;
    *slot = NULL;
    cln->handler = ngx_meshkit_keys_free_ring;

    *slot = mk_keyring_create();
    *ring = *slot;

    return *slot == NULL ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_meshkit_keys_add_identity(ngx_conf_t *cf, const ngx_str_t *identity,
    const ngx_str_t *file, mk_keyring_t **ring)
{
    char        *text;
    size_t       len;
    mk_key_t    *key;
    ngx_str_t    name;
    const char  *why;

    if (ngx_meshkit_keys_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (*ring == NULL && ngx_meshkit_keys_create_ring(cf, ring) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_meshkit_keys_full_name(cf, file, &name) != NGX_OK
        || ngx_meshkit_keys_slurp(cf, &name, 1, &text, &len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    key = mk_key_from_pem(text, len, &why);
    mk_key_wipe(text, len);

    if (key == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" %s, make one with \"meshkitctl keygen\"",
                           &name, why);
        return NGX_ERROR;
    }

    if (mk_key_type(key) == MK_KEY_ED25519) {
        mk_key_free(key);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is a signing key, an identity needs a "
                           "P-256 or X25519 key", &name);
        return NGX_ERROR;
    }

    if (mk_keyring_add(*ring, (char *) identity->data, key) != MK_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key in \"%V\" is there already, or there are "
                           "more than %d keys", &name, MK_KEYRING_MAX);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_meshkit_keys_free_jwks(void *data)
{
    mk_jwks_t  **jwks = data;

    mk_jwks_free(*jwks);
}


ngx_int_t
ngx_meshkit_keys_read_jwks(ngx_conf_t *cf, const ngx_str_t *file,
    mk_jwks_t **jwks)
{
    char                *text;
    size_t               len, left_out;
    ngx_str_t            name;
    mk_jwks_t          **slot;
    const char          *why;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(mk_jwks_t *));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    slot = cln->data;
    *slot = NULL;
    cln->handler = ngx_meshkit_keys_free_jwks;

    if (ngx_meshkit_keys_full_name(cf, file, &name) != NGX_OK
        || ngx_meshkit_keys_slurp(cf, &name, 0, &text, &len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *slot = mk_jwks_parse(text, len, &left_out, &why);
    mk_key_wipe(text, len);

    if (*slot == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &name, why);
        return NGX_ERROR;
    }

    if (left_out > 0) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%uz keys in \"%V\" are not used: they cannot "
                           "verify, or have no member \"identity\"",
                           left_out, &name);
    }

    *jwks = *slot;

    return NGX_OK;
}


static void
ngx_meshkit_keys_free_token(void *data)
{
    mk_secret_t  **token = data;

    mk_secret_free(*token);
}


/* RFC 6750, 2.1: b64token; what else is let in could end a header line */
static ngx_uint_t
ngx_meshkit_keys_is_token(const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return 0;
        }
    }

    return len > 0 && len <= MK_SECRET_MAX;
}


static ngx_int_t
ngx_meshkit_keys_set_token(ngx_conf_t *cf, const char *text, size_t len,
    mk_secret_t **token)
{
    mk_secret_t         **slot;
    ngx_pool_cleanup_t   *cln;

    if (ngx_meshkit_keys_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(mk_secret_t *));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    slot = cln->data;
    *slot = NULL;
    cln->handler = ngx_meshkit_keys_free_token;

    *slot = mk_secret_copy((const uint8_t *) text, len);
    *token = *slot;

    if (*slot == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no memory for keys");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The first line that is neither empty nor a comment. */
static const char *
ngx_meshkit_keys_first_line(const char *text, size_t *len)
{
    size_t       n;
    const char  *p, *end;

    end = text + *len;

    for (p = text; p < end; p += n + 1) {

        n = 0;
        while (p + n < end && p[n] != '\n') {
            n++;
        }

        *len = n > 0 && p[n - 1] == '\r' ? n - 1 : n;

        if (*len > 0 && *p != '#') {
            return p;
        }
    }

    *len = 0;

    return text;
}


ngx_int_t
ngx_meshkit_keys_read_token(ngx_conf_t *cf, const ngx_str_t *file,
    mk_secret_t **token)
{
    char        *text;
    size_t       len, size;
    ngx_int_t    rc;
    ngx_str_t    name;
    const char  *line;

    if (ngx_meshkit_keys_full_name(cf, file, &name) != NGX_OK
        || ngx_meshkit_keys_slurp(cf, &name, 1, &text, &size) != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = size;
    line = ngx_meshkit_keys_first_line(text, &len);

    if (ngx_meshkit_keys_is_token(line, len)) {
        rc = ngx_meshkit_keys_set_token(cf, line, len, token);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" does not hold a token for Authorization "
                           "on a line of its own", &name);
        rc = NGX_ERROR;
    }

    mk_key_wipe(text, size);

    return rc;
}


ngx_int_t
ngx_meshkit_keys_read_token_env(ngx_conf_t *cf, const ngx_str_t *name,
    mk_secret_t **token)
{
    char                     *value;
    ngx_meshkit_main_conf_t  *mmcf;
    ngx_meshkit_token_env_t  *env;

    value = getenv((char *) name->data);

    if (value == NULL || !ngx_meshkit_keys_is_token(value, strlen(value))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable \"%V\" does not hold a "
                           "token for Authorization; after a binary upgrade "
                           "it is there only with the directive "
                           "\"env %V;\"", name, name);
        return NGX_ERROR;
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);

    env = ngx_array_push(&mmcf->token_envs);
    if (env == NULL) {
        return NGX_ERROR;
    }

    env->name = (const char *) name->data;
    env->value = value;

    return ngx_meshkit_keys_set_token(cf, value, strlen(value), token);
}


const mk_secret_t *
ngx_meshkit_keys_token_ref(void)
{
    /* held to the end: a log line stays comparable over reloads */

    static mk_secret_t  *key;

    if (key == NULL) {
        key = mk_token_ref_key();
    }

    return key;
}


/*
 * nginx takes the master's variables from its workers, but their text is in
 * the memory that a child inherits.  What "env" names is theirs.
 */
static void
ngx_meshkit_keys_wipe_env(ngx_cycle_t *cycle)
{
    ngx_uint_t                i;
    ngx_meshkit_main_conf_t  *mmcf;
    ngx_meshkit_token_env_t  *env;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_meshkit_module);

    if (mmcf == NULL) {

        /* no http block is left */

        return;
    }

    env = mmcf->token_envs.elts;

    for (i = 0; i < mmcf->token_envs.nelts; i++) {
        if (getenv(env[i].name) != env[i].value) {
            ngx_explicit_memzero(env[i].value, strlen(env[i].value));
        }
    }
}


/*
 * nginx makes its workers dumpable; another process of the same user could
 * then read the keys from /proc/PID/mem.
 */
ngx_int_t
ngx_meshkit_keys_protect(ngx_cycle_t *cycle)
{
    if (!ngx_meshkit_keys_held) {
        return NGX_OK;
    }

#if (NGX_LINUX)

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "prctl(PR_SET_DUMPABLE) failed");
    }

#endif

    ngx_meshkit_heap_start(cycle);
    ngx_meshkit_keys_wipe_env(cycle);

    return NGX_OK;
}
