/* SPDX-License-Identifier: MIT */
/*
 * The inside of the PostgreSQL driver. libpq is used by its non-blocking calls only; every wait is
 * the host's. One thread at a time on a connection and on what is made from it.
 */
#ifndef TENON_DRIVERS_POSTGRES_PG_H
#define TENON_DRIVERS_POSTGRES_PG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include <tenon/driver.h>

#include "base/arena.h"
#include "base/buf.h"

#include "postgres/direct.h"
#include "postgres/tls.h"
#include "postgres/types.h"

enum {
    PG_NAME_SIZE = 48,        /* "tn_", 32 hexadecimal digits, "_" and a number, NUL */
    PG_BATCH_ROWS = 256,      /* rows of a buffered answer that are decoded at once */
    PG_STREAM_RESULTS = 6,    /* handed over at once: malloc() keeps seven of a size at hand */
    PG_CHUNK_ROWS = 64,       /* of a result, where libpq has such */
    PG_STREAM_BYTES = 4 << 20 /* and their size */
};

/* ---- source ---------------------------------------------------------------------------------- */

/* What the URL says of named statements. On: the sessions are kept, whatever stands between. */
typedef enum pg_prepare_mode { PG_PREPARE_AUTO = 0, PG_PREPARE_ON, PG_PREPARE_OFF } pg_prepare_mode;

/* What the first connection found out of the server (probe.c). */
enum {
    PG_PROBED = 1,     /* the answer about the session is there */
    PG_POOLED = 2,     /* the session is not the one that was connected to: a pooler */
    PG_IDENTIFIES = 4, /* transactions have numbers that can be asked for */
    PG_PLACES = 8,     /* and places: cluster and incarnation */
    PG_ASKED = 16      /* the answer about these two is there */
};

struct tn_driver_source {
    const tn_host *host;
    char *url;                /* a secret */
    char *password;           /* as the URL has it, decoded, to keep it out of messages; or NULL */
    char *search_path;        /* quoted identifier, or NULL */
    char *application;        /* or NULL */
    pg_hosts hosts;           /* as the URL lists them */
    const char *sslmode;      /* what the policy adds; NULL: what is written counts */
    bool gssencmode_off;      /* not said in the URL */
    bool direct;              /* statements are run without libpq, see direct.h */
    bool served;              /* its hosts are a service file's */
    bool refuse_password;     /* never in clear to a server that is not verified */
    bool choosy;              /* target_session_attrs is not any */
    bool second_pass;         /* prefer-standby: comes back to hosts that it passed over */
    uint8_t prepare;          /* pg_prepare_mode */
    atomic_uint probed;       /* what its connections found, see above; 0: nobody asked yet */
    uint32_t host_timeout_ms; /* connect_timeout of the URL, for each host; 0: none */
    uint32_t connect_timeout_ms;
};

tn_status pg_source_open(const tn_host *host, const tn_source_config *config,
                         tn_driver_source **ret, tn_error *err);
void pg_source_close(tn_driver_source *source);
/* Connecting looks up no name, and gives no password. */
bool pg_source_prompt(const tn_driver_source *source);
extern const tn_driver_option pg_options[];

/* ---- connection ------------------------------------------------------------------------------ */

/* The name of a statement that was closed here and may still be on the server. */
typedef struct pg_doomed {
    char name[PG_NAME_SIZE];
    bool stale;   /* there, but its plan no longer fits */
    bool perhaps; /* nobody saw whether it was made */
    bool sent;    /* its DEALLOCATE is on its way */
} pg_doomed;

/* Does SQL know our statements by the names given here? Some poolers give them others. */
typedef enum pg_names { PG_NAMES_UNKNOWN = 0, PG_NAMES_KNOWN, PG_NAMES_HIDDEN } pg_names;

/* Reused for every execute, so that a warm call allocates nothing. */
typedef struct pg_encoder {
    tn__buf scratch;
    const char **values;
    int *lengths;
    int *formats;
    Oid *types;
    size_t *offsets; /* into scratch, plus 1; 0: values points elsewhere */
    size_t capacity;
} pg_encoder;

/* Where the reading of an answer is that has the transaction's number behind it (tail.c). */
typedef enum pg_tail {
    PG_TAIL_NONE = 0,
    PG_TAIL_STATEMENT, /* results are the statement's */
    PG_TAIL_ANSWER,    /* the number comes */
    PG_TAIL_SYNC       /* the pipeline's end comes */
} pg_tail;

/* What names a transaction beyond its connection (identity.c); 0: not known. */
typedef struct pg_identity_name {
    uint64_t xid;
    uint64_t incarnation; /* of the server: another one after a crash or a failover */
    uint32_t cluster;
} pg_identity_name;

typedef struct pg_identity {
    pg_identity_name open;      /* without xid: where the next one will be */
    pg_identity_name committed; /* the one whose COMMIT was sent last */
    bool may_write;             /* something ran that may have given it a number, nobody asked */
    bool read_only;             /* by begin(): not asked for */
} pg_identity;

typedef struct pg_batch pg_batch;

struct tn_driver_conn {
    tn_driver_source *source;
    const tn_host *host;
    tn_host_conn *host_conn;
    PGconn *pg;
    bool broken;
    bool pending;          /* something was sent whose answer was not read to the end */
    bool committing;       /* what is pending is a COMMIT */
    bool failed;           /* an error of what is pending was read, or the tag ROLLBACK */
    bool dirty;            /* session state was changed */
    bool dirty_locally;    /* until the transaction ends */
    bool dirty_statements; /* statements were prepared by SQL */
    uint8_t tail;          /* pg_tail */
    uint32_t syncs;        /* of a pipeline, still to be read */
    tn_outcome if_lost;    /* of what is pending */
    bool applies_nothing;  /* what is pending, however it ends */
    tn_driver_stmt *stmts;
    pg_doomed *doomed;
    size_t n_doomed, doomed_capacity;
    uint8_t names;   /* pg_names */
    bool exact;      /* extra_float_digits was looked after */
    bool misencoded; /* client_encoding was changed: not for the next user */
    int encoding;    /* libpq's number of UTF8 */
    pg_direct direct;
    const char *begin;     /* BEGIN that goes ahead of the next statement; NULL: none is due */
    uint32_t released;     /* RELEASE of this savepoint waits for the next one; 0: none does */
    bool begin_refused;    /* there is no transaction, and statements must not be run without */
    char command_tag[64];  /* of the answer that was read directly */
    bool foreign_encoding; /* client_encoding was changed, which libpq was not told */
    pg_identity id;
    pg_type_cache types;
    pg_encoder encoder;
    tn_driver_cursor *spare;
    tn_driver_cursor *attached;
    pg_batch *batch;    /* NULL: none was run yet */
    PGnotify *notified; /* the last one that was handed over */
    char server[64];
    char endpoint[256];
    char note[256];
    char fatal[192]; /* what the server said when it ended an idle connection */
    char fatal_sqlstate[6];
    bool verified;
    uint8_t found; /* what probe.c says of the server */
    bool passing;  /* nothing that is set in the session stays: a pooler, by the transaction */
};

/* io.c: all traffic goes through these. On failure err is filled and conn->broken or pending tell.
 */
tn_status pg_wait(tn_driver_conn *conn, int events, tn_phase phase, int64_t deadline_ns,
                  tn_error *err);
/* Call when a PQsend function returned: sent is its result. */
tn_status pg_sent(tn_driver_conn *conn, int sent, tn_phase phase, int64_t deadline_ns,
                  tn_error *err);
/* The next result, NULL at the end (and in a pipeline behind each command). */
tn_status pg_result(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, PGresult **ret,
                    tn_error *err);
/* The same without waiting; false: it is not there yet. */
bool pg_result_at_hand(tn_driver_conn *conn, PGresult **ret);
/* Reads to the end; a further error result is reported. *ret_last (may be NULL) is the last one. */
tn_status pg_finish(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, PGresult **ret_last,
                    tn_error *err);
/* A command without parameters, answered whole. */
tn_status pg_command(tn_driver_conn *conn, const char *sql, tn_phase phase, int64_t deadline_ns,
                     PGresult **ret_last, tn_error *err);
/* The transaction's status, a BEGIN that is due included. */
PGTransactionStatusType pg_txn(const tn_driver_conn *conn);
/* Keeps in conn->failed what this result says of the statement. */
void pg_judge(tn_driver_conn *conn, const PGresult *result);
/* Reads and forgets whatever is pending; conn->failed tells how it ended. */
tn_status pg_drain(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
/* Call before each use of an idle wire: refuses a broken or busy connection. */
tn_status pg_ready(tn_driver_conn *conn, tn_phase phase, tn_error *err);
/* What is sent next would be lost with this outcome. */
void pg_expect(tn_driver_conn *conn, tn_outcome if_lost);
/* What is sent next applies nothing, even where it goes well: BEGIN, a question. */
void pg_expect_nothing(tn_driver_conn *conn);

/* connect.c */
tn_status pg_open(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                  tn_driver_conn **ret, tn_error *err);
/* A second connection to the same server with the same parameters, for a cancel. */
tn_status pg_connect_beside(const tn_driver_conn *conn, int64_t deadline_ns, PGconn **ret,
                            tn_error *err);
/* connect_error.c */
typedef struct pg_connect_failure {
    ConnStatusType stage; /* the last one seen before it failed */
    bool peer_closed;     /* the server ended it, or nothing came */
    bool needs_password;
    bool choosy; /* target_session_attrs may be why: libpq does not tell */
} pg_connect_failure;
tn_status pg_connect_diagnose(const tn_driver_source *source, const char *message,
                              const pg_connect_failure *failure, tn_error *err);
/* Puts *** in the place of the secret; text is changed in place where it fits, else cut. */
void pg_scrub(char *text, size_t size, const char *secret);

/* conn.c */
void pg_close(tn_driver_conn *conn);
tn_status pg_ping(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
tn_status pg_reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
tn_conn_state pg_state(const tn_driver_conn *conn);
/* Without a round trip: false when the server has ended it, as far as that has come here. */
bool pg_alive(tn_driver_conn *conn);
void pg_info(tn_driver_conn *conn, tn_conn_info *ret);
/* session.c */
/* What every session has set: search_path, formats that text answers rely on. */
tn_status pg_session_setup(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
/* Text answers give every digit from here on. */
tn_status pg_want_digits(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
bool pg_reported_as(const tn_driver_conn *conn, const char *name, const char *start);
/* Is client_encoding what it was set to? What is in another one cannot be read as text. */
tn_status pg_check_encoding(tn_driver_conn *conn, bool ran, tn_error *err);
/* Into conn->server. */
void pg_describe_server(tn_driver_conn *conn);

/* probe.c: what the server is. what: PG_PROBED, PG_ASKED or both. */
/* Is that known, by this connection or another one of its source? */
bool pg_probe_knows(tn_driver_conn *conn, uint8_t what);
const char *pg_probe_question(const tn_driver_conn *conn, uint8_t what);
/* Takes the answer, in binary; false: it is an error that says nothing of the server. */
bool pg_probe_learn(tn_driver_conn *conn, const PGresult *result, uint8_t what);
/* Where it is not known: asks, in a round trip of its own. */
tn_status pg_probe(tn_driver_conn *conn, uint8_t what, tn_phase phase, int64_t deadline_ns,
                   tn_error *err);

/* cancel.c */
tn_status pg_cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                    tn_error *err);

/* error.c */
/* An error or notice: libpq's result, or the message's body as it came. */
typedef struct pg_report {
    const PGresult *result; /* NULL: body counts */
    const char *body;
    size_t len;
} pg_report;
tn_status pg_fail_report(tn_driver_conn *conn, const pg_report *report, tn_phase phase,
                         tn_error *err);
tn_status pg_fail_result(tn_driver_conn *conn, const PGresult *result, tn_phase phase,
                         tn_error *err);
tn_status pg_fail_lost(tn_driver_conn *conn, tn_phase phase, tn_error *err);
tn_status pg_fail_protocol(tn_driver_conn *conn, tn_phase phase, tn_error *err, const char *what);
/* Keeps what the server says when it ends a session: the end itself comes apart from it. */
void pg_last_words(tn_driver_conn *conn, const pg_report *report);
bool pg_report_ends_session(const pg_report *report);
/* True for the errors that a plan whose result type changed gives: nothing was run. */
bool pg_report_is_stale_plan(const pg_report *report);
bool pg_is_stale_plan(const PGresult *result);
bool pg_report_has_sqlstate(const pg_report *report, const char *sqlstate);
bool pg_has_sqlstate(const PGresult *result, const char *sqlstate);
/* Into the host's log. */
void pg_note(tn_driver_conn *conn, const pg_report *report);
void pg_notice(void *arg, const PGresult *result);

/* ---- statement ------------------------------------------------------------------------------- */

struct tn_driver_stmt {
    tn_driver_conn *conn;
    tn_driver_stmt *next;
    uint32_t refs;   /* handles of the same text share one */
    bool stale;      /* its description no longer holds: the host has to prepare it anew */
    bool gone;       /* not on the server any more */
    bool plain;      /* not prepared there: pg_sql_defines() */
    bool unmade;     /* not there yet: its first use makes it, see trip.c */
    bool making;     /* a batch that is under way does so */
    bool text;       /* some column's binary form is not understood: answers come as text */
    bool digits;     /* and hold numbers that extra_float_digits may cut */
    bool intervals;  /* and hold intervals, whose text may mean two things */
    uint8_t changes; /* pg_changes */
    uint8_t writes;  /* pg_writes */
    bool commits;    /* ends a transaction for good */
    bool rolls_back; /* the whole of it */
    bool begins;     /* a transaction */
    char name[PG_NAME_SIZE];
    tn_str sql;
    tn_stmt_info info;
    tn_param *params;
    pg_type *param_types;
    tn_column *columns;
    pg_type *column_types;
    tn__arena arena;
};

/* What a statement's text shows of session state. */
enum {
    PG_CHANGES_SESSION = 1,
    PG_CHANGES_STATEMENTS = 2,
    PG_FORGETS_STATEMENTS = 4,
    PG_CHANGES_LOCALLY = 8 /* until the transaction ends */
};

/* Does it give its transaction a number? In doubt it may. */
typedef enum pg_writes { PG_READS = 0, PG_MAY_WRITE, PG_WRITES } pg_writes;

tn_status pg_prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns, tn_driver_stmt **ret,
                     tn_error *err);
tn_status pg_prepare_all(tn_driver_conn *conn, const tn_str *sql, size_t n, int64_t deadline_ns,
                         tn_driver_stmt **ret, size_t *ret_n, tn_error *err);
void pg_describe(const tn_driver_stmt *stmt, tn_stmt_info *ret);
void pg_stmt_close(tn_driver_stmt *stmt);
/* For one that is gone: prepares it under its name; stale tells if its description changed. */
tn_status pg_prepare_again(tn_driver_stmt *stmt, int64_t deadline_ns, tn_error *err);
/* Every statement of the connection has to be prepared again: the server forgot them. */
void pg_forget_statements(tn_driver_conn *conn);
/* sqltext.c: what the text alone tells. */
uint8_t pg_sql_changes(tn_str sql);
bool pg_sql_is_copy(tn_str sql);
bool pg_sql_commits(tn_str sql);
bool pg_sql_reads_only(tn_str sql);
/* It has no placeholders and gives no rows, whatever the catalog says: CREATE and its kin. */
bool pg_sql_defines(tn_str sql);
pg_writes pg_sql_writes(tn_str sql);
void pg_statement_name(tn_str sql, char name[PG_NAME_SIZE]);

/* lookup.c: types that are not built in, asked once a connection. */
tn_status pg_lookup_types(tn_driver_conn *conn, const Oid *oids, size_t n, int64_t deadline_ns,
                          tn_error *err);

/* encode.c: parameters into conn->encoder. */
tn_status pg_encode(tn_driver_stmt *stmt, const tn_value *params, size_t n, tn_error *err);
void pg_encoder_free(pg_encoder *encoder);

/* ---- cursor ---------------------------------------------------------------------------------- */

typedef struct pg_stored {
    struct pg_stored *next;
    uint32_t rows;
    tn_value values[];
} pg_stored;

struct tn_driver_cursor {
    tn_driver_conn *conn;
    tn_driver_stmt *stmt;
    bool direct;   /* it is read by the direct path */
    bool attached; /* the wire is its own: more may come */
    char *kept;    /* received bytes that the last batch points into, when they are no longer
                      the connection's; or NULL */
    size_t kept_capacity;
    PGresult *current; /* rows from row on are to be handed over */
    int row;
    PGresult *refusal; /* an error that came behind rows that were handed over first */
    bool ahead;        /* rows were collected: an error has to wait */
    PGresult *held[PG_STREAM_RESULTS]; /* what the last batch points into */
    size_t n_held;
    tn_value *values; /* of the last batch */
    size_t capacity;
    tn__arena arena; /* what the last batch needs besides */
    int64_t affected;
    char tag[64];
    bool complete;     /* the tag came: what ends without one is cut off */
    bool inside;       /* began within a transaction */
    pg_stored *stored; /* rows that detach() read, not yet handed over */
    tn__arena store;
    bool has_store;
};

tn_status pg_execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params, uint32_t flags,
                     int64_t deadline_ns, tn_driver_cursor **ret, tn_error *err);
tn_status pg_fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err);
/* detach.c */
tn_status pg_detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err);
void pg_cursor_close(tn_driver_cursor *cursor);
void pg_cursor_free(tn_driver_cursor *cursor);
/* The next result of an attached cursor into current; at the end current stays NULL and the cursor
 * is no longer attached. An error of the server is reported, the answer read to its end. */
tn_status pg_cursor_advance(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err);
/* Its answer has ended. */
void pg_cursor_ended(tn_driver_cursor *cursor);
/* The answer's columns are not those that the statement was described with. */
tn_status pg_cursor_misfit(tn_driver_cursor *cursor, tn_error *err);
/* The same of an answer that was read to its end, without an error: it was run. */
tn_status pg_cursor_changed(tn_driver_cursor *cursor, int64_t deadline_ns, tn_error *err);
/* Room in values for one more row. */
tn_status pg_cursor_room(tn_driver_cursor *cursor, size_t rows, tn_error *err);
/* What was wrong with a column's value. */
tn_status pg_cursor_fail_value(tn_driver_cursor *cursor, size_t column, pg_decoded why,
                               tn_error *err);
/* Row `row` of current into out, n_columns values. */
tn_status pg_cursor_decode(tn_driver_cursor *cursor, int row, tn__arena *arena, tn_value *out,
                           tn_error *err);

/* Are the answer's columns those that were described? */
bool pg_cursor_fits(const tn_driver_cursor *cursor, const PGresult *result);
/* The tag and the count of a result that ends an answer. */
tn_status pg_cursor_take_tag(tn_driver_cursor *cursor, PGresult *result, tn_error *err);
/* Can the session's intervals be told by their text? */
tn_status pg_check_intervals(tn_driver_conn *conn, tn_error *err);

/* ---- batch ----------------------------------------------------------------------------------- */

extern const tn_batch_ops pg_batch_ops;
/* Is there one whose answers were not read to their end? */
bool pg_batch_runs(const tn_driver_conn *conn);
/* Reads them, and tells the host. conn->failed: nothing was committed. */
tn_status pg_batch_drain(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
void pg_batch_free(pg_batch *batch);

/* ---- transaction ----------------------------------------------------------------------------- */

/* tail.c: a statement of a transaction that writes takes along the question for the transaction's
 * number, in one round trip by a pipeline. Whoever reads the statement's results sees nothing of
 * it: their end is the pipeline's end. A question that fails has ended the transaction, and is
 * reported as an error behind the statement's tag. */
bool pg_tail_wanted(const tn_driver_stmt *stmt);
/* The question and the pipeline's end, behind a statement that was sent in pipeline mode. */
int pg_tail_send(tn_driver_conn *conn);
/* true: the result was the tail's own, take the next. false: it is the statement's; *result may
 * have become NULL, its end. */
bool pg_tail_takes(tn_driver_conn *conn, PGresult **result);

/* identity.c */
void pg_identity_begin(tn_driver_conn *conn, bool read_only);
/* Call before a statement is sent: what the transaction is from then on. */
void pg_identity_statement(const tn_driver_stmt *stmt, bool inside);
/* COMMIT is sent next. */
void pg_identity_commit(tn_driver_conn *conn);
/* Asks the server before COMMIT when that is necessary: one round trip. */
tn_status pg_identity_ask(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
/* The question, and what was answered. */
const char *pg_identity_question(const tn_driver_conn *conn);
/* The same in a text of many commands. */
const char *pg_identity_question_as_text(const tn_driver_conn *conn);
void pg_identity_learn(tn_driver_conn *conn, const PGresult *result);
/* The same, taken apart: the number, and where n is 3 its place. */
void pg_identity_learned(tn_driver_conn *conn, const uint64_t *fields, size_t n);
void pg_identify(const tn_driver_conn *conn, char *buf, size_t size);
tn_status pg_outcome(tn_driver_conn *conn, tn_str id, int64_t deadline_ns, tn_outcome *ret_outcome,
                     tn_error *err);
/* Pure: the name as text, "" where it does not fit. */
void pg_identity_print(const pg_identity_name *name, char *buf, size_t size);
bool pg_identity_parse(tn_str text, pg_identity_name *ret);

/* May the open transaction have a number that nobody asked for? */
bool pg_identity_unknown(const tn_driver_conn *conn);

extern const tn_txn_ops pg_txn_ops;
/* The answer to COMMIT, when the session's state is known. */
tn_status pg_judge_commit(tn_driver_conn *conn, const char *tag, tn_error *err);
/* Call before anything but a statement of the direct path is sent: a BEGIN that is due goes first.
 */
tn_status pg_begin_now(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
extern const tn_catalog_ops pg_catalog_ops;
tn_status pg_rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);

/* ---- notifications --------------------------------------------------------------------------- */

/* notify.c: what is at hand and nobody asked for. */
void pg_drop_notifications(tn_driver_conn *conn);
extern const tn_notify_ops pg_notify_ops;

#endif
