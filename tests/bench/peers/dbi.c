/* SPDX-License-Identifier: MIT */
/* libdbi: statements are texts with the values in them; rows are read first. There is no pool. */
#include "peers/peer.h"

#include <dbi/dbi.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>

struct conn {
    dbi_inst library;
    dbi_conn db;
    bool sqlite;
    enum peer_use use;
    char insert[80]; /* the beginning of the small insert */
};

_Noreturn static void fail(struct conn *conn, const char *what)
{
    const char *text = NULL;
    dbi_conn_error(conn->db, &text);
    bench_die(what, text);
}

static void connect_to(struct conn *conn, const char *url)
{
    if (conn->sqlite) {
        char folder[4096], file[4096];
        snprintf(folder, sizeof(folder), "%s", peer_sqlite_path(url));
        snprintf(file, sizeof(file), "%s", peer_sqlite_path(url));
        dbi_conn_set_option(conn->db, "sqlite3_dbdir", dirname(folder));
        dbi_conn_set_option(conn->db, "dbname", basename(file));
    } else {
        dbi_conn_set_option(conn->db, "host", peer_part(url, "host"));
        dbi_conn_set_option(conn->db, "dbname", peer_part(url, "dbname"));
        dbi_conn_set_option(conn->db, "username", peer_part(url, "user"));
        dbi_conn_set_option(conn->db, "password", peer_part(url, "password"));
    }
    if (dbi_conn_connect(conn->db) < 0)
        fail(conn, "libdbi: connect");
}

static void dbi_peer_command(void *arg, const char *sql)
{
    struct conn *conn = arg;
    dbi_result rows = dbi_conn_query(conn->db, sql);
    if (!rows)
        fail(conn, sql);
    dbi_result_free(rows);
}

static void *dbi_peer_open(const char *url, enum peer_use use)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        bench_die("libdbi", "no memory");
    conn->sqlite = peer_is_sqlite(url);
    conn->use = use;
    if (dbi_initialize_r(NULL, &conn->library) < 1)
        bench_die("libdbi", "no drivers");
    conn->db = dbi_conn_new_r(conn->sqlite ? "sqlite3" : "pgsql", conn->library);
    if (!conn->db)
        bench_die("libdbi: no driver", conn->sqlite ? "sqlite3" : "pgsql");
    connect_to(conn, url);
    if (conn->sqlite) {
        dbi_peer_command(conn, "pragma journal_mode = wal");
        dbi_peer_command(conn, "pragma synchronous = normal");
    } else {
        dbi_peer_command(conn, "set timezone = 'UTC'");
    }
    return conn;
}

static void dbi_peer_close(void *arg)
{
    struct conn *conn = arg;
    dbi_conn_close(conn->db);
    dbi_shutdown_r(conn->library);
    free(conn);
}

/* Of whatever width the driver gives it: that for SQLite has its own idea of a column's type. */
static int64_t integer_of(dbi_result rows, unsigned column)
{
    return dbi_result_get_as_longlong_idx(rows, column);
}

static int64_t dbi_peer_number(void *arg, const char *sql)
{
    struct conn *conn = arg;
    dbi_result rows = dbi_conn_query(conn->db, sql);
    int64_t value;
    if (!rows || !dbi_result_next_row(rows))
        fail(conn, sql);
    value = integer_of(rows, 1);
    dbi_result_free(rows);
    return value;
}

static uint64_t sum_row(const struct conn *conn, dbi_result rows)
{
    const char *name = dbi_result_get_string_idx(rows, 4);
    return bench_row(dbi_result_get_longlong_idx(rows, 1), (int32_t)integer_of(rows, 2),
                     dbi_result_get_double_idx(rows, 3), name,
                     dbi_result_get_field_length_idx(rows, 4),
                     conn->sqlite ? (int64_t)dbi_result_get_longlong_idx(rows, 5)
                                  : dbi_result_get_datetime_idx(rows, 5) * INT64_C(1000000));
}

static uint64_t dbi_peer_scan(void *arg, int64_t key)
{
    struct conn *conn = arg;
    uint64_t sum = 0;
    dbi_result rows = dbi_conn_queryf(conn->db,
                                      "select " BENCH_COLUMNS " from bench_items where id %s %lld",
                                      conn->use == PEER_SCAN ? "<=" : "=", (long long)key);
    if (!rows)
        fail(conn, "select");
    while (dbi_result_next_row(rows))
        sum += sum_row(conn, rows);
    dbi_result_free(rows);
    return sum;
}

static void write_row(const struct conn *conn, const struct bench_insert *row, char *buf,
                      size_t size)
{
    char created[48];
    if (conn->sqlite) {
        snprintf(created, sizeof(created), "%" PRId64, row->created_us);
    } else {
        created[0] = '\'';
        peer_time_text(row->created_us, created + 1, sizeof(created) - 2);
        strcat(created, "'");
    }
    snprintf(buf, size, "(%" PRId64 ", %d, %.17g, '%s', %s)", row->id, row->quantity, row->price,
             row->name, created);
}

static void dbi_peer_insert(void *arg, const struct bench_insert *row)
{
    char sql[512] = "insert into bench_inserts (" BENCH_COLUMNS ") values ";
    size_t length = strlen(sql);
    write_row(arg, row, sql + length, sizeof(sql) - length);
    dbi_peer_command(arg, sql);
}

static int64_t dbi_peer_balance(void *arg, int64_t key)
{
    struct conn *conn = arg;
    char sql[128];
    snprintf(sql, sizeof(sql), "select balance from bench_accounts where id = %" PRId64 "%s", key,
             conn->sqlite ? "" : " for update");
    return dbi_peer_number(arg, sql);
}

static void dbi_peer_set_balance(void *arg, int64_t key, int64_t balance)
{
    char sql[128];
    snprintf(sql, sizeof(sql),
             "update bench_accounts set balance = %" PRId64 " where id = %" PRId64, balance, key);
    dbi_peer_command(arg, sql);
}

static int64_t dbi_peer_one(void *arg)
{
    return dbi_peer_number(arg, "select 1");
}

static void dbi_peer_begin(void *arg)
{
    dbi_peer_command(arg, "begin");
}

static void dbi_peer_commit(void *arg)
{
    dbi_peer_command(arg, "commit");
}

static void dbi_peer_small_prepare(void *arg, int table)
{
    struct conn *conn = arg;
    snprintf(conn->insert, sizeof(conn->insert), "insert into small_%d (id, name, amount) values",
             table);
}

static void dbi_peer_small_insert(void *arg, int64_t id, const char *name, double amount)
{
    struct conn *conn = arg;
    char sql[256];
    snprintf(sql, sizeof(sql), "%s (%" PRId64 ", '%s', %.17g)", conn->insert, id, name, amount);
    dbi_peer_command(arg, sql);
}

const struct peer peer = {
    .open = dbi_peer_open,
    .close = dbi_peer_close,
    .command = dbi_peer_command,
    .number = dbi_peer_number,
    .item = dbi_peer_scan,
    .scan = dbi_peer_scan,
    .insert = dbi_peer_insert,
    .balance = dbi_peer_balance,
    .set_balance = dbi_peer_set_balance,
    .one = dbi_peer_one,
    .begin = dbi_peer_begin,
    .commit = dbi_peer_commit,
    .small_prepare = dbi_peer_small_prepare,
    .small_insert = dbi_peer_small_insert,
};
