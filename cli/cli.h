/*
 * The subcommands of meshkitctl, one file each.
 *
 * Each takes its own argv (argv[0] is its name) and returns what the process
 * exits with, a report_exit_t.
 */

#ifndef CLI_H
#define CLI_H


int keygen_main(int argc, char **argv);
int seal_main(int argc, char **argv);
int share_main(int argc, char **argv);
int revoke_main(int argc, char **argv);
int inspect_main(int argc, char **argv);
int open_main(int argc, char **argv);
int audit_main(int argc, char **argv);


#endif /* CLI_H */
