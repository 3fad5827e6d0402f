/* SPDX-License-Identifier: MIT */
/* What the migrate verbs share: their options, the client, the files, failures, events. */
#ifndef TENON_TOOLS_MIGRATE_H
#define TENON_TOOLS_MIGRATE_H

#include <tenon/migrate.h>
#include <tenon/tenon.h>

#include "out.h"
#include "report.h"
#include "tool.h"

typedef struct migrate_job {
    tool *t;
    const char *dir;
    tn_config *config;
    tn_db *db;
    tn_migrations *set;
    tn_migrate_options options; /* problem, events and stop are set */
    tn_migrate_problem problem;
    /* Migrations that were done, for the answer. */
    struct migrate_done *done;
    size_t n_done;
    const char *did; /* "applied": a line for each on standard output; NULL: none */
    char *absent;    /* the database's file, which is not there: db is an empty one in memory */
    bool watching;   /* for Ctrl-C */
    bool told;       /* which files are ignored */
} migrate_job;

/* One that was done. */
typedef struct migrate_done {
    char version[32], name[128];
    int64_t duration_us;
} migrate_done;

enum {
    MIGRATE_CLIENT = 1, /* connect: job->db */
    MIGRATE_FILES = 2,  /* read the files: job->set, for the client's driver or --driver */
    MIGRATE_LOOK = 4    /* with the client: nothing is written, so a file that is not there is told
                         * of and not made */
};

/* The options of the line, then what is asked for. TOOL_EXIT_FINE, or the exit code after saying
 * what is wrong; either way the job is to be closed. */
int migrate_open(migrate_job *job, tool *t, int what);
/* Reads the files as they are for this driver into job->set. */
int migrate_read(migrate_job *job, const char *driver);
void migrate_close(migrate_job *job);
/* From here Ctrl-C ends the run between statements, and the statement that runs. */
bool migrate_watch(migrate_job *job);

/* Says what went wrong with the place, the state of the database and what to do next. Returns the
 * exit code. */
int migrate_fail(migrate_job *job, const tn_error *err);
/* The exit code alone. */
int migrate_exit_code(const tn_migrate_problem *problem, const tn_error *err);
/* "migrations": those that were done, of an answer. */
void migrate_done_json(json *j, const migrate_job *job);
/* "missing_database": the file that is not there, of an answer. */
void migrate_absent_json(json *j, const migrate_job *job);
/* The members of "error", for answers of several parts. */
void migrate_error_json(json *j, const tn_migrate_problem *problem, const tn_error *err);
/* "EDITED" and its kin: a stable word. */
const char *migrate_fault_code(tn_migrate_fault fault);

/* "12.345 ms", "1.2 s"; buf is returned. */
const char *migrate_duration(int64_t us, char *buf, size_t size);

/* Options that verbs share, for their tables. */
#define MIGRATE_OPTION_DIR                                                         \
    {                                                                              \
        TOOL_OPT_DIR, 0, "dir", "DIR", "@file", "where the files are (migrations)" \
    }
#define MIGRATE_OPTION_HISTORY                                                                   \
    {                                                                                            \
        TOOL_OPT_HISTORY, 0, "history", "TABLE", NULL, "the history's table (_tenon_migrations)" \
    }
#define MIGRATE_OPTION_LOCK_WAIT                                               \
    {                                                                          \
        TOOL_OPT_LOCK_WAIT, 0, "lock-wait", "TIME", NULL,                      \
            "how long to wait for another one that migrates (60s); 0 does not" \
    }
#define MIGRATE_OPTION_LOCK_TIMEOUT                                     \
    {                                                                   \
        TOOL_OPT_LOCK_TIMEOUT, 0, "lock-timeout", "TIME", NULL,         \
            "how long to wait for a table's lock, each of 6 times (3s)" \
    }

#endif
