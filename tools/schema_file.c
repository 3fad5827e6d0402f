/* SPDX-License-Identifier: MIT */
#include "schema_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/migrate_check.h>

#include "whole_file.h"

const char *schema_file_driver(const char *driver)
{
    return strcmp(driver, "postgresql") == 0 ? "postgres" : driver;
}

void schema_file_path(const migrate_job *use, char *buf, size_t size)
{
    const char *given = tool_value(use->t, TOOL_OPT_SCHEMA);

    if (given)
        snprintf(buf, size, "%s", given);
    else
        snprintf(buf, size, "%s/schema.%s.sql", use->dir,
                 schema_file_driver(tn_db_driver(use->db)));
}

static bool is_text(const char *path, const char *text)
{
    size_t len = strlen(text);
    char *there = malloc(len + 1);
    FILE *in = fopen(path, "re");
    bool same = false;

    if (in && there) {
        size_t n = fread(there, 1, len + 1, in);
        same = !ferror(in) && n == len && memcmp(there, text, len) == 0;
    }
    if (in)
        fclose(in);
    free(there);
    return same;
}

schema_file_state schema_file_update(const migrate_job *use, const tn_schema *schema, bool write)
{
    char path[PATH_MAX];
    char *text = tn_schema_file(schema, tn_db_driver(use->db));
    schema_file_state state = SCHEMA_FILE_STALE;

    if (!text) {
        errno = ENOMEM;
        return SCHEMA_FILE_FAILED;
    }
    schema_file_path(use, path, sizeof(path));
    if (is_text(path, text))
        state = SCHEMA_FILE_SAME;
    else if (write)
        state = whole_file_put(path, text) ? SCHEMA_FILE_WRITTEN : SCHEMA_FILE_FAILED;
    int error = errno;
    free(text);
    errno = error;
    return state;
}
