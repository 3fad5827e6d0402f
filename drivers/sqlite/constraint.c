/* SPDX-License-Identifier: MIT */
/*
 * Which constraint failed, by the name that PostgreSQL would give it. SQLite tells columns for a
 * unique one, the name or the expression for a check, nothing for a foreign key; the rest is looked
 * up in the schema. A name that is not certain is left out.
 */
#include "sqlite/lite.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"

#define NAME_LENGTH 63 /* PostgreSQL's longest identifier */

typedef struct key {
    char table[64];
    char columns[LITE_KEY_COLUMNS][64];
    uint32_t n_columns;
} key;

/* ---- PostgreSQL's names --------------------------------------------------------------------- */

/* table_columns_label, the longer part cut first (makeObjectName() in PostgreSQL's indexcmds.c). */
static void default_name(const char *table, const key *columns, const char *label, char *ret)
{
    char middle[NAME_LENGTH * 2 + 2] = "";
    size_t label_len = strlen(label), table_len = strlen(table), middle_len = 0, room;

    for (uint32_t i = 0; columns && i < columns->n_columns && middle_len < NAME_LENGTH; i++)
        middle_len += (size_t)snprintf(middle + middle_len, sizeof middle - middle_len, "%s%.63s",
                                       i ? "_" : "", columns->columns[i]);
    room = NAME_LENGTH - label_len - 1 - (middle_len ? 1 : 0);
    while (table_len + middle_len > room)
        (void)(table_len > middle_len ? table_len-- : middle_len--);
    table_len = tn__utf8_cut(table, strlen(table), table_len);
    middle_len = tn__utf8_cut(middle, strlen(middle), middle_len);
    (void)snprintf(ret, NAME_LENGTH + 1, "%.*s%s%.*s_%s", (int)table_len, table,
                   middle_len ? "_" : "", (int)middle_len, middle, label);
}

static bool same_columns(const lite_constraint *constraint, const key *columns)
{
    if (constraint->n_columns != columns->n_columns || columns->n_columns > LITE_KEY_COLUMNS)
        return false;
    for (uint32_t i = 0; i < columns->n_columns; i++)
        if (!tn__str_iequal(kit_str(constraint->columns[i]), kit_str(columns->columns[i])))
            return false;
    return true;
}

/* ---- the schema ----------------------------------------------------------------------------- */

/* A query of ours with up to two texts; NULL if it cannot be asked. */
static sqlite3_stmt *ask(tn_driver_conn *conn, const char *sql, const char *a, const char *b)
{
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return NULL;
    (void)sqlite3_bind_text(stmt, 1, a, -1, SQLITE_STATIC);
    if (b)
        (void)sqlite3_bind_text(stmt, 2, b, -1, SQLITE_STATIC);
    return stmt;
}

static void copy_column(sqlite3_stmt *stmt, int i, char *ret, size_t size)
{
    tn__copy_text(ret, size, kit_str((const char *)sqlite3_column_text(stmt, i)));
}

/* Hands the constraints of a table to fn. */
static void read_definition(tn_driver_conn *conn, const char *table,
                            bool (*fn)(void *arg, const lite_constraint *constraint), void *arg)
{
    sqlite3_stmt *stmt = ask(conn,
                             "SELECT sql FROM temp.sqlite_schema WHERE type = 'table' AND name = "
                             "?1 COLLATE NOCASE UNION ALL SELECT sql FROM main.sqlite_schema WHERE "
                             "type = 'table' AND name = ?1 COLLATE NOCASE LIMIT 1",
                             table, NULL);

    if (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        lite_definition_read(kit_str((const char *)sqlite3_column_text(stmt, 0)), fn, arg);
    (void)sqlite3_finalize(stmt);
}

/* ---- keys ----------------------------------------------------------------------------------- */

typedef struct key_search {
    const key *columns;
    lite_constraint_kind kind;
    const char *label;
    char *ret;
    bool found;
} key_search;

static bool match_key(void *arg, const lite_constraint *constraint)
{
    key_search *search = arg;

    if (constraint->kind != search->kind ||
        (search->kind != LITE_PRIMARY_KEY && !same_columns(constraint, search->columns)))
        return true;
    search->found = true;
    if (constraint->name[0])
        tn__copy_text(search->ret, NAME_LENGTH + 1, kit_str(constraint->name));
    else
        default_name(search->columns->table, search->columns, search->label, search->ret);
    return false;
}

/* The name that the definition of the table gives to this key; false: it is not in there. */
static bool name_key(tn_driver_conn *conn, const key *columns, lite_constraint_kind kind, char *ret)
{
    static const char *const labels[] = {
        [LITE_PRIMARY_KEY] = "pkey", [LITE_UNIQUE] = "key", [LITE_FOREIGN_KEY] = "fkey"};
    key unnamed = *columns;
    key_search search = {.columns = &unnamed, .kind = kind, .label = labels[kind], .ret = ret};

    if (kind == LITE_PRIMARY_KEY)
        unnamed.n_columns = 0; /* its name has no columns */
    read_definition(conn, columns->table, match_key, &search);
    return search.found;
}

/* The unique index over these columns that was made by CREATE INDEX. */
static void name_index(tn_driver_conn *conn, const key *columns, char *ret)
{
    sqlite3_stmt *stmt;
    char list[LITE_KEY_COLUMNS * 66] = "";
    size_t len = 0;

    for (uint32_t i = 0; i < columns->n_columns && i < LITE_KEY_COLUMNS; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "",
                                columns->columns[i]);
    stmt = ask(conn,
               "SELECT l.name FROM pragma_index_list(?1) l WHERE l.origin = 'c' AND l.\"unique\" "
               "AND (SELECT group_concat(i.name, ', ') FROM pragma_index_info(l.name) i) = ?2 "
               "COLLATE NOCASE ORDER BY l.seq DESC",
               columns->table, list);
    if (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        copy_column(stmt, 0, ret, NAME_LENGTH + 1);
    (void)sqlite3_finalize(stmt);
}

/* "t.a, t.b" */
static bool split_columns(tn_str text, key *ret)
{
    const char *dot = text.len ? memchr(text.ptr, '.', text.len) : NULL;
    size_t prefix = dot ? (size_t)(dot - text.ptr) + 1 : 0;

    if (!dot)
        return false;
    tn__copy_text(ret->table, sizeof ret->table, tn__str(text.ptr, prefix - 1));
    ret->n_columns = 0;
    while (text.len >= prefix && ret->n_columns < LITE_KEY_COLUMNS) {
        const char *end = strstr(text.ptr, ", "); /* the text ends with a NUL */
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        if (len < prefix)
            return false;
        tn__copy_text(ret->columns[ret->n_columns++], sizeof ret->columns[0],
                      tn__str(text.ptr + prefix, len - prefix));
        if (!end)
            break;
        text.ptr += len + 2;
        text.len -= len + 2;
    }
    return true;
}

/* The rows that are there already: nothing of the index is in the schema yet. */
static void index_not_made(const lite_statement *statement, lite_violation *ret)
{
    ret->sqlstate = "23505";
    lite_identifier(statement->index, ret->constraint, sizeof ret->constraint);
    lite_identifier(statement->target, ret->table, sizeof ret->table);
    (void)snprintf(ret->message, sizeof ret->message, "could not create unique index \"%s\"",
                   ret->constraint);
}

static void unique_violation(tn_driver_conn *conn, int code, tn_str text, lite_violation *ret)
{
    key columns;
    bool primary = code != SQLITE_CONSTRAINT_UNIQUE;

    ret->sqlstate = "23505";
    if (tn__str_starts(text, TN__STR("index '"))) { /* of an index over expressions */
        sqlite3_stmt *stmt;
        tn__copy_text(ret->constraint, sizeof ret->constraint, tn__str(text.ptr + 7, text.len - 8));
        stmt = ask(conn, "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND name = ?1",
                   ret->constraint, NULL);
        if (stmt && sqlite3_step(stmt) == SQLITE_ROW)
            copy_column(stmt, 0, ret->table, sizeof ret->table);
        (void)sqlite3_finalize(stmt);
    } else if (split_columns(text, &columns)) {
        tn__copy_text(ret->table, sizeof ret->table, kit_str(columns.table));
        if (!name_key(conn, &columns, primary ? LITE_PRIMARY_KEY : LITE_UNIQUE, ret->constraint))
            name_index(conn, &columns, ret->constraint);
    }
    if (!ret->constraint[0]) {
        (void)snprintf(ret->message, sizeof ret->message,
                       "duplicate key value violates a unique constraint");
        return;
    }
    (void)snprintf(ret->message, sizeof ret->message,
                   "duplicate key value violates unique constraint \"%s\"", ret->constraint);
}

static void not_null_violation(tn_str text, lite_violation *ret)
{
    key columns;

    ret->sqlstate = "23502";
    if (split_columns(text, &columns)) {
        tn__copy_text(ret->table, sizeof ret->table, kit_str(columns.table));
        tn__copy_text(ret->column, sizeof ret->column, kit_str(columns.columns[0]));
    }
    (void)snprintf(ret->message, sizeof ret->message,
                   "null value in column \"%s\" of relation \"%s\" violates not-null constraint",
                   ret->column, ret->table);
}

/* ---- checks --------------------------------------------------------------------------------- */

typedef struct check_search {
    tn_driver_conn *conn;
    const char *table;
    tn_str text; /* the constraint's name, or its expression */
    char *ret;
    char seen[32][NAME_LENGTH + 1]; /* default names of the checks before it */
    uint32_t n_seen;
} check_search;

/* The one column that the expression names, if it names exactly one. */
static bool only_column(check_search *search, tn_str expression, key *ret)
{
    sqlite3_stmt *stmt = ask(search->conn,
                             "SELECT name FROM pragma_table_info(?1) WHERE name = ?2 COLLATE "
                             "NOCASE",
                             search->table, "");
    tn__lexer lexer;
    tn__tok tok;

    ret->n_columns = 0;
    tn__lexer_init(&lexer, expression);
    while (stmt && (tok = tn__lexer_skip(&lexer)).kind != TN__TOK_END &&
           tok.kind != TN__TOK_ERROR) {
        char name[64];
        if (tok.kind != TN__TOK_WORD && tok.kind != TN__TOK_QUOTED)
            continue;
        lite_identifier(tok.text, name, sizeof name);
        if (ret->n_columns && tn__str_iequal(kit_str(name), kit_str(ret->columns[0])))
            continue;
        (void)sqlite3_reset(stmt);
        (void)sqlite3_bind_text(stmt, 2, name, -1, SQLITE_TRANSIENT);
        if (sqlite3_step(stmt) != SQLITE_ROW)
            continue;
        copy_column(stmt, 0, ret->columns[0], sizeof ret->columns[0]);
        if (++ret->n_columns > 1)
            break;
    }
    (void)sqlite3_finalize(stmt);
    return ret->n_columns == 1;
}

/* PostgreSQL numbers checks of the same name: t_n_check, t_n_check1 ... */
static void number_name(check_search *search, const key *columns, char *ret)
{
    char label[16] = "check";

    for (int pass = 1; pass < 100; pass++) {
        bool taken = false;
        default_name(search->table, columns, label, ret);
        for (uint32_t i = 0; i < search->n_seen; i++)
            taken |= strcmp(search->seen[i], ret) == 0;
        if (!taken)
            break;
        (void)snprintf(label, sizeof label, "check%d", pass);
    }
    if (search->n_seen < TN__COUNT_OF(search->seen))
        memcpy(search->seen[search->n_seen++], ret, NAME_LENGTH + 1);
}

static bool match_check(void *arg, const lite_constraint *constraint)
{
    check_search *search = arg;
    char name[NAME_LENGTH + 1];
    key columns;

    if (constraint->kind != LITE_CHECK)
        return true;
    if (constraint->name[0]) {
        if (!tn__str_iequal(kit_str(constraint->name), search->text))
            return true;
        tn__copy_text(search->ret, NAME_LENGTH + 1, kit_str(constraint->name));
        return false;
    }
    number_name(search, only_column(search, constraint->expression, &columns) ? &columns : NULL,
                name);
    if (!tn_str_equal(constraint->expression, search->text))
        return true;
    memcpy(search->ret, name, sizeof name);
    return false;
}

static void check_violation(tn_driver_conn *conn, tn_str text, const lite_statement *statement,
                            lite_violation *ret)
{
    check_search search = {.conn = conn, .text = text, .ret = ret->constraint};

    ret->sqlstate = "23514";
    if (statement && statement->target.len) {
        lite_identifier(statement->target, ret->table, sizeof ret->table);
        search.table = ret->table;
        read_definition(conn, ret->table, match_check, &search);
    }
    if (!ret->constraint[0]) /* of another table, reached by a trigger */
        ret->table[0] = '\0';
    if (ret->constraint[0])
        (void)snprintf(ret->message, sizeof ret->message,
                       "new row for relation \"%s\" violates check constraint \"%s\"", ret->table,
                       ret->constraint);
    else
        (void)snprintf(ret->message, sizeof ret->message,
                       "new row violates a check constraint: %.*s",
                       (int)tn__utf8_cut(text.ptr, text.len, 200), text.ptr);
}

/* ---- foreign keys --------------------------------------------------------------------------- */

/* Those that the statement can have violated, at most two: (child, id, by the child's side). */
static const char child_side[] =
    "SELECT ?1, id, 1 FROM pragma_foreign_key_list(?1) WHERE seq = 0 AND NOT EXISTS (SELECT 1 FROM "
    "sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE) LIMIT 2";
static const char parent_side[] =
    "SELECT m.name, f.id, f.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR f.on_update NOT IN ('NO "
    "ACTION', 'RESTRICT') FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = "
    "'table' AND f.seq = 0 AND f.\"table\" = ?1 COLLATE NOCASE LIMIT 2";
static const char deferred[] =
    "SELECT DISTINCT \"table\", fkid, 1 FROM pragma_foreign_key_check LIMIT 2";

typedef struct candidate {
    key columns; /* of the child */
    int64_t id;
    int count;
    bool chain; /* it cascades: the failure may be one table further */
} candidate;

static void collect(tn_driver_conn *conn, const char *sql, const char *table, candidate *ret)
{
    sqlite3_stmt *stmt = ask(conn, sql, table, NULL);

    while (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
        copy_column(stmt, 0, ret->columns.table, sizeof ret->columns.table);
        ret->id = sqlite3_column_int64(stmt, 1);
        ret->chain |= sql == parent_side && sqlite3_column_int(stmt, 2);
        ret->count++;
    }
    (void)sqlite3_finalize(stmt);
}

static void name_foreign_key(tn_driver_conn *conn, candidate *found, lite_violation *ret)
{
    sqlite3_stmt *stmt = ask(
        conn, "SELECT \"from\" FROM pragma_foreign_key_list(?1) WHERE id = ?2 + 0 ORDER BY seq",
        found->columns.table, NULL);

    if (stmt)
        (void)sqlite3_bind_int64(stmt, 2, found->id);
    found->columns.n_columns = 0;
    while (stmt && found->columns.n_columns < LITE_KEY_COLUMNS && sqlite3_step(stmt) == SQLITE_ROW)
        copy_column(stmt, 0, found->columns.columns[found->columns.n_columns++],
                    sizeof found->columns.columns[0]);
    (void)sqlite3_finalize(stmt);
    if (name_key(conn, &found->columns, LITE_FOREIGN_KEY, ret->constraint))
        tn__copy_text(ret->table, sizeof ret->table, kit_str(found->columns.table));
}

static void foreign_key_violation(tn_driver_conn *conn, const lite_statement *statement,
                                  lite_violation *ret)
{
    char target[64] = "";
    candidate child = {.count = 0}, parent = {.count = 0};
    bool inserts = !statement || statement->kind != LITE_KIND_DELETE;
    bool removes = statement && (statement->kind != LITE_KIND_INSERT || statement->replaces);

    ret->sqlstate = "23503";
    if (statement && statement->target.len)
        lite_identifier(statement->target, target, sizeof target);
    if (!statement)
        collect(conn, deferred, "", &child);
    else if (inserts && target[0])
        collect(conn, child_side, target, &child);
    if (removes && target[0])
        collect(conn, parent_side, target, &parent);
    if (child.count == 1 && parent.count == 0)
        name_foreign_key(conn, &child, ret);
    else if (child.count == 0 && parent.count == 1 && !parent.chain)
        name_foreign_key(conn, &parent, ret);
    if (!ret->constraint[0])
        (void)snprintf(ret->message, sizeof ret->message,
                       "a foreign key constraint is violated (SQLite does not tell which)");
    else if (child.count)
        (void)snprintf(ret->message, sizeof ret->message,
                       "insert or update on table \"%s\" violates foreign key constraint \"%s\"",
                       ret->table, ret->constraint);
    else
        (void)snprintf(ret->message, sizeof ret->message,
                       "update or delete on table \"%s\" violates foreign key constraint \"%s\" on "
                       "table \"%s\"",
                       target, ret->constraint, ret->table);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* What stands behind SQLite's "X constraint failed: ". */
static tn_str behind(const char *text)
{
    static const char words[] = " constraint failed: ";
    const char *at = strstr(text, words);

    return kit_str(at ? at + sizeof words - 1 : "");
}

void lite_violation_read(tn_driver_conn *conn, int code, const char *text,
                         const lite_statement *statement, lite_violation *ret)
{
    bool foreign = strcmp(text, "FOREIGN KEY constraint failed") == 0;

    *ret = (lite_violation){.sqlstate = "23000"};
    switch (code) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_UNIQUE:
        if (statement && statement->index.len)
            index_not_made(statement, ret);
        else
            unique_violation(conn, code, behind(text), ret);
        return;
    case SQLITE_CONSTRAINT_NOTNULL: not_null_violation(behind(text), ret); return;
    case SQLITE_CONSTRAINT_CHECK: check_violation(conn, behind(text), statement, ret); return;
    case SQLITE_CONSTRAINT_DATATYPE: ret->sqlstate = "22P02"; break;
    case SQLITE_CONSTRAINT_TRIGGER: /* RAISE, and ON DELETE RESTRICT */
        if (!foreign)
            ret->sqlstate = "P0001";
        break;
    default: break;
    }
    if (foreign)
        foreign_key_violation(conn, statement, ret);
    else
        (void)snprintf(ret->message, sizeof ret->message, "%.300s", text);
}
