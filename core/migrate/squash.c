/* SPDX-License-Identifier: MIT */
/* Texts made of a schema: its file, and the one migration that stands for many. */
#include <stdlib.h>
#include <string.h>

#include <tenon/migrate_check.h>
#include <tenon/script.h>

#include "base/buf.h"
#include "base/lexer.h"
#include "base/str.h"

enum { TEXT_MAX = 256 << 20 };

/* Bodies may name what comes later. */
static bool has_functions(const tn_schema *schema)
{
    tn_schema_object object;

    for (size_t i = 0; tn_schema_at(schema, i, &object); i++)
        if (tn_str_equal(object.kind, TN__STR("function")) ||
            tn_str_equal(object.kind, TN__STR("procedure")))
            return true;
    return false;
}

/* set: SET, or SET LOCAL where the text is one transaction: outside of one that would do nothing.
 */
static void put_schema(tn__buf *text, const tn_schema *schema, const char *set)
{
    if (has_functions(schema))
        tn__buf_printf(text, "%s check_function_bodies = off;\n\n", set);
    tn_str all = tn__str_trim(tn_schema_text(schema));
    tn__buf_str(text, all);
    if (all.len)
        tn__buf_putc(text, '\n');
}

char *tn_schema_file(const tn_schema *schema, const char *driver)
{
    tn__buf text;

    tn__buf_init(&text, TEXT_MAX);
    tn__buf_printf(&text,
                   "-- The schema that the migrations make on %s, to be read and reviewed. It is\n"
                   "-- written by a command, so what is changed here is lost.\n\n",
                   driver);
    put_schema(&text, schema, "set");
    return tn__buf_take(&text);
}

/* ---- squash ---------------------------------------------------------------------------------- */

/* Is all that it did in the schema? */
static bool is_of_schema(tn_str sql)
{
    static const char *const words[] = {"create", "alter", "drop", "comment", "pragma", "set"};
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn_str first = tn__lexer_skip(&lexer).text;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (tn__str_iequal(first, tn_str_from(words[i])))
            return true;
    return false;
}

static void put_comment(tn__buf *text, tn_str sql)
{
    tn_str line;

    while (tn__str_split(&sql, '\n', &line)) {
        tn__buf_puts(text, line.len ? "-- " : "--");
        tn__buf_str(text, line);
        tn__buf_puts(text, sql.len ? "\n" : ";\n");
    }
}

static size_t put_left(tn__buf *text, const tn_migrations *migrations, const char *to)
{
    const tn_migration *m;
    size_t left = 0;
    tn_str sql;
    uint32_t line;

    for (size_t i = 0; (m = tn_migrations_at(migrations, i)); i++) {
        tn_script script = tn_script_start(m->up);
        if (tn_migration_compare(m->version, to) > 0)
            break;
        while (tn_script_next(&script, &sql, &line)) {
            if (is_of_schema(sql))
                continue;
            if (left++ == 0)
                tn__buf_puts(text, "\n-- These statements changed rows or rights, which no schema "
                                   "holds. What a new\n-- database needs of them is to be put back "
                                   "in force by hand.\n");
            tn__buf_printf(text, "--\n-- (%s, line %u)\n", m->file, (unsigned)line);
            put_comment(text, sql);
        }
    }
    return left;
}

static tn_status check(const tn_schema *schema, tn_error *err)
{
    tn_schema_object object;

    if (tn_schema_is_complete(schema))
        return TN_OK;
    for (size_t i = 0; tn_schema_at(schema, i, &object); i++)
        if (tn__str_starts(object.sql, TN__STR("-- (not in this text as SQL)")))
            break;
    tn_error_set(err, TN_UNSUPPORTED, "0A000",
                 "the schema has what cannot be written as SQL here: %.*s %.*s",
                 (int)object.kind.len, object.kind.ptr, (int)object.name.len, object.name.ptr);
    tn_error_set_hint(err, "squash up to the version before the one that makes it");
    return TN_UNSUPPORTED;
}

tn_status tn_squash(const tn_migrations *migrations, const char *to, const tn_schema *schema,
                    const char *driver, char **ret_text, size_t *ret_left, tn_error *err)
{
    const tn_migration *first = tn_migrations_at(migrations, 0);
    tn__buf text;

    if (!first || !tn_migrations_find(migrations, to))
        return tn_error_set(err, TN_CONFIG, NULL, "no version %s among the migrations", to);
    tn_status status = check(schema, err);
    if (status != TN_OK)
        return status;
    tn__buf_init(&text, TEXT_MAX);
    tn__buf_printf(&text,
                   "-- All of %s to %s in one,\n-- for new databases on %s. Where %s "
                   "is applied already\n-- there is nothing to do.\n"
                   "-- migrate:squash from:%s\n-- migrate:up irreversible:true\n",
                   first->version, to, driver, to, first->version);
    put_schema(&text, schema, "set local");
    size_t left = put_left(&text, migrations, to);
    char *taken = tn__buf_take(&text);
    if (!taken)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    *ret_text = taken;
    if (ret_left)
        *ret_left = left;
    return TN_OK;
}
