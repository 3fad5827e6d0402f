/* SPDX-License-Identifier: MIT */
#include "migrate/other.h"

#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>
#include <tenon/rows.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "migrate/problem.h"

enum { VERSIONS_MAX = 100000 };

static const struct {
    tn__other other;
    const char *name;  /* of the tool */
    const char *table; /* where its history is */
    /* What its table gives: a version, a word for one that is not good ("" good), and which ones
     * are applied by it: "one", "upto" (those before it, listed or not), "both". */
    const char *question;
} tools[] = {
    {TN__OTHER_GOLANG, "golang-migrate", "schema_migrations",
     "select cast(version as text), case when dirty then 'dirty' else '' end, 'both' from "
     "schema_migrations"},
    {TN__OTHER_DBMATE, "dbmate", "schema_migrations",
     "select cast(version as text), '', 'one' from schema_migrations"},
    {TN__OTHER_PRISMA, "prisma", "_prisma_migrations",
     "select migration_name, case when finished_at is null then 'not finished' else '' end, 'one'"
     " from _prisma_migrations where rolled_back_at is null"},
    {TN__OTHER_FLYWAY, "flyway", "flyway_schema_history",
     /* Of each version the last row counts: it may have been undone, or done again. */
     "select version, case when success then '' else 'failed' end,"
     " case when type in ('BASELINE', 'SQL_BASELINE') then 'upto' else 'one' end"
     " from flyway_schema_history h where version is not null and (not success"
     " or type <> 'DELETE' and type not like 'UNDO%' and not exists (select 1 from"
     " flyway_schema_history n where n.version = h.version"
     " and n.installed_rank > h.installed_rank))"},
};

tn__other tn__other_find(const char *name)
{
    for (size_t i = 0; i < TN__COUNT_OF(tools); i++)
        if (strcmp(tools[i].name, name) == 0)
            return tools[i].other;
    return TN__OTHER_NONE;
}

/* Has the table, where names without a schema are looked for, this column (NULL: any)? */
static tn_status has_column(tn__database *database, const char *table, const char *column,
                            bool *ret, tn_error *err)
{
    static const char postgresql[] =
        "select count(*) from pg_catalog.pg_attribute where attrelid ="
        " pg_catalog.to_regclass($1) and attnum > 0 and not attisdropped"
        " and attname = coalesce($2::text, attname)";
    static const char sqlite[] =
        "select count(*) from pragma_table_info($1) where name = coalesce($2, name)";
    int64_t found = 0;

    tn_status status = tn_get(database->at,
                              database->dialect == TN__POSTGRESQL ? postgresql : sqlite,
                              tn_args(table, column), tn_into(&found), err);
    *ret = found > 0;
    return status;
}

static const char *without_from(const char *question)
{
    return strstr(question, " from ");
}

/* Is there a row in it? The question is one of the table above: what comes in is ours. */
static tn_status has_rows(tn__database *database, const char *question, bool *ret, tn_error *err)
{
    char sql[600] = "select count(*)";
    int64_t rows = 0;

    strncat(sql, without_from(question), sizeof(sql) - strlen(sql) - 1);
    tn_status status = tn_get(database->at, sql, NULL, tn_into(&rows), err);
    *ret = rows > 0;
    return status;
}

static tn_status is_there(tn__database *database, size_t i, bool *ret, tn_error *err)
{
    /* dbmate and golang-migrate gave their tables one name. */
    const char *column = tools[i].other == TN__OTHER_GOLANG ? "dirty" : NULL;

    tn_status status = has_column(database, tools[i].table, column, ret, err);
    if (status == TN_OK && *ret)
        status = has_rows(database, tools[i].question, ret, err);
    return status;
}

static tn_status refuse(tn__database *database, size_t i, tn_error *err)
{
    tn_migrate_problem *problem = tn__database_problem(database);

    tn__problem_fault(problem, TN_MIGRATE_REFUSED);
    tn__problem_state(problem, "nothing was changed by this run");
    tn__problem_next(problem, "tenon migrate baseline --from %s", tools[i].name);
    return tn_error_set(err, TN_FAILED, NULL,
                        "this database was migrated by %s (table %s), and there is no history of "
                        "tenon's in it yet",
                        tools[i].name, tools[i].table);
}

tn_status tn__other_refuse(tn__database *database, tn_error *err)
{
    tn_status status = TN_OK;
    bool found = false;

    for (size_t i = 0; status == TN_OK && i < TN__COUNT_OF(tools); i++) {
        /* A history that was given this name is no other tool's. */
        if (strcmp(database->table, tools[i].table) == 0)
            continue;
        status = is_there(database, i, &found, err);
        if (status == TN_OK && found)
            return refuse(database, i, err);
    }
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static tn_status not_digits(tn_str version, tn_error *err)
{
    tn_error_set(err, TN_FAILED, NULL, "version \"%.*s\" does not consist of digits",
                 (int)version.len, version.ptr);
    tn_error_set_hint(err, "give the files versions of digits alone, and record those that are "
                           "applied with tenon migrate baseline --to VERSION");
    return TN_FAILED;
}

/* The digits that a version begins with; NULL: something else that files here cannot have. */
static const char *digits_of(tn__arena *arena, tn__other other, tn_str text)
{
    size_t n = 0;

    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
        n++;
    if (n == 0 || (n < text.len && other != TN__OTHER_PRISMA))
        return NULL;
    return tn__arena_copy(arena, text.ptr, n);
}

static tn_status add(tn__arena *arena, tn__other other, tn_rows *rows, tn__other_versions *ret,
                     tn_error *err)
{
    tn_str version = tn_row_str(rows, 0), fault = tn_row_str(rows, 1), which = tn_row_str(rows, 2);

    if (fault.len)
        return tn_error_set(err, TN_FAILED, NULL,
                            "version %.*s is recorded there as %.*s: mend it with that tool first",
                            (int)version.len, version.ptr, (int)fault.len, fault.ptr);
    if (ret->count >= VERSIONS_MAX)
        return tn_error_set(err, TN_LIMIT, NULL, "more than %d versions", VERSIONS_MAX);
    const char *digits = digits_of(arena, other, version);
    if (!digits)
        return not_digits(version, err);
    if (!tn_str_equal(which, TN__STR("one")) &&
        (!ret->upto || tn_migration_compare(digits, ret->upto) > 0))
        ret->upto = digits;
    if (!tn_str_equal(which, TN__STR("upto")))
        ret->items[ret->count++] = digits;
    return TN_OK;
}

static int compare(const void *a, const void *b)
{
    return tn_migration_compare(*(const char *const *)a, *(const char *const *)b);
}

static tn_status read_rows(tn__database *database, size_t i, tn__arena *arena,
                           tn__other_versions *ret, tn_error *err)
{
    tn_status status = TN_OK;
    tn_rows *rows = tn_query(database->at, tools[i].question, NULL);

    while (status == TN_OK && tn_next(rows))
        status = add(arena, tools[i].other, rows, ret, err);
    tn_status closed = tn_close(rows, status == TN_OK ? err : NULL);
    if (status == TN_OK)
        status = closed;
    if (status != TN_OK)
        tn_error_prepend(err, "%s's table %s", tools[i].name, tools[i].table);
    return status;
}

/* Two tools gave their tables one name; a column tells them apart. */
static tn_status check_owner(tn__database *database, tn__other other, tn_error *err)
{
    bool dirty = false;

    if (other != TN__OTHER_GOLANG && other != TN__OTHER_DBMATE)
        return TN_OK;
    tn_status status = has_column(database, "schema_migrations", "dirty", &dirty, err);
    if (status != TN_OK || dirty == (other == TN__OTHER_GOLANG))
        return status;
    tn__problem_next(tn__database_problem(database), "tenon migrate baseline --from %s",
                     dirty ? "golang-migrate" : "dbmate");
    return tn_error_set(
        err, TN_FAILED, NULL,
        dirty ? "the table schema_migrations is golang-migrate's: it has a column dirty"
              : "the table schema_migrations is not golang-migrate's: it has no "
                "column dirty, as dbmate's has none");
}

tn_status tn__other_read(tn__database *database, tn__other other, tn__arena *arena,
                         tn__other_versions *ret, tn_error *err)
{
    size_t i = 0;
    bool found = false;

    while (tools[i].other != other)
        i++;
    *ret = (tn__other_versions){0};
    tn_status status = has_column(database, tools[i].table, NULL, &found, err);
    if (status != TN_OK)
        return status;
    if (!found)
        return tn_error_set(err, TN_FAILED, NULL,
                            "there is no table %s, where %s keeps its history", tools[i].table,
                            tools[i].name);
    status = check_owner(database, other, err);
    if (status != TN_OK)
        return status;
    ret->items = tn__arena_array(arena, VERSIONS_MAX, sizeof(*ret->items));
    if (!ret->items)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    status = read_rows(database, i, arena, ret, err);
    if (status == TN_OK && ret->count)
        qsort(ret->items, ret->count, sizeof(*ret->items), compare);
    return status;
}
