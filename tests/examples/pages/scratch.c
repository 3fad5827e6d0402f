/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tenon/tenon.h>

extern char **environ;

enum { SKIPPED = 77 };

static char schema[32];

/* "create" or "drop", on a client of its own: the shared one belongs to the tests. The name is ours
 * and needs no quotes. */
static bool on_server(const char *verb)
{
    tn_error err = TN_ERROR_INIT;
    char sql[128];
    tn_db *db = tn_open_url(getenv("TENON_TEST_POSTGRES_URL"), &err);
    snprintf(sql, sizeof(sql), "%s schema %s%s", verb, schema, *verb == 'd' ? " cascade" : "");
    bool done = db && tn_exec_script(db, sql, &err) == TN_OK;
    if (db && tn_db_close(db, done ? &err : NULL) != TN_OK)
        done = false;
    if (!done)
        tn_error_print(stderr, &err);
    return done;
}

void scratch_schema_open(void)
{
    const char *url = getenv("TENON_TEST_POSTGRES_URL");
    char *own;
    size_t size;

    if (!url || !*url) {
        puts("skipped: TENON_TEST_POSTGRES_URL is not set");
        exit(SKIPPED);
    }
    snprintf(schema, sizeof(schema), "example_%ld", (long)getpid());
    size = strlen(url) + sizeof(schema) + sizeof("?schema=");
    own = malloc(size);
    if (!own || !on_server("create"))
        exit(EXIT_FAILURE);
    snprintf(own, size, "%s%cschema=%s", url, strchr(url, '?') ? '&' : '?', schema);
    setenv("DATABASE_URL", own, 1);
    free(own);
}

bool scratch_schema_close(void)
{
    return !schema[0] || on_server("drop");
}

int scratch_run(const char *program)
{
    char *const argv[] = {(char *)program, NULL};
    int status;
    pid_t pid;

    fflush(NULL);
    if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) != pid)
        return 1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
