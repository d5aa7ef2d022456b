/*
 * ngx_meshkit_conf: the directives, and the files that they name.
 */

#ifndef NGX_MESHKIT_CONF_H
#define NGX_MESHKIT_CONF_H

#include "ngx_meshkit_module.h"


/* ngx_meshkit_conf.c: setters of the directive table, create and merge */
char *ngx_meshkit_conf_open(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_meshkit_conf_identity(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_meshkit_conf_owners(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_meshkit_conf_action(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* logs a parameter that is none of those known; NGX_CONF_ERROR */
char *ngx_meshkit_conf_unknown(ngx_conf_t *cf, ngx_str_t *word,
    const char *known);

void *ngx_meshkit_conf_create_main(ngx_conf_t *cf);
void *ngx_meshkit_conf_create(ngx_conf_t *cf);
char *ngx_meshkit_conf_merge(ngx_conf_t *cf, void *parent, void *child);


/* ngx_meshkit_services.c: setters of the directives that name a location */
char *ngx_meshkit_services_metadata(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_meshkit_services_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_meshkit_services_gateway(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* Where shares are opened. */
typedef struct {
    const ngx_meshkit_loc_conf_t  *conf;
    ngx_http_core_srv_conf_t      *server;
    void                         **loc_conf;    /* of all modules */
    unsigned                       warned:1;
} ngx_meshkit_locations_open_t;


/*
 * ngx_meshkit_locations.c: whether the services have the locations that they
 * need; add notes a location with meshkit_open, init looks, in
 * postconfiguration, and warns or refuses
 */
ngx_int_t ngx_meshkit_locations_add(ngx_conf_t *cf,
    const ngx_meshkit_loc_conf_t *mlcf);
ngx_int_t ngx_meshkit_locations_init(ngx_conf_t *cf);


/* ngx_meshkit_audit.c */
char *ngx_meshkit_audit_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_meshkit_status.c */
char *ngx_meshkit_status_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* ngx_meshkit_capability.c: setters */
char *ngx_meshkit_capability_set_issuers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_meshkit_capability_set_audience(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/*
 * ngx_meshkit_keys.c: reads what the files hold, in the master, as the
 * configuration is read.  Each frees what it made by a cleanup of cf->pool
 * and logs file, line and what to do.
 */

/* adds the key of an identity to *ring (created if NULL) */
ngx_int_t ngx_meshkit_keys_add_identity(ngx_conf_t *cf,
    const ngx_str_t *identity, const ngx_str_t *file, mk_keyring_t **ring);

ngx_int_t ngx_meshkit_keys_read_jwks(ngx_conf_t *cf, const ngx_str_t *file,
    mk_jwks_t **jwks);

/* the first token of a file, or the value of an environment variable */
ngx_int_t ngx_meshkit_keys_read_token(ngx_conf_t *cf, const ngx_str_t *file,
    mk_secret_t **token);
ngx_int_t ngx_meshkit_keys_read_token_env(ngx_conf_t *cf,
    const ngx_str_t *name, mk_secret_t **token);

/* where such a value stands in the master's environment */
typedef struct {
    const char  *name;
    char        *value;
} ngx_meshkit_token_env_t;

/*
 * The key of all token references: made with the first configuration, kept
 * over reloads, the same in all workers.  NULL: none could be made, and then
 * the configuration is refused.
 */
const mk_secret_t *ngx_meshkit_keys_token_ref(void);

/* in a worker: its memory is not for other processes of its user */
ngx_int_t ngx_meshkit_keys_protect(ngx_cycle_t *cycle);


#endif /* NGX_MESHKIT_CONF_H */
