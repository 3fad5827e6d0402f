/* SPDX-License-Identifier: MIT */
/* APR's DBD: prepared statements with binary arguments, rows by apr_dbd_datum_get(), connections in
 * an apr_reslist. Memory comes from a pool that is cleared after each operation. */
#include "peers/peer.h"

#include <apr_dbd.h>
#include <apr_pools.h>
#include <apr_reslist.h>
#include <stdio.h>

struct conn {
    apr_pool_t *pool, *each, *transactions; /* each outlives a statement, not a transaction */
    const apr_dbd_driver_t *driver;
    apr_dbd_t *db;
    apr_dbd_transaction_t *transaction;
    apr_dbd_prepared_t *a, *b;
    bool sqlite;
};

static void start_library(void)
{
    static bool started;
    static apr_pool_t *pool;
    if (started)
        return;
    started = true;
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS ||
        apr_dbd_init(pool) != APR_SUCCESS)
        bench_die("apr", "cannot be initialised");
}

static void check(struct conn *conn, int code, const char *what)
{
    if (code != 0)
        bench_die(what, apr_dbd_error(conn->driver, conn->db, code));
}

static void prepare_one(struct conn *conn, const char *sql, apr_dbd_prepared_t **ret)
{
    check(conn, apr_dbd_prepare(conn->driver, conn->pool, conn->db, sql, NULL, ret), sql);
}

static void prepare(struct conn *conn, enum peer_use use)
{
    switch (use) {
    case PEER_ITEMS:
        prepare_one(conn, "select " BENCH_COLUMNS " from bench_items where id = %lld", &conn->a);
        break;
    case PEER_SCAN:
        prepare_one(conn, "select " BENCH_COLUMNS " from bench_items where id <= %lld", &conn->a);
        break;
    case PEER_INSERTS:
        prepare_one(conn,
                    conn->sqlite ? "insert into bench_inserts (" BENCH_COLUMNS
                                   ") values (%lld, %d, %lf, %s, %lld)"
                                 : "insert into bench_inserts (" BENCH_COLUMNS
                                   ") values (%lld, %d, %lf, %s, %pDz)",
                    &conn->a);
        break;
    case PEER_ACCOUNTS:
        prepare_one(conn,
                    conn->sqlite ? "select balance from bench_accounts where id = %lld"
                                 : "select balance from bench_accounts where id = %lld for update",
                    &conn->a);
        prepare_one(conn, "update bench_accounts set balance = %lld where id = %lld", &conn->b);
        break;
    case PEER_ONE: prepare_one(conn, "select 1", &conn->a); break;
    case PEER_PLAIN: break;
    }
}

static void *dbd_open(const char *url, enum peer_use use)
{
    struct conn *conn;
    apr_pool_t *pool;
    char text[1024];
    const char *name;

    start_library();
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS)
        bench_die("apr", "no memory");
    conn = apr_pcalloc(pool, sizeof(*conn));
    conn->pool = pool;
    conn->sqlite = peer_is_sqlite(url);
    name = conn->sqlite ? "sqlite3" : "pgsql";
    if (apr_pool_create(&conn->each, pool) != APR_SUCCESS ||
        apr_pool_create(&conn->transactions, pool) != APR_SUCCESS ||
        apr_dbd_get_driver(pool, name, &conn->driver) != APR_SUCCESS)
        bench_die("apr: no driver", name);
    snprintf(text, sizeof(text), "%s", conn->sqlite ? peer_sqlite_path(url) : url);
    if (apr_dbd_open(conn->driver, pool, text, &conn->db) != APR_SUCCESS)
        bench_die("apr: open", text);
    if (conn->sqlite) {
        apr_dbd_results_t *rows = NULL;
        check(conn,
              apr_dbd_select(conn->driver, conn->each, conn->db, &rows, "pragma journal_mode = wal",
                             0),
              "journal mode");
        apr_pool_clear(conn->each);
    }
    prepare(conn, use);
    return conn;
}

static void dbd_close(void *arg)
{
    struct conn *conn = arg;
    apr_dbd_close(conn->driver, conn->db);
    apr_pool_destroy(conn->pool);
}

static void dbd_command(void *arg, const char *sql)
{
    struct conn *conn = arg;
    int n;
    check(conn, apr_dbd_query(conn->driver, conn->db, &n, sql), sql);
}

static int64_t get64(struct conn *conn, apr_dbd_row_t *row, int column)
{
    apr_int64_t value = 0;
    if (apr_dbd_datum_get(conn->driver, row, column, APR_DBD_TYPE_LONGLONG, &value) != APR_SUCCESS)
        bench_die("apr", "not a number");
    return value;
}

static int64_t dbd_number(void *arg, const char *sql)
{
    struct conn *conn = arg;
    apr_dbd_results_t *rows = NULL;
    apr_dbd_row_t *row = NULL;
    int64_t value;

    check(conn, apr_dbd_select(conn->driver, conn->each, conn->db, &rows, sql, 0), sql);
    if (apr_dbd_get_row(conn->driver, conn->each, rows, &row, -1) != 0)
        bench_die(sql, "no row");
    value = get64(conn, row, 0);
    apr_pool_clear(conn->each);
    return value;
}

static uint64_t sum_row(struct conn *conn, apr_dbd_row_t *row)
{
    double price = 0;
    int quantity = 0;
    const char *name = NULL, *created = NULL;
    int64_t us;

    if (apr_dbd_datum_get(conn->driver, row, 1, APR_DBD_TYPE_INT, &quantity) != APR_SUCCESS ||
        apr_dbd_datum_get(conn->driver, row, 2, APR_DBD_TYPE_DOUBLE, &price) != APR_SUCCESS ||
        apr_dbd_datum_get(conn->driver, row, 3, APR_DBD_TYPE_STRING, &name) != APR_SUCCESS)
        bench_die("apr", "a cell is missing");
    if (conn->sqlite) {
        us = get64(conn, row, 4);
    } else {
        if (apr_dbd_datum_get(conn->driver, row, 4, APR_DBD_TYPE_ZTIMESTAMP, &created) !=
            APR_SUCCESS)
            bench_die("apr", "a cell is missing");
        us = peer_time(created);
    }
    return bench_row(get64(conn, row, 0), quantity, price, name, strlen(name), us);
}

static uint64_t dbd_scan(void *arg, int64_t key)
{
    struct conn *conn = arg;
    apr_dbd_results_t *rows = NULL;
    apr_dbd_row_t *row = NULL;
    apr_int64_t id = key;
    uint64_t sum = 0;

    check(conn, apr_dbd_pvbselect(conn->driver, conn->each, conn->db, &rows, conn->a, 0, &id),
          "select");
    while (apr_dbd_get_row(conn->driver, conn->each, rows, &row, -1) == 0)
        sum += sum_row(conn, row);
    apr_pool_clear(conn->each);
    return sum;
}

static void dbd_insert(void *arg, const struct bench_insert *from)
{
    struct conn *conn = arg;
    apr_int64_t id = from->id, us = from->created_us;
    double price = from->price;
    int quantity = from->quantity, n, code;
    char created[40];

    if (conn->sqlite) {
        code = apr_dbd_pvbquery(conn->driver, conn->each, conn->db, &n, conn->a, &id, &quantity,
                                &price, from->name, &us);
    } else {
        peer_time_text(from->created_us, created, sizeof(created));
        code = apr_dbd_pvbquery(conn->driver, conn->each, conn->db, &n, conn->a, &id, &quantity,
                                &price, from->name, created);
    }
    check(conn, code, "insert");
    apr_pool_clear(conn->each);
}

static int64_t first_number(struct conn *conn, apr_dbd_results_t *rows)
{
    apr_dbd_row_t *row = NULL;
    int64_t value;
    if (apr_dbd_get_row(conn->driver, conn->each, rows, &row, -1) != 0)
        bench_die("apr", "no row");
    value = get64(conn, row, 0);
    /* The rows are read to their end. */
    if (apr_dbd_get_row(conn->driver, conn->each, rows, &row, -1) == 0)
        bench_die("apr", "more than one row");
    apr_pool_clear(conn->each);
    return value;
}

static int64_t dbd_balance(void *arg, int64_t key)
{
    struct conn *conn = arg;
    apr_dbd_results_t *rows = NULL;
    apr_int64_t id = key;
    check(conn, apr_dbd_pvbselect(conn->driver, conn->each, conn->db, &rows, conn->a, 0, &id),
          "balance");
    return first_number(conn, rows);
}

static void dbd_set_balance(void *arg, int64_t key, int64_t balance)
{
    struct conn *conn = arg;
    apr_int64_t id = key, value = balance;
    int n;
    check(conn, apr_dbd_pvbquery(conn->driver, conn->each, conn->db, &n, conn->b, &value, &id),
          "update");
    apr_pool_clear(conn->each);
}

static int64_t dbd_one(void *arg)
{
    struct conn *conn = arg;
    apr_dbd_results_t *rows = NULL;
    check(conn, apr_dbd_pvbselect(conn->driver, conn->each, conn->db, &rows, conn->a, 0), "one");
    return first_number(conn, rows);
}

static void dbd_begin(void *arg)
{
    struct conn *conn = arg;
    conn->transaction = NULL;
    check(conn,
          apr_dbd_transaction_start(conn->driver, conn->transactions, conn->db, &conn->transaction),
          "begin");
}

static void dbd_commit(void *arg)
{
    struct conn *conn = arg;
    check(conn, apr_dbd_transaction_end(conn->driver, conn->transactions, conn->transaction),
          "commit");
    apr_pool_clear(conn->transactions);
}

static void dbd_small_prepare(void *arg, int table)
{
    struct conn *conn = arg;
    char sql[128];
    snprintf(sql, sizeof(sql), "insert into small_%d (id, name, amount) values (%%lld, %%s, %%lf)",
             table);
    prepare_one(conn, sql, &conn->a);
}

static void dbd_small_insert(void *arg, int64_t id, const char *name, double amount)
{
    struct conn *conn = arg;
    apr_int64_t key = id;
    int n;
    check(conn,
          apr_dbd_pvbquery(conn->driver, conn->each, conn->db, &n, conn->a, &key, name, &amount),
          "insert");
    apr_pool_clear(conn->each);
}

/* ---- pool ------------------------------------------------------------------------------------ */

static apr_status_t make(void **ret, void *url, apr_pool_t *pool)
{
    (void)pool;
    *ret = dbd_open(url, PEER_ONE);
    return APR_SUCCESS;
}

static apr_status_t destroy(void *conn, void *url, apr_pool_t *pool)
{
    (void)url;
    (void)pool;
    dbd_close(conn);
    return APR_SUCCESS;
}

static void *dbd_pool_open(const char *url)
{
    apr_reslist_t *list;
    apr_pool_t *pool;
    start_library();
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS ||
        apr_reslist_create(&list, BENCH_POOL, BENCH_POOL, BENCH_POOL, 0, make, destroy,
                           (void *)(uintptr_t)url, pool) != APR_SUCCESS)
        bench_die("apr", "no pool");
    return list;
}

static void dbd_pool_close(void *pool)
{
    apr_reslist_destroy(pool);
}

static void *dbd_acquire(void *pool)
{
    void *conn;
    if (apr_reslist_acquire(pool, &conn) != APR_SUCCESS)
        bench_die("apr", "acquire");
    return conn;
}

static void dbd_release(void *pool, void *conn)
{
    apr_reslist_release(pool, conn);
}

const struct peer peer = {
    .open = dbd_open,
    .close = dbd_close,
    .command = dbd_command,
    .number = dbd_number,
    .item = dbd_scan,
    .scan = dbd_scan,
    .insert = dbd_insert,
    .balance = dbd_balance,
    .set_balance = dbd_set_balance,
    .one = dbd_one,
    .begin = dbd_begin,
    .commit = dbd_commit,
    .small_prepare = dbd_small_prepare,
    .small_insert = dbd_small_insert,
    .pool_open = dbd_pool_open,
    .pool_close = dbd_pool_close,
    .acquire = dbd_acquire,
    .release = dbd_release,
    .pooled_one = dbd_one,
};
