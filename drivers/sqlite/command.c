/* SPDX-License-Identifier: MIT */
/*
 * Transaction commands given as SQL. They never reach SQLite: they drive the same states as the
 * transaction operations do, and answer as PostgreSQL's do. SQLite's own BEGIN IMMEDIATE, EXCLUSIVE
 * and DEFERRED are understood.
 */
#include "sqlite/lite.h"

#include <string.h>

#include "base/lexer.h"
#include "base/str.h"

typedef struct parser {
    tn_driver_conn *conn;
    tn_str sql;
    tn__lexer lexer;
    tn__tok tok;
} parser;

static void next(parser *p)
{
    p->tok = tn__lexer_skip(&p->lexer);
}

static bool accept(parser *p, const char *word)
{
    if (p->tok.kind != TN__TOK_WORD || !tn__str_iequal(p->tok.text, kit_str(word)))
        return false;
    next(p);
    return true;
}

static tn_status syntax_error(const parser *p, tn_error *err)
{
    size_t offset = (size_t)(p->tok.text.ptr - p->sql.ptr);
    size_t shown = tn__utf8_cut(p->tok.text.ptr, p->tok.text.len, 64);
    char text[128];
    tn_diagnostic diagnostic = {
        .size = sizeof diagnostic,
        .phase = TN_PHASE_PREPARE,
        .outcome = TN_OUTCOME_NOT_APPLIED,
        .sqlstate = TN__STR("42601"),
        .position = (int32_t)tn__utf8_count(p->sql.ptr, offset) + 1,
    };

    if (p->tok.kind == TN__TOK_END)
        (void)snprintf(text, sizeof text, "syntax error at end of input");
    else
        (void)snprintf(text, sizeof text, "syntax error at or near \"%.*s\"", (int)shown,
                       p->tok.text.ptr);
    diagnostic.message = kit_str(text);
    return p->conn->host->fail(err, &diagnostic);
}

static bool parse_isolation(parser *p, lite_command *ret)
{
    if (!accept(p, "level"))
        return false;
    if (accept(p, "serializable")) {
        ret->isolation = TN_SERIALIZABLE;
        return true;
    }
    if (accept(p, "repeatable")) {
        ret->isolation = TN_REPEATABLE_READ;
        return accept(p, "read");
    }
    ret->isolation = TN_READ_COMMITTED; /* READ UNCOMMITTED is the same, as in PostgreSQL */
    return accept(p, "read") && (accept(p, "committed") || accept(p, "uncommitted"));
}

static bool parse_mode(parser *p, lite_command *ret)
{
    if (accept(p, "isolation"))
        return parse_isolation(p, ret);
    if (accept(p, "not"))
        return accept(p, "deferrable");
    if (accept(p, "deferrable"))
        return true;
    if (!accept(p, "read"))
        return false;
    if (accept(p, "write")) {
        ret->read_only = false;
        return true;
    }
    ret->read_only = true;
    return accept(p, "only");
}

static bool at_end(const parser *p)
{
    return p->tok.kind == TN__TOK_END || p->tok.kind == TN__TOK_SEMICOLON;
}

static bool parse_begin(parser *p, lite_command *ret)
{
    ret->verb = LITE_VERB_BEGIN;
    if (accept(p, "start")) {
        if (!accept(p, "transaction"))
            return false;
    } else {
        (void)accept(p, "begin");
        if (accept(p, "immediate") || accept(p, "exclusive"))
            ret->immediate = true;
        else
            (void)accept(p, "deferred");
        if (!accept(p, "work"))
            (void)accept(p, "transaction");
    }
    for (bool first = true; !at_end(p); first = false) {
        if (!first && p->tok.kind == TN__TOK_PUNCT && p->tok.text.ptr[0] == ',')
            next(p);
        if (!parse_mode(p, ret))
            return false;
    }
    return true;
}

static bool parse_name(parser *p, lite_command *ret)
{
    if (p->tok.kind != TN__TOK_WORD && p->tok.kind != TN__TOK_QUOTED)
        return false;
    lite_identifier(p->tok.text, ret->name, sizeof ret->name);
    next(p);
    return true;
}

/* [AND [NO] CHAIN]: *ret_chain tells whether it was there without NO. */
static bool parse_chain(parser *p, bool *ret_chain)
{
    if (!accept(p, "and"))
        return true;
    *ret_chain = !accept(p, "no");
    return accept(p, "chain");
}

static bool parse_end(parser *p, lite_command *ret, bool *ret_chain)
{
    bool commit = accept(p, "commit") || accept(p, "end");

    ret->verb = commit ? LITE_VERB_COMMIT : LITE_VERB_ROLLBACK;
    if (!commit && !accept(p, "rollback") && !accept(p, "abort"))
        return false;
    if (!accept(p, "work"))
        (void)accept(p, "transaction");
    if (!commit && accept(p, "to")) {
        ret->verb = LITE_VERB_ROLLBACK_TO;
        (void)accept(p, "savepoint");
        return parse_name(p, ret);
    }
    return parse_chain(p, ret_chain);
}

static bool parse(parser *p, lite_command *ret, bool *ret_chain)
{
    if (accept(p, "savepoint")) {
        ret->verb = LITE_VERB_SAVEPOINT;
        return parse_name(p, ret);
    }
    if (accept(p, "release")) {
        ret->verb = LITE_VERB_RELEASE;
        (void)accept(p, "savepoint");
        return parse_name(p, ret);
    }
    switch (tn__sql_first_word(p->sql)) {
    case TN__STMT_BEGIN: return parse_begin(p, ret);
    default: return parse_end(p, ret, ret_chain);
    }
}

tn_status lite_command_parse(tn_driver_conn *conn, tn_str sql, lite_command *ret, tn_error *err)
{
    parser p = {.conn = conn, .sql = sql};
    lite_command command = {.isolation = TN_ISOLATION_DEFAULT};
    bool chain = false;

    tn__lexer_init(&p.lexer, sql);
    do
        next(&p);
    while (p.tok.kind == TN__TOK_SEMICOLON);
    if (!parse(&p, &command, &chain) || !at_end(&p))
        return syntax_error(&p, err);
    while (p.tok.kind == TN__TOK_SEMICOLON)
        next(&p);
    if (p.tok.kind != TN__TOK_END)
        return lite_fail(conn, TN_PHASE_PREPARE, "42601", err,
                         "cannot insert multiple commands into a prepared statement");
    if (chain)
        return lite_fail(
            conn, TN_PHASE_PREPARE, "0A000", err,
            "the sqlite driver has no AND CHAIN; begin the next transaction by itself");
    *ret = command;
    return TN_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

static void warn(tn_driver_conn *conn, tn_str text)
{
    if (conn->host->log_wanted(TN_LOG_WARN))
        conn->host->log(conn->host_conn, TN_LOG_WARN, "server", text);
}

static tn_status run_begin(tn_driver_conn *conn, const lite_command *command, tn_error *err)
{
    tn_txn_request request = {
        .size = sizeof request,
        .isolation = command->isolation,
        .read_only = command->read_only,
    };
    tn_status status = lite_txn_check(conn, TN_PHASE_EXECUTE, err);

    if (status != TN_OK)
        return status;
    if (conn->txn.state != LITE_TXN_NONE) {
        warn(conn, TN__STR("there is already a transaction in progress"));
        return TN_OK;
    }
    status = lite_txn_begin(conn, &request, conn->deadline, err);
    if (status == TN_OK && command->immediate && !command->read_only) {
        status = lite_txn_begin_now(conn, err);
        if (status != TN_OK) /* SQLite's own words: not begun, so nothing to roll back */
            (void)lite_txn_rollback(conn, TN_NO_DEADLINE, NULL);
    }
    return status;
}

static tn_status run_end(tn_driver_conn *conn, lite_verb verb, const char **ret_tag, tn_error *err)
{
    tn_error ignored;
    bool failed = conn->txn.state == LITE_TXN_FAILED;
    tn_status status;

    if (conn->txn.state == LITE_TXN_NONE) {
        warn(conn, TN__STR("there is no transaction in progress"));
        return TN_OK;
    }
    if (verb == LITE_VERB_ROLLBACK)
        return lite_txn_rollback(conn, conn->deadline, err);
    status = lite_txn_commit(conn, conn->deadline, failed ? &ignored : err);
    if (failed && status == TN_ABORTED) {
        *ret_tag = "ROLLBACK";
        return TN_OK;
    }
    return status;
}

tn_status lite_command_run(tn_driver_stmt *stmt, const char **ret_tag, tn_error *err)
{
    static const char *const tags[] = {
        [LITE_VERB_BEGIN] = "BEGIN",       [LITE_VERB_COMMIT] = "COMMIT",
        [LITE_VERB_ROLLBACK] = "ROLLBACK", [LITE_VERB_SAVEPOINT] = "SAVEPOINT",
        [LITE_VERB_RELEASE] = "RELEASE",   [LITE_VERB_ROLLBACK_TO] = "ROLLBACK",
    };
    const lite_command *command = &stmt->info.command;
    tn_driver_conn *conn = stmt->conn;
    tn_str name = kit_str(command->name);

    *ret_tag = tags[command->verb];
    switch (command->verb) {
    case LITE_VERB_BEGIN: return run_begin(conn, command, err);
    case LITE_VERB_COMMIT:
    case LITE_VERB_ROLLBACK: return run_end(conn, command->verb, ret_tag, err);
    case LITE_VERB_SAVEPOINT: return lite_txn_push(conn, 0, name, err);
    case LITE_VERB_RELEASE: return lite_txn_pop(conn, 0, name, true, err);
    case LITE_VERB_ROLLBACK_TO: break;
    }
    return lite_txn_pop(conn, 0, name, false, err);
}
