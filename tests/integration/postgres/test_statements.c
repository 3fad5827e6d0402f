/* SPDX-License-Identifier: MIT */
/* Preparing, running, reading: streams, buffers, what is kept on the server, what is refused. */
#include "pg_session.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t streamed(session *s, const char *sql, uint32_t flags, int64_t *ret_sum,
                        int *ret_batches)
{
    tn_driver_stmt *stmt = prepare(s, sql);
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};
    int64_t rows = 0;

    if (PG->cursor->execute(stmt, NULL, 0, flags, soon(), &cursor, &s->err) != TN_OK)
        fail_msg("%s: %s", sql, s->err.message);
    *ret_sum = 0;
    *ret_batches = 0;
    while (!batch.done) {
        if (PG->cursor->fetch(cursor, soon(), &batch, &s->err) != TN_OK)
            fail_msg("%s: %s", sql, s->err.message);
        for (uint32_t i = 0; i < batch.rows; i++)
            *ret_sum += batch.values[i].as.i;
        rows += batch.rows;
        ++*ret_batches;
    }
    assert_int_equal(batch.affected, rows);
    assert_ptr_equal(strstr(batch.tag, "SELECT "), batch.tag);
    PG->cursor->close(cursor);
    PG->stmt->close(stmt);
    assert_state(s, TN_CONN_IDLE);
    return rows;
}

static void rows_come_in_batches(void **state)
{
    session s;
    int64_t sum;
    int batches;

    (void)state;
    session_open(&s, NULL, NULL);
    assert_int_equal(streamed(&s, "select * from generate_series(1, 100000) g", TN_EXECUTE_STREAM,
                              &sum, &batches),
                     100000);
    assert_int_equal(sum, INT64_C(5000050000));
    assert_true(batches < 100000 / 2);
    assert_int_equal(streamed(&s, "select * from generate_series(1, 100000) g", 0, &sum, &batches),
                     100000);
    assert_int_equal(sum, INT64_C(5000050000));
    assert_int_equal(streamed(&s, "select 1 where false", TN_EXECUTE_STREAM, &sum, &batches), 0);
    assert_int_equal(streamed(&s, "select 1 where false", 0, &sum, &batches), 0);
    session_close(&s);
}

static void counts_and_tags_are_told(void **state)
{
    static const struct {
        const char *sql;
        int64_t affected;
        const char *tag;
    } rows[] = {
        {"create temp table c (a int)", -1, "CREATE TABLE"},
        {"insert into c select generate_series(1, 7)", 7, "INSERT 0 7"},
        {"update c set a = a where a < 4", 3, "UPDATE 3"},
        {"delete from c where a = 100", 0, "DELETE 0"},
        {"insert into c values (9) returning a", 1, "INSERT 0 1"},
        {"select from c", 8, "SELECT 8"},
        {"", -1, ""},
        {"  -- nothing\n", -1, ""},
    };
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tn_driver_stmt *stmt = prepare(&s, rows[i].sql);
        tn_stmt_info info = {.size = sizeof(info)};
        tn_driver_cursor *cursor = NULL;
        tn_batch batch = {.size = sizeof(batch)};
        PG->stmt->describe(stmt, &info);
        assert_int_equal(!!(info.flags & TN_STMT_EMPTY), rows[i].affected == -1 && !*rows[i].tag);
        assert_int_equal(
            PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err), TN_OK);
        while (!batch.done)
            assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
        assert_int_equal(batch.affected, rows[i].affected);
        assert_string_equal(batch.tag, rows[i].tag);
        PG->cursor->close(cursor);
        PG->stmt->close(stmt);
    }
    session_close(&s);
}

static void errors_have_every_field(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "create temp table parents (id int primary key)");
    must(&s, "create temp table children (id int constraint child_id not null, parent int"
             " constraint child_parent references parents)");
    must(&s, "insert into parents values (1)");
    assert_int_equal(run(&s, "insert into parents values (1)"), TN_CONSTRAINT);
    assert_string_equal(s.err.sqlstate, "23505");
    assert_string_equal(s.err.constraint, "parents_pkey");
    assert_string_equal(s.err.table, "parents");
    assert_string_equal(s.err.severity, "ERROR");
    assert_non_null(strstr(s.err.detail, "(id)=(1)"));
    assert_true(s.err.source[0]);
    assert_int_equal(run(&s, "insert into children values (1, 7)"), TN_CONSTRAINT);
    assert_string_equal(s.err.sqlstate, "23503");
    assert_string_equal(s.err.constraint, "child_parent");
    assert_int_equal(run(&s, "insert into children values (null, 1)"), TN_CONSTRAINT);
    assert_string_equal(s.err.column, "id");
    assert_int_equal(run(&s, "select 1 frm x"), TN_SYNTAX);
    assert_int_equal(s.err.position, 14);
    assert_int_equal(run(&s, "select 'gr\xc3\xbc\xc3\x9f' frm x"), TN_SYNTAX);
    assert_int_equal(s.err.position, 19); /* characters, not bytes */
    assert_int_equal(run(&s, "select 1; select 2"), TN_SYNTAX);
    assert_string_equal(s.err.sqlstate, "42601");
    assert_int_equal(run(&s, "do $$ begin raise 'own' using errcode = 'TN001', hint = 'mend it',"
                             " detail = 'why', schema = 'a', datatype = 'b'; end $$"),
                     TN_FAILED);
    assert_string_equal(s.err.sqlstate, "TN001");
    assert_string_equal(s.err.hint, "mend it");
    assert_string_equal(s.err.schema, "a");
    assert_true(s.err.context[0]);
    assert_state(&s, TN_CONN_IDLE);
    session_close(&s);
}

/* An error in the middle of a stream comes behind the rows that were good. */
static void an_error_behind_rows_comes_behind_them(void **state)
{
    session s;
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};
    int64_t rows = 0;
    tn_status status = TN_OK;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *stmt = prepare(&s, "select 1000 / (1000 - g) from generate_series(1, 1000) g");
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    while (status == TN_OK && !batch.done) {
        status = PG->cursor->fetch(cursor, soon(), &batch, &s.err);
        if (status == TN_OK)
            rows += batch.rows;
    }
    assert_int_equal(status, TN_DATA);
    assert_string_equal(s.err.sqlstate, "22012");
    assert_int_equal(rows, 999);
    PG->cursor->close(cursor);
    assert_state(&s, TN_CONN_IDLE);
    PG->stmt->close(stmt);
    /* a deferred constraint fails behind the command's tag */
    must(&s, "create temp table p (id int primary key)");
    must(&s, "create temp table q (id int references p deferrable initially deferred)");
    assert_int_equal(run(&s, "insert into q values (1)"), TN_CONSTRAINT);
    assert_int_equal(run(&s, "insert into q values (2) returning id"), TN_CONSTRAINT);
    assert_state(&s, TN_CONN_IDLE);
    session_close(&s);
}

static void the_rest_can_be_read_into_memory(void **state)
{
    session s;
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};
    int64_t rows = 0, sum = 0;
    char first[64], now[64];

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "begin");
    tn_driver_stmt *stmt = prepare(&s,
                                   "select g, g::text || 'x', g::numeric / 7, array[g], null::int"
                                   " from generate_series(1, 5000) g");
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
    assert_false(batch.done);
    const tn_value *values = batch.values;
    tn_value_format(&values[2], first, sizeof(first));
    assert_int_equal(PG->cursor->detach(cursor, 1 << 26, soon(), &s.err), TN_OK);
    /* the connection is free, the batch that stood stands */
    assert_state(&s, TN_CONN_IN_TXN);
    must(&s, "select 1");
    tn_value_format(&values[2], now, sizeof(now));
    assert_string_equal(first, now);
    for (;;) {
        for (uint32_t i = 0; i < batch.rows; i++) {
            const tn_value *row = batch.values + i * 5;
            char text[32];
            rows++;
            sum += row[0].as.i;
            snprintf(text, sizeof(text), "%dx", (int)row[0].as.i);
            assert_string_equal(row[1].as.ptr, text);
            assert_int_equal(row[3].as.array->items[0].as.i, row[0].as.i);
            assert_int_equal(row[4].type, TN_TYPE_NULL);
        }
        if (batch.done)
            break;
        assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
    }
    assert_int_equal(rows, 5000);
    assert_int_equal(sum, 5000 * 5001 / 2);
    assert_string_equal(batch.tag, "SELECT 5000");
    PG->cursor->close(cursor);

    /* more than the limit */
    assert_int_equal(PG->cursor->execute(stmt, NULL, 0, TN_EXECUTE_STREAM, soon(), &cursor, &s.err),
                     TN_OK);
    assert_int_equal(PG->cursor->detach(cursor, 1 << 16, soon(), &s.err), TN_LIMIT);
    assert_string_equal(s.err.sqlstate, "54000");
    PG->cursor->close(cursor);
    if (PG->conn->state(s.conn) == TN_CONN_BUSY)
        assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
    PG->stmt->close(stmt);
    session_close(&s);
}

static const char *kept = "select count(*) from pg_prepared_statements where name like 'tn\\_%'";

static void statements_are_shared_and_closed(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *first = prepare(&s, "select 11"), *second = prepare(&s, "select 11");
    assert_ptr_equal(first, second);
    PG->stmt->close(first);
    assert_int_equal(run_stmt(&s, second, NULL, 0, 0, NULL), TN_OK);
    PG->stmt->close(second);
    PG->stmt->close(NULL);
    /* what was closed goes with the next one that is prepared */
    for (int i = 0; i < 100; i++) {
        char sql[32];
        snprintf(sql, sizeof(sql), "select 11 + %d", i);
        PG->stmt->close(prepare(&s, sql));
    }
    assert_true(strlen(ask(&s, kept)) == 1); /* not 100 */
    /* closed here and prepared again while it is still there */
    PG->stmt->close(prepare(&s, "select 12"));
    must(&s, "begin");
    must(&s, "select 12");
    must(&s, "select 13");
    must(&s, "select 13");
    assert_state(&s, TN_CONN_IN_TXN);
    must(&s, "rollback");
    session_close(&s);
}

static void a_long_transaction_keeps_few(void **state)
{
    session s;
    char sql[32];

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "begin");
    for (int i = 0; i < 500; i++) {
        snprintf(sql, sizeof(sql), "select 11 + %d", i);
        must(&s, sql);
    }
    assert_true(atoi(ask(&s, "select count(*) from pg_prepared_statements")) < 50);
    must(&s, "select 11 + 499"); /* closed and not yet gone */
    assert_state(&s, TN_CONN_IN_TXN);
    must(&s, "rollback");
    session_close(&s);
}

/* Where SQL does not know the names, as behind some poolers, no transaction is ended by them. */
static void names_that_are_not_known_end_no_transaction(void **state)
{
    session s;
    char sql[64];

    (void)state;
    session_open(&s, NULL, NULL);
    /* the same, made here: they are taken away behind the driver's back */
    must(&s, "begin");
    for (int i = 0; i < 20; i++) {
        snprintf(sql, sizeof(sql), "select 11 + %d", i);
        PG->stmt->close(prepare(&s, sql));
    }
    must(&s, "do $$ declare n text; begin for n in select name from pg_prepared_statements loop"
             " execute 'deallocate ' || quote_ident(n); end loop; end $$");
    for (int i = 0; i < 64; i++) {
        snprintf(sql, sizeof(sql), "select 11 + %d", i);
        must(&s, sql);
    }
    assert_state(&s, TN_CONN_IN_TXN);
    must(&s, "commit");
    session_close(&s);
}

/* Another's statement of the same name has the same text: behind a pooler it is used. */
static void a_name_that_exists_means_the_same_statement(void **state)
{
    session a, b;
    char sql[256];

    (void)state;
    session_open(&a, NULL, NULL);
    session_open(&b, NULL, NULL);
    must(&a, "select 1");
    tn_driver_stmt *stmt = prepare(&a, "select 4711 as answer");
    snprintf(sql, sizeof(sql), "prepare %s as select 4711 as answer",
             ask(&a, "select name from pg_prepared_statements where statement ="
                     " 'select 4711 as answer'"));
    must(&b, sql);
    assert_string_equal(ask(&b, "select 4711 as answer"), "4711");
    PG->stmt->close(stmt);
    session_close(&a);
    session_close(&b);
}

/* Whether names hold is asked with the first that is prepared, so that one is made by its use. */
static void the_first_statement_is_made_by_its_first_use(void **state)
{
    static const char count[] = "select count(*) from pg_prepared_statements"
                                " where statement = 'select 12 as first'";
    session s;

    (void)state;
    for (int direct = 0; direct < 2; direct++) {
        session_open(&s, NULL, NULL);
        /* What changes the session is run by libpq. */
        tn_driver_stmt *stmt = prepare(&s, direct ? "select 12 as first" : "set work_mem = '1MB'");
        assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_OK);
        assert_string_equal(ask(&s, count), direct ? "1" : "0");
        assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_OK);
        PG->stmt->close(stmt);
        session_close(&s);
    }
    session_open(&s, NULL, NULL);
    tn_driver_stmt *unused = prepare(&s, "select 12 as first");
    must(&s, "select 1");
    assert_string_equal(ask(&s, count), "0");
    PG->stmt->close(unused);
    session_close(&s);
    /* It is there though its first use failed. */
    session_open(&s, NULL, NULL);
    tn_driver_stmt *fails = prepare(&s, "select 1 / 0");
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(run_stmt(&s, fails, NULL, 0, 0, NULL), TN_OK);
        assert_string_equal(s.err.sqlstate, "22012");
        assert_state(&s, TN_CONN_IDLE);
    }
    PG->stmt->close(fails);
    session_close(&s);
}

enum { MANY = 100 };

static void write_many(char texts[MANY][32], tn_str *ret)
{
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "select %d", i);
        ret[i] = tn_str_from(texts[i]);
    }
}

static void close_many(tn_driver_stmt **stmts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        PG->stmt->close(stmts[i]);
}

static void many_are_prepared_in_few_round_trips(void **state)
{
    char texts[MANY][32];
    tn_str sql[MANY];
    tn_driver_stmt *stmts[MANY];
    size_t made;
    int least = MANY;
    session s;

    (void)state;
    write_many(texts, sql);
    /* An answer may come in pieces, each of which is waited for. */
    for (int attempt = 0; attempt < 20 && least > 2; attempt++) {
        session_open(&s, NULL, NULL);
        if (attempt % 2)
            must(&s, "select 'warm'");
        int before = s.host.waits;
        assert_int_equal(PG->stmt->prepare_all(s.conn, sql, MANY, soon(), stmts, &made, &s.err),
                         TN_OK);
        assert_int_equal(made, MANY);
        least = s.host.waits - before < least ? s.host.waits - before : least;
        for (int i = 0; i < MANY; i += 33) {
            assert_int_equal(run_stmt(&s, stmts[i], NULL, 0, 0, NULL), TN_OK);
            assert_string_equal(ask(&s, texts[i]), texts[i] + strlen("select "));
        }
        close_many(stmts, MANY);
        session_close(&s);
    }
    assert_in_range(least, 2, 4); /* at most 64 in one, whose answer may be sent in two parts */
}

static void one_of_many_that_fails_is_told_of(void **state)
{
    enum { BAD = 7 };
    tn_txn_request request = {.size = sizeof(request)};
    char texts[MANY][32];
    tn_str sql[MANY];
    tn_driver_stmt *stmts[MANY];
    size_t made;
    session s;

    (void)state;
    write_many(texts, sql);
    sql[BAD] = tn_str_from("select * from not_there");
    session_open(&s, NULL, NULL);
    /* outside of a transaction, in one that has not begun on the server, in one that has */
    for (int place = 0; place < 3; place++) {
        if (place)
            assert_int_equal(PG->txn->begin(s.conn, &request, soon(), &s.err), TN_OK);
        if (place == 2)
            must(&s, "select 'begun'");
        assert_int_not_equal(PG->stmt->prepare_all(s.conn, sql, MANY, soon(), stmts, &made, &s.err),
                             TN_OK);
        assert_int_equal(made, BAD);
        assert_string_equal(s.err.sqlstate, "42P01");
        close_many(stmts, made);
        assert_state(&s, place ? TN_CONN_FAILED : TN_CONN_IDLE);
        if (place)
            assert_int_equal(PG->txn->rollback(s.conn, soon(), &s.err), TN_OK);
        must(&s, "select 8");
    }
    session_close(&s);
}

static void a_changed_result_is_prepared_anew(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    must(&s, "create temp table changing (a int)");
    tn_driver_stmt *stmt = prepare(&s, "select * from changing");
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_OK);
    must(&s, "alter table changing add column b text");
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), (tn_status)1000);
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_DRIVER_STALE);
    tn_driver_stmt *again = prepare(&s, "select * from changing");
    tn_stmt_info info = {.size = sizeof(info)};
    assert_ptr_not_equal(again, stmt);
    PG->stmt->close(stmt);
    PG->stmt->describe(again, &info);
    assert_int_equal(info.n_columns, 2);
    assert_int_equal(run_stmt(&s, again, NULL, 0, 0, NULL), TN_OK);
    PG->stmt->close(again);

    /* closed first, as a cache does that drops it */
    stmt = prepare(&s, "select * from changing");
    must(&s, "alter table changing drop column a");
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL), TN_DRIVER_STALE);
    PG->stmt->close(stmt);
    again = prepare(&s, "select * from changing");
    PG->stmt->describe(again, &info);
    assert_int_equal(info.n_columns, 1);
    assert_int_equal(run_stmt(&s, again, NULL, 0, 0, NULL), TN_OK);
    PG->stmt->close(again);
    session_close(&s);
}

static void forgotten_statements_come_back_by_themselves(void **state)
{
    static const char *const forget[] = {"deallocate all", "discard all"};
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        tn_driver_stmt *stmt = prepare(&s, "select 99");
        must(&s, forget[i]);
        assert_int_equal(run_stmt(&s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL), TN_OK);
        must(&s, "begin");
        if (i == 0)
            must(&s, "deallocate all");
        assert_int_equal(run_stmt(&s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL), TN_OK);
        assert_state(&s, TN_CONN_IN_TXN);
        must(&s, "rollback");
        PG->stmt->close(stmt);
    }
    /* one that went behind the driver's back */
    tn_driver_stmt *stmt = prepare(&s, "select 98");
    must(&s, "do $$ declare n text; begin for n in select name from pg_prepared_statements loop"
             " execute 'deallocate ' || quote_ident(n); end loop; end $$");
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_DRIVER_STALE);
    assert_string_equal(s.err.sqlstate, "26000");
    PG->stmt->close(stmt);
    must(&s, "select 98");
    session_close(&s);
}

static void without_names_it_works_too(void **state)
{
    session s;
    tn_value param = int_value(TN_TYPE_INT64, 5);

    (void)state;
    session_open(&s, NULL, "off");
    assert_string_equal(ask(&s, "select count(*) from pg_prepared_statements"), "0");
    tn_driver_stmt *first = prepare(&s, "select $1::int8 + 1");
    tn_driver_stmt *second = prepare(&s, "select $1::int8 + 2, 'x'");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_stmt(&s, first, &param, 1, TN_EXECUTE_STREAM, NULL), TN_OK);
        assert_int_equal(run_stmt(&s, second, &param, 1, 0, NULL), TN_OK);
    }
    PG->stmt->close(first);
    PG->stmt->close(second);
    /* nobody watches the shape of an unnamed one: it was run, so it is not run again */
    must(&s, "create temp table shape (a int)");
    tn_driver_stmt *stmt = prepare(&s, "insert into shape values (1) returning *");
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_OK);
    must(&s, "alter table shape add column b int");
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_PROTOCOL);
    assert_int_equal(s.err.outcome, TN_OUTCOME_APPLIED);
    assert_state(&s, TN_CONN_IDLE);
    assert_int_equal(run_stmt(&s, stmt, NULL, 0, 0, NULL), TN_DRIVER_STALE);
    PG->stmt->close(stmt);
    assert_string_equal(ask(&s, "select count(*) from shape"), "2");
    session_close(&s);
}

static void copy_is_refused(void **state)
{
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    assert_int_equal(run(&s, "copy pg_class to stdout"), TN_UNSUPPORTED);
    assert_string_equal(s.err.sqlstate, "0A000");
    assert_int_equal(run(&s, "copy x from stdin"), TN_UNSUPPORTED);
    assert_state(&s, TN_CONN_IDLE);
    must(&s, "select 1");
    session_close(&s);
}

static void statements_hold_no_nul(void **state)
{
    session s;
    tn_driver_stmt *stmt = NULL;

    (void)state;
    session_open(&s, NULL, NULL);
    assert_int_equal(
        PG->stmt->prepare(s.conn, (tn_str){"select 1\0; x", 12}, soon(), &stmt, &s.err), TN_SYNTAX);
    assert_null(stmt);
    session_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_batches),
        cmocka_unit_test(counts_and_tags_are_told),
        cmocka_unit_test(errors_have_every_field),
        cmocka_unit_test(an_error_behind_rows_comes_behind_them),
        cmocka_unit_test(the_rest_can_be_read_into_memory),
        cmocka_unit_test(statements_are_shared_and_closed),
        cmocka_unit_test(a_long_transaction_keeps_few),
        cmocka_unit_test(names_that_are_not_known_end_no_transaction),
        cmocka_unit_test(a_name_that_exists_means_the_same_statement),
        cmocka_unit_test(the_first_statement_is_made_by_its_first_use),
        cmocka_unit_test(many_are_prepared_in_few_round_trips),
        cmocka_unit_test(one_of_many_that_fails_is_told_of),
        cmocka_unit_test(a_changed_result_is_prepared_anew),
        cmocka_unit_test(forgotten_statements_come_back_by_themselves),
        cmocka_unit_test(without_names_it_works_too),
        cmocka_unit_test(copy_is_refused),
        cmocka_unit_test(statements_hold_no_nul),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
