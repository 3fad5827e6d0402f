/* SPDX-License-Identifier: MIT */
/*
 * Parameters, for PQsendQueryPrepared. Texts and bytes are sent from where they are; everything
 * else is written one behind the other into one buffer that the connection keeps.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "kit/kit.h"
#include "postgres/pg.h"

/* What the server takes in one message. */
#define PARAMS_MAX ((size_t)0x3fffff00)

static bool grow(pg_encoder *encoder, size_t n)
{
    size_t capacity = n < 16 ? 16 : n * 2;

    const char **values = realloc(encoder->values, capacity * sizeof(*values));
    if (values)
        encoder->values = values;
    int *lengths = realloc(encoder->lengths, capacity * sizeof(*lengths));
    if (lengths)
        encoder->lengths = lengths;
    int *formats = realloc(encoder->formats, capacity * sizeof(*formats));
    if (formats)
        encoder->formats = formats;
    Oid *types = realloc(encoder->types, capacity * sizeof(*types));
    if (types)
        encoder->types = types;
    size_t *offsets = realloc(encoder->offsets, capacity * sizeof(*offsets));
    if (offsets)
        encoder->offsets = offsets;
    if (!values || !lengths || !formats || !types || !offsets)
        return false;
    encoder->capacity = capacity;
    return true;
}

void pg_encoder_free(pg_encoder *encoder)
{
    tn__buf_free(&encoder->scratch);
    free(encoder->values);
    free(encoder->lengths);
    free(encoder->formats);
    free(encoder->types);
    free(encoder->offsets);
    *encoder = (pg_encoder){0};
}

static bool sent_from_its_place(const pg_type *type, const tn_value *value)
{
    switch ((pg_wire)type->wire) {
    case PG_WIRE_TEXT:
        return value->type == TN_TYPE_TEXT || value->type == TN_TYPE_JSON ||
               value->type == TN_TYPE_OTHER || value->type == TN_TYPE_NUMERIC;
    case PG_WIRE_BYTES: return value->type == TN_TYPE_BYTES;
    case PG_WIRE_UUID: return value->type == TN_TYPE_UUID;
    default: return false;
    }
}

static void place(pg_encoder *encoder, size_t i, const tn_value *value)
{
    bool uuid = value->type == TN_TYPE_UUID;
    const char *ptr = uuid ? (const char *)value->as.uuid->bytes : value->as.ptr;

    encoder->values[i] = ptr ? ptr : "";
    encoder->lengths[i] = uuid ? 16 : (int)value->len;
    encoder->formats[i] = 1;
    encoder->offsets[i] = 0;
}

/* The text form, with a NUL behind it: libpq wants that of texts. */
static tn_status encode_text(tn_driver_conn *conn, size_t i, const tn_value *value, tn_error *err)
{
    pg_encoder *encoder = &conn->encoder;
    size_t start = encoder->scratch.len;

    tn__value_append(&encoder->scratch, value);
    if (!encoder->scratch.failed && encoder->scratch.len > start &&
        memchr(encoder->scratch.ptr + start, '\0', encoder->scratch.len - start))
        return kit_fail(conn->host, err, TN_DATA, TN_PHASE_BIND, "22021",
                        "parameter $%zu: a text must not hold a NUL byte", i + 1);
    tn__buf_putc(&encoder->scratch, '\0');
    encoder->offsets[i] = start + 1;
    encoder->lengths[i] = (int)(encoder->scratch.len - start - 1);
    encoder->formats[i] = 0;
    return TN_OK;
}

static tn_status encode_one(tn_driver_stmt *stmt, size_t i, const tn_value *value, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    pg_encoder *encoder = &conn->encoder;
    const pg_type *type = &stmt->param_types[i];
    size_t start = encoder->scratch.len;

    if (value->type == TN_TYPE_NULL) {
        encoder->values[i] = NULL;
        encoder->lengths[i] = 0;
        encoder->formats[i] = 1;
        encoder->offsets[i] = 0;
        return TN_OK;
    }
    if (sent_from_its_place(type, value)) {
        if (value->len > PARAMS_MAX)
            return kit_fail(conn->host, err, TN_LIMIT, TN_PHASE_BIND, "54000",
                            "parameter $%zu has %u bytes, the server takes less than 1 GiB", i + 1,
                            value->len);
        place(encoder, i, value);
        return TN_OK;
    }
    switch (pg_encode_binary(type, value, &encoder->scratch)) {
    case PG_ENCODED:
        encoder->offsets[i] = start + 1;
        encoder->lengths[i] = (int)(encoder->scratch.len - start);
        encoder->formats[i] = 1;
        return TN_OK;
    case PG_OUT_OF_RANGE:
        return kit_fail(conn->host, err, TN_DATA, TN_PHASE_BIND,
                        type->wire == PG_WIRE_TIMESTAMP || type->wire == PG_WIRE_DATE ? "22008"
                                                                                      : "22003",
                        "parameter $%zu is out of range for type %s", i + 1, type->name);
    case PG_AS_TEXT: encoder->scratch.len = start; return encode_text(conn, i, value, err);
    case PG_TOO_LONG: break;
    }
    return TN_OK; /* seen by the check of the whole */
}

static tn_status check_size(tn_driver_conn *conn, size_t n, tn_error *err)
{
    pg_encoder *encoder = &conn->encoder;
    size_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += (size_t)encoder->lengths[i] + 8;
    if (total > PARAMS_MAX)
        return kit_fail(conn->host, err, TN_LIMIT, TN_PHASE_BIND, "54000",
                        "the parameters have %zu bytes, the server takes less than 1 GiB", total);
    return TN_OK;
}

tn_status pg_encode(tn_driver_stmt *stmt, const tn_value *params, size_t n, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    pg_encoder *encoder = &conn->encoder;

    if (n > encoder->capacity && !grow(encoder, n))
        return kit_nomem(conn->host, err, TN_PHASE_BIND);
    tn__buf_reset(&encoder->scratch);
    for (size_t i = 0; i < n; i++) {
        tn_status status = encode_one(stmt, i, &params[i], err);
        if (status != TN_OK)
            return status;
    }
    if (encoder->scratch.failed && encoder->scratch.len < PARAMS_MAX / 2)
        return kit_nomem(conn->host, err, TN_PHASE_BIND);
    if (encoder->scratch.failed)
        return kit_fail(conn->host, err, TN_LIMIT, TN_PHASE_BIND, "54000",
                        "the parameters are longer than the server takes (1 GiB)");
    tn_status status = check_size(conn, n, err);
    if (status != TN_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        if (encoder->offsets[i])
            encoder->values[i] = encoder->scratch.ptr
                                     ? encoder->scratch.ptr + encoder->offsets[i] - 1
                                     : "";
    return TN_OK;
}
