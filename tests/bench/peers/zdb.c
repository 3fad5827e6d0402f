/* SPDX-License-Identifier: MIT */
/* libzdb: a pool of connections, prepared statements on each; giving a connection back forgets
 * them. An exception that nobody catches ends the process. */
#include "peers/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <zdb.h>

struct conn {
    URL_T url;
    ConnectionPool_T pool;
    Connection_T c;
    PreparedStatement_T a, b;
    bool sqlite;
};

/* Percent-encoded: a password may hold what means something in a URL. */
static const char *encoded(const char *url, const char *name, char *buf, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;

    for (const char *p = peer_part(url, name); *p && used + 4 < size; p++) {
        buf[used++] = '%';
        buf[used++] = digits[(unsigned char)*p >> 4];
        buf[used++] = digits[(unsigned char)*p & 15];
    }
    buf[used] = '\0';
    return buf;
}

static ConnectionPool_T make_pool(const char *url, int connections, URL_T *ret_url)
{
    char text[4096], name[256], user[256], password[1024], host[1024];
    ConnectionPool_T pool;

    const char *path = peer_is_sqlite(url) ? peer_sqlite_path(url) : NULL;

    if (path)
        snprintf(text, sizeof(text), "sqlite://%s?journal_mode=wal&synchronous=normal", path);
    else
        snprintf(text, sizeof(text), "postgresql://localhost/%s?user=%s&password=%s&unix-socket=%s",
                 encoded(url, "dbname", name, sizeof(name)),
                 encoded(url, "user", user, sizeof(user)),
                 encoded(url, "password", password, sizeof(password)),
                 encoded(url, "host", host, sizeof(host)));
    *ret_url = URL_new(text);
    if (!*ret_url)
        bench_die("libzdb", "URL");
    pool = ConnectionPool_new(*ret_url);
    ConnectionPool_setInitialConnections(pool, connections);
    ConnectionPool_setMaxConnections(pool, connections);
    ConnectionPool_start(pool);
    return pool;
}

static void prepare(struct conn *conn, enum peer_use use)
{
    switch (use) {
    case PEER_ITEMS:
        conn->a = Connection_prepareStatement(conn->c, "select " BENCH_COLUMNS
                                                       " from bench_items where id = ?");
        break;
    case PEER_SCAN:
        conn->a = Connection_prepareStatement(conn->c, "select " BENCH_COLUMNS
                                                       " from bench_items where id <= ?");
        break;
    case PEER_INSERTS:
        conn->a = Connection_prepareStatement(conn->c, "insert into bench_inserts (" BENCH_COLUMNS
                                                       ") values (?, ?, ?, ?, ?)");
        break;
    case PEER_ACCOUNTS:
        conn->a = Connection_prepareStatement(
            conn->c, conn->sqlite ? "select balance from bench_accounts where id = ?"
                                  : "select balance from bench_accounts where id = ? for update");
        conn->b = Connection_prepareStatement(conn->c,
                                              "update bench_accounts set balance = ? where id = ?");
        break;
    case PEER_ONE: conn->a = Connection_prepareStatement(conn->c, "select 1"); break;
    case PEER_PLAIN: break;
    }
}

static void *zdb_open(const char *url, enum peer_use use)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        bench_die("libzdb", "no memory");
    conn->sqlite = peer_is_sqlite(url);
    conn->pool = make_pool(url, 1, &conn->url);
    conn->c = ConnectionPool_getConnection(conn->pool);
    prepare(conn, use);
    return conn;
}

static void zdb_close(void *arg)
{
    struct conn *conn = arg;
    Connection_close(conn->c);
    ConnectionPool_stop(conn->pool);
    ConnectionPool_free(&conn->pool);
    URL_free(&conn->url);
    free(conn);
}

static void zdb_command(void *arg, const char *sql)
{
    struct conn *conn = arg;
    Connection_execute(conn->c, "%s", sql);
}

static int64_t zdb_number(void *arg, const char *sql)
{
    struct conn *conn = arg;
    ResultSet_T rows = Connection_executeQuery(conn->c, "%s", sql);
    if (!ResultSet_next(rows))
        bench_die(sql, "no row");
    return ResultSet_getLLong(rows, 1);
}

static uint64_t sum_row(const struct conn *conn, ResultSet_T rows)
{
    const char *name = ResultSet_getString(rows, 4);
    return bench_row(ResultSet_getLLong(rows, 1), ResultSet_getInt(rows, 2),
                     ResultSet_getDouble(rows, 3), name, (size_t)ResultSet_getColumnSize(rows, 4),
                     conn->sqlite ? ResultSet_getLLong(rows, 5)
                                  : peer_time(ResultSet_getString(rows, 5)));
}

static uint64_t zdb_scan(void *arg, int64_t key)
{
    struct conn *conn = arg;
    uint64_t sum = 0;
    PreparedStatement_setLLong(conn->a, 1, key);
    ResultSet_T rows = PreparedStatement_executeQuery(conn->a);
    while (ResultSet_next(rows))
        sum += sum_row(conn, rows);
    return sum;
}

/* On SQLite rows are stepped through, on PostgreSQL they are read first. */
static uint64_t zdb_scan_streaming(void *arg, int64_t key)
{
    struct conn *conn = arg;
    if (!conn->sqlite)
        bench_not_offered();
    return zdb_scan(arg, key);
}

static void zdb_insert(void *arg, const struct bench_insert *row)
{
    struct conn *conn = arg;
    PreparedStatement_setLLong(conn->a, 1, row->id);
    PreparedStatement_setInt(conn->a, 2, row->quantity);
    PreparedStatement_setDouble(conn->a, 3, row->price);
    PreparedStatement_setString(conn->a, 4, row->name);
    if (conn->sqlite)
        PreparedStatement_setLLong(conn->a, 5, row->created_us);
    else
        PreparedStatement_setTimestamp(conn->a, 5, row->created_us / 1000000);
    PreparedStatement_execute(conn->a);
}

static int64_t zdb_balance(void *arg, int64_t key)
{
    struct conn *conn = arg;
    PreparedStatement_setLLong(conn->a, 1, key);
    ResultSet_T rows = PreparedStatement_executeQuery(conn->a);
    if (!ResultSet_next(rows))
        bench_die("balance", "no row");
    return ResultSet_getLLong(rows, 1);
}

static void zdb_set_balance(void *arg, int64_t key, int64_t balance)
{
    struct conn *conn = arg;
    PreparedStatement_setLLong(conn->b, 1, balance);
    PreparedStatement_setLLong(conn->b, 2, key);
    PreparedStatement_execute(conn->b);
}

static int64_t zdb_one(void *arg)
{
    struct conn *conn = arg;
    ResultSet_T rows = PreparedStatement_executeQuery(conn->a);
    if (!ResultSet_next(rows))
        bench_die("select 1", "no row");
    return ResultSet_getInt(rows, 1);
}

static void zdb_begin(void *arg)
{
    Connection_beginTransaction(((struct conn *)arg)->c);
}

static void zdb_commit(void *arg)
{
    Connection_commit(((struct conn *)arg)->c);
}

static void *zdb_pool_open(const char *url)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        bench_die("libzdb", "no memory");
    conn->pool = make_pool(url, BENCH_POOL, &conn->url);
    return conn;
}

static void zdb_pool_close(void *arg)
{
    struct conn *conn = arg;
    ConnectionPool_stop(conn->pool);
    ConnectionPool_free(&conn->pool);
    URL_free(&conn->url);
    free(conn);
}

/* There is no waiting: NULL says that all are in use. */
static void *zdb_acquire(void *pool)
{
    Connection_T c;
    do {
        c = ConnectionPool_getConnection(((struct conn *)pool)->pool);
    } while (!c);
    return c;
}

static void zdb_release(void *pool, void *conn)
{
    ConnectionPool_returnConnection(((struct conn *)pool)->pool, conn);
}

static int64_t zdb_pooled_one(void *conn)
{
    ResultSet_T rows = Connection_executeQuery(conn, "select 1");
    if (!ResultSet_next(rows))
        bench_die("select 1", "no row");
    return ResultSet_getInt(rows, 1);
}

const struct peer peer = {
    .open = zdb_open,
    .close = zdb_close,
    .command = zdb_command,
    .number = zdb_number,
    .item = zdb_scan,
    .scan = zdb_scan,
    .scan_streaming = zdb_scan_streaming,
    .insert = zdb_insert,
    .balance = zdb_balance,
    .set_balance = zdb_set_balance,
    .one = zdb_one,
    .begin = zdb_begin,
    .commit = zdb_commit,
    .pool_open = zdb_pool_open,
    .pool_close = zdb_pool_close,
    .acquire = zdb_acquire,
    .release = zdb_release,
    .pooled_one = zdb_pooled_one,
};
