/* SPDX-License-Identifier: MIT */
#include "sqlite/lite.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *const fixed_sql[LITE_FIXED_COUNT] = {
    [LITE_BEGIN] = "BEGIN",
    [LITE_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
    [LITE_COMMIT] = "COMMIT",
    [LITE_ROLLBACK] = "ROLLBACK",
    [LITE_PROBE] = "SELECT 1 FROM sqlite_schema LIMIT 1",
    [LITE_SCHEMA_VERSION] = "PRAGMA schema_version",
    [LITE_JSON_VALID] = "SELECT json_valid(?1)",
};

int lite_fixed_run(tn_driver_conn *conn, lite_fixed which, int64_t *ret_value)
{
    sqlite3_stmt **stmt = &conn->fixed[which];
    int64_t value = 0;
    int rc;

    if (!*stmt) {
        rc = sqlite3_prepare_v3(conn->db, fixed_sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt,
                                NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    rc = sqlite3_step(*stmt);
    if (rc == SQLITE_ROW) {
        value = sqlite3_column_int64(*stmt, 0);
        rc = SQLITE_DONE;
    }
    /* Resetting gives an error again and keeps its message; after a row it ends the statement. */
    if (rc == SQLITE_DONE)
        rc = sqlite3_reset(*stmt);
    else
        (void)sqlite3_reset(*stmt);
    if (rc == SQLITE_OK && ret_value)
        *ret_value = value;
    return rc;
}

int lite_exec(tn_driver_conn *conn, const char *sql)
{
    return sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
}

/* ---- opening -------------------------------------------------------------------------------- */

static const char *database_path(const tn_driver_source *source)
{
    return source->memory ? lite_memory_name(source->memory) : source->options.path;
}

/* The directory of a file that cannot be opened is often the reason: SQLite would only say "unable
 * to open database file". NULL: it is there. */
static const char *directory_fault(const char *path, char *parent, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == path ? 1 : (size_t)(slash - path);
    struct stat st;

    if (len >= size)
        return "has a name that is too long";
    memcpy(parent, path, len);
    parent[len] = '\0';
    if (stat(parent, &st) != 0)
        return errno == ENOENT ? "does not exist; create it, or change the path"
                               : "cannot be looked into; check its permissions";
    return S_ISDIR(st.st_mode) ? NULL : "is not a directory";
}

/* What SQLite would not say, or not clearly. */
static tn_status check_file(const tn_driver_source *source, tn_error *err)
{
    const char *path = source->options.path;
    char parent[PATH_MAX];
    const char *fault;
    struct stat st;

    if (!path)
        return TN_OK;
    if (stat(path, &st) == 0) {
        if (S_ISREG(st.st_mode))
            return TN_OK;
        return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONNECT, NULL,
                        "DATABASE_URL: \"%s\" is %s, not a database file", path,
                        S_ISDIR(st.st_mode) ? "a directory" : "a special file");
    }
    fault = directory_fault(path, parent, sizeof parent);
    if (fault)
        return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONNECT, NULL,
                        "DATABASE_URL: directory \"%s\" of the database file %s", parent, fault);
    if (source->options.mode == LITE_RWC)
        return TN_OK;
    return kit_fail(source->host, err, TN_AUTH, TN_PHASE_CONNECT, "3D000",
                    "database file \"%s\" does not exist (mode=%s does not create it; mode=rwc "
                    "does)",
                    path, source->options.mode == LITE_RO ? "ro" : "rw");
}

static int configure(tn_driver_conn *conn)
{
    static const struct {
        int option;
        int value;
    } settings[] = {
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},     {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };

    for (size_t i = 0; i < TN__COUNT_OF(settings); i++) {
        int rc = sqlite3_db_config(conn->db, settings[i].option, settings[i].value, (int *)NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (!conn->source->options.path)
        (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    return lite_functions_install(conn);
}

/* Switches to WAL where the file allows it. Two connections that switch at once see "busy", and
 * SQLite does not ask the busy handler then. */
static int use_wal(tn_driver_conn *conn)
{
    sqlite3_stmt *stmt = NULL;
    const char *sql = conn->read_only_file ? "PRAGMA journal_mode" : "PRAGMA journal_mode=WAL";
    int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);

    if (rc != SQLITE_OK)
        return rc;
    for (int attempt = 0;; attempt++) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            const char *mode = (const char *)sqlite3_column_text(stmt, 0);
            conn->wal = mode && strcmp(mode, "wal") == 0;
            rc = SQLITE_OK;
            break;
        }
        (void)sqlite3_reset(stmt);
        if ((rc & 0xff) != SQLITE_BUSY || !lite_busy_wait(conn, attempt))
            break;
    }
    (void)sqlite3_finalize(stmt);
    return rc;
}

/* Of each connection, 16 MiB: a page that falls out of it is copied again at each reading. */
#define MEMORY_CACHE "; PRAGMA cache_size=-16384"

static int set_up(tn_driver_conn *conn)
{
    char sql[128], *end;
    int rc = configure(conn);

    if (rc != SQLITE_OK)
        return rc;
    end = stpcpy(stpcpy(sql, "PRAGMA cell_size_check=ON; PRAGMA synchronous="),
                 conn->source->options.synchronous);
    if (conn->source->memory)
        (void)stpcpy(end, MEMORY_CACHE);
    rc = lite_exec(conn, sql); /* reads the schema: what is no database shows here */
    if (rc != SQLITE_OK)
        return rc;
    conn->read_only_file = sqlite3_db_readonly(conn->db, "main") == 1;
    return use_wal(conn);
}

/* What went wrong while opening, with the path: SQLite's texts have none. */
static tn_status open_failed(tn_driver_conn *conn, int rc, tn_error *err)
{
    const tn_driver_source *source = conn->source;
    const char *path = database_path(source);

    switch (rc & 0xff) {
    case SQLITE_CANTOPEN:
        return kit_fail(source->host, err, TN_UNAVAILABLE, TN_PHASE_CONNECT, "58P01",
                        "database file \"%s\" cannot be opened (%s); check the permissions of the "
                        "file and its directory",
                        path, strerror(conn->db ? sqlite3_system_errno(conn->db) : EIO));
    case SQLITE_NOTADB:
        return kit_fail(source->host, err, TN_FAILED, TN_PHASE_CONNECT, "XX001",
                        "file \"%s\" is not a SQLite database", path);
    case SQLITE_CORRUPT:
        return kit_fail(source->host, err, TN_FAILED, TN_PHASE_CONNECT, "XX001",
                        "database file \"%s\" is damaged", path);
    default: break;
    }
    return lite_error(conn, rc, &(lite_where){.phase = TN_PHASE_CONNECT}, err);
}

tn_status lite_conn_open(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                         tn_driver_conn **ret, tn_error *err)
{
    static const int modes[] = {
        [LITE_RWC] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        [LITE_RW] = SQLITE_OPEN_READWRITE,
        [LITE_RO] = SQLITE_OPEN_READONLY,
    };
    tn_driver_conn *conn;
    tn_status status;
    int rc;

    if (source->pid != getpid())
        return kit_fail(source->host, err, TN_FORKED, TN_PHASE_CONNECT, NULL,
                        "the database was opened in another process (before fork); open it anew");
    status = check_file(source, err);
    if (status != TN_OK)
        return status;
    conn = calloc(1, sizeof *conn);
    if (!conn)
        return kit_nomem(source->host, err, TN_PHASE_CONNECT);
    conn->source = source;
    conn->host = source->host;
    conn->host_conn = host_conn;
    conn->timer = -1;
    tn__buf_init(&conn->scratch, TN__BUF_MAX);
    tn__arena_init(&conn->function_arena, TN__BUF_MAX);
    lite_arm(conn, deadline_ns);
    rc = sqlite3_open_v2(database_path(source), &conn->db,
                         modes[source->options.mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                         source->memory ? lite_memory_name(source->memory) : NULL);
    if (rc == SQLITE_OK) {
        lite_progress_install(conn);
        rc = set_up(conn);
    }
    if (rc != SQLITE_OK) {
        status = open_failed(conn, rc, err);
        lite_conn_close(conn);
        return status;
    }
    (void)snprintf(conn->server, sizeof conn->server, "SQLite %s", sqlite3_libversion());
    *ret = conn;
    return TN_OK;
}

void lite_conn_close(tn_driver_conn *conn)
{
    if (!conn)
        return;
    /* In a child of fork the handle is the parent's: SQLite must not release its locks. */
    if (conn->source->pid == getpid()) {
        for (int i = 0; i < LITE_FIXED_COUNT; i++)
            (void)sqlite3_finalize(conn->fixed[i]);
        (void)sqlite3_close_v2(conn->db);
    }
    if (conn->timer >= 0)
        (void)close(conn->timer);
    lite_cursors_free(conn);
    lite_txn_free(&conn->txn);
    tn__buf_free(&conn->scratch);
    tn__arena_free(&conn->function_arena);
    free(conn);
}

/* ---- in life -------------------------------------------------------------------------------- */

tn_status lite_conn_ping(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    int rc;

    lite_arm(conn, deadline_ns);
    rc = lite_fixed_run(conn, LITE_PROBE, NULL);
    return rc == SQLITE_OK ? TN_OK
                           : lite_error(conn, rc, &(lite_where){.phase = TN_PHASE_EXECUTE}, err);
}

/* A statement runs only within a call: nothing is left to be cancelled. */
tn_status lite_conn_cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                           tn_error *err)
{
    (void)conn;
    (void)deadline_ns;
    (void)err;
    *ret_outcome = TN_OUTCOME_NOT_APPLIED;
    return TN_OK;
}

/* Drops everything in the temporary schema, one thing after another (dropping a table takes its
 * indexes and triggers along, so the list is read anew each time). */
static int drop_temporary(tn_driver_conn *conn)
{
    for (int i = 0; i < 10000; i++) {
        sqlite3_stmt *stmt = NULL;
        char *drop = NULL;
        int rc = sqlite3_prepare_v2(conn->db,
                                    "SELECT type, name FROM temp.sqlite_schema WHERE type IN "
                                    "('view', 'table', 'trigger') AND name NOT LIKE 'sqlite\\_%' "
                                    "ESCAPE '\\' ORDER BY type DESC LIMIT 1",
                                    -1, &stmt, NULL);

        if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
            drop = sqlite3_mprintf("DROP %s temp.\"%w\"", sqlite3_column_text(stmt, 0),
                                   sqlite3_column_text(stmt, 1));
        rc = sqlite3_finalize(stmt);
        if (rc != SQLITE_OK || !drop) {
            sqlite3_free(drop);
            return rc;
        }
        rc = lite_exec(conn, drop);
        sqlite3_free(drop);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_LOCKED;
}

static LITE_SELDOM tn_status reset_session(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = TN_OK;
    int rc;

    if (conn->txn.state != LITE_TXN_NONE)
        status = lite_txn_rollback(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    lite_arm(conn, deadline_ns);
    if (conn->altered)
        return kit_fail(conn->host, err, TN_FAILED, TN_PHASE_NONE, NULL,
                        "the session was changed by PRAGMA or ATTACH and cannot be reset");
    if (!conn->temporary)
        return TN_OK;
    rc = drop_temporary(conn);
    if (rc != SQLITE_OK)
        return lite_error(conn, rc, &(lite_where){.phase = TN_PHASE_NONE}, err);
    conn->temporary = false;
    return TN_OK;
}

tn_status lite_conn_reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    if (TN_LIKELY(conn->txn.state == LITE_TXN_NONE && !conn->altered && !conn->temporary))
        return TN_OK;
    return reset_session(conn, deadline_ns, err);
}

tn_conn_state lite_conn_state(const tn_driver_conn *conn)
{
    static const uint8_t states[] = {
        [LITE_TXN_NONE] = TN_CONN_IDLE,
        [LITE_TXN_OPEN] = TN_CONN_IN_TXN,
        [LITE_TXN_FAILED] = TN_CONN_FAILED,
    };

    return TN_UNLIKELY(conn->broken) ? TN_CONN_BROKEN : (tn_conn_state)states[conn->txn.state];
}

void lite_conn_info(tn_driver_conn *conn, tn_conn_info *ret)
{
    tn_conn_info info = {
        .size = ret->size,
        .server = conn->server,
        .dialect = "sqlite",
        .endpoint = conn->source->options.path ? conn->source->options.path : ":memory:",
        .note = conn->wal ? "SQL is SQLite's own (dialect=native): what must run on PostgreSQL "
                            "has to be tested there too"
                          : "SQL is SQLite's own (dialect=native); the file is not in WAL mode, so "
                            "that readers and the writer block each other",
        .verified = true,
        .read_only = conn->read_only_file,
    };

    if (ret->size >= sizeof info)
        *ret = info;
    else
        memcpy(ret, &info, ret->size);
}
