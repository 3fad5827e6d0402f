/* SPDX-License-Identifier: MIT */
/* ODBC by unixODBC, with the drivers of PostgreSQL and SQLite: prepared statements, bound columns
 * and parameters, arrays of rows and of parameters. There is no pool but the manager's own, which
 * makes connections only. */
#include "peers/peer.h"

#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ARRAY = 1000, TEXT = 40 };

/* A thousand rows, column by column: what is read, or what is written. */
struct rows {
    SQLBIGINT id[ARRAY], us[ARRAY];
    SQLINTEGER quantity[ARRAY];
    SQLDOUBLE price[ARRAY];
    SQLCHAR name[ARRAY][TEXT];
    SQL_TIMESTAMP_STRUCT created[ARRAY];
    SQLLEN name_len[ARRAY], ignored[ARRAY];
};

struct conn {
    SQLHENV env;
    SQLHDBC db;
    SQLHSTMT a, b;
    bool sqlite;
    SQLULEN fetched;
    SQLBIGINT key, balance;
    SQLINTEGER number;
    struct rows rows;
};

static void check(SQLRETURN code, SQLSMALLINT kind, SQLHANDLE handle, const char *what)
{
    SQLCHAR state[6] = "", text[512] = "";
    SQLINTEGER native;
    SQLSMALLINT length;
    if (SQL_SUCCEEDED(code))
        return;
    SQLGetDiagRec(kind, handle, 1, state, &native, text, sizeof(text), &length);
    bench_die(what, (const char *)text);
}

static void check_stmt(SQLRETURN code, SQLHSTMT stmt, const char *what)
{
    check(code, SQL_HANDLE_STMT, stmt, what);
}

static SQLHSTMT new_stmt(struct conn *conn)
{
    SQLHSTMT stmt;
    check(SQLAllocHandle(SQL_HANDLE_STMT, conn->db, &stmt), SQL_HANDLE_DBC, conn->db, "statement");
    return stmt;
}

static SQLHSTMT prepare_one(struct conn *conn, const char *sql)
{
    SQLHSTMT stmt = new_stmt(conn);
    check_stmt(SQLPrepare(stmt, (SQLCHAR *)(uintptr_t)sql, SQL_NTS), stmt, sql);
    return stmt;
}

static void bind_in(SQLHSTMT stmt, int n, SQLSMALLINT c_type, SQLSMALLINT sql_type, SQLULEN size,
                    void *value, SQLLEN width, SQLLEN *length)
{
    check_stmt(SQLBindParameter(stmt, (SQLUSMALLINT)n, SQL_PARAM_INPUT, c_type, sql_type, size, 0,
                                value, width, length),
               stmt, "bind");
}

static void bind_key(SQLHSTMT stmt, int n, SQLBIGINT *value)
{
    bind_in(stmt, n, SQL_C_SBIGINT, SQL_BIGINT, 0, value, 0, NULL);
}

static void bind_out(SQLHSTMT stmt, int n, SQLSMALLINT type, void *value, SQLLEN width, SQLLEN *len)
{
    check_stmt(SQLBindCol(stmt, (SQLUSMALLINT)n, type, value, width, len), stmt, "bind");
}

static void set(SQLHSTMT stmt, SQLINTEGER attribute, uintptr_t value)
{
    check_stmt(SQLSetStmtAttr(stmt, attribute, (SQLPOINTER)value, 0), stmt, "attribute");
}

static void prepare_select(struct conn *conn, const char *sql, size_t rows)
{
    struct rows *to = &conn->rows;
    SQLHSTMT stmt = conn->a = prepare_one(conn, sql);
    bind_key(stmt, 1, &conn->key);
    set(stmt, SQL_ATTR_ROW_ARRAY_SIZE, rows);
    set(stmt, SQL_ATTR_ROWS_FETCHED_PTR, (uintptr_t)&conn->fetched);
    bind_out(stmt, 1, SQL_C_SBIGINT, to->id, 0, to->ignored);
    bind_out(stmt, 2, SQL_C_SLONG, to->quantity, 0, to->ignored);
    bind_out(stmt, 3, SQL_C_DOUBLE, to->price, 0, to->ignored);
    bind_out(stmt, 4, SQL_C_CHAR, to->name, TEXT, to->name_len);
    if (conn->sqlite)
        bind_out(stmt, 5, SQL_C_SBIGINT, to->us, 0, to->ignored);
    else
        bind_out(stmt, 5, SQL_C_TYPE_TIMESTAMP, to->created, 0, to->ignored);
}

static void prepare_inserts(struct conn *conn)
{
    struct rows *from = &conn->rows;
    SQLHSTMT stmt = conn->a = prepare_one(conn, "insert into bench_inserts (" BENCH_COLUMNS
                                                ") values (?, ?, ?, ?, ?)");
    bind_in(stmt, 1, SQL_C_SBIGINT, SQL_BIGINT, 0, from->id, 0, NULL);
    bind_in(stmt, 2, SQL_C_SLONG, SQL_INTEGER, 0, from->quantity, 0, NULL);
    bind_in(stmt, 3, SQL_C_DOUBLE, SQL_DOUBLE, 0, from->price, 0, NULL);
    bind_in(stmt, 4, SQL_C_CHAR, SQL_VARCHAR, TEXT, from->name, TEXT, from->name_len);
    if (conn->sqlite)
        bind_in(stmt, 5, SQL_C_SBIGINT, SQL_BIGINT, 0, from->us, 0, NULL);
    else
        bind_in(stmt, 5, SQL_C_TYPE_TIMESTAMP, SQL_TYPE_TIMESTAMP, 19, from->created, 0, NULL);
}

static void prepare(struct conn *conn, enum peer_use use)
{
    switch (use) {
    case PEER_ITEMS:
        prepare_select(conn, "select " BENCH_COLUMNS " from bench_items where id = ?", 1);
        break;
    case PEER_SCAN:
        prepare_select(conn, "select " BENCH_COLUMNS " from bench_items where id <= ?", ARRAY);
        break;
    case PEER_INSERTS: prepare_inserts(conn); break;
    case PEER_ACCOUNTS:
        conn->a = prepare_one(
            conn, conn->sqlite ? "select balance from bench_accounts where id = ?"
                               : "select balance from bench_accounts where id = ? for update");
        bind_key(conn->a, 1, &conn->key);
        bind_out(conn->a, 1, SQL_C_SBIGINT, &conn->balance, 0, conn->rows.ignored);
        conn->b = prepare_one(conn, "update bench_accounts set balance = ? where id = ?");
        bind_key(conn->b, 1, &conn->balance);
        bind_key(conn->b, 2, &conn->key);
        break;
    case PEER_ONE:
        conn->a = prepare_one(conn, "select 1");
        bind_out(conn->a, 1, SQL_C_SLONG, &conn->number, 0, conn->rows.ignored);
        break;
    case PEER_PLAIN: break;
    }
}

static void odbc_command(void *arg, const char *sql)
{
    SQLHSTMT stmt = new_stmt(arg);
    check_stmt(SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)sql, SQL_NTS), stmt, sql);
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
}

/* UseDeclareFetch: rows come by a cursor, ARRAY at a time. Braces: else a % of the password is
 * taken for the beginning of an encoded character. */
static void *open_with(const char *url, enum peer_use use, bool streaming)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    char text[4096];
    if (!conn)
        bench_die("odbc", "no memory");
    conn->sqlite = peer_is_sqlite(url);
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &conn->env)))
        bench_die("odbc", "no environment");
    SQLSetEnvAttr(conn->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)(uintptr_t)SQL_OV_ODBC3, 0);
    check(SQLAllocHandle(SQL_HANDLE_DBC, conn->env, &conn->db), SQL_HANDLE_ENV, conn->env, "odbc");
    if (conn->sqlite)
        snprintf(text, sizeof(text), "Driver=SQLite3;Database=%s;SyncPragma=NORMAL;JournalMode=WAL",
                 peer_sqlite_path(url));
    else
        snprintf(text, sizeof(text),
                 "Driver=PostgreSQL Unicode;Servername=%s;Database=%s;Username=%s;Password={%s};"
                 "ConnSettings=set timezone to 'UTC';UseDeclareFetch=%d;Fetch=%d",
                 peer_part(url, "host"), peer_part(url, "dbname"), peer_part(url, "user"),
                 peer_part(url, "password"), streaming, ARRAY);
    check(SQLDriverConnect(conn->db, NULL, (SQLCHAR *)text, SQL_NTS, NULL, 0, NULL,
                           SQL_DRIVER_NOPROMPT),
          SQL_HANDLE_DBC, conn->db, "odbc: connect");
    prepare(conn, use);
    return conn;
}

static void *odbc_open(const char *url, enum peer_use use)
{
    return open_with(url, use, false);
}

static void odbc_close(void *arg)
{
    struct conn *conn = arg;
    if (conn->a)
        SQLFreeHandle(SQL_HANDLE_STMT, conn->a);
    if (conn->b)
        SQLFreeHandle(SQL_HANDLE_STMT, conn->b);
    SQLDisconnect(conn->db);
    SQLFreeHandle(SQL_HANDLE_DBC, conn->db);
    SQLFreeHandle(SQL_HANDLE_ENV, conn->env);
    free(conn);
}

static int64_t odbc_number(void *arg, const char *sql)
{
    SQLHSTMT stmt = new_stmt(arg);
    SQLBIGINT value = 0;
    SQLLEN length;
    check_stmt(SQLExecDirect(stmt, (SQLCHAR *)(uintptr_t)sql, SQL_NTS), stmt, sql);
    check_stmt(SQLFetch(stmt), stmt, sql);
    check_stmt(SQLGetData(stmt, 1, SQL_C_SBIGINT, &value, 0, &length), stmt, sql);
    SQLFreeHandle(SQL_HANDLE_STMT, stmt);
    return value;
}

static int64_t us_of(const SQL_TIMESTAMP_STRUCT *from)
{
    struct tm parts = {.tm_year = from->year - 1900,
                       .tm_mon = from->month - 1,
                       .tm_mday = from->day,
                       .tm_hour = from->hour,
                       .tm_min = from->minute,
                       .tm_sec = from->second};
    return timegm(&parts) * INT64_C(1000000) + from->fraction / 1000;
}

static void stamp_of(int64_t us, SQL_TIMESTAMP_STRUCT *ret)
{
    time_t seconds = us / 1000000;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    *ret = (SQL_TIMESTAMP_STRUCT){.year = (SQLSMALLINT)(parts.tm_year + 1900),
                                  .month = (SQLUSMALLINT)(parts.tm_mon + 1),
                                  .day = (SQLUSMALLINT)parts.tm_mday,
                                  .hour = (SQLUSMALLINT)parts.tm_hour,
                                  .minute = (SQLUSMALLINT)parts.tm_min,
                                  .second = (SQLUSMALLINT)parts.tm_sec};
}

static uint64_t odbc_scan(void *arg, int64_t key)
{
    struct conn *conn = arg;
    const struct rows *rows = &conn->rows;
    uint64_t sum = 0;

    conn->key = key;
    check_stmt(SQLExecute(conn->a), conn->a, "select");
    while (SQL_SUCCEEDED(SQLFetch(conn->a))) {
        for (size_t i = 0; i < conn->fetched; i++)
            sum += bench_row(rows->id[i], rows->quantity[i], rows->price[i],
                             (const char *)rows->name[i], (size_t)rows->name_len[i],
                             conn->sqlite ? rows->us[i] : us_of(&rows->created[i]));
    }
    SQLFreeStmt(conn->a, SQL_CLOSE);
    return sum;
}

static void put_row(struct conn *conn, size_t i, const struct bench_insert *row)
{
    struct rows *to = &conn->rows;
    to->id[i] = row->id;
    to->quantity[i] = row->quantity;
    to->price[i] = row->price;
    memcpy(to->name[i], row->name, row->name_len);
    to->name_len[i] = (SQLLEN)row->name_len;
    if (conn->sqlite)
        to->us[i] = row->created_us;
    else
        stamp_of(row->created_us, &to->created[i]);
}

static void odbc_insert(void *arg, const struct bench_insert *row)
{
    struct conn *conn = arg;
    put_row(conn, 0, row);
    check_stmt(SQLExecute(conn->a), conn->a, "insert");
}

static void odbc_insert_many(void *arg, int64_t n)
{
    struct conn *conn = arg;
    struct bench_insert row;
    for (int64_t done = 0; done < n; done += ARRAY) {
        size_t some = (size_t)(n - done < ARRAY ? n - done : ARRAY);
        for (size_t i = 0; i < some; i++) {
            bench_insert_row(done + (int64_t)i, &row);
            put_row(conn, i, &row);
        }
        set(conn->a, SQL_ATTR_PARAMSET_SIZE, some);
        check_stmt(SQLExecute(conn->a), conn->a, "insert");
    }
}

static int64_t odbc_balance(void *arg, int64_t key)
{
    struct conn *conn = arg;
    conn->key = key;
    check_stmt(SQLExecute(conn->a), conn->a, "balance");
    check_stmt(SQLFetch(conn->a), conn->a, "balance");
    SQLFreeStmt(conn->a, SQL_CLOSE);
    return conn->balance;
}

static void odbc_set_balance(void *arg, int64_t key, int64_t balance)
{
    struct conn *conn = arg;
    conn->key = key;
    conn->balance = balance;
    check_stmt(SQLExecute(conn->b), conn->b, "update");
}

static int64_t odbc_one(void *arg)
{
    struct conn *conn = arg;
    check_stmt(SQLExecute(conn->a), conn->a, "select 1");
    check_stmt(SQLFetch(conn->a), conn->a, "select 1");
    SQLFreeStmt(conn->a, SQL_CLOSE);
    return conn->number;
}

/* ODBC has no BEGIN: the first statement after this begins. */
static void odbc_begin(void *arg)
{
    struct conn *conn = arg;
    check(SQLSetConnectAttr(conn->db, SQL_ATTR_AUTOCOMMIT, SQL_AUTOCOMMIT_OFF, 0), SQL_HANDLE_DBC,
          conn->db, "begin");
}

static void odbc_commit(void *arg)
{
    struct conn *conn = arg;
    check(SQLEndTran(SQL_HANDLE_DBC, conn->db, SQL_COMMIT), SQL_HANDLE_DBC, conn->db, "commit");
    check(SQLSetConnectAttr(conn->db, SQL_ATTR_AUTOCOMMIT, (SQLPOINTER)SQL_AUTOCOMMIT_ON, 0),
          SQL_HANDLE_DBC, conn->db, "commit");
}

static void odbc_small_prepare(void *arg, int table)
{
    struct conn *conn = arg;
    char sql[128];
    snprintf(sql, sizeof(sql), "insert into small_%d (id, name, amount) values (?, ?, ?)", table);
    if (conn->a)
        SQLFreeHandle(SQL_HANDLE_STMT, conn->a);
    conn->a = prepare_one(conn, sql);
    bind_key(conn->a, 1, &conn->key);
    bind_in(conn->a, 2, SQL_C_CHAR, SQL_VARCHAR, TEXT, conn->rows.name, TEXT, conn->rows.name_len);
    bind_in(conn->a, 3, SQL_C_DOUBLE, SQL_DOUBLE, 0, conn->rows.price, 0, NULL);
}

static void odbc_small_insert(void *arg, int64_t id, const char *name, double amount)
{
    struct conn *conn = arg;
    conn->key = id;
    conn->rows.name_len[0] = (SQLLEN)strlen(name);
    memcpy(conn->rows.name[0], name, strlen(name));
    conn->rows.price[0] = amount;
    check_stmt(SQLExecute(conn->a), conn->a, "insert");
}

static void *odbc_open_streaming(const char *url)
{
    return open_with(url, PEER_SCAN, true);
}

const struct peer peer = {
    .open = odbc_open,
    .open_streaming = odbc_open_streaming,
    .close = odbc_close,
    .command = odbc_command,
    .number = odbc_number,
    .item = odbc_scan,
    .scan = odbc_scan,
    .scan_streaming = odbc_scan,
    .insert = odbc_insert,
    .insert_many = odbc_insert_many,
    .balance = odbc_balance,
    .set_balance = odbc_set_balance,
    .one = odbc_one,
    .begin = odbc_begin,
    .commit = odbc_commit,
    .small_prepare = odbc_small_prepare,
    .small_insert = odbc_small_insert,
};
