/* SPDX-License-Identifier: MIT */
/* schema.postgres.sql, schema.sqlite.sql: written whole or not at all, and only when it changes. */
#ifndef TENON_TOOLS_SCHEMA_FILE_H
#define TENON_TOOLS_SCHEMA_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "migrate.h"

/* --schema FILE, or DIR/schema.<driver>.sql. */
void schema_file_path(const migrate_job *use, char *buf, size_t size);
/* "postgres", "sqlite": of variants' names. */
const char *schema_file_driver(const char *driver);

typedef enum schema_file_state {
    SCHEMA_FILE_SAME = 0, /* it is as it should be */
    SCHEMA_FILE_STALE,    /* it is not there, or another text */
    SCHEMA_FILE_WRITTEN,
    SCHEMA_FILE_FAILED /* errno */
} schema_file_state;

/* Compares the file with the schema of the database; writes it where wanted. */
schema_file_state schema_file_update(const migrate_job *use, const tn_schema *schema, bool write);

#endif
