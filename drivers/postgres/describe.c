/* SPDX-License-Identifier: MIT */
/* What the server says of a statement's parameters and columns. */
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "postgres/stmt.h"

static const pg_type *find_type(const tn_driver_conn *conn, Oid oid)
{
    const pg_type *type = pg_builtin_type(oid);

    return type ? type : pg_cached_type(&conn->types, oid);
}

tn_status pg_learn_types(tn_driver_conn *conn, const PGresult *described, int64_t deadline_ns,
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

tn_status pg_take_description(tn_driver_stmt *stmt, const PGresult *described, tn_error *err)
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
