/* SPDX-License-Identifier: MIT */
/*
 * The binary contract, ABI 1.2, on 64-bit Linux, as literals: a struct that changes its shape makes
 * this fail before it makes somebody's driver crash. Within a major, fields are only added at the
 * end: then only a SIZE line changes and lines are added. Anything else is a new major (driver.h,
 * "how to move to version N").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <tenon/driver.h>
#include <tenon/tenon.h>

#define SIZE(type, n)      assert_int_equal(sizeof(type), n)
#define IS(name, n)        assert_int_equal((int64_t)(name), n)
#define AT(type, field, n) assert_int_equal(offsetof(type, field), n)

static void layout_of_tn_diagnostic(void **state)
{
    (void)state;
    SIZE(tn_diagnostic, 240);
    AT(tn_diagnostic, size, 0);
    AT(tn_diagnostic, status, 8);
    AT(tn_diagnostic, phase, 12);
    AT(tn_diagnostic, outcome, 16);
    AT(tn_diagnostic, native, 20);
    AT(tn_diagnostic, position, 24);
    AT(tn_diagnostic, internal_position, 28);
    AT(tn_diagnostic, sqlstate, 32);
    AT(tn_diagnostic, message, 48);
    AT(tn_diagnostic, detail, 64);
    AT(tn_diagnostic, hint, 80);
    AT(tn_diagnostic, severity, 96);
    AT(tn_diagnostic, context, 112);
    AT(tn_diagnostic, schema, 128);
    AT(tn_diagnostic, table, 144);
    AT(tn_diagnostic, column, 160);
    AT(tn_diagnostic, datatype, 176);
    AT(tn_diagnostic, constraint, 192);
    AT(tn_diagnostic, internal_query, 208);
    AT(tn_diagnostic, source, 224);
}

static void layout_of_tn_host(void **state)
{
    (void)state;
    SIZE(tn_host, 64);
    AT(tn_host, size, 0);
    AT(tn_host, abi_major, 8);
    AT(tn_host, abi_minor, 10);
    AT(tn_host, reserved, 12);
    AT(tn_host, wait, 16);
    AT(tn_host, interrupted, 24);
    AT(tn_host, fail, 32);
    AT(tn_host, log_wanted, 40);
    AT(tn_host, log, 48);
    AT(tn_host, now, 56);
}

static void layout_of_tn_driver_option(void **state)
{
    (void)state;
    SIZE(tn_driver_option, 32);
    AT(tn_driver_option, name, 0);
    AT(tn_driver_option, default_value, 8);
    AT(tn_driver_option, choices, 16);
    AT(tn_driver_option, help, 24);
}

static void layout_of_tn_driver_setting(void **state)
{
    (void)state;
    SIZE(tn_driver_setting, 32);
    AT(tn_driver_setting, name, 0);
    AT(tn_driver_setting, value, 16);
}

static void layout_of_tn_source_config(void **state)
{
    (void)state;
    SIZE(tn_source_config, 80);
    AT(tn_source_config, size, 0);
    AT(tn_source_config, scheme, 8);
    AT(tn_source_config, url, 24);
    AT(tn_source_config, settings, 40);
    AT(tn_source_config, n_settings, 48);
    AT(tn_source_config, application_name, 56);
    AT(tn_source_config, max_connections, 72);
    AT(tn_source_config, connect_timeout_ms, 76);
}

static void layout_of_tn_conn_info(void **state)
{
    (void)state;
    SIZE(tn_conn_info, 48);
    AT(tn_conn_info, size, 0);
    AT(tn_conn_info, server, 8);
    AT(tn_conn_info, dialect, 16);
    AT(tn_conn_info, endpoint, 24);
    AT(tn_conn_info, note, 32);
    AT(tn_conn_info, verified, 40);
    AT(tn_conn_info, encrypted, 41);
    AT(tn_conn_info, read_only, 42);
    AT(tn_conn_info, pooled, 43);
}

static void layout_of_tn_conn_ops(void **state)
{
    (void)state;
    SIZE(tn_conn_ops, 96);
    AT(tn_conn_ops, size, 0);
    AT(tn_conn_ops, open_source, 8);
    AT(tn_conn_ops, close_source, 16);
    AT(tn_conn_ops, open, 24);
    AT(tn_conn_ops, close, 32);
    AT(tn_conn_ops, ping, 40);
    AT(tn_conn_ops, cancel, 48);
    AT(tn_conn_ops, reset, 56);
    AT(tn_conn_ops, state, 64);
    AT(tn_conn_ops, info, 72);
    AT(tn_conn_ops, alive, 80);
    AT(tn_conn_ops, prompt, 88);
}

static void layout_of_tn_param(void **state)
{
    (void)state;
    SIZE(tn_param, 16);
    AT(tn_param, type, 0);
    AT(tn_param, element, 4);
    AT(tn_param, type_name, 8);
}

static void layout_of_tn_stmt_info(void **state)
{
    (void)state;
    SIZE(tn_stmt_info, 48);
    AT(tn_stmt_info, size, 0);
    AT(tn_stmt_info, params, 8);
    AT(tn_stmt_info, n_params, 16);
    AT(tn_stmt_info, columns, 24);
    AT(tn_stmt_info, n_columns, 32);
    AT(tn_stmt_info, flags, 40);
}

static void layout_of_tn_stmt_ops(void **state)
{
    (void)state;
    SIZE(tn_stmt_ops, 40);
    AT(tn_stmt_ops, size, 0);
    AT(tn_stmt_ops, prepare, 8);
    AT(tn_stmt_ops, describe, 16);
    AT(tn_stmt_ops, close, 24);
    AT(tn_stmt_ops, prepare_all, 32);
}

static void layout_of_tn_batch(void **state)
{
    (void)state;
    SIZE(tn_batch, 40);
    AT(tn_batch, size, 0);
    AT(tn_batch, values, 8);
    AT(tn_batch, rows, 16);
    AT(tn_batch, done, 20);
    AT(tn_batch, affected, 24);
    AT(tn_batch, tag, 32);
}

static void layout_of_tn_cursor_ops(void **state)
{
    (void)state;
    SIZE(tn_cursor_ops, 40);
    AT(tn_cursor_ops, size, 0);
    AT(tn_cursor_ops, execute, 8);
    AT(tn_cursor_ops, fetch, 16);
    AT(tn_cursor_ops, detach, 24);
    AT(tn_cursor_ops, close, 32);
}

static void layout_of_tn_txn_request(void **state)
{
    (void)state;
    SIZE(tn_txn_request, 16);
    AT(tn_txn_request, size, 0);
    AT(tn_txn_request, isolation, 8);
    AT(tn_txn_request, read_only, 12);
    AT(tn_txn_request, deferrable, 13);
    AT(tn_txn_request, eager, 14);
}

static void layout_of_tn_txn_ops(void **state)
{
    (void)state;
    SIZE(tn_txn_ops, 72);
    AT(tn_txn_ops, size, 0);
    AT(tn_txn_ops, begin, 8);
    AT(tn_txn_ops, commit, 16);
    AT(tn_txn_ops, rollback, 24);
    AT(tn_txn_ops, savepoint, 32);
    AT(tn_txn_ops, release, 40);
    AT(tn_txn_ops, rollback_to, 48);
    AT(tn_txn_ops, identify, 56);
    AT(tn_txn_ops, outcome, 64);
    IS(TN_TXN_ID_SIZE, 48);
}

static void layout_of_tn_batch_work(void **state)
{
    (void)state;
    SIZE(tn_batch_work, 80);
    AT(tn_batch_work, size, 0);
    AT(tn_batch_work, stmts, 8);
    AT(tn_batch_work, count, 16);
    AT(tn_batch_work, flags, 24);
    AT(tn_batch_work, arg, 32);
    AT(tn_batch_work, bind, 40);
    AT(tn_batch_work, answer, 48);
    AT(tn_batch_work, unreadable, 56);
    AT(tn_batch_work, fail, 64);
    AT(tn_batch_work, error, 72);
    IS(TN_BATCH_EACH, 1);
    IS(TN_BATCH_COMMIT, 2);
}

static void layout_of_tn_batch_ops(void **state)
{
    (void)state;
    SIZE(tn_batch_ops, 16);
    AT(tn_batch_ops, size, 0);
    AT(tn_batch_ops, run, 8);
}

static void layout_of_tn_bulk_ops(void **state)
{
    (void)state;
    SIZE(tn_bulk_ops, 48);
    AT(tn_bulk_ops, size, 0);
    AT(tn_bulk_ops, open, 8);
    AT(tn_bulk_ops, describe, 16);
    AT(tn_bulk_ops, write, 24);
    AT(tn_bulk_ops, finish, 32);
    AT(tn_bulk_ops, abandon, 40);
    SIZE(tn_bulk_request, 80);
    AT(tn_bulk_request, size, 0);
    AT(tn_bulk_request, table, 8);
    AT(tn_bulk_request, columns, 24);
    AT(tn_bulk_request, n_columns, 32);
    AT(tn_bulk_request, keys, 40);
    AT(tn_bulk_request, n_keys, 48);
    AT(tn_bulk_request, conflict, 56);
    AT(tn_bulk_request, insert, 72);
    SIZE(tn_bulk_info, 32);
    AT(tn_bulk_info, size, 0);
    AT(tn_bulk_info, params, 8);
    AT(tn_bulk_info, failed_row, 16);
    AT(tn_bulk_info, failed_column, 24);
    AT(tn_bulk_info, merging, 28);
}

static void layout_of_tn_notification(void **state)
{
    (void)state;
    SIZE(tn_notification, 48);
    AT(tn_notification, size, 0);
    AT(tn_notification, channel, 8);
    AT(tn_notification, payload, 24);
    AT(tn_notification, sender, 40);
}

static void layout_of_tn_notify_ops(void **state)
{
    (void)state;
    SIZE(tn_notify_ops, 56);
    AT(tn_notify_ops, size, 0);
    AT(tn_notify_ops, listen, 8);
    AT(tn_notify_ops, unlisten, 16);
    AT(tn_notify_ops, wait, 24);
    AT(tn_notify_ops, probe, 32);
    AT(tn_notify_ops, answered, 40);
    AT(tn_notify_ops, sql, 48);
}

static void layout_of_tn_catalog_ops(void **state)
{
    (void)state;
    SIZE(tn_catalog_ops, 24);
    AT(tn_catalog_ops, size, 0);
    AT(tn_catalog_ops, describe, 8);
    AT(tn_catalog_ops, tables, 16);
}

static void layout_of_tn_module(void **state)
{
    (void)state;
    SIZE(tn_module, 136);
    AT(tn_module, magic, 0);
    AT(tn_module, size, 8);
    AT(tn_module, abi_major, 12);
    AT(tn_module, abi_minor, 14);
    AT(tn_module, least_host_minor, 16);
    AT(tn_module, reserved16, 18);
    AT(tn_module, reserved32, 20);
    AT(tn_module, capabilities, 24);
    AT(tn_module, name, 32);
    AT(tn_module, version, 40);
    AT(tn_module, schemes, 48);
    AT(tn_module, options, 56);
    AT(tn_module, conn, 64);
    AT(tn_module, stmt, 72);
    AT(tn_module, cursor, 80);
    AT(tn_module, txn, 88);
    AT(tn_module, batch, 96);
    AT(tn_module, bulk, 104);
    AT(tn_module, notify, 112);
    AT(tn_module, catalog, 120);
    AT(tn_module, client, 128);
}

static void layout_of_types(void **state)
{
    (void)state;
    SIZE(tn_str, 16);
    AT(tn_str, ptr, 0);
    AT(tn_str, len, 8);
    SIZE(tn_bytes, 16);
    AT(tn_bytes, ptr, 0);
    AT(tn_bytes, len, 8);
    SIZE(tn_uuid, 16);
    AT(tn_uuid, bytes, 0);
    SIZE(tn_time, 8);
    AT(tn_time, us, 0);
    SIZE(tn_timestamp, 8);
    AT(tn_timestamp, us, 0);
    SIZE(tn_date, 4);
    AT(tn_date, days, 0);
    SIZE(tn_timeofday, 8);
    AT(tn_timeofday, us, 0);
    SIZE(tn_interval, 16);
    AT(tn_interval, us, 0);
    AT(tn_interval, days, 8);
    AT(tn_interval, months, 12);
    SIZE(tn_numeric, 16);
    AT(tn_numeric, ptr, 0);
    AT(tn_numeric, len, 8);
    SIZE(tn_json, 16);
    AT(tn_json, ptr, 0);
    AT(tn_json, len, 8);
    SIZE(tn_value, 16);
    AT(tn_value, as, 0);
    AT(tn_value, len, 8);
    AT(tn_value, type, 12);
    AT(tn_value, flags, 13);
    AT(tn_value, reserved, 14);
    SIZE(tn_array, 24);
    AT(tn_array, items, 0);
    AT(tn_array, count, 8);
    AT(tn_array, element, 16);
    SIZE(tn_column, 40);
    AT(tn_column, name, 0);
    AT(tn_column, type_name, 8);
    AT(tn_column, table, 16);
    AT(tn_column, type, 24);
    AT(tn_column, element, 28);
    AT(tn_column, modifier, 32);
}

static void layout_of_error(void **state)
{
    (void)state;
    SIZE(tn_error, 2676);
    AT(tn_error, status, 0);
    AT(tn_error, retry, 4);
    AT(tn_error, outcome, 8);
    AT(tn_error, phase, 12);
    AT(tn_error, sqlstate, 16);
    AT(tn_error, discarded, 22);
    AT(tn_error, native, 24);
    AT(tn_error, position, 28);
    AT(tn_error, internal_position, 32);
    AT(tn_error, severity, 36);
    AT(tn_error, message, 52);
    AT(tn_error, detail, 564);
    AT(tn_error, hint, 1076);
    AT(tn_error, context, 1332);
    AT(tn_error, schema, 1844);
    AT(tn_error, table, 1908);
    AT(tn_error, column, 1972);
    AT(tn_error, datatype, 2036);
    AT(tn_error, constraint, 2100);
    AT(tn_error, internal_query, 2164);
    AT(tn_error, source, 2420);
    AT(tn_error, transaction, 2548);
    AT(tn_error, row, 2596);
    AT(tn_error, reserved, 2600);
}

static void layout_of_rows(void **state)
{
    (void)state;
    SIZE(tn_rows, 16);
    AT(tn_rows, row, 0);
    AT(tn_rows, columns, 8);
    AT(tn_rows, left, 12);
}

static void values_of_tn_type(void **state)
{
    (void)state;
    IS(TN_TYPE_NULL, 0);
    IS(TN_TYPE_BOOL, 1);
    IS(TN_TYPE_INT16, 2);
    IS(TN_TYPE_INT32, 3);
    IS(TN_TYPE_INT64, 4);
    IS(TN_TYPE_FLOAT4, 5);
    IS(TN_TYPE_FLOAT8, 6);
    IS(TN_TYPE_NUMERIC, 7);
    IS(TN_TYPE_TEXT, 8);
    IS(TN_TYPE_BYTES, 9);
    IS(TN_TYPE_UUID, 10);
    IS(TN_TYPE_TIMESTAMPTZ, 11);
    IS(TN_TYPE_TIMESTAMP, 12);
    IS(TN_TYPE_DATE, 13);
    IS(TN_TYPE_TIME, 14);
    IS(TN_TYPE_INTERVAL, 15);
    IS(TN_TYPE_JSON, 16);
    IS(TN_TYPE_ARRAY, 17);
    IS(TN_TYPE_OTHER, 18);
}

static void values_of_tn_status(void **state)
{
    (void)state;
    IS(TN_OK, 0);
    IS(TN_NOT_FOUND, 1);
    IS(TN_TOO_MANY_ROWS, 2);
    IS(TN_CONSTRAINT, 3);
    IS(TN_SYNTAX, 4);
    IS(TN_DATA, 5);
    IS(TN_SERIALIZATION, 6);
    IS(TN_ABORTED, 7);
    IS(TN_LOCKED, 8);
    IS(TN_TIMEOUT, 9);
    IS(TN_CANCELLED, 10);
    IS(TN_READ_ONLY, 11);
    IS(TN_RESOURCE, 12);
    IS(TN_UNSUPPORTED, 13);
    IS(TN_CONFIG, 14);
    IS(TN_DRIVER, 15);
    IS(TN_AUTH, 16);
    IS(TN_UNAVAILABLE, 17);
    IS(TN_LOST, 18);
    IS(TN_OUTCOME_UNKNOWN, 19);
    IS(TN_PROTOCOL, 20);
    IS(TN_LIMIT, 21);
    IS(TN_NOMEM, 22);
    IS(TN_MISUSE, 23);
    IS(TN_SHUTDOWN, 24);
    IS(TN_FORKED, 25);
    IS(TN_FAILED, 26);
}

static void values_of_tn_retry(void **state)
{
    (void)state;
    IS(TN_RETRY_NO, 0);
    IS(TN_RETRY_STATEMENT, 1);
    IS(TN_RETRY_TRANSACTION, 2);
}

static void values_of_tn_outcome(void **state)
{
    (void)state;
    IS(TN_OUTCOME_NONE, 0);
    IS(TN_OUTCOME_NOT_APPLIED, 1);
    IS(TN_OUTCOME_APPLIED, 2);
    IS(TN_OUTCOME_IN_DOUBT, 3);
}

static void values_of_tn_phase(void **state)
{
    (void)state;
    IS(TN_PHASE_NONE, 0);
    IS(TN_PHASE_CONFIG, 1);
    IS(TN_PHASE_LOAD, 2);
    IS(TN_PHASE_ACQUIRE, 3);
    IS(TN_PHASE_CONNECT, 4);
    IS(TN_PHASE_PREPARE, 5);
    IS(TN_PHASE_BIND, 6);
    IS(TN_PHASE_EXECUTE, 7);
    IS(TN_PHASE_FETCH, 8);
    IS(TN_PHASE_SCAN, 9);
    IS(TN_PHASE_COMMIT, 10);
}

static void values_of_tn_isolation(void **state)
{
    (void)state;
    IS(TN_ISOLATION_DEFAULT, 0);
    IS(TN_READ_COMMITTED, 1);
    IS(TN_REPEATABLE_READ, 2);
    IS(TN_SERIALIZABLE, 3);
}

static void values_of_tn_log_level(void **state)
{
    (void)state;
    IS(TN_LOG_OFF, 0);
    IS(TN_LOG_ERROR, 1);
    IS(TN_LOG_WARN, 2);
    IS(TN_LOG_INFO, 3);
    IS(TN_LOG_QUERY, 4);
    IS(TN_LOG_DEBUG, 5);
}

static void values_of_tn_wait_result(void **state)
{
    (void)state;
    IS(TN_WAIT_READY, 0);
    IS(TN_WAIT_TIMEOUT, 1);
    IS(TN_WAIT_INTERRUPTED, 2);
    IS(TN_WAIT_FAILED, 3);
}

static void values_of_tn_conn_state(void **state)
{
    (void)state;
    IS(TN_CONN_IDLE, 0);
    IS(TN_CONN_IN_TXN, 1);
    IS(TN_CONN_FAILED, 2);
    IS(TN_CONN_BUSY, 3);
    IS(TN_CONN_BROKEN, 4);
}

static void values_of_capabilities(void **state)
{
    (void)state;
    IS(TN_CAP_SQL, INT64_C(1) << 0);
    IS(TN_CAP_SAVEPOINTS, INT64_C(1) << 1);
    IS(TN_CAP_STREAM, INT64_C(1) << 2);
    IS(TN_CAP_CANCEL, INT64_C(1) << 3);
    IS(TN_CAP_PARAM_TYPES, INT64_C(1) << 4);
    IS(TN_CAP_COLUMN_TYPES, INT64_C(1) << 5);
    IS(TN_CAP_NUMERIC_EXACT, INT64_C(1) << 6);
    IS(TN_CAP_ARRAYS, INT64_C(1) << 7);
    IS(TN_CAP_CONCURRENT_WRITES, INT64_C(1) << 8);
    IS(TN_CAP_SCHEMAS, INT64_C(1) << 9);
    IS(TN_CAP_PERSISTENT, INT64_C(1) << 10);
    IS(TN_CAP_CONSTRAINT_NAMES, INT64_C(1) << 11);
    IS(TN_CAP_TRANSACTIONS, INT64_C(1) << 12);
    IS(TN_CAP_REMOTE, INT64_C(1) << 13);
}

static void values_of_the_rest(void **state)
{
    (void)state;
    IS(TN_DRIVER_MAGIC, INT64_C(0x01726476726e6574));
    IS(TN_DRIVER_ABI_MAJOR, 1);
    IS(TN_DRIVER_ABI_MINOR, 2);
    IS(TN_DRIVER_STALE, 1000);
    IS(TN_WAIT_READ, 1);
    IS(TN_WAIT_WRITE, 2);
    IS(TN_STMT_ROWS, 1);
    IS(TN_STMT_READ_ONLY, 2);
    IS(TN_STMT_EMPTY, 4);
    IS(TN_EXECUTE_STREAM, 1);
    IS(TN_NO_DEADLINE, INT64_MAX);
    assert_string_equal(TN_DRIVER_MODULE_SYMBOL, "tn_driver_module");
}

static void a_value_is_one_union(void **state)
{
    (void)state;
    tn_value value;

    assert_ptr_equal(&value.as.i, &value.as.f);
    assert_ptr_equal(&value.as.i, &value.as.ptr);
    assert_ptr_equal(&value.as.i, &value.as.uuid);
    assert_ptr_equal(&value.as.i, &value.as.interval);
    assert_ptr_equal(&value.as.i, &value.as.array);
}

int main(void)
{
#if !defined(__linux__) || !defined(__LP64__)
    puts("skip: the literals are those of 64-bit Linux");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_of_tn_diagnostic),
        cmocka_unit_test(layout_of_tn_host),
        cmocka_unit_test(layout_of_tn_driver_option),
        cmocka_unit_test(layout_of_tn_driver_setting),
        cmocka_unit_test(layout_of_tn_source_config),
        cmocka_unit_test(layout_of_tn_conn_info),
        cmocka_unit_test(layout_of_tn_conn_ops),
        cmocka_unit_test(layout_of_tn_param),
        cmocka_unit_test(layout_of_tn_stmt_info),
        cmocka_unit_test(layout_of_tn_stmt_ops),
        cmocka_unit_test(layout_of_tn_batch),
        cmocka_unit_test(layout_of_tn_cursor_ops),
        cmocka_unit_test(layout_of_tn_txn_request),
        cmocka_unit_test(layout_of_tn_txn_ops),
        cmocka_unit_test(layout_of_tn_batch_work),
        cmocka_unit_test(layout_of_tn_batch_ops),
        cmocka_unit_test(layout_of_tn_bulk_ops),
        cmocka_unit_test(layout_of_tn_notification),
        cmocka_unit_test(layout_of_tn_notify_ops),
        cmocka_unit_test(layout_of_tn_catalog_ops),
        cmocka_unit_test(layout_of_tn_module),
        cmocka_unit_test(layout_of_types),
        cmocka_unit_test(layout_of_error),
        cmocka_unit_test(layout_of_rows),
        cmocka_unit_test(values_of_tn_type),
        cmocka_unit_test(values_of_tn_status),
        cmocka_unit_test(values_of_tn_retry),
        cmocka_unit_test(values_of_tn_outcome),
        cmocka_unit_test(values_of_tn_phase),
        cmocka_unit_test(values_of_tn_isolation),
        cmocka_unit_test(values_of_tn_log_level),
        cmocka_unit_test(values_of_tn_wait_result),
        cmocka_unit_test(values_of_tn_conn_state),
        cmocka_unit_test(values_of_capabilities),
        cmocka_unit_test(values_of_the_rest),
        cmocka_unit_test(a_value_is_one_union),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
