/* SPDX-License-Identifier: MIT */
/* Databases of SQLite: a file, and what lies beside it while it is in use. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db_job.h"

static tn_status system_failed(tn_error *err, const char *what, const char *path)
{
    return tn_error_set(err, TN_RESOURCE, NULL, "%s %s: %s", what, path, strerror(errno));
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

tn_status db_file_create(db_job *job, bool *ret_done, tn_error *err)
{
    bool before = is_there(job->name);
    tn_db *db = db_job_connect(job, job->name, err);

    if (!db)
        return err->status;
    /* The file begins with the first thing that is written. */
    tn_status status = before ? TN_OK : tn_exec(db, "pragma user_version = 0", NULL, NULL, err);
    if (status == TN_OK && !is_there(job->name))
        status = system_failed(err, "creating", job->name);
    (void)tn_db_close(db, NULL);
    *ret_done = !before;
    return status;
}

/* Somebody who is in the middle of a transaction keeps it from being taken whole. */
static tn_status nobody_writes(db_job *job, const char *name, tn_error *err)
{
    tn_db *db = db_job_connect(job, name, err), *session = NULL;

    if (!db)
        return err->status;
    tn_set_timeout(db, 1000);
    tn_status status = tn_acquire(db, &session, err);
    if (status == TN_OK)
        status = tn_exec(session, "begin exclusive", NULL, NULL, err);
    if (status == TN_OK)
        status = tn_exec(session, "rollback", NULL, NULL, err);
    else
        tn_error_set_hint(err, "close what uses it, or say --force");
    tn_release(session);
    (void)tn_db_close(db, NULL);
    return status;
}

tn_status db_file_drop(db_job *job, const char *name, bool *ret_done, tn_error *err)
{
    static const char *const beside[] = {"", "-wal", "-shm", "-journal"};
    tn_status status = TN_OK;

    *ret_done = is_there(name);
    if (*ret_done && !job->force)
        status = nobody_writes(job, name, err);
    for (size_t i = 0; status == TN_OK && i < sizeof(beside) / sizeof(beside[0]); i++) {
        char *path = malloc(strlen(name) + 16);
        if (!path)
            return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        (void)stpcpy(stpcpy(path, name), beside[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            status = system_failed(err, "removing", path);
        free(path);
    }
    return status;
}

tn_status db_file_clone(db_job *job, const char *to, tn_error *err)
{
    if (is_there(to))
        return tn_error_set(err, TN_FAILED, "42P04", "%s exists already", to);
    if (!is_there(job->name))
        return tn_error_set(err, TN_UNAVAILABLE, "08001", "there is no file %s", job->name);
    tn_db *db = db_job_connect(job, job->name, err);
    if (!db)
        return err->status;
    tn_status status = tn_exec(db, "vacuum into $1", tn_args(to), NULL, err);
    (void)tn_db_close(db, NULL);
    return status;
}
