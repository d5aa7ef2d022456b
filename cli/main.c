/*
 * meshkitctl: seals, shares, revokes, looks into and opens MeshKit shares.
 */

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <openssl/crypto.h>

#include "cli.h"
#include "files.h"
#include "report.h"


#ifndef MESHKIT_VERSION
#define MESHKIT_VERSION  "0.1.0"
#endif

/* bytes of OpenSSL's locked heap, and its smallest piece */
#define MAIN_SECURE_HEAP   65536
#define MAIN_SECURE_PIECE  32


typedef struct {
    const char  *name;
    int        (*run)(int argc, char **argv);
    const char  *about;
} main_command_t;


static const main_command_t  main_commands[] = {
    { "keygen", keygen_main, "make a key of an identity" },
    { "seal", seal_main, "encrypt a file into blocks for IPFS" },
    { "share", share_main, "give others a sealed file, on terms" },
    { "revoke", revoke_main, "end a share" },
    { "inspect", inspect_main, "show what a capsule says" },
    { "open", open_main, "fetch, verify and decrypt a shared file" },
    { "audit", audit_main, "read a gateway's audit log" },
};

#define MAIN_COMMANDS  (sizeof(main_commands) / sizeof(main_commands[0]))


static void
main_print_usage(void)
{
    size_t  i;

    puts("usage: meshkitctl COMMAND [arguments]\n\ncommands:");

    for (i = 0; i < MAIN_COMMANDS; i++) {
        printf("  %-10s%s\n", main_commands[i].name, main_commands[i].about);
    }

    puts("  help      this, or the usage of a command\n"
         "  --version the version\n");

    report_print_exits();
}


static const main_command_t *
main_find(const char *name)
{
    size_t  i;

    for (i = 0; i < MAIN_COMMANDS; i++) {
        if (strcmp(main_commands[i].name, name) == 0) {
            return &main_commands[i];
        }
    }

    report_error("there is no command of that name");
    report_hint("see meshkitctl help");

    return NULL;
}


static int
main_help(int argc, char **argv)
{
    char                   help[] = "--help";
    char                  *args[3];
    const main_command_t  *command;

    if (argc < 3) {
        main_print_usage();
        return REPORT_OK;
    }

    command = main_find(argv[2]);
    if (command == NULL) {
        return REPORT_USAGE;
    }

    args[0] = argv[2];
    args[1] = help;
    args[2] = NULL;

    return command->run(2, args);
}


static int
main_run(int argc, char **argv)
{
    const main_command_t  *command;

    if (argc < 2) {
        report_error("a command is missing");
        report_hint("see meshkitctl help");
        return REPORT_USAGE;
    }

    if (strcmp(argv[1], "--version") == 0) {
        puts("meshkitctl " MESHKIT_VERSION);
        return REPORT_OK;
    }

    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        return main_help(argc, argv);
    }

    command = main_find(argv[1]);

    return (command == NULL) ? REPORT_USAGE
                             : command->run(argc - 1, argv + 1);
}


/* Keys are in memory: it is not written to a core file, nor to swap. */
static void
main_harden(void)
{
    struct rlimit  none;

    none.rlim_cur = 0;
    none.rlim_max = 0;

    (void) setrlimit(RLIMIT_CORE, &none);
    (void) CRYPTO_secure_malloc_init(MAIN_SECURE_HEAP, MAIN_SECURE_PIECE);
}


int
main(int argc, char **argv)
{
    int  rc;

    main_harden();
    files_guard();

    rc = main_run(argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        report_error("standard output cannot be written");

        if (rc == REPORT_OK) {
            rc = REPORT_IO;
        }
    }

    return rc;
}
