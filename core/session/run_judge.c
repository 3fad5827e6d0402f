/* SPDX-License-Identifier: MIT */
/* What an error is made of it that the driver alone cannot know: who cancelled, where in the
 * caller's text, what became of the statement. */
#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"
#include "session/run.h"

/* One that only may have changed something (a SELECT that calls a function) keeps the class of what
 * happened to it; its outcome says the rest. */
bool tn__run_changes(const tn__cached *stmt)
{
    static const char *const words[] = {"insert", "update", "delete", "merge",
                                        "create", "alter",  "drop",   "truncate"};
    tn__lexer lexer;

    if (!stmt)
        return false;
    tn__lexer_init(&lexer, tn__str(stmt->text, stmt->len));
    tn__tok first = tn__lexer_skip(&lexer);
    for (size_t i = 0; i < TN__COUNT_OF(words); i++)
        if (tn__str_iequal(first.text, tn_str_from(words[i])))
            return true;
    return false;
}

/* An autocommit statement that was sent and whose answer never came may have been applied: as with
 * a COMMIT, nobody knows, and nobody may simply send it again. In a transaction it goes with the
 * transaction, and one that reads leaves nothing behind. */
void tn__run_judge_outcome(const tn__run *run, const tn__cached *stmt, tn_error *err)
{
    bool read_only = stmt && (stmt->info.flags & TN_STMT_READ_ONLY);

    if (!err)
        return;
    /* It is aborted, also if this statement was done before it could be cancelled. */
    if (run->db->kind == TN__DB_TXN) {
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        return;
    }
    if (err->outcome != TN_OUTCOME_IN_DOUBT && err->status != TN_LOST)
        return;
    if (read_only) {
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        err->retry = TN_RETRY_STATEMENT;
    } else if (err->outcome == TN_OUTCOME_IN_DOUBT) {
        err->retry = TN_RETRY_NO;
        if (err->status != TN_LOST || !tn__run_changes(stmt))
            return;
        err->status = TN_OUTCOME_UNKNOWN;
        tn__copy_text(err->sqlstate, sizeof(err->sqlstate), TN__STR("08007"));
        tn_error_prepend(err, "the statement was sent and its answer never came");
    }
}

/* The server says 57014 for its own statement_timeout as for a cancel: it was a cancel if we asked.
 */
static void judge_cancel(const tn__run *run, tn_error *err)
{
    if (err && err->status == TN_CANCELLED && !tn__host_cancelled(&run->on.conn->host))
        err->status = TN_TIMEOUT;
}

/* A position behind the text that was given is within what was put there. */
static void judge_position(const tn__run *run, tn_error *err)
{
    if (!run->commented || !err || err->position <= 0)
        return;
    tn_str sql = run->on.watch.sql;
    size_t end = tn__utf8_count(sql.ptr, sql.len) + 1;
    if ((size_t)err->position > end)
        err->position = (int32_t)end;
}

void tn__run_judge_cause(const tn__run *run, tn_error *err)
{
    judge_cancel(run, err);
    judge_position(run, err);
}
