/* SPDX-License-Identifier: MIT */
/* SOCI: statements prepared once with their variables bound, rows and inserts in vectors of a
 * thousand, its connection_pool. An exception ends the process with its text. */
#include "peers/peer.h"

#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace
{

constexpr int64_t VECTOR = 1000;

struct conn {
    bool sqlite = false;
    soci::session own;
    soci::session *sql = &own;
    std::unique_ptr<soci::statement> a, b;

    /* What the statements are bound to. */
    long long key = 0, id = 0, us = 0, number = 0, balance = 0;
    int quantity = 0;
    double price = 0;
    std::string name;
    std::tm created{};

    std::vector<long long> ids, uss;
    std::vector<int> quantities;
    std::vector<double> prices;
    std::vector<std::string> names;
    std::vector<std::tm> createds;
};

int64_t us_of(std::tm &parts)
{
    return static_cast<int64_t>(timegm(&parts)) * 1000000;
}

std::tm tm_of(int64_t us)
{
    std::tm parts{};
    time_t seconds = us / 1000000;
    gmtime_r(&seconds, &parts);
    return parts;
}

void connect(soci::session &sql, const char *url)
{
    if (peer_is_sqlite(url)) {
        sql.open(soci::sqlite3, std::string("dbname=") + peer_sqlite_path(url));
        sql << "pragma journal_mode = wal";
        sql << "pragma synchronous = normal";
        return;
    }
    std::string text = std::string("host=") + peer_part(url, "host") +
                       " dbname=" + peer_part(url, "dbname") + " user=" + peer_part(url, "user");
    if (*peer_part(url, "password"))
        text += std::string(" password='") + peer_part(url, "password") + "'";
    sql.open(soci::postgresql, text);
    /* std::tm has no zone. */
    sql << "set timezone = 'UTC'";
}

using soci::into;
using soci::use;

void prepare_items(conn &c)
{
    static const char text[] = "select " BENCH_COLUMNS " from bench_items where id = :key";
    auto &sql = *c.sql;
    if (c.sqlite)
        c.a = std::make_unique<soci::statement>((sql.prepare << text, into(c.id), into(c.quantity),
                                                 into(c.price), into(c.name), into(c.us),
                                                 use(c.key)));
    else
        c.a = std::make_unique<soci::statement>((sql.prepare << text, into(c.id), into(c.quantity),
                                                 into(c.price), into(c.name), into(c.created),
                                                 use(c.key)));
}

void resize(conn &c, size_t n)
{
    c.ids.resize(n);
    c.quantities.resize(n);
    c.prices.resize(n);
    c.names.resize(n);
    c.uss.resize(n);
    c.createds.resize(n);
}

void prepare_scan(conn &c)
{
    static const char text[] = "select " BENCH_COLUMNS " from bench_items where id <= :key";
    auto &sql = *c.sql;
    resize(c, VECTOR);
    if (c.sqlite)
        c.a = std::make_unique<soci::statement>((sql.prepare << text, into(c.ids),
                                                 into(c.quantities), into(c.prices), into(c.names),
                                                 into(c.uss), use(c.key)));
    else
        c.a = std::make_unique<soci::statement>((sql.prepare << text, into(c.ids),
                                                 into(c.quantities), into(c.prices), into(c.names),
                                                 into(c.createds), use(c.key)));
}

const char insert_text[] = "insert into bench_inserts (" BENCH_COLUMNS
                           ") values (:id, :quantity, :price, :name, :created)";

void prepare_inserts(conn &c)
{
    auto &sql = *c.sql;
    if (c.sqlite)
        c.a = std::make_unique<soci::statement>((sql.prepare << insert_text, use(c.id),
                                                 use(c.quantity), use(c.price), use(c.name),
                                                 use(c.us)));
    else
        c.a = std::make_unique<soci::statement>((sql.prepare << insert_text, use(c.id),
                                                 use(c.quantity), use(c.price), use(c.name),
                                                 use(c.created)));
}

void prepare(conn &c, peer_use what)
{
    auto &sql = *c.sql;
    switch (what) {
    case PEER_ITEMS: prepare_items(c); break;
    case PEER_SCAN: prepare_scan(c); break;
    case PEER_INSERTS: prepare_inserts(c); break;
    case PEER_ACCOUNTS:
        c.a = std::make_unique<soci::statement>(
            (sql.prepare << (c.sqlite
                                 ? "select balance from bench_accounts where id = :key"
                                 : "select balance from bench_accounts where id = :key for update"),
             into(c.balance), use(c.key)));
        c.b = std::make_unique<soci::statement>(
            (sql.prepare << "update bench_accounts set balance = :balance where id = :key",
             use(c.balance), use(c.key)));
        break;
    case PEER_ONE:
        c.a = std::make_unique<soci::statement>((sql.prepare << "select 1", into(c.number)));
        break;
    case PEER_PLAIN: break;
    }
}

conn &of(void *arg)
{
    return *static_cast<conn *>(arg);
}

void *soci_open(const char *url, peer_use what)
{
    auto *c = new conn;
    c->sqlite = peer_is_sqlite(url);
    connect(c->own, url);
    prepare(*c, what);
    return c;
}

void soci_close(void *arg)
{
    delete static_cast<conn *>(arg);
}

void soci_command(void *arg, const char *sql)
{
    *of(arg).sql << sql;
}

int64_t soci_number(void *arg, const char *sql)
{
    long long value = 0;
    *of(arg).sql << sql, into(value);
    return value;
}

uint64_t soci_item(void *arg, int64_t key)
{
    conn &c = of(arg);
    c.key = key;
    if (!c.a->execute(true))
        bench_die("select", "no row");
    return bench_row(c.id, c.quantity, c.price, c.name.data(), c.name.size(),
                     c.sqlite ? c.us : us_of(c.created));
}

uint64_t soci_scan(void *arg, int64_t upto)
{
    conn &c = of(arg);
    uint64_t sum = 0;
    c.key = upto;
    c.a->execute();
    while (c.a->fetch()) {
        for (size_t i = 0; i < c.ids.size(); i++)
            sum += bench_row(c.ids[i], c.quantities[i], c.prices[i], c.names[i].data(),
                             c.names[i].size(), c.sqlite ? c.uss[i] : us_of(c.createds[i]));
        resize(c, VECTOR);
    }
    return sum;
}

/* On SQLite the statement is stepped through a vector at a time; on PostgreSQL the rows are read
 * first, and single-row mode takes no vectors. */
uint64_t soci_scan_streaming(void *arg, int64_t upto)
{
    if (!of(arg).sqlite)
        bench_not_offered();
    return soci_scan(arg, upto);
}

void soci_insert(void *arg, const bench_insert *row)
{
    conn &c = of(arg);
    c.id = row->id;
    c.quantity = row->quantity;
    c.price = row->price;
    c.name.assign(row->name, row->name_len);
    if (c.sqlite)
        c.us = row->created_us;
    else
        c.created = tm_of(row->created_us);
    c.a->execute(true);
}

void insert_vectors(conn &c)
{
    auto &sql = *c.sql;
    if (c.sqlite)
        sql << insert_text, use(c.ids), use(c.quantities), use(c.prices), use(c.names), use(c.uss);
    else
        sql << insert_text, use(c.ids), use(c.quantities), use(c.prices), use(c.names),
            use(c.createds);
}

void soci_insert_many(void *arg, int64_t n)
{
    conn &c = of(arg);
    bench_insert row;
    for (int64_t done = 0; done < n; done += VECTOR) {
        size_t some = static_cast<size_t>(n - done < VECTOR ? n - done : VECTOR);
        resize(c, some);
        for (size_t i = 0; i < some; i++) {
            bench_insert_row(done + static_cast<int64_t>(i), &row);
            c.ids[i] = row.id;
            c.quantities[i] = row.quantity;
            c.prices[i] = row.price;
            c.names[i].assign(row.name, row.name_len);
            c.uss[i] = row.created_us;
            if (!c.sqlite)
                c.createds[i] = tm_of(row.created_us);
        }
        insert_vectors(c);
    }
}

int64_t soci_balance(void *arg, int64_t key)
{
    conn &c = of(arg);
    c.key = key;
    c.a->execute(true);
    return c.balance;
}

void soci_set_balance(void *arg, int64_t key, int64_t balance)
{
    conn &c = of(arg);
    c.key = key;
    c.balance = balance;
    c.b->execute(true);
}

int64_t soci_one(void *arg)
{
    conn &c = of(arg);
    c.a->execute(true);
    return c.number;
}

void soci_begin(void *arg)
{
    of(arg).sql->begin();
}

void soci_commit(void *arg)
{
    of(arg).sql->commit();
}

void soci_small_prepare(void *arg, int table)
{
    conn &c = of(arg);
    c.a = std::make_unique<soci::statement>(
        (c.sql->prepare << "insert into small_" + std::to_string(table) +
                               " (id, name, amount) values (:id, :name, :amount)",
         use(c.id), use(c.name), use(c.price)));
}

void soci_small_insert(void *arg, int64_t id, const char *name, double amount)
{
    conn &c = of(arg);
    c.id = id;
    c.name = name;
    c.price = amount;
    c.a->execute(true);
}

/* ---- pool ------------------------------------------------------------------------------------ */

struct pool {
    soci::connection_pool sessions{BENCH_POOL};
    conn conns[BENCH_POOL]; /* with the statement of each */
};

void *soci_pool_open(const char *url)
{
    auto *p = new pool;
    for (size_t i = 0; i < BENCH_POOL; i++) {
        connect(p->sessions.at(i), url);
        p->conns[i].sqlite = peer_is_sqlite(url);
        p->conns[i].sql = &p->sessions.at(i);
        prepare(p->conns[i], PEER_ONE);
    }
    return p;
}

void soci_pool_close(void *arg)
{
    auto *p = static_cast<pool *>(arg);
    for (auto &c : p->conns)
        c.a.reset();
    delete p;
}

void *soci_acquire(void *arg)
{
    auto *p = static_cast<pool *>(arg);
    return &p->conns[p->sessions.lease()];
}

void soci_release(void *arg, void *conn_arg)
{
    auto *p = static_cast<pool *>(arg);
    p->sessions.give_back(static_cast<size_t>(static_cast<conn *>(conn_arg) - p->conns));
}

struct peer make_peer()
{
    struct peer p = {};
    p.open = soci_open;
    p.close = soci_close;
    p.command = soci_command;
    p.number = soci_number;
    p.item = soci_item;
    p.scan = soci_scan;
    p.scan_streaming = soci_scan_streaming;
    p.insert = soci_insert;
    p.insert_many = soci_insert_many;
    p.balance = soci_balance;
    p.set_balance = soci_set_balance;
    p.one = soci_one;
    p.begin = soci_begin;
    p.commit = soci_commit;
    p.small_prepare = soci_small_prepare;
    p.small_insert = soci_small_insert;
    p.pool_open = soci_pool_open;
    p.pool_close = soci_pool_close;
    p.acquire = soci_acquire;
    p.release = soci_release;
    p.pooled_one = soci_one;
    return p;
}

} // namespace

extern "C" {
extern const struct peer peer;
const struct peer peer = make_peer();
}
