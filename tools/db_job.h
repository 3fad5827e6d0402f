/* SPDX-License-Identifier: MIT */
/* What `tenon db` works with: the database that the URL names, on a server or in a file. */
#ifndef TENON_TOOLS_DB_JOB_H
#define TENON_TOOLS_DB_JOB_H

#include <stdbool.h>

#include <tenon/tenon.h>

#include "db_url.h"
#include "tool.h"

typedef struct db_job {
    const tool *t;
    tn_config *config;
    char *url; /* as it was given: a secret */
    db_kind kind;
    char *name; /* of the database, or the file's path */
    bool force; /* who is connected is thrown out */
} db_job;

/* TOOL_EXIT_FINE, or the exit code after saying what is wrong. db_job_close() in any case. */
int db_job_open(db_job *job, const tool *t);
void db_job_close(db_job *job);
/* A client of another database on the same server. NULL with err. */
tn_db *db_job_connect(db_job *job, const char *name, tn_error *err);

/* db_server.c, db_file.c. *ret_done: false, there was nothing to do. */
tn_status db_server_create(db_job *job, bool *ret_done, tn_error *err);
tn_status db_server_drop(db_job *job, const char *name, bool *ret_done, tn_error *err);
tn_status db_server_clone(db_job *job, const char *to, tn_error *err);
tn_status db_file_create(db_job *job, bool *ret_done, tn_error *err);
tn_status db_file_drop(db_job *job, const char *name, bool *ret_done, tn_error *err);
tn_status db_file_clone(db_job *job, const char *to, tn_error *err);

/* cmd_db.c: TOOL_EXIT_FINE when --confirm gives the name, else TOOL_EXIT_REFUSED after saying so.
 * what: "drops", "replaces". */
int db_confirm(const tool *t, const char *name, const char *what);
/* Says what went wrong. Returns the exit code; what others use is worth another try. */
int db_failed(const db_job *job, const tn_error *err);

#endif
