/*
 * urls: an operator's base URLs, and those that are made of them.
 */

#ifndef URLS_H
#define URLS_H


/*
 * Only http and https, a host, no user and password (they would stand in
 * argv), no query, no fragment.  REPORT_OK, or REPORT_USAGE after a message.
 */
int urls_check(const char *url);

/* base (slashes at its end are dropped) and path; owned; NULL: no memory */
char *urls_join(const char *base, const char *path);


#endif /* URLS_H */
