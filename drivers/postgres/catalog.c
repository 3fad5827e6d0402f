/* SPDX-License-Identifier: MIT */
/*
 * The schema as a text. Everything is read in one transaction that sees one state, with settings
 * that make the server's own functions write the same whatever the session has. Within the caller's
 * transaction a savepoint takes the settings back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "kit/kit.h"
#include "postgres/catalog_order.h"
#include "postgres/catalog_sql.h"
#include "postgres/pg.h"

enum { SCHEMAS_MAX = 4096, QUESTION_MAX = 1 << 16, LEAST_VERSION = 120000 };

#define SETTINGS                                                                           \
    "set local jit = off; set local datestyle = 'ISO, MDY'; set local intervalstyle = "    \
    "'postgres'; set local timezone = 'UTC'; set local extra_float_digits = 1; set local " \
    "bytea_output = 'hex'; set local quote_all_identifiers = off; set local lc_monetary = 'C'"

typedef struct reading {
    tn_driver_conn *conn;
    int64_t deadline_ns;
    bool inside;     /* the caller's transaction is open */
    tn__buf schemas; /* as an array's text; empty: all */
    PGresult *objects;
    PGresult *edges;
} reading;

/* ---- which schemas --------------------------------------------------------------------------- */

static void put_quoted(tn__buf *buf, tn_str name)
{
    tn__buf_putc(buf, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            tn__buf_putc(buf, '\\');
        tn__buf_putc(buf, name.ptr[i]);
    }
    tn__buf_putc(buf, '"');
}

/* "a, b" as {"a","b"}; *ret_first is the first one. */
static void list_schemas(tn__buf *buf, tn_str names, tn_str *ret_first)
{
    tn_str name;

    *ret_first = tn__str("", 0);
    while (tn__str_split(&names, ',', &name)) {
        name = tn__str_trim(name);
        if (name.len == 0)
            continue;
        tn__buf_putc(buf, buf->len ? ',' : '{');
        put_quoted(buf, name);
        if (!ret_first->len)
            *ret_first = name;
    }
    if (buf->len)
        tn__buf_putc(buf, '}');
}

/* ---- asking ---------------------------------------------------------------------------------- */

static tn_status command(const reading *r, const char *sql, PGresult **ret, tn_error *err)
{
    pg_expect_nothing(r->conn);
    return pg_command(r->conn, sql, TN_PHASE_EXECUTE, r->deadline_ns, ret, err);
}

static tn_status ask(const reading *r, const char *sql, const char *value, PGresult **ret,
                     tn_error *err)
{
    pg_expect_nothing(r->conn);
    int sent = PQsendQueryParams(r->conn->pg, sql, 1, NULL, &value, NULL, NULL, 0);
    tn_status status = pg_sent(r->conn, sent, TN_PHASE_EXECUTE, r->deadline_ns, err);
    return status == TN_OK ? pg_finish(r->conn, TN_PHASE_EXECUTE, r->deadline_ns, ret, err)
                           : status;
}

/* The first schema is the one whose names stand without it; a URL's ?schema= is all that is read.
 */
static tn_status choose_schemas(reading *r, tn_str names, tn_error *err)
{
    static const char given[] =
        "select pg_catalog.set_config('search_path', "
        "pg_catalog.quote_ident($1::text), true), pg_catalog.to_regnamespace("
        "pg_catalog.quote_ident($1::text)) is not null";
    static const char own[] = "select pg_catalog.set_config('search_path', coalesce("
                              "pg_catalog.quote_ident(s), ''), true), true, s from (select "
                              "coalesce($1::name, pg_catalog.current_schema()) as s offset 0) x";
    PGresult *result = NULL;
    tn_str first;

    list_schemas(&r->schemas, names, &first);
    char *name = first.len ? strndup(first.ptr, first.len) : NULL;
    if (r->schemas.failed || (first.len && !name)) {
        free(name);
        return kit_nomem(r->conn->host, err, TN_PHASE_EXECUTE);
    }
    tn_status status = ask(r, name ? given : own, name, &result, err);
    if (status == TN_OK && strcmp(PQgetvalue(result, 0, 1), "t") != 0)
        status = kit_fail(r->conn->host, err, TN_CONFIG, TN_PHASE_EXECUTE, "3F000",
                          "schema \"%s\" does not exist", name);
    if (status == TN_OK && !name && r->conn->source->search_path && !PQgetisnull(result, 0, 2))
        list_schemas(&r->schemas, kit_str(PQgetvalue(result, 0, 2)), &first);
    PQclear(result);
    free(name);
    return status;
}

static tn_status ask_kinds(const reading *r, unsigned *ret, tn_error *err)
{
    PGresult *result = NULL;
    tn_status status = command(r, pg_catalog_kinds, &result, err);

    *ret = 0;
    for (int i = 0; status == TN_OK && i < PG_KINDS; i++)
        *ret |= strcmp(PQgetvalue(result, 0, i), "t") == 0 ? 1U << i : 0;
    PQclear(result);
    return status;
}

static tn_status ask_objects(reading *r, tn_error *err)
{
    const char *schemas = r->schemas.len ? r->schemas.ptr : NULL;
    unsigned kinds;
    tn__buf sql;

    tn_status status = ask_kinds(r, &kinds, err);
    if (status != TN_OK)
        return status;
    tn__buf_init(&sql, QUESTION_MAX);
    for (const pg_catalog_piece *piece = pg_catalog_objects; piece->sql; piece++)
        if (!piece->kinds || (piece->kinds & kinds))
            tn__buf_puts(&sql, piece->sql);
    status = sql.failed ? kit_nomem(r->conn->host, err, TN_PHASE_EXECUTE)
                        : ask(r, sql.ptr, schemas, &r->objects, err);
    tn__buf_free(&sql);
    return status;
}

static tn_status read_all(reading *r, tn_str names, tn_error *err)
{
    tn_status status = command(
        r,
        r->inside ? "savepoint tn_catalog; " SETTINGS
                  : "begin isolation level repeatable read read only; set local lock_timeout = "
                    "'5s'; " SETTINGS,
        NULL, err);
    if (status == TN_OK)
        status = choose_schemas(r, names, err);
    if (status == TN_OK)
        status = ask_objects(r, err);
    if (status == TN_OK)
        status = command(r, pg_catalog_edges, &r->edges, err);
    return status;
}

/* Leaves the transaction as it was. After a failure only where the wire is free; else the host sees
 * it by the state. */
static tn_status leave(const reading *r, tn_status status, tn_error *err)
{
    static const char back[] = "rollback to savepoint tn_catalog; release savepoint tn_catalog";
    PGTransactionStatusType now = pg_txn(r->conn);
    const char *sql = r->inside ? back : status == TN_OK ? "commit" : "rollback";

    if (r->conn->pending || (now != PQTRANS_INTRANS && now != PQTRANS_INERROR))
        return status;
    tn_status left = command(r, sql, NULL, status == TN_OK ? err : NULL);
    return status == TN_OK ? left : status;
}

/* ---- the text -------------------------------------------------------------------------------- */

static void put_object(const PGresult *objects, int row, void (*out)(void *arg, tn_str piece),
                       void *arg)
{
    const struct {
        tn_str fixed;
        int column;
    } parts[] = {{TN__STR("-- "), PG_OBJECT_KIND},
                 {TN__STR(": "), PG_OBJECT_NAME},
                 {TN__STR("\n"), PG_OBJECT_SQL}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        out(arg, parts[i].fixed);
        out(arg, tn__str(PQgetvalue(objects, row, parts[i].column),
                         (size_t)PQgetlength(objects, row, parts[i].column)));
    }
    out(arg, TN__STR("\n\n"));
}

static bool order(const reading *r, pg_order_object *objects, pg_order_edge *edges)
{
    size_t n = (size_t)PQntuples(r->objects), n_edges = (size_t)PQntuples(r->edges);

    for (size_t i = 0; i < n; i++)
        objects[i] = (pg_order_object){.key = PQgetvalue(r->objects, (int)i, PG_OBJECT_KEY),
                                       .name = PQgetvalue(r->objects, (int)i, PG_OBJECT_NAME),
                                       .id = PQgetvalue(r->objects, (int)i, PG_OBJECT_ID),
                                       .row = (int)i};
    for (size_t i = 0; i < n_edges; i++)
        edges[i] = (pg_order_edge){.from = PQgetvalue(r->edges, (int)i, PG_EDGE_FROM),
                                   .to = PQgetvalue(r->edges, (int)i, PG_EDGE_TO)};
    return pg_order(objects, n, edges, n_edges);
}

static tn_status hand_over(const reading *r, void (*out)(void *arg, tn_str piece), void *arg,
                           tn_error *err)
{
    size_t n = (size_t)PQntuples(r->objects);
    pg_order_object *objects = calloc(n + 1, sizeof(*objects));
    pg_order_edge *edges = calloc((size_t)PQntuples(r->edges) + 1, sizeof(*edges));

    bool good = objects && edges && order(r, objects, edges);
    for (size_t i = 0; good && i < n; i++)
        put_object(r->objects, objects[i].row, out, arg);
    free(objects);
    free(edges);
    return good ? TN_OK : kit_nomem(r->conn->host, err, TN_PHASE_EXECUTE);
}

static tn_status check_server(tn_driver_conn *conn, tn_error *err)
{
    if (PQserverVersion(conn->pg) >= LEAST_VERSION)
        return TN_OK;
    pg_describe_server(conn);
    return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_EXECUTE, "0A000",
                    "the schema can be read from PostgreSQL 12 on, this is %s", conn->server);
}

static tn_status describe(tn_driver_conn *conn, tn_str schema, int64_t deadline_ns,
                          void (*out)(void *arg, tn_str piece), void *arg, tn_error *err)
{
    reading r = {.conn = conn, .deadline_ns = deadline_ns};

    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    if (status == TN_OK)
        status = pg_begin_now(conn, deadline_ns, err);
    if (status == TN_OK)
        status = check_server(conn, err);
    if (status != TN_OK)
        return status;
    r.inside = pg_txn(conn) != PQTRANS_IDLE;
    tn__buf_init(&r.schemas, SCHEMAS_MAX);
    status = leave(&r, read_all(&r, schema, err), err);
    if (status == TN_OK)
        status = hand_over(&r, out, arg, err);
    PQclear(r.objects);
    PQclear(r.edges);
    tn__buf_free(&r.schemas);
    return status;
}

const tn_catalog_ops pg_catalog_ops = {
    .size = sizeof(pg_catalog_ops),
    .describe = describe,
};
