/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL: template and copies are databases of the server that the URL names.
 *
 *   tenon_t_HASH         a template that others may find; its comment says that it is ready, and
 * when it was last used tenon_c_RUN_NUMBER   a copy, or a template that is one run's alone
 *
 * RUN is a number for which the run holds an advisory lock as long as it lives, however it ends: a
 * copy whose lock can be had is nobody's. A template is made, renewed and dropped under a lock of
 * its hash. Advisory locks are of one database, the one in the URL.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tenon/args.h>
#include <tenon/query.h>
#include <tenon/rows.h>
#include <tenon/types.h>

#include "testing/workshop.h"

enum {
    RUN_LOCKS = 0x746e5255, /* "tnRU" */
    TEMPLATE_LOCKS = 0x746e5445,
    STALE_S = 7 * 24 * 3600, /* a template that nobody used for so long is dropped */
    LEAVE_MS = 5000          /* what sessions may take to be gone */
};

#define READY "tenon-testing: ready, used " /* and seconds since 1970 */

typedef struct pg_template {
    tn_db *admin;
    tn_db *run; /* a session that holds the lock of this run */
    int32_t number;
    char name[TN__COPY_NAME];
    atomic_uint copies;
    bool file_copy; /* the server has a choice how to copy */
    bool force;     /* it ends sessions that keep a database from being dropped */
    tn__workshop *shop;
} pg_template;

/* ---- words ----------------------------------------------------------------------------------- */

/* Names are of our own making, [a-z0-9_]. */
static tn_status command(tn_db *db, tn_error *err, const char *format, ...) TN_PRINTF(3, 4);

static tn_status command(tn_db *db, tn_error *err, const char *format, ...)
{
    char sql[320];
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    return tn_exec(db, sql, NULL, NULL, err);
}

static tn_status lock(tn_db *session, int32_t kind, int32_t number, bool waits, bool *ret_had,
                      tn_error *err)
{
    if (!waits)
        return tn_get(session, "select pg_try_advisory_lock($1::int4, $2::int4)",
                      tn_args(kind, number), tn_into(ret_had), err);
    *ret_had = true;
    return tn_exec(session, "select pg_advisory_lock($1::int4, $2::int4)", tn_args(kind, number),
                   NULL, err);
}

static void unlock(tn_db *session, int32_t kind, int32_t number)
{
    (void)!tn_exec(session, "select pg_advisory_unlock($1::int4, $2::int4)", tn_args(kind, number),
                   NULL, NULL);
}

static tn_status drop(tn_db *db, const char *name, tn_error *err)
{
    return command(db, err, "drop database if exists %s", name);
}

/* Sessions of ours were told to end, and are about to. */
static void await_sessions(tn_db *db, const char *name)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int64_t left = 1;

    for (int ms = 0; left && ms < LEAVE_MS; ms += 2) {
        if (tn_get(db, "select count(*) from pg_stat_activity where datname = $1", tn_args(name),
                   tn_into(&left), NULL) != TN_OK)
            return;
        if (left)
            nanosleep(&pause, NULL);
    }
}

/* ---- what others left ------------------------------------------------------------------------ */

static bool parse_run(const char *name, int32_t *ret)
{
    return sscanf(name, "tenon_c_%8" SCNx32, (uint32_t *)ret) == 1;
}

static bool is_stale(const char *name, const char *comment, int32_t *ret_lock)
{
    uint64_t hash;
    int64_t used;

    if (sscanf(name, "tenon_t_%16" SCNx64, &hash) != 1)
        return false;
    *ret_lock = (int32_t)hash;
    /* One without a comment was never ready: whoever makes it has the lock. */
    return !comment || sscanf(comment, READY "%" SCNd64, &used) != 1 ||
           used + STALE_S < (int64_t)time(NULL);
}

static void drop_if_nobodys(pg_template *own, const char *name, int32_t kind, int32_t number)
{
    bool had = false;

    if (lock(own->run, kind, number, false, &had, NULL) != TN_OK || !had)
        return;
    (void)drop(own->admin, name, NULL);
    unlock(own->run, kind, number);
}

static void sweep(const tn_template *t)
{
    pg_template *own = t->own;
    char name[64], *comment = NULL;
    int32_t number;

    tn_rows *rows = tn_query(own->admin,
                             "select datname::text, shobj_description(oid, 'pg_database')"
                             " from pg_database where datname ~ '^tenon_[ct]_' order by datname",
                             NULL);
    while (tn_next(rows)) {
        if (tn_scan(rows, tn_textbuf(name, sizeof(name)), &comment) != TN_OK)
            break;
        if (parse_run(name, &number)) {
            if (number != own->number)
                drop_if_nobodys(own, name, RUN_LOCKS, number);
        } else if (strcmp(name, own->name) != 0 && is_stale(name, comment, &number)) {
            drop_if_nobodys(own, name, TEMPLATE_LOCKS, number);
        }
        free(comment);
        comment = NULL;
    }
    free(comment);
    (void)tn_close(rows, NULL); /* what cannot be looked at stays */
}

/* ---- the template ---------------------------------------------------------------------------- */

static tn_status create(tn_db *db, const char *name, const char *from, bool file_copy,
                        tn_error *err)
{
    tn_status status = command(db, err, "create database %s template %s%s", name, from,
                               file_copy ? " strategy file_copy" : "");

    if (status != TN_OK && strcmp(err->sqlstate, "42501") == 0)
        tn_error_set_hint(err, "databases for tests need a role with CREATEDB");
    return status;
}

static tn_status build(const tn_template *t, tn_error *err)
{
    const pg_template *own = t->own;
    char *url = tn__testing_url_database(t->url, own->name, err);
    tn_db *db = NULL;

    if (!url)
        return err->status;
    tn_status status = tn__testing_open(t, url, &db, err);
    free(url);
    if (status != TN_OK)
        return status;
    status = tn__testing_build(t, db, err);
    tn_status closed = tn_db_close(db, status == TN_OK ? err : NULL);
    await_sessions(own->admin, own->name);
    return status == TN_OK ? closed : status;
}

static tn_status is_ready(const pg_template *own, bool *ret, tn_error *err)
{
    *ret = false;
    tn_status status = tn_get(own->admin,
                              "select coalesce(shobj_description(oid, 'pg_database'), '') like $2"
                              " from pg_database where datname = $1",
                              tn_args((const char *)own->name, READY "%"), tn_into(ret), err);
    return status == TN_NOT_FOUND ? TN_OK : status;
}

static tn_status mark(const pg_template *own, tn_error *err)
{
    return command(own->admin, err, "comment on database %s is '" READY "%lld'", own->name,
                   (long long)time(NULL));
}

/* Under its lock. Nobody connects to a template by mistake: a copy could not be made meanwhile. */
static tn_status make_or_find(const tn_template *t, tn_error *err)
{
    const pg_template *own = t->own;
    bool ready = false;

    tn_status status = is_ready(own, &ready, err);
    if (status != TN_OK || ready)
        return status == TN_OK ? mark(own, err) : status;
    status = drop(own->admin, own->name, err);
    if (status == TN_OK)
        status = create(own->admin, own->name, "template0", own->file_copy, err);
    if (status == TN_OK)
        status = build(t, err);
    if (status == TN_OK)
        status = command(own->admin, err, "alter database %s with allow_connections false",
                         own->name);
    if (status == TN_OK)
        status = mark(own, err);
    if (status != TN_OK)
        (void)drop(own->admin, own->name, &(tn_error)TN_ERROR_INIT);
    return status;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static tn_status drop_copy(tn_template *t, const char *name, tn_error *err)
{
    const pg_template *own = t->own;

    tn_status status = drop(own->admin, name, err);
    if (status == TN_OK || strcmp(err->sqlstate, "55006") != 0)
        return status;
    /* Sessions that are about to end, or that a test left open. */
    await_sessions(own->admin, name);
    return command(own->admin, err, "drop database if exists %s%s", name,
                   own->force ? " with (force)" : "");
}

static tn_status make_copy(tn_template *t, tn__copy *ret, tn_error *err)
{
    pg_template *own = t->own;
    tn__copy copy = {.db = NULL};

    snprintf(copy.name, sizeof(copy.name), "tenon_c_%08" PRIx32 "_%u", (uint32_t)own->number,
             atomic_fetch_add(&own->copies, 1));
    char *url = tn__testing_url_database(t->url, copy.name, err);
    if (!url)
        return err->status;
    tn_status status = create(own->admin, copy.name, own->name, own->file_copy, err);
    if (status == TN_OK)
        status = tn__testing_open(t, url, &copy.db, err);
    free(url);
    if (status == TN_OK)
        *ret = copy;
    else
        (void)drop_copy(t, copy.name, &(tn_error)TN_ERROR_INIT);
    return status;
}

static tn_status take_copy(tn_template *t, tn__copy *ret, tn_error *err)
{
    const pg_template *own = t->own;

    return tn__workshop_take(own->shop, ret, err);
}

static tn_status remove_copy(tn_template *t, tn__copy *copy, tn_error *err)
{
    const pg_template *own = t->own;
    tn_status status = tn_db_close(copy->db, err);

    tn__workshop_give(own->shop, copy->name);
    return status;
}

/* ---- opened and closed ----------------------------------------------------------------------- */

static tn_status open_admin(const tn_template *t, pg_template *own, tn_error *err)
{
    static const char *const settings[][2] = {
        {"min_connections", "0"}, {"max_connections", "6"}, {"leak_timeout", "0"}};
    tn_config *config = tn_config_from_url(t->url, err);
    tn_status status = config ? TN_OK : err->status;

    for (size_t i = 0; status == TN_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
        status = tn_config_set(config, settings[i][0], settings[i][1], err);
    own->admin = status == TN_OK ? tn_open(config, err) : NULL;
    if (status == TN_OK && !own->admin)
        status = err->status;
    tn_config_free(config);
    return status;
}

/* A number that nobody has now. */
static tn_status begin_run(pg_template *own, tn_error *err)
{
    bool had = false;

    tn_status status = tn_acquire(own->admin, &own->run, err);
    while (status == TN_OK && !had) {
        tn_uuid random = tn_uuid_random();
        memcpy(&own->number, random.bytes, sizeof(own->number));
        status = lock(own->run, RUN_LOCKS, own->number, false, &had, err);
    }
    return status;
}

/* What makes the template is another thing for another role (who must own what is copied) and with
 * another search_path. */
static tn_status name_it(const tn_template *t, pg_template *own, tn_error *err)
{
    int64_t salt = 0;
    int32_t version = 0;

    tn_status status = tn_get(own->admin,
                              "select hashtextextended(current_user || ' ' ||"
                              " current_setting('search_path'), 0),"
                              " current_setting('server_version_num')::int4",
                              NULL, tn_into(&salt, &version), err);
    if (status != TN_OK)
        return status;
    own->file_copy = version >= 150000;
    own->force = version >= 130000;
    if (t->shared)
        snprintf(own->name, sizeof(own->name), "tenon_t_%016" PRIx64, t->hash ^ (uint64_t)salt);
    else
        snprintf(own->name, sizeof(own->name), "tenon_c_%08" PRIx32 "_template",
                 (uint32_t)own->number);
    return TN_OK;
}

static int32_t lock_of(const pg_template *own)
{
    uint64_t hash = 0;

    (void)sscanf(own->name, "tenon_%*c_%16" SCNx64, &hash);
    return (int32_t)hash;
}

static void close_template(tn_template *t)
{
    pg_template *own = t->own;

    if (!own)
        return;
    tn__workshop_close(own->shop);
    if (!t->shared && own->name[0])
        (void)drop(own->admin, own->name, &(tn_error)TN_ERROR_INIT);
    tn_release(own->run);
    (void)tn_db_close(own->admin, NULL);
    free(own);
    t->own = NULL;
}

static tn_status open_template(tn_template *t, tn_error *err)
{
    pg_template *own = calloc(1, sizeof(*own));
    bool had;

    if (!own)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    t->own = own;
    own->shop = tn__workshop_open(t, make_copy, drop_copy);
    tn_status status = own->shop ? open_admin(t, own, err)
                                 : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (status == TN_OK)
        status = begin_run(own, err);
    if (status == TN_OK)
        status = name_it(t, own, err);
    if (status == TN_OK) {
        sweep(t);
        status = lock(own->run, TEMPLATE_LOCKS, lock_of(own), true, &had, err);
    }
    if (status == TN_OK) {
        status = make_or_find(t, err);
        unlock(own->run, TEMPLATE_LOCKS, lock_of(own));
    }
    if (status != TN_OK)
        close_template(t);
    return status;
}

const tn__copier tn__copier_postgresql = {
    .driver = "postgresql",
    .open = open_template,
    .copy = take_copy,
    .remove = remove_copy,
    .close = close_template,
};
