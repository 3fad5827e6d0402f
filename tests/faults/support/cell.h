/* SPDX-License-Identifier: MIT */
/*
 * One cell of the matrix on PostgreSQL: a client through the proxy, the invariants before and after
 * it, and the moments at which a fault can strike.
 */
#ifndef TENON_TEST_CELL_H
#define TENON_TEST_CELL_H

#include <pthread.h>

#include "integration/support/server.h"
#include "matrix.h"
#include "proxy.h"

/* Instrumented programs are slower, and the machine is busy with others: what must come at once
 * gets so long. A call that has a deadline gets deadline x 1.1 + 100 ms + this. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLACK_MS = 3000 };
#else
enum { SLACK_MS = 900 };
#endif

/* Deadlines of the cells' clients, in ms. */
enum { POOL_TIMEOUT = 4000, CONNECT_TIMEOUT = 3000, CALL_TIMEOUT = 5000, MAX_CONNS = 4 };

#define CELL_PASSWORD "canary-41c7-of-app"

/* What all cells of a program share. */
struct stage {
    test_server server;
    test_proxy *proxy;
    PGconn *admin; /* past the proxy, on the socket */
    char url[256]; /* through the proxy */
    bool pooled;   /* for one cell: sessions of the server are a pooler's and stay */
};
extern struct stage stage;

/* A statement on a thread of its own. */
struct job {
    pthread_t thread;
    bool started;
    tn_db *db;
    const char *sql;
    int timeout_ms;
    bool commit; /* tn_commit() in the place of a statement */
    int64_t id;  /* not 0: in a transaction that has written this row */
    tn_status status;
    tn_error err;
    int64_t ended_ms;
};

struct cell;

/* How a fault comes and goes. NULL: nothing. */
struct fault {
    void (*arm)(struct cell *cell);    /* before the moment */
    void (*strike)(struct cell *cell); /* at it */
    void (*heal)(struct cell *cell);   /* when what it hit has ended */
    bool heal_at_once;                 /* already while that goes on: what was hit ends only then */
    int timeout_ms;                    /* of the statement that is hit, 0: CALL_TIMEOUT */
    bool by_deadline; /* only its deadline ends it; else it has to end when struck */
};

struct cell {
    const struct row *row;
    const struct fault *fault;
    tn_db *db;
    int64_t id;  /* of the row that is written; 0: none is */
    int backend; /* whose session is hit */
    tn_status status;
    tn_error err;
    int64_t struck_ms, ended_ms;
    struct job jobs[3];
    uint64_t destroyed_before;
    bool judge_fate; /* of the connection: the pool's figures tell */
    int fds, threads;
};

/* Once a program. settings as for test_server_create(). */
int stage_set_up(const char *const settings[]);
int stage_tear_down(void);
/* After a cell, good or bad: the server is up, the proxy passes, nothing is left open. */
int stage_after_each(void **state);

/* Waits until the server's end has reached stage.admin. */
void stage_await_end(void);
/* The server is up and takes connections, and stage.admin is one. */
void stage_server_up(void);
/* The cell plays on another server, which has the role app; ended by stage_after_each(). */
void stage_visit(const test_server *other);
/* What is visited has moved: another server is in its place. */
void stage_moved(const test_server *other);
void stage_make_tables(void);
/* The log goes to where secrets are looked for; after a cell it does again. */
void stage_watch_log(void);
/* With these settings "name=value", NULL-terminated, over the usual ones. NULL with the error. */
tn_db *stage_open(const char *url, const char *const settings[], tn_error *err);

/* The whole of a cell: baseline, client, what happens, judgement, invariants. */
void cell_run(const struct row *row, const struct fault *fault, const char *const settings[],
              void (*happen)(struct cell *cell));

/* Parts of what happens. */
void cell_strike(struct cell *cell);
void cell_heal(struct cell *cell);
/* Records the judged status; err is copied. Takes the time. */
void cell_saw(struct cell *cell, tn_status status, const tn_error *err);
/* Fails when an operation with this deadline took too long since then. */
void cell_in_time(int64_t since_ms, int64_t ended_ms, int64_t deadline_ms);
void job_start(struct job *job, tn_db *db, const char *sql, int timeout_ms);
void job_start_in_tx(struct job *job, tn_db *db, const char *sql, int64_t id);
void job_commit(struct job *job, tn_db *tx);
void job_join(struct job *job);
int cell_backend_of(tn_db *db);
/* Waits until a statement like this is running, and returns its backend. */
int cell_wait_active(const char *like);
/* A row of the ledger for this cell to write; judged by "applied". */
int64_t cell_new_id(struct cell *cell);
/* How often the ledgers have the row. */
int cell_applied(int64_t id);
void cell_expect_ok(tn_status status, const tn_error *err, const char *what);

/* The moments, for faults that break connections. Each is a run() of struct automated. */
void at_connect(const struct row *row, const void *fault);
void at_idle(const struct row *row, const void *fault);
void at_query(const struct row *row, const void *fault);
void at_stream(const struct row *row, const void *fault);
void at_tx(const struct row *row, const void *fault);
void at_commit(const struct row *row, const void *fault);
void at_shutdown(const struct row *row, const void *fault);

#endif
