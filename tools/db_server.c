/* SPDX-License-Identifier: MIT */
/*
 * Databases of a PostgreSQL server. They are made and dropped from another one: "postgres", or
 * "template1" where that is not there.
 */
#include <stdio.h>
#include <string.h>

#include "db_job.h"

enum { QUOTED = 160 };

static tn_db *connect_beside(db_job *job, const char *avoid, tn_error *err)
{
    static const char *const names[] = {"postgres", "template1"};
    tn_db *db = NULL;

    for (size_t i = 0; !db && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], avoid) == 0)
            continue;
        *err = (tn_error)TN_ERROR_INIT;
        db = db_job_connect(job, names[i], err);
        if (!db && strcmp(err->sqlstate, "3D000") != 0)
            break;
    }
    return db;
}

static tn_status quote(const char *name, char *buf, tn_error *err)
{
    if (tn_quote_identifier(tn_str_from(name), buf, QUOTED) > 0)
        return TN_OK;
    return tn_error_set(err, TN_CONFIG, "42602",
                        "a database's name is 1 to 63 bytes of UTF-8 without NUL");
}

/* Somebody else may just have made it: that is as good. */
static bool is_there_already(const tn_error *err)
{
    return strcmp(err->sqlstate, "42P04") == 0 || strcmp(err->sqlstate, "23505") == 0;
}

/* Who may use a database need not have the right to use another. */
static tn_status look_at_itself(db_job *job, const tn_error *why, tn_error *err)
{
    tn_error ignored = TN_ERROR_INIT;
    tn_db *db = db_job_connect(job, job->name, &ignored);

    if (db)
        return tn_db_close(db, err);
    *err = *why;
    return err->status;
}

static tn_status find_database(tn_db *db, const char *name, bool *ret_there, tn_error *err)
{
    return tn_get(db, "select count(*) > 0 from pg_catalog.pg_database where datname = $1",
                  tn_args(name), tn_into(ret_there), err);
}

tn_status db_server_create(db_job *job, bool *ret_done, tn_error *err)
{
    char name[QUOTED], sql[QUOTED + 64];
    tn_error why = TN_ERROR_INIT;
    bool there = false;

    *ret_done = false;
    tn_status status = quote(job->name, name, err);
    if (status != TN_OK)
        return status;
    tn_db *db = connect_beside(job, "", &why);
    if (!db)
        return look_at_itself(job, &why, err);
    status = find_database(db, job->name, &there, err);
    if (status == TN_OK && !there) {
        snprintf(sql, sizeof(sql), "create database %s", name);
        status = tn_exec(db, sql, NULL, NULL, err);
        *ret_done = status == TN_OK;
        if (status != TN_OK && is_there_already(err))
            status = TN_OK;
    }
    (void)tn_db_close(db, NULL);
    return status;
}

/* The error of a database that others use says how to go on. */
static tn_status explain_use(const db_job *job, tn_status status, tn_error *err)
{
    if (status != TN_OK && strcmp(err->sqlstate, "55006") == 0 && !job->force)
        tn_error_set_hint(err, "close what is connected to it, or say --force: their connections "
                               "are then ended");
    return status;
}

static tn_status end_sessions(tn_db *db, const char *name, tn_error *err)
{
    return tn_exec(db,
                   "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity"
                   " where datname = $1 and pid <> pg_catalog.pg_backend_pid()",
                   tn_args(name), NULL, err);
}

tn_status db_server_drop(db_job *job, const char *name, bool *ret_done, tn_error *err)
{
    char quoted[QUOTED], sql[QUOTED + 64];
    bool there = false;

    tn_status status = quote(name, quoted, err);
    tn_db *db = status == TN_OK ? connect_beside(job, name, err) : NULL;
    if (!db)
        return err->status;
    status = find_database(db, name, &there, err);
    if (status == TN_OK && there && job->force)
        status = end_sessions(db, name, err);
    if (status == TN_OK && there) {
        snprintf(sql, sizeof(sql), "drop database if exists %s", quoted);
        status = explain_use(job, tn_exec(db, sql, NULL, NULL, err), err);
    }
    (void)tn_db_close(db, NULL);
    *ret_done = there;
    return status;
}

tn_status db_server_clone(db_job *job, const char *to, tn_error *err)
{
    char from[QUOTED], target[QUOTED], sql[2 * QUOTED + 64];

    tn_status status = quote(job->name, from, err);
    if (status == TN_OK)
        status = quote(to, target, err);
    tn_db *db = status == TN_OK ? connect_beside(job, job->name, err) : NULL;
    if (!db)
        return err->status;
    if (job->force)
        status = end_sessions(db, job->name, err);
    if (status == TN_OK) {
        snprintf(sql, sizeof(sql), "create database %s template %s", target, from);
        status = explain_use(job, tn_exec(db, sql, NULL, NULL, err), err);
    }
    (void)tn_db_close(db, NULL);
    return status;
}
