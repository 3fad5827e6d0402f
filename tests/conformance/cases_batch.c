/* SPDX-License-Identifier: MIT */
/* Batches: one round trip where the driver can, the same answers where it cannot. */
#include <string.h>

#include "suite.h"

static size_t add(fixture *f, tn_batch_t *batch, const char *text, const tn_arglist *args,
                  const tn_intolist *into)
{
    return tn_batch_add(batch, sql(f, text), args, into);
}

static tn_status run(tn_batch_t *batch, tn_db *db, tn_batch_mode mode, tn_error *err)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;

    options.mode = mode;
    return tn_batch_run(batch, db, &options, err);
}

#define run_ok(f, batch, db)                                          \
    do {                                                              \
        tn_error err_ = TN_ERROR_INIT;                                \
        check_ok(f, tn_batch_run((batch), (db), NULL, &err_), &err_); \
    } while (0)

static const char *long_statement(fixture *f)
{
    if (!f->answers->long_statement)
        skip(f, "the driver declares no statement that takes long");
    return f->answers->long_statement;
}

static void table_of(fixture *f, const char *rows)
{
    char text[256];

    exec(f, f->db, "create table {t} (id integer primary key, n integer not null)", NULL);
    snprintf(text, sizeof(text), "insert into {t} (id, n) values %s", rows);
    exec(f, f->db, text, NULL);
}

static int64_t count(fixture *f)
{
    return int_of(f, f->db, "select count(*) from {t}", NULL);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Which every driver can do. */
static void what_any_driver_can(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    int64_t n = 0;
    char *text = NULL;

    add(f, batch, "select cast($1 as bigint)", tn_args(INT64_C(5)), tn_into(&n));
    add(f, batch, "select cast($1 as text)", tn_args("five"), tn_into(&text));
    size_t kept = add(f, batch, "select cast($1 as bigint)", tn_args(INT64_C(6)), NULL);
    run_ok(f, batch, f->db);
    keep_text(f, text);
    check_int(f, n, 5);
    check_text(f, text, "five");
    tn_rows *rows = keep_rows(f, tn_batch_rows(batch, kept));
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), 6);
    close_rows(f, rows);
}

static void answers_come_in_order(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    int first = 0, second = 0, third = 0;

    table_of(f, "(1, 10), (2, 20)");
    check_int(f, add(f, batch, "select n from {t} where id = $1", tn_args(1), tn_into(&first)), 0);
    check_int(f, add(f, batch, "update {t} set n = n + $1", tn_args(5), NULL), 1);
    check_int(f, add(f, batch, "select n from {t} where id = $1", tn_args(1), tn_into(&second)), 2);
    check_int(f, add(f, batch, "select n from {t} where id = $1", tn_args(2), tn_into(&third)), 3);
    check_int(f, tn_batch_count(batch), 4);
    run_ok(f, batch, f->db);
    check_int(f, first, 10);
    check_int(f, second, 15);
    check_int(f, third, 25);
    check_int(f, tn_batch_affected(batch, 1), 2);
    check_int(f, tn_batch_affected(batch, 0), 0);
    check_int(f, tn_batch_failed(batch), 4);
    for (size_t i = 0; i < 4; i++) {
        check_int(f, tn_batch_status(batch, i, NULL), TN_OK);
        check_int(f, tn_batch_outcome(batch, i), TN_OUTCOME_APPLIED);
    }
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 40);
}

static void rows_are_kept(fixture *f)
{
    tn_batch_t *batch = new_batch(f);

    table_of(f, "(1, 10), (2, 20), (3, 30)");
    size_t all = add(f, batch, "select id, n as value from {t} order by id", NULL, NULL);
    size_t none = add(f, batch, "select id from {t} where id > 5", NULL, NULL);
    size_t done = add(f, batch, "delete from {t} where id < 3", NULL, NULL);
    run_ok(f, batch, f->db);
    for (int round = 0; round < 2; round++) {
        tn_rows *rows = keep_rows(f, tn_batch_rows(batch, all));
        int64_t ids = 0, values = 0;
        check_int(f, tn_rows_columns(rows), 2);
        check_text(f, tn_rows_column(rows, 1)->name, "value");
        while (tn_next(rows)) {
            ids = ids * 10 + tn_row_int64(rows, 0);
            values += tn_row_int64(rows, tn_col(rows, "value"));
        }
        check_int(f, ids, 123);
        check_int(f, values, 60);
        close_rows(f, rows);
    }
    tn_rows *rows = keep_rows(f, tn_batch_rows(batch, none));
    check(f, !tn_next(rows));
    check_int(f, tn_rows_columns(rows), 1);
    close_rows(f, rows);
    rows = keep_rows(f, tn_batch_rows(batch, done));
    check(f, !tn_next(rows));
    check_int(f, tn_rows_affected(rows), 2);
    close_rows(f, rows);
}

static void many_rows_are_kept(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    int64_t sum = 0, rows_read = 0;

    size_t all = add(f, batch, COUNT_TO("5000") "select n, 'row ' || n from s order by n", NULL,
                     NULL);
    run_ok(f, batch, f->db);
    tn_rows *rows = keep_rows(f, tn_batch_rows(batch, all));
    while (tn_next(rows)) {
        sum += tn_row_int64(rows, 0);
        rows_read++;
        check(f, tn_row_str(rows, 1).len >= 5);
    }
    close_rows(f, rows);
    check_int(f, rows_read, 5000);
    check_int(f, sum, INT64_C(12502500));
}

static void arguments_are_copied(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    char text[16], statement[64];
    int64_t numbers[3];
    tn_uuid id;

    exec(f, f->db, "create table {t} (id integer, name text, raw bytea, key uuid)", NULL);
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "name %d", i);
        snprintf(statement, sizeof(statement), "%s",
                 sql(f, "insert into {t} values ($1,$2,$3,$4)"));
        memset(&id, 'a' + i, sizeof(id));
        tn_batch_add(batch, statement, tn_args(i, text, ((tn_bytes){(void *)text, 4}), id), NULL);
    }
    memset(text, 'x', sizeof(text));
    memset(statement, 'x', sizeof(statement));
    memset(&id, 0, sizeof(id));
    memset(numbers, 0, sizeof(numbers));
    run_ok(f, batch, f->db);
    check_int(f, count(f), 3);
    check_text(f, text_of(f, f->db, "select name from {t} where id = 1", NULL), "name 1");
    check_text(f, text_of(f, f->db, "select cast(key as text) from {t} where id = 2", NULL),
               "63636363-6363-6363-6363-636363636363");
    check_int(f,
              int_of(f, f->db, "select count(*) from {t} where raw = $1",
                     tn_args(((tn_bytes){(void *)(uintptr_t) "name", 4}))),
              3);
}

static void arrays_are_copied(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    int64_t numbers[] = {1, 2, 3};
    const char *names[] = {"a", NULL, "c"};
    char *first = NULL, *second = NULL;

    add(f, batch, "select cast(cast($1 as bigint[]) as text)", tn_args(tn_array_of(numbers, 3)),
        tn_into(&first));
    add(f, batch, "select cast(cast($1 as text[]) as text)", tn_args(tn_array_of(names, 3)),
        tn_into(&second));
    memset(numbers, 0, sizeof(numbers));
    memset(names, 0, sizeof(names));
    run_ok(f, batch, f->db);
    keep_text(f, first);
    keep_text(f, second);
    check_text(f, first, "{1,2,3}");
    check_text(f, second, "{a,NULL,c}");
}

static void targets_of_every_kind(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_opt_int64 some, nothing;
    tn_str view = {NULL, 0};
    char *text = NULL, buffer[16] = "";
    double number = 0;

    add(f, batch, "select cast($1 as bigint), cast($2 as bigint)", tn_args(7, tn_null),
        tn_into(&some, &nothing));
    add(f, batch, "select cast($1 as text), cast($2 as text), cast($3 as float8)",
        tn_args("on the heap", "in a buffer", 1.5),
        tn_into(&text, tn_textbuf(buffer, 16), &number));
    add(f, batch, "select cast($1 as text)", tn_args("a view"), tn_targets(&view));
    run_ok(f, batch, f->db);
    keep_text(f, text);
    check(f, some.has && some.value == 7);
    check(f, !nothing.has);
    check_text(f, text, "on the heap");
    check_text(f, buffer, "in a buffer");
    check(f, number == 1.5);
    check_str(f, view, "a view");
}

static void run_again(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    int n = 0;

    table_of(f, "(1, 0)");
    add(f, batch, "update {t} set n = n + 1", NULL, NULL);
    add(f, batch, "select n from {t}", NULL, tn_into(&n));
    for (int i = 1; i <= 3; i++) {
        run_ok(f, batch, f->db);
        check_int(f, n, i);
    }
    tn_batch_reset(batch);
    check_int(f, tn_batch_count(batch), 0);
    check_int(f, add(f, batch, "delete from {t}", NULL, NULL), 0);
    run_ok(f, batch, f->db);
    check_int(f, count(f), 0);
}

static void nothing_to_run(fixture *f)
{
    tn_batch_t *batch = new_batch(f);

    run_ok(f, batch, f->db);
    check_int(f, tn_batch_failed(batch), 0);
    check_int(f, tn_batch_status(batch, 0, NULL), TN_MISUSE);
    close_fails(f, keep_rows(f, tn_batch_rows(batch, 0)), TN_MISUSE, NULL);
    add(f, batch, "", NULL, NULL);
    add(f, batch, "-- nothing", NULL, NULL);
    run_ok(f, batch, f->db);
}

static void ten_thousand_statements(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    const char *insert = sql(f, "insert into {t} (id, n) values ($1, $2)");
    int64_t last = 0;

    table_of(f, "(0, 0)");
    for (int i = 1; i <= 10000; i++)
        tn_batch_add(batch, insert, tn_args(i, i % 7), NULL);
    add(f, batch, "select count(*) from {t}", NULL, tn_into(&last));
    run_ok(f, batch, f->db);
    check_int(f, last, 10001);
    check_int(f, tn_batch_affected(batch, 9999), 1);
    check_int(f, count(f), 10001);
}

/* Answers and questions that are larger than any buffer between the two, both ways at once. */
static void large_both_ways(fixture *f)
{
    enum { SIZE = 60000, TIMES = 200 };
    tn_batch_t *batch = new_batch(f);
    char *text = room(f, SIZE + 1);
    tn_str views[TIMES];

    memset(text, 'v', SIZE);
    text[SIZE] = '\0';
    for (int i = 0; i < TIMES; i++)
        tn_batch_add(batch, "select cast($1 as text)", tn_args(text), tn_targets(&views[i]));
    run_ok(f, batch, f->db);
    for (int i = 0; i < TIMES; i++)
        check(f, views[i].len == SIZE && memcmp(views[i].ptr, text, SIZE) == 0);
}

/* ---- failures, all or nothing ---------------------------------------------------------------- */

static void all_or_nothing(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    add(f, batch, "insert into {t} values ($1, 0)", tn_args(2), NULL);
    add(f, batch, "insert into {t} values ($1, 0)", tn_args(1), NULL);
    add(f, batch, "insert into {t} values ($1, 0)", tn_args(3), NULL);
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_CONSTRAINT, "23505");
    check(f, strstr(err.message, "statement 2 of 3") != NULL);
    check_int(f, err.outcome, TN_OUTCOME_NOT_APPLIED);
    check_int(f, tn_batch_failed(batch), 1);
    check_int(f, tn_batch_status(batch, 0, NULL), TN_OK);
    check_error(f, tn_batch_status(batch, 1, &err), &err, TN_CONSTRAINT, "23505");
    check_error(f, tn_batch_status(batch, 2, &err), &err, TN_ABORTED, "25P02");
    for (size_t i = 0; i < 3; i++)
        check_int(f, tn_batch_outcome(batch, i), TN_OUTCOME_NOT_APPLIED);
    check_int(f, tn_batch_affected(batch, 2), 0);
    check_int(f, count(f), 1);
}

static void wrong_argument_stops(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    add(f, batch, "insert into {t} values ($1, 0)", tn_args(2), NULL);
    add(f, batch, "insert into {t} values ($1, 0)", tn_args(INT64_C(1) << 40), NULL);
    add(f, batch, "insert into {t} values ($1, 0)", tn_args(3), NULL);
    if (!has(f, TN_CAP_PARAM_TYPES))
        skip(f, "parameters have no types");
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_DATA, "22003");
    check_int(f, tn_batch_failed(batch), 1);
    check_error(f, tn_batch_status(batch, 2, &err), &err, TN_ABORTED, NULL);
    check_int(f, count(f), 1);
    check_error(f, run(batch, f->db, TN_BATCH_INDEPENDENT, &err), &err, TN_DATA, "22003");
    check_int(f, tn_batch_status(batch, 2, NULL), TN_OK);
    check_int(f, count(f), 3);
}

static void wrong_number_of_arguments(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    add(f, batch, "delete from {t}", NULL, NULL);
    add(f, batch, "insert into {t} values ($1, $2)", tn_args(2), NULL);
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_PROTOCOL, "08P01");
    check_int(f, count(f), 1);
}

static void prepared_before_anything_runs(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    add(f, batch, "create table {t} (n integer)", NULL, NULL);
    add(f, batch, "insert into {t} values (1)", NULL, NULL);
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_SYNTAX, "42P01");
    check_int(f, tn_batch_failed(batch), 1);
    check_int(f, tn_batch_outcome(batch, 0), TN_OUTCOME_NOT_APPLIED);
    check_error(f, tn_batch_status(batch, 0, &err), &err, TN_ABORTED, NULL);
    exec(f, f->db, "create table {t} (n integer)", NULL);
}

static void transaction_commands_are_refused(fixture *f)
{
    static const char *const texts[] = {"begin",       "commit",    "rollback",
                                        "savepoint a", "release a", "rollback to a"};
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 1)");
    for (size_t i = 0; i < SUITE_COUNT(texts); i++) {
        add(f, batch, "delete from {t}", NULL, NULL);
        tn_batch_add(batch, texts[i], NULL, NULL);
        check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_MISUSE, "25000");
        check(f, strstr(err.message, "statement 2") != NULL);
        tn_batch_reset(batch);
    }
    check_int(f, count(f), 1);
}

static void misuse(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    tn_batch_add(batch, NULL, NULL, NULL);
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_MISUSE, NULL);
    tn_batch_reset(batch);
    tn_batch_add(batch, "select '\xff'", NULL, NULL);
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_DATA, "22021");
    tn_batch_reset(batch);
    check_error(f, tn_batch_run(NULL, f->db, NULL, &err), &err, TN_NOMEM, NULL);
    check_error(f, tn_batch_run(batch, NULL, NULL, &err), &err, TN_MISUSE, NULL);
    check_error(f, tn_batch_commit(batch, f->db, NULL, &err), &err, TN_MISUSE, NULL);
    add(f, batch, "select 1", NULL, NULL);
    run_ok(f, batch, f->db);
    tn_rows *rows = keep_rows(f, tn_batch_rows(batch, 0));
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_MISUSE, "24000");
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), 1);
    close_rows(f, rows);
    run_ok(f, batch, f->db);
}

/* ---- answers that cannot be taken ------------------------------------------------------------ */

static void one_row_is_wanted(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;
    int none = -1, two = -1, narrow = -1;

    table_of(f, "(1, 10), (2, 20)");
    add(f, batch, "update {t} set n = n + 1", NULL, NULL);
    add(f, batch, "select n from {t} where id = 9", NULL, tn_into(&none));
    add(f, batch, "select n from {t}", NULL, tn_into(&two));
    add(f, batch, "select id, n from {t} where id = 1", NULL, tn_into(&narrow));
    add(f, batch, "update {t} set n = n + 1", NULL, NULL);
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_NOT_FOUND, "02000");
    check_int(f, err.outcome, TN_OUTCOME_APPLIED);
    check_int(f, tn_batch_failed(batch), 1);
    check_error(f, tn_batch_status(batch, 2, &err), &err, TN_TOO_MANY_ROWS, "21000");
    check_error(f, tn_batch_status(batch, 3, &err), &err, TN_DATA, "42804");
    check_int(f, tn_batch_status(batch, 4, NULL), TN_OK);
    check(f, none == -1 && two == -1 && narrow == -1);
    check_int(f, int_of(f, f->db, "select sum(n) from {t}", NULL), 34);
}

static void value_that_does_not_fit(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;
    int n = -1;
    char *text = NULL;

    add(f, batch, "select cast('x' as text), cast(3000000000 as bigint)", NULL, tn_into(&text, &n));
    add(f, batch, "select cast(null as integer)", NULL, tn_into(&n));
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_DATA, "22003");
    check_error(f, tn_batch_status(batch, 1, &err), &err, TN_DATA, "22002");
    check(f, !text && n == -1);
}

static void kept_rows_have_a_limit(fixture *f)
{
    tn_config *config = new_config(f);
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    set_option(f, config, "row_buffer", "65536");
    tn_db *client = open_client(f, config);
    add(f, batch, COUNT_TO("20000") "select n from s", NULL, NULL);
    size_t after = add(f, batch, "select 4", NULL, NULL);
    check_error(f, tn_batch_run(batch, client, NULL, &err), &err, TN_LIMIT, "54000");
    close_fails(f, keep_rows(f, tn_batch_rows(batch, 0)), TN_LIMIT, "54000");
    check_ok(f, tn_batch_status(batch, after, &err), &err);
}

/* ---- each for itself ------------------------------------------------------------------------- */

static void independent_of_each_other(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    for (int i = 0; i < 6; i++)
        add(f, batch, "insert into {t} values ($1, 0)", tn_args(i / 2 + 1), NULL);
    check_error(f, run(batch, f->db, TN_BATCH_INDEPENDENT, &err), &err, TN_CONSTRAINT, "23505");
    check_int(f, tn_batch_failed(batch), 0);
    for (size_t i = 0; i < 6; i++) {
        bool good = i == 2 || i == 4;
        check_int(f, tn_batch_status(batch, i, NULL), good ? TN_OK : TN_CONSTRAINT);
        check_int(f, tn_batch_outcome(batch, i),
                  good ? TN_OUTCOME_APPLIED : TN_OUTCOME_NOT_APPLIED);
        check_int(f, tn_batch_affected(batch, i), good);
    }
    check_int(f, count(f), 3);
}

static void independent_of_what_cannot_be_prepared(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;
    int n = 0;

    table_of(f, "(1, 10)");
    add(f, batch, "select n from {u}", NULL, NULL);
    add(f, batch, "select n from {t}", NULL, tn_into(&n));
    add(f, batch, "select n from {u}", NULL, NULL);
    check_error(f, run(batch, f->db, TN_BATCH_INDEPENDENT, &err), &err, TN_SYNTAX, "42P01");
    check_int(f, tn_batch_status(batch, 2, NULL), TN_SYNTAX);
    check_int(f, tn_batch_status(batch, 1, NULL), TN_OK);
    check_int(f, n, 10);
}

/* A statement that runs well and whose commit fails has failed. */
static void independent_with_deferred_checks(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (id integer primary key)", NULL);
    exec(f, f->db,
         "create table {u} (id integer references {t} (id) deferrable initially deferred)", NULL);
    add(f, batch, "insert into {t} values (1)", NULL, NULL);
    add(f, batch, "insert into {u} values (9)", NULL, NULL);
    add(f, batch, "insert into {u} values (1)", NULL, NULL);
    check_error(f, run(batch, f->db, TN_BATCH_INDEPENDENT, &err), &err, TN_CONSTRAINT, "23503");
    check_int(f, tn_batch_failed(batch), 1);
    check_int(f, tn_batch_outcome(batch, 1), TN_OUTCOME_NOT_APPLIED);
    check_int(f, tn_batch_status(batch, 2, NULL), TN_OK);
    check_int(f, int_of(f, f->db, "select count(*) from {u}", NULL), 1);
}

static void atomic_with_deferred_checks(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    exec(f, f->db, "create table {t} (id integer primary key)", NULL);
    exec(f, f->db,
         "create table {u} (id integer references {t} (id) deferrable initially deferred)", NULL);
    add(f, batch, "insert into {u} values (9)", NULL, NULL);
    add(f, batch, "insert into {t} values (1)", NULL, NULL);
    check_error(f, tn_batch_run(batch, f->db, NULL, &err), &err, TN_CONSTRAINT, "23503");
    check_int(f, err.phase, TN_PHASE_COMMIT);
    check_int(f, err.outcome, TN_OUTCOME_NOT_APPLIED);
    check_int(f, tn_batch_failed(batch), 2);
    check_int(f, tn_batch_outcome(batch, 1), TN_OUTCOME_NOT_APPLIED);
    check_int(f, count(f), 0);
}

/* ---- in transactions ------------------------------------------------------------------------- */

static void part_of_a_transaction(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    tn_db *tx = begin(f, f->db);
    add(f, batch, "insert into {t} values (2, 20)", NULL, NULL);
    add(f, batch, "insert into {t} values (3, 30)", NULL, NULL);
    run_ok(f, batch, tx);
    check_int(f, tn_batch_outcome(batch, 0), TN_OUTCOME_NONE);
    check_int(f, int_of(f, tx, "select count(*) from {t}", NULL), 3);
    check_error(f, run(batch, tx, TN_BATCH_INDEPENDENT, &err), &err, TN_MISUSE, "25001");
    check_error(f, tn_batch_run(batch, tx, NULL, &err), &err, TN_CONSTRAINT, "23505");
    check_int(f, tn_batch_failed(batch), 0);
    exec_fails(f, tx, "select 1", NULL, TN_ABORTED, "25P02");
    rollback(f, tx);
    check_int(f, count(f), 1);
}

static void within_savepoints(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    tn_db *tx = begin(f, f->db);
    tn_db *inner = begin(f, tx);
    add(f, batch, "insert into {t} values (2, 20)", NULL, NULL);
    run_ok(f, batch, inner);
    check_error(f, tn_batch_run(batch, inner, NULL, &err), &err, TN_CONSTRAINT, "23505");
    rollback(f, inner);
    run_ok(f, batch, tx);
    commit(f, tx);
    check_int(f, count(f), 2);
}

static void rows_in_between(fixture *f)
{
    tn_batch_t *batch = new_batch(f);

    table_of(f, "(1, 10), (2, 20)");
    tn_db *tx = begin(f, f->db);
    tn_rows *rows = query(f, tx, "select id from {t} order by id", NULL);
    next(f, rows);
    add(f, batch, "delete from {t}", NULL, NULL);
    run_ok(f, batch, tx);
    next(f, rows);
    check_int(f, tn_row_int64(rows, 0), 2);
    close_rows(f, rows);
    commit(f, tx);
    check_int(f, count(f), 0);
}

static void on_a_session(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_db *session = acquire(f, f->db);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    add(f, batch, "insert into {t} values (2, 20)", NULL, NULL);
    run_ok(f, batch, session);
    check_error(f, run(batch, session, TN_BATCH_INDEPENDENT, &err), &err, TN_CONSTRAINT, "23505");
    exec(f, session, "begin", NULL);
    exec(f, session, "delete from {t}", NULL);
    run_ok(f, batch, session);
    check_int(f, tn_batch_outcome(batch, 0), TN_OUTCOME_NONE);
    exec(f, session, "rollback", NULL);
    check_int(f, int_of(f, session, "select count(*) from {t}", NULL), 2);
    release(f, session);
}

static void read_only(fixture *f)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    options.read_only = true;
    options.isolation = TN_REPEATABLE_READ;
    table_of(f, "(1, 10)");
    add(f, batch, "select n from {t}", NULL, NULL);
    check_ok(f, tn_batch_run(batch, f->db, &options, &err), &err);
    add(f, batch, "delete from {t}", NULL, NULL);
    check_error(f, tn_batch_run(batch, f->db, &options, &err), &err, TN_READ_ONLY, "25006");
    check_int(f, count(f), 1);
    tn_db *tx = begin(f, f->db);
    check_error(f, tn_batch_run(batch, tx, &options, &err), &err, TN_MISUSE, "25001");
    rollback(f, tx);
}

/* ---- with COMMIT ----------------------------------------------------------------------------- */

static void commit_with_the_batch(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;
    int n = 0;

    table_of(f, "(1, 10)");
    tn_db *tx = begin(f, f->db);
    add(f, batch, "select n from {t} where id = 1", NULL, tn_into(&n));
    add(f, batch, "update {t} set n = n + 1 where id = 1", NULL, NULL);
    check_ok(f, end_batch_commit(f, batch, tx, &err), &err);
    check_int(f, n, 10);
    check_int(f, tn_batch_outcome(batch, 1), TN_OUTCOME_APPLIED);
    check_int(f, int_of(f, f->db, "select n from {t}", NULL), 11);
}

static void commit_that_fails_rolls_back(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (2, 20)", NULL);
    add(f, batch, "insert into {t} values (3, 30)", NULL, NULL);
    add(f, batch, "insert into {t} values (1, 10)", NULL, NULL);
    check_error(f, end_batch_commit(f, batch, tx, &err), &err, TN_CONSTRAINT, "23505");
    check_int(f, tn_batch_outcome(batch, 0), TN_OUTCOME_NOT_APPLIED);
    check_int(f, count(f), 1);
}

static void commit_of_a_savepoint(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    tn_db *tx = begin(f, f->db);
    tn_db *inner = begin(f, tx);
    add(f, batch, "insert into {t} values (2, 20)", NULL, NULL);
    check_ok(f, end_batch_commit(f, batch, inner, &err), &err);
    check_int(f, tn_batch_outcome(batch, 0), TN_OUTCOME_NONE);
    inner = begin(f, tx);
    check_error(f, end_batch_commit(f, batch, inner, &err), &err, TN_CONSTRAINT, "23505");
    check_int(f, int_of(f, tx, "select count(*) from {t}", NULL), 2);
    commit(f, tx);
    check_int(f, count(f), 2);
}

static void commit_of_a_failed_transaction(fixture *f)
{
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    tn_db *tx = begin(f, f->db);
    exec_fails(f, tx, "insert into {t} values (1, 10)", NULL, TN_CONSTRAINT, "23505");
    add(f, batch, "delete from {t}", NULL, NULL);
    check_error(f, end_batch_commit(f, batch, tx, &err), &err, TN_ABORTED, "25P02");
    check_int(f, count(f), 1);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void deadline_of_the_whole(fixture *f)
{
    tn_batch_options options = TN_BATCH_OPTIONS_INIT;
    tn_db *session = acquire(f, f->db);
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    options.timeout_ms = 150;
    table_of(f, "(1, 10)");
    add(f, batch, "insert into {t} values (2, 20)", NULL, NULL);
    add(f, batch, long_statement(f), NULL, NULL);
    add(f, batch, "insert into {t} values (3, 30)", NULL, NULL);
    check_error(f, tn_batch_run(batch, session, &options, &err), &err, TN_TIMEOUT, "57014");
    check_int(f, tn_batch_failed(batch), 1);
    check_int(f, tn_batch_outcome(batch, 0), TN_OUTCOME_NOT_APPLIED);
    check_error(f, tn_batch_status(batch, 2, &err), &err, TN_ABORTED, NULL);
    check_int(f, int_of(f, session, "select count(*) from {t}", NULL), 1);
}

static void cancelled_from_outside(fixture *f)
{
    tn_db *session = acquire(f, f->db);
    tn_batch_t *batch = new_batch(f);
    tn_error err = TN_ERROR_INIT;

    table_of(f, "(1, 10)");
    add(f, batch, "insert into {t} values (2, 20)", NULL, NULL);
    add(f, batch, long_statement(f), NULL, NULL);
    canceller *c = canceller_start(f, session);
    tn_status status = tn_batch_run(batch, session, NULL, &err);
    canceller_stop(f, c);
    check_error(f, status, &err, TN_CANCELLED, "57014");
    check_int(f, int_of(f, session, "select count(*) from {t}", NULL), 1);
}

static const suite_case cases[] = {
    CASE(what_any_driver_can, 0),
    CASE(answers_come_in_order, TN_CAP_SQL),
    CASE(rows_are_kept, TN_CAP_SQL),
    CASE(many_rows_are_kept, TN_CAP_SQL),
    CASE(arguments_are_copied, TN_CAP_SQL),
    CASE(arrays_are_copied, TN_CAP_SQL | TN_CAP_ARRAYS),
    CASE(targets_of_every_kind, TN_CAP_SQL),
    CASE(run_again, TN_CAP_SQL),
    CASE(nothing_to_run, TN_CAP_SQL),
    CASE(ten_thousand_statements, TN_CAP_SQL),
    CASE(large_both_ways, TN_CAP_SQL),
    CASE(all_or_nothing, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(wrong_argument_stops, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(wrong_number_of_arguments, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(prepared_before_anything_runs, TN_CAP_SQL),
    CASE(transaction_commands_are_refused, TN_CAP_SQL),
    CASE(misuse, TN_CAP_SQL),
    CASE(one_row_is_wanted, TN_CAP_SQL),
    CASE(value_that_does_not_fit, TN_CAP_SQL),
    CASE(kept_rows_have_a_limit, TN_CAP_SQL),
    CASE(independent_of_each_other, TN_CAP_SQL),
    CASE(independent_of_what_cannot_be_prepared, TN_CAP_SQL),
    CASE(independent_with_deferred_checks, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(atomic_with_deferred_checks, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(part_of_a_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(within_savepoints, TN_CAP_SQL | TN_CAP_SAVEPOINTS),
    CASE(rows_in_between, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(on_a_session, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(read_only, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(commit_with_the_batch, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(commit_that_fails_rolls_back, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(commit_of_a_savepoint, TN_CAP_SQL | TN_CAP_SAVEPOINTS),
    CASE(commit_of_a_failed_transaction, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(deadline_of_the_whole, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_TRANSACTIONS),
    CASE(cancelled_from_outside, TN_CAP_SQL | TN_CAP_CANCEL | TN_CAP_TRANSACTIONS),
};
GROUP(batch);
