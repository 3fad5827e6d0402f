/* SPDX-License-Identifier: MIT */
/*
 * Prepared statements. Their names are derived from their text, so "already exists" means the same
 * statement, whoever made it. A statement that is closed here is told to the server with the next
 * one that is prepared. A DEALLOCATE that fails would end a transaction, so within one only those
 * go that are certain to be there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum {
    STMT_MEMORY_MAX = 1 << 30,
    DOOMED_AT_ONCE = 32, /* in one round trip */
    ATTEMPTS = 3
};

/* ---- what the server still has --------------------------------------------------------------- */

static pg_doomed *find_doomed(tn_driver_conn *conn, const char *name)
{
    for (size_t i = 0; i < conn->n_doomed; i++)
        if (strcmp(conn->doomed[i].name, name) == 0)
            return &conn->doomed[i];
    return NULL;
}

/* Without memory the statement stays on the server until the connection ends. */
static void doom(tn_driver_conn *conn, const char *name, bool stale, bool perhaps)
{
    pg_doomed *entry = find_doomed(conn, name);

    if (entry) {
        entry->stale = entry->stale || stale;
        entry->perhaps = perhaps;
        return;
    }
    if (conn->n_doomed == conn->doomed_capacity) {
        size_t capacity = conn->doomed_capacity ? conn->doomed_capacity * 2 : 16;
        pg_doomed *grown = realloc(conn->doomed, capacity * sizeof(*grown));
        if (!grown)
            return;
        conn->doomed = grown;
        conn->doomed_capacity = capacity;
    }
    entry = &conn->doomed[conn->n_doomed++];
    *entry = (pg_doomed){.stale = stale, .perhaps = perhaps};
    memcpy(entry->name, name, PG_NAME_SIZE);
}

/* After a round trip: what it deallocated is gone, or nobody knows. */
static void settle_doomed(tn_driver_conn *conn, bool done)
{
    size_t kept = 0;

    for (size_t i = 0; i < conn->n_doomed; i++) {
        pg_doomed entry = conn->doomed[i];
        if (entry.sent && done)
            continue;
        entry.perhaps = entry.perhaps || entry.sent;
        entry.sent = false;
        conn->doomed[kept++] = entry;
    }
    conn->n_doomed = kept;
}

static bool may_deallocate(const tn_driver_conn *conn, const pg_doomed *entry,
                           PGTransactionStatusType txn)
{
    switch (txn) {
    case PQTRANS_IDLE: return true;
    case PQTRANS_INTRANS: return conn->names == PG_NAMES_KNOWN && !entry->perhaps;
    default: return false;
    }
}

void pg_forget_statements(tn_driver_conn *conn)
{
    conn->n_doomed = 0;
    for (tn_driver_stmt *stmt = conn->stmts; stmt; stmt = stmt->next)
        stmt->gone = true;
}

/* ---- one round trip: deallocate, parse, describe --------------------------------------------- */

typedef struct trip {
    const char *name;
    const char *sql; /* NULL: only describe */
    size_t first;    /* commands before it whose results do not count */
    PGresult *parse_error;
    PGresult *described;
    PGresult *describe_error;
} trip;

static void trip_clear(trip *t)
{
    PQclear(t->parse_error);
    PQclear(t->described);
    PQclear(t->describe_error);
    t->parse_error = t->described = t->describe_error = NULL;
}

static int send_deallocate(tn_driver_conn *conn, trip *t, pg_doomed *entry)
{
    char sql[16 + PG_NAME_SIZE];

    snprintf(sql, sizeof(sql), "DEALLOCATE %s", entry->name);
    if (!PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0))
        return 0;
    entry->sent = true;
    t->first++;
    int sent = PQpipelineSync(conn->pg);
    conn->syncs += sent ? 1 : 0;
    return sent;
}

/* Asked once, and only by a transaction that leaves many behind: does a DEALLOCATE reach them? */
static int send_question(tn_driver_conn *conn, trip *t)
{
    static const char question[] = "select 1 from pg_catalog.pg_prepared_statements"
                                   " where name operator(pg_catalog.=) '%s'";
    char sql[sizeof(question) + PG_NAME_SIZE];
    size_t i = 0;

    while (i < conn->n_doomed && conn->doomed[i].perhaps)
        i++;
    if (i == conn->n_doomed)
        return 1;
    snprintf(sql, sizeof(sql), question, conn->doomed[i].name);
    t->first++;
    return PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0);
}

/* Closed statements go first, each in a sync of its own, since one may be unknown. */
static int send_doomed(tn_driver_conn *conn, trip *t)
{
    pg_doomed *own = find_doomed(conn, t->name);
    /* as it is before anything is sent */
    PGTransactionStatusType txn = pg_txn(conn);

    if (txn == PQTRANS_INTRANS && conn->names == PG_NAMES_UNKNOWN &&
        conn->n_doomed >= DOOMED_AT_ONCE)
        return send_question(conn, t);
    if (own && !send_deallocate(conn, t, own))
        return 0;
    for (size_t i = conn->n_doomed; i > 0 && t->first < DOOMED_AT_ONCE; i--) {
        pg_doomed *entry = &conn->doomed[i - 1];
        if (!entry->sent && may_deallocate(conn, entry, txn) && !send_deallocate(conn, t, entry))
            return 0;
    }
    return 1;
}

static int send_trip(tn_driver_conn *conn, trip *t)
{
    if (!PQenterPipelineMode(conn->pg))
        return 0;
    if (t->sql && t->name[0] && !send_doomed(conn, t))
        return 0;
    if (t->sql && !PQsendPrepare(conn->pg, t->name, t->sql, 0, NULL))
        return 0;
    if (!PQsendDescribePrepared(conn->pg, t->name) || !PQpipelineSync(conn->pg))
        return 0;
    conn->syncs++;
    return 1;
}

/* What the commands before it tell. The mode of the answer that was read last still holds in a
 * pipeline, so a row may come by itself. */
static void learn_names(tn_driver_conn *conn, PGresult *result)
{
    ExecStatusType kind = PQresultStatus(result);

    if (kind == PGRES_COMMAND_OK || PQntuples(result))
        conn->names = PG_NAMES_KNOWN;
    else if (kind == PGRES_TUPLES_OK && conn->names == PG_NAMES_UNKNOWN)
        conn->names = PG_NAMES_HIDDEN;
}

static void take_result(tn_driver_conn *conn, trip *t, size_t command, PGresult *result)
{
    size_t describe = t->first + (t->sql ? 1 : 0);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PGresult **place = NULL;

    if (command == describe)
        place = good ? &t->described : &t->describe_error;
    else if (command == t->first && !good)
        place = &t->parse_error;
    else if (command < t->first)
        learn_names(conn, result);
    if (place && !*place)
        *place = result;
    else
        PQclear(result);
}

static tn_status read_trip(tn_driver_conn *conn, trip *t, int64_t deadline_ns, tn_error *err)
{
    size_t command = 0;

    while (conn->syncs) {
        PGresult *result = NULL;
        tn_status status = pg_result(conn, TN_PHASE_PREPARE, deadline_ns, &result, err);
        if (status != TN_OK)
            return status;
        if (!result && PQstatus(conn->pg) != CONNECTION_OK)
            return pg_fail_lost(conn, TN_PHASE_PREPARE, err);
        if (!result) {
            command++;
        } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            conn->syncs--;
            PQclear(result);
        } else {
            take_result(conn, t, command, result);
        }
    }
    if (!PQexitPipelineMode(conn->pg))
        return pg_fail_protocol(conn, TN_PHASE_PREPARE, err, "the pipeline could not be ended");
    conn->pending = false;
    return TN_OK;
}

static tn_status make_trip(tn_driver_conn *conn, trip *t, int64_t deadline_ns, tn_error *err)
{
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    tn_status status = pg_sent(conn, send_trip(conn, t), TN_PHASE_PREPARE, deadline_ns, err);
    if (status == TN_OK)
        status = read_trip(conn, t, deadline_ns, err);
    settle_doomed(conn, status == TN_OK);
    if (status != TN_OK) {
        trip_clear(t);
        /* The server may well finish what was given up here. */
        if (t->name[0])
            doom(conn, t->name, false, true);
    }
    return status;
}

static tn_status fail_prepare(tn_driver_conn *conn, const trip *t, tn_error *err)
{
    const PGresult *cause = t->parse_error ? t->parse_error : t->describe_error;

    if (!cause)
        return pg_fail_protocol(conn, TN_PHASE_PREPARE, err,
                                "the server did not describe the statement");
    return pg_fail_result(conn, cause, TN_PHASE_PREPARE, err);
}

/* What the answer asks for next: another round trip, or an end. */
static bool try_again(tn_driver_conn *conn, trip *t, const char *sql)
{
    bool idle = pg_txn(conn) == PQTRANS_IDLE;

    if (!idle || !t->name[0])
        return false;
    if (t->parse_error && pg_has_sqlstate(t->parse_error, "42P05")) {
        t->sql = NULL; /* there already: the same statement */
    } else if (t->describe_error && pg_is_stale_plan(t->describe_error)) {
        doom(conn, t->name, true, false);
        t->sql = sql;
    } else if (t->describe_error && pg_has_sqlstate(t->describe_error, "26000")) {
        t->sql = sql;
    } else {
        return false;
    }
    t->first = 0;
    trip_clear(t);
    return true;
}

/* Another handle for the same text may have been prepared anew under the same name. */
static bool name_in_use(const tn_driver_conn *conn, const char *name)
{
    for (const tn_driver_stmt *stmt = conn->stmts; stmt; stmt = stmt->next)
        if (!stmt->gone && strcmp(stmt->name, name) == 0)
            return true;
    return false;
}

/* One that is in the way and cannot be told to go is left where it is: the same text takes the next
 * name. */
static void choose_name(tn_driver_conn *conn, tn_driver_stmt *stmt)
{
    const pg_doomed *own = stmt->name[0] ? find_doomed(conn, stmt->name) : NULL;

    if (!own || may_deallocate(conn, own, pg_txn(conn)))
        return;
    pg_statement_name(stmt->sql, stmt->name);
    size_t base = strlen(stmt->name);
    for (unsigned i = 1; find_doomed(conn, stmt->name) || name_in_use(conn, stmt->name); i++)
        snprintf(stmt->name + base, sizeof(stmt->name) - base, "_%u", i);
}

static tn_status ask_server(tn_driver_conn *conn, tn_driver_stmt *stmt, int64_t deadline_ns,
                            PGresult **ret, tn_error *err)
{
    trip t = {.name = stmt->name, .sql = stmt->sql.ptr};

    tn_status begun = pg_begin_now(conn, deadline_ns, err);
    if (begun != TN_OK)
        return begun;
    choose_name(conn, stmt);
    for (int attempt = 1;; attempt++) {
        tn_status status = make_trip(conn, &t, deadline_ns, err);
        if (status != TN_OK)
            return status;
        if (t.described) {
            *ret = t.described;
            t.described = NULL;
            trip_clear(&t);
            return TN_OK;
        }
        if (attempt == ATTEMPTS || !try_again(conn, &t, stmt->sql.ptr)) {
            status = fail_prepare(conn, &t, err);
            if (t.sql && t.name[0] && !t.parse_error)
                doom(conn, t.name, false, true);
            trip_clear(&t);
            return status;
        }
    }
}

/* ---- the description ------------------------------------------------------------------------- */

static const pg_type *find_type(const tn_driver_conn *conn, Oid oid)
{
    const pg_type *type = pg_builtin_type(oid);

    return type ? type : pg_cached_type(&conn->types, oid);
}

static tn_status learn_types(tn_driver_conn *conn, const PGresult *described, int64_t deadline_ns,
                             tn_error *err)
{
    int params = PQnparams(described), columns = PQnfields(described);
    size_t unknown = 0, total = (size_t)params + (size_t)columns;
    Oid *oids = total ? calloc(total, sizeof(*oids)) : NULL;

    if (total && !oids)
        return kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    for (int i = 0; i < params; i++)
        if (!find_type(conn, PQparamtype(described, i)))
            oids[unknown++] = PQparamtype(described, i);
    for (int i = 0; i < columns; i++)
        if (!find_type(conn, PQftype(described, i)))
            oids[unknown++] = PQftype(described, i);
    tn_status status = unknown ? pg_lookup_types(conn, oids, unknown, deadline_ns, err) : TN_OK;
    free(oids);
    return status;
}

/* A copy, since the connection's cache may be emptied while the statement lives. */
static bool take_type(tn_driver_stmt *stmt, Oid oid, pg_type *ret)
{
    const pg_type *type = find_type(stmt->conn, oid);

    *ret = type ? *type : (pg_type){.oid = oid, .type = TN_TYPE_OTHER, .name = ""};
    if (type && !pg_builtin_type(oid))
        ret->name = tn__arena_copy(&stmt->arena, type->name, strlen(type->name));
    return ret->name != NULL;
}

static int32_t modifier_of(Oid oid, int fmod)
{
    enum { BPCHAR = 1042, VARCHAR = 1043, NUMERIC = 1700, HEADER = 4 };

    if (fmod < HEADER || (oid != BPCHAR && oid != VARCHAR && oid != NUMERIC))
        return -1;
    return fmod - HEADER;
}

static bool take_column(tn_driver_stmt *stmt, const PGresult *described, int i)
{
    const char *name = PQfname(described, i);
    pg_type *type = &stmt->column_types[i];

    if (!take_type(stmt, PQftype(described, i), type))
        return false;
    name = tn__arena_copy(&stmt->arena, name, strlen(name));
    stmt->columns[i] = (tn_column){
        .name = name,
        .type_name = type->name,
        .table = "",
        .type = (tn_type)type->type,
        .element = (tn_type)type->element,
        .modifier = modifier_of(type->oid, PQfmod(described, i)),
    };
    stmt->text = stmt->text || type->wire == PG_WIRE_UNKNOWN;
    return name != NULL;
}

static bool take_param(tn_driver_stmt *stmt, const PGresult *described, int i)
{
    pg_type *type = &stmt->param_types[i];

    if (!take_type(stmt, PQparamtype(described, i), type))
        return false;
    stmt->params[i] = (tn_param){
        .type = (tn_type)type->type, .element = (tn_type)type->element, .type_name = type->name};
    return true;
}

/* Numbers in it are printed with as many digits as the session asks for. */
static bool prints_floats(const pg_type *type)
{
    enum { POINT = 600, POLYGON = 604, LINE = 628, CIRCLE = 718, FIRST_MADE_HERE = 16384 };

    if (type->wire != PG_WIRE_UNKNOWN)
        return type->wire == PG_WIRE_FLOAT4 || type->wire == PG_WIRE_FLOAT8 ||
               type->element_wire == PG_WIRE_FLOAT4 || type->element_wire == PG_WIRE_FLOAT8;
    return (type->oid >= POINT && type->oid <= POLYGON) || type->oid == LINE ||
           type->oid == CIRCLE || type->oid >= FIRST_MADE_HERE;
}

static tn_status take_description(tn_driver_stmt *stmt, const PGresult *described, tn_error *err)
{
    size_t params = (size_t)PQnparams(described), columns = (size_t)PQnfields(described);
    bool taken = true;

    stmt->params = tn__arena_array(&stmt->arena, params + 1, sizeof(*stmt->params));
    stmt->param_types = tn__arena_array(&stmt->arena, params + 1, sizeof(*stmt->param_types));
    stmt->columns = tn__arena_array(&stmt->arena, columns + 1, sizeof(*stmt->columns));
    stmt->column_types = tn__arena_array(&stmt->arena, columns + 1, sizeof(*stmt->column_types));
    if (!stmt->params || !stmt->param_types || !stmt->columns || !stmt->column_types)
        return kit_nomem(stmt->conn->host, err, TN_PHASE_PREPARE);
    for (size_t i = 0; i < params; i++)
        taken = taken && take_param(stmt, described, (int)i);
    for (size_t i = 0; i < columns; i++)
        taken = taken && take_column(stmt, described, (int)i);
    if (!taken)
        return kit_nomem(stmt->conn->host, err, TN_PHASE_PREPARE);
    for (size_t i = 0; stmt->text && i < columns; i++) {
        const pg_type *type = &stmt->column_types[i];
        stmt->digits = stmt->digits || prints_floats(type);
        stmt->intervals = stmt->intervals || type->wire == PG_WIRE_INTERVAL ||
                          type->element_wire == PG_WIRE_INTERVAL;
    }
    stmt->info.params = stmt->params;
    stmt->info.n_params = params;
    stmt->info.columns = stmt->columns;
    stmt->info.n_columns = columns;
    stmt->info.flags |= columns ? TN_STMT_ROWS : 0;
    return TN_OK;
}

/* ---- prepare, describe, close ---------------------------------------------------------------- */

static tn_driver_stmt *find_live(tn_driver_conn *conn, tn_str sql)
{
    for (tn_driver_stmt *stmt = conn->stmts; stmt; stmt = stmt->next)
        if (!stmt->stale && tn_str_equal(stmt->sql, sql))
            return stmt;
    return NULL;
}

static tn_driver_stmt *new_stmt(tn_driver_conn *conn, tn_str sql)
{
    tn_driver_stmt *stmt = calloc(1, sizeof(*stmt));

    if (!stmt)
        return NULL;
    tn__arena_init(&stmt->arena, STMT_MEMORY_MAX);
    stmt->conn = conn;
    stmt->refs = 1;
    stmt->sql = tn__str(tn__arena_copy(&stmt->arena, sql.ptr, sql.len), sql.len);
    if (!stmt->sql.ptr) {
        tn__arena_free(&stmt->arena);
        free(stmt);
        return NULL;
    }
    stmt->plain = pg_sql_defines(sql);
    if (!stmt->plain && conn->source->prepare != PG_PREPARE_OFF && !conn->passing)
        pg_statement_name(sql, stmt->name);
    stmt->changes = pg_sql_changes(sql);
    stmt->writes = (uint8_t)pg_sql_writes(sql);
    stmt->commits = pg_sql_commits(sql);
    tn__stmt_word word = tn__sql_first_word(sql);
    stmt->rolls_back = word == TN__STMT_ROLLBACK;
    if (word == TN__STMT_EMPTY)
        stmt->info.flags |= TN_STMT_EMPTY | TN_STMT_READ_ONLY;
    if (pg_sql_reads_only(sql))
        stmt->info.flags |= TN_STMT_READ_ONLY;
    return stmt;
}

static void free_stmt(tn_driver_stmt *stmt)
{
    tn__arena_free(&stmt->arena);
    free(stmt);
}

static tn_status fill_stmt(tn_driver_stmt *stmt, int64_t deadline_ns, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    PGresult *described = NULL;

    tn_status status = ask_server(conn, stmt, deadline_ns, &described, err);
    if (status != TN_OK)
        return status;
    status = learn_types(conn, described, deadline_ns, err);
    if (status == TN_OK)
        status = take_description(stmt, described, err);
    PQclear(described);
    if (status != TN_OK && stmt->name[0])
        doom(conn, stmt->name, false, false);
    return status;
}

tn_status pg_prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns, tn_driver_stmt **ret,
                     tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_PREPARE, err);

    if (status != TN_OK)
        return status;
    if (sql.len && memchr(sql.ptr, '\0', sql.len))
        return kit_fail(conn->host, err, TN_SYNTAX, TN_PHASE_PREPARE, "42601",
                        "the statement holds a NUL byte");
    if (pg_sql_is_copy(sql))
        return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_PREPARE, "0A000",
                        "COPY from STDIN or to STDOUT cannot be run as a statement");
    tn_driver_stmt *stmt = find_live(conn, sql);
    if (stmt) {
        stmt->refs++;
        *ret = stmt;
        return TN_OK;
    }
    stmt = new_stmt(conn, sql);
    if (!stmt)
        return kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    /* What is known of it needs no round trip: it is parsed when it is run, by the same one. */
    status = stmt->plain ? TN_OK : fill_stmt(stmt, deadline_ns, err);
    if (status != TN_OK) {
        free_stmt(stmt);
        return status;
    }
    stmt->next = conn->stmts;
    conn->stmts = stmt;
    *ret = stmt;
    return TN_OK;
}

/* Is the description still the one that was handed out? */
static bool same_description(const tn_driver_stmt *stmt, const PGresult *described)
{
    if ((size_t)PQnparams(described) != stmt->info.n_params ||
        (size_t)PQnfields(described) != stmt->info.n_columns)
        return false;
    for (int i = 0; i < PQnparams(described); i++)
        if (PQparamtype(described, i) != stmt->param_types[i].oid)
            return false;
    for (int i = 0; i < PQnfields(described); i++)
        if (PQftype(described, i) != stmt->column_types[i].oid)
            return false;
    return true;
}

tn_status pg_prepare_again(tn_driver_stmt *stmt, int64_t deadline_ns, tn_error *err)
{
    PGresult *described = NULL;

    tn_status status = ask_server(stmt->conn, stmt, deadline_ns, &described, err);
    if (status != TN_OK)
        return status;
    stmt->gone = false;
    stmt->stale = !same_description(stmt, described);
    PQclear(described);
    return TN_OK;
}

void pg_describe(const tn_driver_stmt *stmt, tn_stmt_info *ret)
{
    size_t size = ret->size < sizeof(*ret) ? ret->size : sizeof(*ret);
    tn_stmt_info info = stmt->info;

    info.size = ret->size;
    memcpy(ret, &info, size);
}

void pg_stmt_close(tn_driver_stmt *stmt)
{
    if (!stmt || --stmt->refs)
        return;
    tn_driver_conn *conn = stmt->conn;
    tn_driver_stmt **link = &conn->stmts;
    while (*link != stmt)
        link = &(*link)->next;
    *link = stmt->next;
    if (stmt->name[0] && !stmt->gone && !conn->broken && !name_in_use(conn, stmt->name))
        doom(conn, stmt->name, stmt->stale, false);
    free_stmt(stmt);
}
