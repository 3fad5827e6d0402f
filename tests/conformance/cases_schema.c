/* SPDX-License-Identifier: MIT */
/* tn_schema_read(): the schema as a text that is the same every time and makes it anew. */
#include <stdlib.h>
#include <string.h>

#include <tenon/schema.h>

#include "suite.h"

/* The text of one table's objects, "" if there is none; the whole has to be read for it. */
static char *text_about(fixture *f, tn_db *db, const char *table)
{
    tn_error err = TN_ERROR_INIT;
    tn_schema *schema = NULL;
    tn_schema_object object;

    tn_status status = tn_schema_read(db, NULL, &schema, &err);
    if (status == TN_UNSUPPORTED)
        skip(f, "the driver has no catalog");
    check_ok(f, status, &err);
    char *text = room(f, tn_schema_text(schema).len + 1);
    size_t len = 0;
    for (size_t i = 0; tn_schema_at(schema, i, &object); i++) {
        char *sql_text = strndup(object.sql.ptr, object.sql.len);
        if (sql_text && strstr(sql_text, table)) {
            memcpy(text + len, object.sql.ptr, object.sql.len);
            len += object.sql.len;
            text[len++] = '\n';
        }
        free(sql_text);
    }
    text[len] = '\0';
    tn_schema_free(schema);
    return text;
}

static const char definition[] =
    "create table {t} (id integer primary key, name text default 'x, (y' not null,"
    " price numeric(10,2) check (price > 0), parent integer references {t} (id), unique (name, "
    "price))";

static void the_same_every_time(fixture *f)
{
    exec(f, f->db, definition, NULL);
    char *first = text_about(f, f->db, table_name(f, 't'));
    check(f, strstr(first, "create table ") != NULL);
    check(f, strstr(first, "name text") != NULL);
    check_text(f, text_about(f, f->db, table_name(f, 't')), first);
}

static void every_change_is_seen(fixture *f)
{
    exec(f, f->db, "create table {t} (a integer)", NULL);
    char *before = text_about(f, f->db, table_name(f, 't'));
    exec(f, f->db, "alter table {t} add column b text", NULL);
    char *wider = text_about(f, f->db, table_name(f, 't'));
    check(f, strcmp(before, wider) != 0);
    exec(f, f->db, "create index on_{t} on {t} (a)", NULL);
    char *indexed = text_about(f, f->db, table_name(f, 't'));
    check(f, strcmp(wider, indexed) != 0);
    exec(f, f->db, "insert into {t} (a) values (1)", NULL);
    check_text(f, text_about(f, f->db, table_name(f, 't')), indexed);
    exec(f, f->db, "drop index on_{t}", NULL);
    check_text(f, text_about(f, f->db, table_name(f, 't')), wider);
    exec(f, f->db, "drop table {t}", NULL);
    check_text(f, text_about(f, f->db, table_name(f, 't')), "");
}

static void the_text_makes_it_anew(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, definition, NULL);
    exec(f, f->db, "create index on_{t} on {t} (price)", NULL);
    char *text = text_about(f, f->db, table_name(f, 't'));
    exec(f, f->db, "drop table {t}", NULL);
    check_ok(f, tn_exec_script(f->db, text, &err), &err);
    check_text(f, text_about(f, f->db, table_name(f, 't')), text);
}

static void a_transaction_sees_its_own(fixture *f)
{
    tn_db *tx = begin(f, f->db);

    exec(f, tx, "create table {t} (a integer)", NULL);
    check(f, strstr(text_about(f, tx, table_name(f, 't')), "a integer") != NULL);
    exec(f, tx, "insert into {t} values (1)", NULL);
    rollback(f, tx);
    check_text(f, text_about(f, f->db, table_name(f, 't')), "");
}

static void a_schema_that_is_not_there(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_schema *schema = NULL;

    (void)text_about(f, f->db, "nothing");
    tn_status status = tn_schema_read(f->db, "tenon_no_such_schema", &schema, &err);
    check(f, status != TN_OK && schema == NULL);
    check_text(f, err.sqlstate, "3F000");
}

static const suite_case cases[] = {
    CASE(the_same_every_time, TN_CAP_SQL),
    CASE(every_change_is_seen, TN_CAP_SQL),
    CASE(the_text_makes_it_anew, TN_CAP_SQL),
    CASE(a_transaction_sees_its_own, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(a_schema_that_is_not_there, TN_CAP_SQL),
};

GROUP(schema);
