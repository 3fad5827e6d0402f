/* SPDX-License-Identifier: MIT */
/*
 * Types that are not built in: enums, domains, what extensions bring. Asked when a statement first
 * shows one, then kept for the life of the connection.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

/* A type whose send function is one of these travels as its text. Operators are qualified, so that
 * nobody's own = is called. 12 is the language "internal", 1028 the type oid[]. */
static const char question[] =
    "select t.oid, pg_catalog.format_type(t.oid, null), t.typbasetype,"
    " p.prolang operator(pg_catalog.=) 12::pg_catalog.oid and p.prosrc operator(pg_catalog.=) any"
    " ('{textsend,varcharsend,bpcharsend,namesend,enum_send,unknownsend,cstring_send}'"
    "::pg_catalog.text[])"
    " from pg_catalog.pg_type t left join pg_catalog.pg_proc p"
    " on p.oid operator(pg_catalog.=) t.typsend::pg_catalog.oid"
    " where t.oid operator(pg_catalog.=) any ($1)";
enum { OID_ARRAY = 1028, ANSWER_COLUMNS = 4 };

static uint32_t oid_at(const PGresult *result, int row, int column)
{
    if (PQgetlength(result, row, column) != 4)
        return 0;
    return pg_get32((const unsigned char *)PQgetvalue(result, row, column));
}

static bool true_at(const PGresult *result, int row, int column)
{
    return PQgetlength(result, row, column) == 1 && PQgetvalue(result, row, column)[0] == 1;
}

static pg_type type_of(const PGresult *result, int row)
{
    const pg_type *base = pg_builtin_type(oid_at(result, row, 2));
    pg_type type = {.type = TN_TYPE_OTHER, .wire = PG_WIRE_UNKNOWN};

    /* A domain is its base type under another name. */
    if (base)
        type = *base;
    else if (true_at(result, row, 3))
        type.wire = PG_WIRE_TEXT;
    type.oid = oid_at(result, row, 0);
    type.name = PQgetvalue(result, row, 1);
    return type;
}

static tn_status keep(tn_driver_conn *conn, const PGresult *result, const Oid *oids, size_t n,
                      tn_error *err)
{
    bool kept = true;

    for (int row = 0; row < PQntuples(result); row++) {
        pg_type type = type_of(result, row);
        kept = kept &&
               (pg_cached_type(&conn->types, type.oid) || pg_cache_type(&conn->types, &type));
    }
    /* One that was dropped meanwhile is not asked for again. */
    for (size_t i = 0; i < n; i++) {
        pg_type type = {.oid = oids[i], .type = TN_TYPE_OTHER, .name = ""};
        kept = kept &&
               (pg_cached_type(&conn->types, oids[i]) || pg_cache_type(&conn->types, &type));
    }
    return kept ? TN_OK : kit_nomem(conn->host, err, TN_PHASE_PREPARE);
}

tn_status pg_lookup_types(tn_driver_conn *conn, const Oid *oids, size_t n, int64_t deadline_ns,
                          tn_error *err)
{
    const Oid types[1] = {OID_ARRAY};
    PGresult *result = NULL;
    tn__buf list;

    tn__buf_init(&list, TN__BUF_MAX);
    for (size_t i = 0; i < n; i++)
        tn__buf_printf(&list, "%c%u", i ? ',' : '{', (unsigned)oids[i]);
    tn__buf_putc(&list, '}');
    if (list.failed) {
        tn__buf_free(&list);
        return kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    }
    const char *values[1] = {list.ptr};
    pg_expect_nothing(conn);
    tn_status status = pg_sent(
        conn, PQsendQueryParams(conn->pg, question, 1, types, values, NULL, NULL, 1),
        TN_PHASE_PREPARE, deadline_ns, err);
    tn__buf_free(&list);
    if (status == TN_OK)
        status = pg_finish(conn, TN_PHASE_PREPARE, deadline_ns, &result, err);
    if (status != TN_OK)
        return status;
    if (PQnfields(result) != ANSWER_COLUMNS)
        status = pg_fail_protocol(conn, TN_PHASE_PREPARE, err,
                                  "the server's answer about types has not four columns");
    else
        status = keep(conn, result, oids, n, err);
    PQclear(result);
    return status;
}
