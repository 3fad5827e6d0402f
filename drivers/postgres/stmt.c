/* SPDX-License-Identifier: MIT */
/*
 * Prepared statements. Their names are derived from their text, so "already exists" means the same
 * statement, whoever made it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/str.h"
#include "kit/kit.h"
#include "postgres/stmt.h"

enum { STMT_MEMORY_MAX = 1 << 30, ATTEMPTS = 3 };

/* ---- asking the server ----------------------------------------------------------------------- */

static tn_status fail_prepare(tn_driver_conn *conn, const pg_asked *of, tn_error *err)
{
    const PGresult *cause = of->parse_error ? of->parse_error : of->describe_error;

    if (!cause)
        return pg_fail_protocol(conn, TN_PHASE_PREPARE, err,
                                "the server did not describe the statement");
    return pg_fail_result(conn, cause, TN_PHASE_PREPARE, err);
}

/* What the answer asks for next: another round trip, or an end. */
static bool try_again(tn_driver_conn *conn, pg_trip *trip)
{
    pg_asked *of = trip->of;

    if (pg_txn_there(conn) != PQTRANS_IDLE || !of->stmt->name[0] || trip->unnamed)
        return false;
    if (of->parse_error && pg_has_sqlstate(of->parse_error, "42P05")) {
        of->there = true; /* the same statement */
    } else if (of->describe_error && pg_is_stale_plan(of->describe_error)) {
        pg_doom(conn, of->stmt->name, true, false);
        of->there = false;
    } else if (of->describe_error && pg_has_sqlstate(of->describe_error, "26000")) {
        of->there = false;
    } else {
        return false;
    }
    pg_trip_clear(trip);
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
    const pg_doomed *own = stmt->name[0] ? pg_doomed_find(conn, stmt->name) : NULL;

    if (!own || pg_doomed_may_go(conn, own, pg_txn_there(conn)))
        return;
    pg_statement_name(stmt->sql, stmt->name);
    size_t base = strlen(stmt->name);
    for (unsigned i = 1; pg_doomed_find(conn, stmt->name) || name_in_use(conn, stmt->name); i++)
        snprintf(stmt->name + base, sizeof(stmt->name) - base, "_%u", i);
}

static tn_status ask_here(tn_driver_conn *conn, tn_driver_stmt *stmt, int64_t deadline_ns,
                          PGresult **ret, tn_error *err)
{
    pg_asked of = {.stmt = stmt};
    pg_trip trip = {.of = &of, .n = 1};

    choose_name(conn, stmt);
    for (int attempt = 1;; attempt++) {
        tn_status status = pg_trip_make(conn, &trip, deadline_ns, err);
        if (status != TN_OK)
            return status;
        if (of.described) {
            *ret = of.described;
            of.described = NULL;
            pg_trip_clear(&trip);
            return TN_OK;
        }
        if (attempt == ATTEMPTS || !try_again(conn, &trip)) {
            status = fail_prepare(conn, &of, err);
            if (!of.there && !trip.unnamed && stmt->name[0] && !of.parse_error)
                pg_doom(conn, stmt->name, false, true);
            pg_trip_clear(&trip);
            return status;
        }
    }
}

/* A BEGIN that is due leaves with the statement, not with its preparing. But what fails has to fail
 * within the transaction, which is over then: so it is done again there. */
static tn_status ask_server(tn_driver_conn *conn, tn_driver_stmt *stmt, int64_t deadline_ns,
                            PGresult **ret, tn_error *err)
{
    bool due = conn->begin != NULL;

    tn_status status = ask_here(conn, stmt, deadline_ns, ret, err);
    if (status == TN_OK || !due || conn->broken || conn->pending)
        return status;
    status = pg_begin_now(conn, deadline_ns, err);
    return status == TN_OK ? ask_here(conn, stmt, deadline_ns, ret, err) : status;
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
    stmt->begins = word == TN__STMT_BEGIN;
    if (word == TN__STMT_EMPTY)
        stmt->info.flags |= TN_STMT_EMPTY | TN_STMT_READ_ONLY;
    if (pg_sql_reads_only(sql))
        stmt->info.flags |= TN_STMT_READ_ONLY;
    return stmt;
}

static void free_stmt(tn_driver_stmt *stmt)
{
    if (!stmt)
        return;
    tn__arena_free(&stmt->arena);
    free(stmt);
}

/* Takes the answer. */
static tn_status take_answer(tn_driver_stmt *stmt, PGresult *described, int64_t deadline_ns,
                             tn_error *err)
{
    tn_status status = pg_learn_types(stmt->conn, described, deadline_ns, err);

    if (status == TN_OK)
        status = pg_take_description(stmt, described, err);
    PQclear(described);
    if (status != TN_OK && stmt->name[0] && !stmt->unmade)
        pg_doom(stmt->conn, stmt->name, false, false);
    return status;
}

static tn_status fill_stmt(tn_driver_stmt *stmt, int64_t deadline_ns, tn_error *err)
{
    PGresult *described = NULL;

    tn_status status = ask_server(stmt->conn, stmt, deadline_ns, &described, err);
    return status == TN_OK ? take_answer(stmt, described, deadline_ns, err) : status;
}

static void keep(tn_driver_stmt *stmt)
{
    stmt->next = stmt->conn->stmts;
    stmt->conn->stmts = stmt;
}

static tn_status check_text(tn_driver_conn *conn, tn_str sql, tn_error *err)
{
    if (sql.len && memchr(sql.ptr, '\0', sql.len))
        return kit_fail(conn->host, err, TN_SYNTAX, TN_PHASE_PREPARE, "42601",
                        "the statement holds a NUL byte");
    if (pg_sql_is_copy(sql))
        return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_PREPARE, "0A000",
                        "COPY from STDIN or to STDOUT cannot be run as a statement");
    return TN_OK;
}

tn_status pg_prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns, tn_driver_stmt **ret,
                     tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_PREPARE, err);

    if (status == TN_OK)
        status = check_text(conn, sql, err);
    if (status != TN_OK)
        return status;
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
    keep(stmt);
    *ret = stmt;
    return TN_OK;
}

/* ---- many in one round trip ------------------------------------------------------------------ */

/* Those that were not kept. */
static void drop_asked(tn_driver_conn *conn, pg_trip *trip)
{
    for (size_t i = 0; i < trip->n; i++) {
        tn_driver_stmt *stmt = trip->of[i].stmt;
        if (stmt && trip->of[i].described && stmt->name[0] && !stmt->unmade)
            pg_doom(conn, stmt->name, false, false);
        free_stmt(stmt);
    }
    pg_trip_clear(trip);
}

/* The texts at the beginning that are new and may go together. */
static size_t gather(tn_driver_conn *conn, const tn_str *sql, size_t n, pg_asked *of)
{
    size_t count = 0;

    while (count < n && count < PG_TRIP_MAX && !find_live(conn, sql[count]) &&
           check_text(conn, sql[count], NULL) == TN_OK) {
        of[count] = (pg_asked){.stmt = new_stmt(conn, sql[count])};
        if (!of[count].stmt)
            break;
        choose_name(conn, of[count++].stmt);
    }
    return count;
}

/* Those up to the first that failed are kept. */
static tn_status keep_asked(pg_trip *trip, int64_t deadline_ns, tn_driver_stmt **ret, size_t *ret_n,
                            tn_error *err)
{
    tn_status status = TN_OK;
    size_t i = 0;

    for (; i < trip->n && status == TN_OK && trip->of[i].described; i++) {
        PGresult *described = trip->of[i].described;
        trip->of[i].described = NULL;
        status = take_answer(trip->of[i].stmt, described, deadline_ns, err);
        if (status != TN_OK)
            break;
        keep(trip->of[i].stmt);
        ret[i] = trip->of[i].stmt;
        trip->of[i].stmt = NULL;
    }
    *ret_n = i;
    return status;
}

/* Those of the first texts that are new, as far as they do not fail. What fails is told where that
 * cannot be asked again, within a transaction that has failed by it. */
static tn_status prepare_together(tn_driver_conn *conn, const tn_str *sql, size_t n,
                                  int64_t deadline_ns, tn_driver_stmt **ret, size_t *ret_n,
                                  tn_error *err)
{
    pg_asked of[PG_TRIP_MAX];
    pg_trip trip = {.of = of, .n = gather(conn, sql, n, of)};
    tn_status status = TN_OK;

    *ret_n = 0;
    if (trip.n > 1)
        status = pg_trip_make(conn, &trip, deadline_ns, err);
    if (trip.n > 1 && status == TN_OK) {
        status = keep_asked(&trip, deadline_ns, ret, ret_n, err);
        if (status == TN_OK && *ret_n < trip.n && pg_txn_there(conn) != PQTRANS_IDLE)
            status = fail_prepare(conn, &of[*ret_n], err);
    }
    drop_asked(conn, &trip);
    return status;
}

tn_status pg_prepare_all(tn_driver_conn *conn, const tn_str *sql, size_t n, int64_t deadline_ns,
                         tn_driver_stmt **ret, size_t *ret_n, tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_PREPARE, err);

    *ret_n = 0;
    while (status == TN_OK && *ret_n < n) {
        size_t went;
        status = prepare_together(conn, sql + *ret_n, n - *ret_n, deadline_ns, ret + *ret_n, &went,
                                  err);
        *ret_n += went;
        if (status != TN_OK || *ret_n == n || went == PG_TRIP_MAX)
            continue;
        /* One that is known, or that failed: that is told of it, or it succeeds by itself. */
        status = pg_prepare(conn, sql[*ret_n], deadline_ns, &ret[*ret_n], err);
        *ret_n += status == TN_OK;
    }
    return status;
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

    stmt->unmade = false;

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
    if (conn->direct.making == stmt)
        conn->direct.making = NULL;
    if (stmt->name[0] && !stmt->gone && !stmt->unmade && !conn->broken &&
        !name_in_use(conn, stmt->name))
        pg_doom(conn, stmt->name, stmt->stale, false);
    free_stmt(stmt);
}
