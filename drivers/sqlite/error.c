/* SPDX-License-Identifier: MIT */
/*
 * From SQLite's result codes and texts to SQLSTATEs and PostgreSQL's words. SQLite's own text goes
 * into the detail, so that nothing is lost. Most failures of prepare are the one code SQLITE_ERROR
 * and differ in their text only; that text is fixed in SQLite's source, and where it is not
 * recognised the error stays a plain one.
 */
#include "sqlite/lite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"

#define TEXT 512

/* What is told to the host, and room for its texts. */
typedef struct report {
    tn_diagnostic d;
    char message[TEXT];
    char detail[TEXT + 16];
    char name[128]; /* the name in question, for finding its place */
    char hint[160];
    lite_violation violation;
} report;

/* SQLite's "prefix NAME suffix" and PostgreSQL's words for it. */
static const struct pattern {
    const char *prefix;
    const char *suffix;
    const char *sqlstate;
    const char *before; /* the message: before NAME after; */
    const char *after;  /* NULL: before alone */
} patterns[] = {
    {"no such table: ", "", "42P01", "relation \"", "\" does not exist"},
    {"no such view: ", "", "42P01", "view \"", "\" does not exist"},
    {"no such column: ", "", "42703", "column \"", "\" does not exist"},
    {"unknown column \"", "\" in foreign key definition", "42703", "column \"",
     "\" referenced in foreign key constraint does not exist"},
    {"no such index: ", "", "42704", "index \"", "\" does not exist"},
    {"no such trigger: ", "", "42704", "trigger \"", "\" does not exist"},
    {"no such collation sequence: ", "", "42704", "collation \"", "\" does not exist"},
    {"no such function: ", "", "42883", "function ", " does not exist"},
    {"wrong number of arguments to function ", "", "42883", "function ",
     " does not exist with this number of arguments"},
    {"near \"", "\": syntax error", "42601", "syntax error at or near \"", "\""},
    {"unrecognized token: \"", "\"", "42601", "syntax error at or near \"", "\""},
    {"incomplete input", "", "42601", "syntax error at end of input", NULL},
    {"there is already a table named ", "", "42P07", "relation \"", "\" already exists"},
    {"there is already an index named ", "", "42P07", "relation \"", "\" already exists"},
    {"there is already another table or index with this name: ", "", "42P07", "relation \"",
     "\" already exists"},
    {"table ", " already exists", "42P07", "relation \"", "\" already exists"},
    {"index ", " already exists", "42P07", "relation \"", "\" already exists"},
    {"view ", " already exists", "42P07", "relation \"", "\" already exists"},
    {"trigger ", " already exists", "42710", "trigger \"", "\" already exists"},
    {"ambiguous column name: ", "", "42702", "column reference \"", "\" is ambiguous"},
    {"duplicate column name: ", "", "42701", "column \"", "\" specified more than once"},
    {"duplicate WITH table name: ", "", "42712", "WITH query name \"",
     "\" specified more than once"},
    {"misuse of aggregate: ", "", "42803", "aggregate functions are not allowed here", NULL},
    {"misuse of aggregate function ", "", "42803", "aggregate functions are not allowed here",
     NULL},
    {"misuse of window function ", "", "42P20", "window functions are not allowed here", NULL},
    {"a GROUP BY clause is required before HAVING", "", "42803", "HAVING needs GROUP BY", NULL},
    {"use DROP TABLE to delete table ", "", "42809", "\"", "\" is not a view"},
    {"use DROP VIEW to delete view ", "", "42809", "\"", "\" is not a table"},
    {"cannot modify ", " because it is a view", "55000", "view \"", "\" cannot be changed"},
    {"cannot INSERT into generated column \"", "\"", "428C9",
     "cannot insert a non-DEFAULT value into column \"", "\""},
    {"cannot UPDATE generated column \"", "\"", "428C9", "column \"",
     "\" can only be updated to DEFAULT"},
    {"foreign key mismatch - ", "", "42830",
     "there is no unique constraint matching given keys for referenced table", NULL},
    {"near ", ": syntax error", "42601", "syntax error at or near ", ""},
    {"integer overflow", "", "22003", "bigint out of range", NULL},
    {"malformed JSON", "", "22P02", "invalid input syntax for type json", NULL},
    {"cannot VACUUM", "", "25001", "VACUUM cannot run inside a transaction block", NULL},
    {"too many SQL variables", "", "54000", "too many parameters", NULL},
    {"variable number must be between ", "", "54000", "a parameter's number must be between ", ""},
    {"too many columns", "", "54011", "too many columns", NULL},
    {"too many terms in ", "", "54001", "too many terms in ", ""},
    {"Expression tree is too large ", "", "54001", "the expression is nested too deeply", NULL},
    {"parser stack overflow", "", "54001", "the statement is nested too deeply", NULL},
    {"interrupted", "", "57014", "cancelled on request", NULL},
};

/* Texts that only have something in them. */
static const struct {
    const char *part;
    const char *sqlstate;
    const char *message;
} parts[] = {
    {" values were supplied", "42601", "INSERT has another number of expressions than columns"},
    {" values for ", "42601", "INSERT has another number of expressions than target columns"},
    {"do not have the same number of result columns", "42601",
     "each query of a set operation must have the same number of columns"},
    {"all VALUES must have the same number of terms", "42601",
     "VALUES lists must all be the same length"},
    {"sub-select returns ", "42601", "subquery has too many columns"},
    {" term out of range - should be between ", "42P10", "position is not in select list"},
    {"term does not match any column in the result set", "42703",
     "ORDER BY of a set operation must name a result column"},
    {"row value misused", "42601", "a row cannot stand here"},
    {"is not constant", "0A000",
     "SQLite takes only a constant or an expression in parentheses "
     "for a default"},
    {"from within a transaction", "25001", "this cannot run inside a transaction block"},
    {" prohibited in ", "0A000", "this cannot stand in such a definition"},
    {"unsafe use of ", "42501", "the function cannot be used in a schema"},
    {"may not be dropped", "42501", "the relation belongs to SQLite"},
    {"may not be modified", "42501", "the relation belongs to SQLite"},
    {"does not match any PRIMARY KEY or UNIQUE constraint", "42P10",
     "there is no unique constraint matching the ON CONFLICT specification"},
};

static bool match(const char *text, const char *prefix, const char *suffix, tn_str *ret)
{
    size_t len = strlen(text), before = strlen(prefix), after = strlen(suffix);

    if (len < before + after || memcmp(text, prefix, before) != 0 ||
        memcmp(text + len - after, suffix, after) != 0)
        return false;
    *ret = tn__str(text + before, len - before - after);
    return true;
}

static void set_message(report *r, const char *before, tn_str name, const char *after)
{
    (void)snprintf(r->message, sizeof r->message, "%s%.*s%s", before,
                   (int)tn__utf8_cut(name.ptr, name.len, 300), name.ptr, after);
    r->d.message = kit_str(r->message);
}

/* "table T has no column named C" */
static bool match_no_column(report *r, const char *text)
{
    static const char middle[] = " has no column named ";
    const char *at = strstr(text, middle);

    if (!at || strncmp(text, "table ", 6) != 0)
        return false;
    (void)snprintf(r->message, sizeof r->message,
                   "column \"%.100s\" of relation \"%.*s\" does not exist", at + sizeof middle - 1,
                   (int)(at - text - 6), text + 6);
    tn__copy_text(r->name, sizeof r->name, kit_str(at + sizeof middle - 1));
    r->d.message = kit_str(r->message);
    r->d.sqlstate = TN__STR("42703");
    return true;
}

/* The generic code: what it is says the text alone. */
static void read_text(report *r, const char *text)
{
    tn_str name;

    if (match_no_column(r, text))
        return;
    for (size_t i = 0; i < TN__COUNT_OF(patterns); i++) {
        const struct pattern *p = &patterns[i];
        if (!match(text, p->prefix, p->suffix, &name))
            continue;
        if (tn__str_starts(name, TN__STR("main."))) {
            name.ptr += 5;
            name.len -= 5;
        }
        r->d.sqlstate = kit_str(p->sqlstate);
        tn__copy_text(r->name, sizeof r->name, name);
        set_message(r, p->before, p->after ? name : tn__str("", 0), p->after ? p->after : "");
        return;
    }
    for (size_t i = 0; i < TN__COUNT_OF(parts); i++)
        if (strstr(text, parts[i].part)) {
            r->d.sqlstate = kit_str(parts[i].sqlstate);
            r->d.message = kit_str(parts[i].message);
            return;
        }
    r->d.sqlstate = TN__STR("XX000");
    r->d.message = tn__str(r->detail + 8, strlen(r->detail) - 8);
    r->d.status = TN_FAILED;
}

/* ---- codes ---------------------------------------------------------------------------------- */

static void set(report *r, const char *sqlstate, const char *message)
{
    r->d.sqlstate = kit_str(sqlstate);
    r->d.message = kit_str(message);
}

static void set_stopped(report *r, const tn_driver_conn *conn)
{
    bool timeout = conn->stopped == TN_WAIT_TIMEOUT;

    r->d.status = timeout ? TN_TIMEOUT : TN_CANCELLED;
    set(r, "57014", timeout ? "deadline passed" : "cancelled on request");
}

static void set_busy(report *r, const tn_driver_conn *conn, int code)
{
    if (code == SQLITE_BUSY_SNAPSHOT) {
        set(r, "40001", "could not serialize access due to concurrent update");
        return;
    }
    if (conn->stopped != TN_WAIT_READY) {
        set_stopped(r, conn);
        r->d.detail = TN__STR("another connection holds the database's write lock");
        return;
    }
    set(r, "55P03", "could not get the write lock: another connection holds it");
    r->d.hint = TN__STR("SQLite has one writer at a time: keep transactions short, raise "
                        "busy_timeout in DATABASE_URL, or use PostgreSQL");
}

static void set_violation(report *r, tn_driver_conn *conn, int code, const char *text,
                          const lite_statement *statement)
{
    lite_violation *v = &r->violation;

    lite_violation_read(conn, code, text, statement, v);
    set(r, v->sqlstate, v->message);
    r->d.table = kit_str(v->table);
    r->d.column = kit_str(v->column);
    r->d.constraint = kit_str(v->constraint);
}

static void read_code(report *r, tn_driver_conn *conn, int code, const char *text,
                      const lite_statement *statement)
{
    switch (code & 0xff) {
    case SQLITE_ERROR: read_text(r, text); break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: set_busy(r, conn, code); break;
    case SQLITE_CONSTRAINT: set_violation(r, conn, code, text, statement); break;
    case SQLITE_INTERRUPT: set_stopped(r, conn); break;
    case SQLITE_NOMEM: set(r, "53200", "out of memory"); break;
    case SQLITE_FULL: set(r, "53100", "the disk or the file system of the database is full"); break;
    case SQLITE_IOERR: set(r, "58030", "reading or writing the database file failed"); break;
    case SQLITE_CANTOPEN: set(r, "58P01", "a file of the database cannot be opened"); break;
    case SQLITE_CORRUPT: set(r, "XX001", "the database file is damaged"); break;
    case SQLITE_NOTADB: set(r, "XX001", "the file is not a SQLite database"); break;
    case SQLITE_TOOBIG: set(r, "54000", "a value or the statement is too long for SQLite"); break;
    case SQLITE_MISMATCH:
        set(r, "22P02", "a value does not fit its place: an integer is needed");
        break;
    case SQLITE_AUTH:
    case SQLITE_PERM: set(r, "42501", "permission denied"); break;
    case SQLITE_RANGE: set(r, "08P01", "the statement has no such parameter"); break;
    case SQLITE_READONLY:
        (void)snprintf(r->message, sizeof r->message,
                       "cannot execute %s: the database is read-only",
                       statement && statement->verb ? statement->verb : "this");
        set(r, "25006", r->message);
        break;
    default:
        r->d.status = TN_FAILED;
        set(r, "XX000", sqlite3_errstr(code));
        break;
    }
}

/* ---- positions ------------------------------------------------------------------------------ */

/* Where SQLite tells no place: the only place where the name stands, if there is one. */
static int32_t find_name(tn_str sql, const char *name)
{
    const char *dot = strrchr(name, '.');
    tn_str wanted = kit_str(dot && dot[1] ? dot + 1 : name);
    const char *at = NULL;
    tn__lexer lexer;

    if (wanted.len == 0)
        return 0;
    tn__lexer_init(&lexer, sql);
    for (;;) {
        tn__tok tok = tn__lexer_skip(&lexer);
        char plain[128];
        if (tok.kind == TN__TOK_END || tok.kind == TN__TOK_ERROR)
            break;
        if (tok.kind != TN__TOK_WORD && tok.kind != TN__TOK_QUOTED)
            continue;
        lite_identifier(tok.text, plain, sizeof plain);
        if (!tn__str_iequal(kit_str(plain), wanted))
            continue;
        if (at)
            return 0;
        at = tok.text.ptr;
    }
    return at ? (int32_t)tn__utf8_count(sql.ptr, (size_t)(at - sql.ptr)) + 1 : 0;
}

/* SQLite names what it was given: the placeholder is shown as the caller wrote it. */
static void name_placeholder(report *r, tn_str sql, size_t at)
{
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, tn__str(sql.ptr + at, sql.len - at));
    tok = tn__lexer_next(&lexer);
    if (tok.kind == TN__TOK_PARAM)
        set_message(r, "syntax error at or near \"", tok.text, "\"");
}

/* DEFAULT now(), which PostgreSQL takes: SQLite stops at the parenthesis. */
static void hint_default(report *r, tn_str sql, size_t at)
{
    tn__tok tok = {.kind = TN__TOK_END}, name = tok, before = tok;
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    do {
        before = name;
        name = tok;
        tok = tn__lexer_skip(&lexer);
    } while (tok.kind != TN__TOK_END && tok.kind != TN__TOK_ERROR && tok.text.ptr < sql.ptr + at);
    if (tok.kind != TN__TOK_PUNCT || tok.text.ptr != sql.ptr + at || tok.text.ptr[0] != '(' ||
        name.kind != TN__TOK_WORD || before.kind != TN__TOK_WORD ||
        !tn__str_iequal(before.text, TN__STR("default")))
        return;
    tok = tn__lexer_skip(&lexer);
    (void)snprintf(r->hint, sizeof r->hint,
                   "write default (%.*s(%s)): SQLite wants parentheses around a call",
                   (int)tn__utf8_cut(name.text.ptr, name.text.len, 63), name.text.ptr,
                   tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == ')' ? "" : "...");
    r->d.hint = kit_str(r->hint);
}

static void set_position(report *r, const lite_where *where, int offset)
{
    if (where->phase != TN_PHASE_PREPARE || !where->statement || !where->sql.ptr)
        return;
    if (offset >= 0) {
        size_t at = lite_dialect_offset(where->statement, where->sql, (size_t)offset);
        r->d.position = (int32_t)tn__utf8_count(where->sql.ptr, at) + 1;
        if (!tn_str_equal(r->d.sqlstate, TN__STR("42601")))
            return;
        if (r->name[0] == '?')
            name_placeholder(r, where->sql, at);
        else if (r->name[0] == '(' && where->statement->kind == LITE_KIND_SCHEMA)
            hint_default(r, where->sql, at);
    } else if (tn_str_equal(r->d.message, TN__STR("syntax error at end of input")))
        r->d.position = (int32_t)tn__utf8_count(where->sql.ptr, where->sql.len) + 1;
    else if (r->name[0])
        r->d.position = find_name(where->sql, r->name);
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* After these the file or our view of it cannot be trusted any more. */
static bool breaks(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ||
           (code & 0xff) == SQLITE_IOERR || code == SQLITE_READONLY_DBMOVED;
}

/* What was written to the log, but not to the disk for certain, may be found there by the next one
 * who opens the file: a write error while committing says nothing of the outcome. */
static tn_outcome outcome_of(const tn_driver_conn *conn, int code, tn_phase phase)
{
    bool committing = phase == TN_PHASE_COMMIT ||
                      (conn->txn.state == LITE_TXN_NONE && phase >= TN_PHASE_EXECUTE);

    if (phase == TN_PHASE_COMMIT && (code & 0xff) == SQLITE_BUSY)
        return TN_OUTCOME_NONE;
    return committing && (code & 0xff) == SQLITE_IOERR ? TN_OUTCOME_IN_DOUBT
                                                       : TN_OUTCOME_NOT_APPLIED;
}

tn_status lite_error(tn_driver_conn *conn, int rc, const lite_where *where, tn_error *err)
{
    int code = conn->db && (rc & 0xff) != SQLITE_MISUSE ? sqlite3_extended_errcode(conn->db) : rc;
    const char *text = conn->db ? sqlite3_errmsg(conn->db) : sqlite3_errstr(rc);
    int offset = conn->db ? sqlite3_error_offset(conn->db) : -1;
    report r = {.d = {.size = sizeof r.d}};

    if ((code & 0xff) != (rc & 0xff)) { /* another call came in between */
        code = rc;
        text = sqlite3_errstr(rc);
        offset = -1;
    }
    (void)snprintf(r.detail, sizeof r.detail, "SQLite: %.500s", text);
    r.d.phase = where->phase;
    r.d.native = code;
    r.d.outcome = outcome_of(conn, code, where->phase);
    r.d.detail = kit_str(r.detail);
    if (conn->raised.set && (code & 0xff) == SQLITE_ERROR)
        set(&r, conn->raised.sqlstate, conn->raised.message);
    else
        read_code(&r, conn, code, r.detail + 8, where->statement);
    if (where->phase == TN_PHASE_COMMIT && r.d.outcome == TN_OUTCOME_IN_DOUBT)
        set(&r, "08007", "writing the database file failed in the middle of COMMIT");
    set_position(&r, where, offset);
    if (breaks(code))
        conn->broken = true;
    return conn->host->fail(err, &r.d);
}

tn_status lite_fail(tn_driver_conn *conn, tn_phase phase, const char *sqlstate, tn_error *err,
                    const char *format, ...)
{
    char text[TEXT];
    tn_diagnostic diagnostic = {
        .size = sizeof diagnostic,
        .phase = phase,
        .outcome = TN_OUTCOME_NOT_APPLIED,
        .sqlstate = kit_str(sqlstate),
    };
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    diagnostic.message = kit_str(text);
    return conn->host->fail(err, &diagnostic);
}
