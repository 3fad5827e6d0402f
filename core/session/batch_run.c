/* SPDX-License-Identifier: MIT */
/*
 * Running a batch: statements are found or prepared, then the driver asks for the parameters of
 * each as it sends them, and hands over the answers. What cannot be known while all is under way is
 * judged afterwards: which statements did not run, and what became of those that nobody heard of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/relaxed.h"
#include "base/str.h"
#include "session/batch.h"
#include "session/bind.h"
#include "session/guard.h"
#include "session/portal.h"
#include "session/query.h"
#include "session/transaction.h"
#include "session/watch.h"

enum {
    PARAMS_MAX = 65535,
    COMMIT_GRACE_MS = 2000,
    ATTEMPTS = 3 /* tables may be altered again and again meanwhile */
};

#define SELDOM __attribute__((cold, noinline))

/* One pass over the statements in batch->order. */
typedef struct pass {
    tn_batch_t *batch;
    tn_db *db;
    tn__conn *conn;
    uint32_t flags;
    int64_t deadline_ns;
    size_t asked;    /* of order: bind() was called for it */
    size_t bound;    /* and went well: it may have been sent */
    size_t told;     /* answered or failed */
    bool stopped;    /* one failed, and nothing behind it runs */
    bool single;     /* one statement, behind a savepoint of its own */
    tn_status why;   /* what ended the whole; TN_OK: nothing did, so far */
    tn__watch watch; /* of the one whose answer comes next */
} pass;

static tn__batch_item *item_at(const pass *p, size_t index)
{
    return &p->batch->items[p->batch->order[index]];
}

static tn__batch_text *text_of(const pass *p, const tn__batch_item *item)
{
    return &p->batch->texts[item->text];
}

/* ---- what is told of each -------------------------------------------------------------------- */

static void watch_next(pass *p)
{
    if (p->told >= p->batch->n_order || p->stopped)
        return;
    const tn__batch_text *text = text_of(p, item_at(p, p->told));
    p->watch = (tn__watch){.settings = NULL};
    tn__watch_begin(&p->watch, &p->db->provider->observe, p->conn, tn__str(text->sql, text->len));
}

/* The parameters are gone by the time when the log wants them. */
SELDOM static void log_args(pass *p, const tn__batch_item *item)
{
    tn_batch_t *batch = p->batch;
    const tn_stmt_info *info = &text_of(p, item)->stmt->info;
    const tn_arglist args = {item->args, item->n_args};

    tn__arena_reset(&batch->log);
    tn_value *values = tn__arena_array(&batch->log, info->n_params + 1, sizeof(*values));
    if (values && tn__bind(&args, info->params, info->n_params, &batch->log, values, NULL) == TN_OK)
        tn__watch_describe_args(&p->watch, info, values);
}

static void watch_end(pass *p, const tn__batch_item *item, const tn_error *err)
{
    if (TN_UNLIKELY(p->watch.logged) && text_of(p, item)->stmt)
        log_args(p, item);
    tn__watch_end(&p->watch, p->conn, err);
}

/* ---- what the driver asks and tells ---------------------------------------------------------- */

/* All up to index are told of. Those behind it that could not be bound have their turn now. */
static void advance(pass *p, size_t index)
{
    p->told = index + 1;
    watch_next(p);
    while (p->told < p->asked) {
        const tn__batch_item *item = item_at(p, p->told);
        if (item->state != TN__BATCH_FAILED)
            return;
        watch_end(p, item, item->error);
        p->told++;
        watch_next(p);
    }
}

/* A statement did not run, or in vain. Where they hang together nothing behind it runs. */
static void note_failure(pass *p, tn__batch_item *item, tn_status status, const tn_error *err)
{
    item->state = TN__BATCH_FAILED;
    item->outcome = TN_OUTCOME_NOT_APPLIED;
    tn__batch_note(p->batch, item, status, err);
}

static void failed(pass *p, size_t index, const tn_error *err)
{
    tn__batch_item *item = item_at(p, index);

    watch_end(p, item, item->error ? item->error : err);
    p->stopped = p->stopped || !(p->flags & TN_BATCH_EACH);
    advance(p, index);
}

static tn_value *room_for_params(tn__conn *conn, size_t n)
{
    if (n <= conn->params_capacity)
        return conn->params;
    tn_value *grown = realloc(conn->params, n * 2 * sizeof(*grown));
    if (!grown)
        return NULL;
    conn->params = grown;
    conn->params_capacity = n * 2;
    return grown;
}

/* An argument that does not fit may fit the statement as it would be prepared now. */
SELDOM static tn_status bind_failed(pass *p, size_t index, tn_status status)
{
    tn__batch_item *item = item_at(p, index);
    tn__batch_text *text = text_of(p, item);

    item->stale = text->anew = status == TN_DATA && text->old;
    note_failure(p, item, status, &p->batch->error);
    p->asked = index + 1;
    if (p->told == index)
        failed(p, index, &p->batch->error);
    p->stopped = p->stopped || !(p->flags & TN_BATCH_EACH);
    return status;
}

static tn_status bind(void *arg, size_t index, const tn_value **ret, size_t *ret_count)
{
    pass *p = arg;
    const tn__batch_item *item = item_at(p, index);
    const tn_stmt_info *info = &text_of(p, item)->stmt->info;
    const tn_arglist args = {item->args, item->n_args};

    tn__arena_reset(&p->conn->bind_arena);
    tn_value *params = room_for_params(p->conn, info->n_params);
    tn_status status = params || !info->n_params
                           ? tn__bind(&args, info->params, info->n_params, &p->conn->bind_arena,
                                      params, &p->batch->error)
                           : tn_error_set(&p->batch->error, TN_NOMEM, NULL, "out of memory");
    if (TN_UNLIKELY(status != TN_OK))
        return bind_failed(p, index, status);
    p->asked = p->bound = index + 1;
    *ret = params;
    *ret_count = info->n_params;
    return TN_OK;
}

static void ended(pass *p, size_t index, const tn_stmt_info *info, const tn_batch *rows)
{
    tn_batch_t *batch = p->batch;
    tn__batch_item *item = item_at(p, index);

    item->state = TN__BATCH_DONE;
    item->counted = rows->affected;
    bool selects = (info->flags & TN_STMT_ROWS) && rows->tag && rows->tag[0] == 'S';
    if (!selects)
        item->affected = tn__affected_by(rows, info->flags & TN_STMT_ROWS);
    if (item->keeps && rows->tag)
        item->tag = tn__arena_copy(&batch->notes, rows->tag, strlen(rows->tag));
    p->watch.affected = rows->affected;
    watch_end(p, item, NULL);
    advance(p, index);
}

static void answer(void *arg, size_t index, const tn_batch *rows)
{
    pass *p = arg;
    tn__batch_item *item = item_at(p, index);
    const tn_stmt_info *info = &text_of(p, item)->stmt->info;

    p->watch.rows += rows->rows;
    tn__batch_take(p->batch, item, info, rows);
    if (rows->done)
        ended(p, index, info, rows);
}

static void unreadable(void *arg, size_t index, tn_status status)
{
    pass *p = arg;

    tn__batch_refuse(p->batch, item_at(p, index), status, &p->batch->error);
}

static void fail(void *arg, size_t index, tn_status status)
{
    pass *p = arg;
    tn__batch_item *item = item_at(p, index);
    tn__batch_text *text = text_of(p, item);
    tn_error *err = &p->batch->error;

    if (status == TN_DRIVER_STALE) {
        item->stale = text->anew = true;
        status = err->status != TN_OK ? err->status : TN_FAILED;
    }
    /* The answer to what ended the whole: a cancel of ours is no timeout of the server's. */
    if ((p->why == TN_TIMEOUT || p->why == TN_CANCELLED) && strcmp(err->sqlstate, "57014") == 0)
        status = p->why;
    note_failure(p, item, status, err);
    failed(p, index, err);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void release_statements(pass *p)
{
    tn_batch_t *batch = p->batch;

    for (size_t i = 0; i < batch->n_texts; i++) {
        tn__batch_text *text = &batch->texts[i];
        if (!text->stmt)
            continue;
        if (text->anew)
            tn__cache_drop(&p->conn->cache, text->stmt);
        else
            text->stmt->used_before = true;
        tn__cache_release(&p->conn->cache, text->stmt);
        text->stmt = NULL;
    }
}

/* The rows that are kept outlive the statement. */
static tn_status copy_columns(tn_batch_t *batch, tn__batch_text *text, tn_error *err)
{
    const tn_stmt_info *info = &text->stmt->info;

    text->n_columns = info->n_columns;
    if (!info->n_columns)
        return TN_OK;
    text->columns = tn__arena_array(&batch->notes, info->n_columns, sizeof(*text->columns));
    for (size_t i = 0; text->columns && i < info->n_columns; i++) {
        tn_column *column = &text->columns[i];
        *column = info->columns[i];
        const char **texts[] = {&column->name, &column->type_name, &column->table};
        for (size_t j = 0; text->columns && j < sizeof(texts) / sizeof(texts[0]); j++) {
            const char *from = *texts[j] ? *texts[j] : "";
            *texts[j] = tn__arena_copy(&batch->notes, from, strlen(from));
            if (!*texts[j])
                text->columns = NULL;
        }
    }
    return text->columns ? TN_OK : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
}

static tn_status prepare_text(pass *p, tn__batch_text *text, tn_error *err)
{
    tn__conn *conn = p->conn;

    text->anew = false;
    tn_status status = tn__conn_prepare(conn, text->sql, text->len, text->hash, p->deadline_ns,
                                        &text->stmt, err);
    if (status != TN_OK) {
        text->stmt = NULL;
        return status;
    }
    text->old = text->stmt->used_before;
    if (text->stmt->info.n_params > PARAMS_MAX)
        return tn_error_set(err, TN_LIMIT, "54023", "more than %d parameters", PARAMS_MAX);
    return text->keeps ? copy_columns(p->batch, text, err) : TN_OK;
}

/* Statements with this text fail before anything is run; where they hang together the first does.
 */
SELDOM static void fail_text(pass *p, const tn__batch_text *text, tn_status status,
                             const tn_error *err)
{
    tn_batch_t *batch = p->batch;

    tn__stats_error(&p->conn->stats, status);
    for (size_t i = 0; i < batch->n_order && !p->stopped; i++) {
        tn__batch_item *item = item_at(p, i);
        if (text_of(p, item) != text)
            continue;
        note_failure(p, item, status, err);
        p->stopped = !(p->flags & TN_BATCH_EACH);
    }
}

/* What failed is not run. */
SELDOM static void drop_failed(tn_batch_t *batch)
{
    size_t kept = 0;

    for (size_t i = 0; i < batch->n_order; i++)
        if (batch->items[batch->order[i]].state != TN__BATCH_FAILED)
            batch->order[kept++] = batch->order[i];
    batch->n_order = kept;
}

/* One that ends the connection ends all. */
static tn_status prepare_all(pass *p, tn_error *err)
{
    tn_batch_t *batch = p->batch;
    bool some_failed = false;

    for (size_t i = 0; i < batch->n_texts && !p->stopped; i++) {
        tn__batch_text *text = &batch->texts[i];
        if (p->single && text_of(p, item_at(p, 0)) != text)
            continue;
        tn_status status = prepare_text(p, text, err);
        if (status == TN_OK)
            continue;
        tn__conn_settle(p->conn, tn__db_grace_ms(p->db, p->deadline_ns), err);
        fail_text(p, text, err->status, err);
        some_failed = true;
        if (p->conn->discard || err->status == TN_TIMEOUT || err->status == TN_CANCELLED ||
            err->status == TN_SHUTDOWN)
            return err->status;
    }
    if (some_failed)
        drop_failed(batch);
    for (size_t i = 0; i < batch->n_order; i++)
        batch->stmts[i] = p->stopped ? NULL : text_of(p, item_at(p, i))->stmt->drv;
    return TN_OK;
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static void note_as(tn_batch_t *batch, tn__batch_item *item, const tn_error *err)
{
    tn__batch_note(batch, item, err->status, err);
    item->state = TN__BATCH_FAILED;
    item->outcome = (uint8_t)err->outcome;
}

/* It was sent, for itself, and nobody heard of it: as an autocommit statement by itself. */
static void judge_unheard(const tn__cached *stmt, tn_error *err)
{
    if (err->outcome != TN_OUTCOME_IN_DOUBT && err->status != TN_LOST)
        return;
    err->outcome = TN_OUTCOME_IN_DOUBT;
    err->retry = TN_RETRY_NO;
    if (stmt->info.flags & TN_STMT_READ_ONLY) {
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        err->retry = TN_RETRY_STATEMENT;
    } else if (err->status == TN_LOST && tn__run_changes(stmt)) {
        err->status = TN_OUTCOME_UNKNOWN;
        tn__copy_text(err->sqlstate, sizeof(err->sqlstate), TN__STR("08007"));
        tn_error_prepend(err, "the statement was sent and its answer never came");
    }
}

/* The whole came to an end before everything was told. */
SELDOM static void judge_rest(pass *p, const tn_error *err)
{
    bool each = p->flags & TN_BATCH_EACH;

    for (size_t i = p->told; i < p->bound && (each || (i == p->told && !p->stopped)); i++) {
        tn__batch_item *item = item_at(p, i);
        tn_error own = *err;
        if (item->state == TN__BATCH_FAILED)
            continue;
        if (each)
            judge_unheard(text_of(p, item)->stmt, &own);
        note_as(p->batch, item, &own);
    }
    if (p->told < p->batch->n_order && !p->stopped)
        watch_end(p, item_at(p, p->told), err);
}

/* After run(): the connection is made good again, which may tell of more answers. With COMMIT on
 * its way more time is taken for that: a server that goes on alone may commit, and nobody knows. */
SELDOM static void settle(pass *p, tn_error *err)
{
    int64_t grace = tn__db_grace_ms(p->db, p->deadline_ns);

    if ((p->flags & TN_BATCH_COMMIT) && !p->stopped && grace < COMMIT_GRACE_MS)
        grace = COMMIT_GRACE_MS;
    if (err->status == TN_CANCELLED && !tn__host_cancelled(&p->conn->host))
        err->status = TN_TIMEOUT;
    p->why = err->status;
    tn__conn_settle(p->conn, grace, err);
}

/* COMMIT left with the last statement, or never did. */
SELDOM static void judge_commit(pass *p, tn_error *err)
{
    if (!(p->flags & TN_BATCH_COMMIT)) {
        err->outcome = TN_OUTCOME_NOT_APPLIED;
        return;
    }
    if (p->stopped || p->bound < p->batch->n_order)
        err->outcome = TN_OUTCOME_NOT_APPLIED;
    if (err->outcome != TN_OUTCOME_IN_DOUBT || err->status == TN_OUTCOME_UNKNOWN)
        return;
    err->status = TN_OUTCOME_UNKNOWN;
    tn__copy_text(err->sqlstate, sizeof(err->sqlstate), TN__STR("08007"));
    tn_error_prepend(err, "COMMIT was sent with the batch and no answer came");
}

static tn_status run_once(pass *p, tn_error *err)
{
    const tn__driver *driver = p->conn->driver;
    const tn_batch_work work = {
        .size = sizeof(work),
        .stmts = p->batch->stmts,
        .count = p->batch->n_order,
        .flags = p->flags,
        .arg = p,
        .bind = bind,
        .answer = answer,
        .unreadable = unreadable,
        .fail = fail,
        .error = &p->batch->error,
    };

    p->batch->error.status = TN_OK;
    watch_next(p);
    tn_status status = driver->batch.size
                           ? driver->batch.run(p->conn->drv, &work, p->deadline_ns, err)
                           : tn__batch_serial(p->conn, &work, p->deadline_ns, err);
    if (status != TN_OK) {
        settle(p, err);
        if (!(p->flags & TN_BATCH_EACH))
            judge_commit(p, err);
        judge_rest(p, err);
        return err->status;
    }
    tn__watch_drop(&p->watch);
    return TN_OK;
}

/* ---- once more ------------------------------------------------------------------------------- */

static void forget_answer(tn__batch_item *item)
{
    if (item->owns)
        tn__batch_untake(item);
    item->state = TN__BATCH_UNTOLD;
    item->outcome = TN_OUTCOME_NOT_APPLIED;
    item->stale = false;
    item->status = TN_OK;
    item->affected = item->counted = 0;
    item->rows = 0;
    item->tag = NULL;
    item->first = item->last = NULL;
    item->error = NULL;
}

/* Where they hang together and an argument did not fit, that one and those behind it were not run:
 * they are the rest. */
static bool run_rest(pass *p)
{
    tn_batch_t *batch = p->batch;
    size_t at = p->told - 1;

    if (!p->stopped || !p->told || !item_at(p, at)->stale || p->bound > at ||
        tn__conn_state(p->conn) != TN_CONN_IN_TXN)
        return false;
    forget_answer(item_at(p, at));
    batch->n_order -= at;
    memmove(batch->order, batch->order + at, batch->n_order * sizeof(*batch->order));
    return true;
}

/* A SELECT may call what writes, but in which order two of them do is nobody's concern. */
static bool is_query(const tn__cached *stmt)
{
    static const char *const words[] = {"select", "values", "table"};
    tn__lexer lexer;

    if (stmt->info.flags & TN_STMT_READ_ONLY)
        return true;
    tn__lexer_init(&lexer, tn__str(stmt->text, stmt->len));
    tn__tok first = tn__lexer_skip(&lexer);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (tn__str_iequal(first.text, tn_str_from(words[i])))
            return true;
    return false;
}

/* Where each is for itself, others have run since: that makes no difference if all of them are
 * queries. */
static bool run_stale(pass *p)
{
    tn_batch_t *batch = p->batch;
    size_t kept = 0;

    for (size_t i = 0; i < batch->n_order; i++) {
        tn__batch_item *item = item_at(p, i);
        if (!item->stale && !kept)
            continue;
        if (!is_query(text_of(p, item)->stmt))
            return false;
        kept++;
    }
    size_t n = batch->n_order;
    batch->n_order = 0;
    for (size_t i = 0; i < n; i++) {
        tn__batch_item *item = &batch->items[batch->order[i]];
        if (!item->stale)
            continue;
        forget_answer(item);
        batch->order[batch->n_order++] = batch->order[i];
    }
    return batch->n_order > 0;
}

static bool once_more(pass *p, int attempt)
{
    if (attempt == ATTEMPTS)
        return false;
    return p->flags & TN_BATCH_EACH ? run_stale(p) : run_rest(p);
}

/* On a connection that is free and had tn__host_begin(). TN_OK: everything was told, and COMMIT was
 * done if flags say so and nothing failed. */
static tn_status run_on(pass *p, tn_error *err)
{
    for (int attempt = 1;; attempt++) {
        p->asked = p->bound = p->told = 0;
        p->stopped = false;
        p->why = TN_OK;
        tn_status status = prepare_all(p, err);
        if (status == TN_OK && !p->stopped && p->batch->n_order)
            status = run_once(p, err);
        bool again = status == TN_OK && once_more(p, attempt);
        if (again && p->single)
            status = tn__guard_begin(p->db, p->deadline_ns, err);
        release_statements(p);
        if (!again || status != TN_OK)
            return status;
    }
}

/* Each for itself within a transaction whose calls are guarded. */
static tn_status run_guarded(pass *p, tn_error *err)
{
    tn_status status = TN_OK;

    p->single = true;
    for (size_t i = 0; i < p->batch->count && status == TN_OK; i++) {
        p->batch->order[0] = (uint32_t)i;
        p->batch->n_order = 1;
        status = tn__guard_begin(p->db, p->deadline_ns, err);
        if (status == TN_OK)
            status = run_on(p, err);
    }
    return status;
}

/* ---- from outside ---------------------------------------------------------------------------- */

static bool has_room(tn_batch_t *batch)
{
    if (batch->count <= batch->order_capacity)
        return true;
    uint32_t *order = realloc(batch->order, batch->capacity * sizeof(*order));
    if (order)
        batch->order = order;
    tn_driver_stmt **stmts = realloc(batch->stmts, batch->capacity * sizeof(tn_driver_stmt *));
    if (stmts)
        batch->stmts = stmts;
    if (!order || !stmts)
        return false;
    batch->order_capacity = batch->capacity;
    return true;
}

/* As if it had never run. */
static void start_over(tn_batch_t *batch, const tn_db *db)
{
    for (size_t i = 0; i < batch->n_texts; i++) {
        batch->texts[i].keeps = false;
        batch->texts[i].columns = NULL;
        batch->texts[i].n_columns = 0;
    }
    for (size_t i = 0; i < batch->count; i++) {
        tn__batch_item *item = &batch->items[i];
        item->state = TN__BATCH_UNTOLD; /* what targets own is the caller's */
        forget_answer(item);
        batch->texts[item->text].keeps |= item->keeps;
        batch->order[i] = (uint32_t)i;
    }
    batch->n_order = batch->count;
    batch->last = NULL;
    tn__arena_reset(&batch->notes);
    tn__arena_reset(&batch->kept);
    batch->kept.limit = tn__relaxed(&db->provider->row_buffer);
    batch->outcome = TN_OUTCOME_NOT_APPLIED;
    batch->independent = false;
    batch->ran = true;
}

static tn_status check(tn_batch_t *batch, const tn_db *db, tn_error *err)
{
    if (!batch)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (batch->open_rows)
        return tn_error_set(err, TN_MISUSE, "24000", "rows of the batch are still open");
    batch->ran = false;
    if (batch->broken.status != TN_OK) {
        *err = batch->broken;
        return err->status;
    }
    tn_status status = tn__db_check(db, err);
    if (status == TN_OK && !has_room(batch))
        status = tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (status == TN_OK)
        start_over(batch, db);
    return status;
}

/* One that did not run well comes before what ended the whole, and that before an answer that could
 * not be taken. */
static tn_status conclude(const tn_batch_t *batch, tn_status status, tn_error *err)
{
    size_t failed = tn_batch_failed(batch), at = failed;

    while (at < batch->count && batch->items[at].state != TN__BATCH_FAILED)
        at++;
    if (at == batch->count && status == TN_OK)
        at = failed;
    if (at == batch->count)
        return status;
    status = tn_batch_status(batch, at, err);
    err->outcome = tn_batch_outcome(batch, at);
    tn__batch_place(batch, at, err);
    return status;
}

/* In what is open on the handle, or each for itself. */
static tn_status run_here(tn_batch_t *batch, tn_db *db, uint32_t flags, int64_t timeout_ms,
                          tn_error *err)
{
    tn__provider *provider = db->provider;
    tn_status status = tn__db_enter(db, err);
    pass p = {.batch = batch, .db = db, .conn = db->conn, .flags = flags};

    if (status != TN_OK)
        return status;
    p.deadline_ns = tn__db_deadline(db, timeout_ms);
    if (db->kind == TN__DB_CLIENT)
        status = provider->acquire(provider, p.deadline_ns, &p.conn, err);
    else
        status = tn__guard_free_wire(db, p.conn, p.deadline_ns, err);
    if (status == TN_OK) {
        batch->independent = flags & TN_BATCH_EACH;
        batch->outcome = TN_OUTCOME_NONE;
        tn__host_begin(&p.conn->host);
        status = db->call_savepoints ? run_guarded(&p, err) : run_on(&p, err);
        tn__host_end(&p.conn->host);
        if (db->kind == TN__DB_CLIENT)
            provider->release(provider, p.conn);
    }
    tn__db_leave(db);
    return status;
}

/* ---- with COMMIT ----------------------------------------------------------------------------- */

typedef struct ending {
    tn_batch_t *batch;
    int64_t timeout_ms;
    bool stale; /* a statement was prepared too long ago: nothing was applied */
} ending;

/* What ends a transaction in the place of COMMIT alone. */
static tn_status run_and_commit(void *arg, tn_db *tx, bool commit, tn_error *err)
{
    ending *e = arg;
    tn_batch_t *batch = e->batch;
    pass p = {.batch = batch,
              .db = tx,
              .conn = tx->conn,
              .flags = commit ? TN_BATCH_COMMIT : 0,
              .deadline_ns = tn__db_deadline(tx, e->timeout_ms)};

    tn_status status = run_on(&p, err);
    if (status != TN_OK || !p.stopped)
        return status;
    /* One failed, so COMMIT was not done. */
    for (size_t i = 0; i < batch->count; i++)
        if (batch->items[i].state == TN__BATCH_FAILED) {
            e->stale = batch->items[i].stale;
            return tn_batch_status(batch, i, err);
        }
    return TN_OK;
}

/* What was found out of COMMIT holds for the statements of which nobody heard. */
SELDOM static void judge_untold(tn_batch_t *batch, const tn_error *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        tn__batch_item *item = &batch->items[i];
        bool unknown = item->outcome == TN_OUTCOME_IN_DOUBT ||
                       err->outcome == TN_OUTCOME_IN_DOUBT || err->outcome == TN_OUTCOME_APPLIED;
        if (item->state != TN__BATCH_DONE && unknown)
            note_as(batch, item, err);
    }
}

/* The server says that it was committed, but some of its answers did not come. */
SELDOM static void judge_lost_answers(tn_batch_t *batch)
{
    tn_error err;

    tn_error_set(&err, TN_LOST, "08006",
                 "the connection was lost: the batch was committed, the answer did not come");
    err.outcome = TN_OUTCOME_APPLIED;
    err.retry = TN_RETRY_NO;
    err.discarded = true;
    judge_untold(batch, &err);
}

static bool all_done(const tn_batch_t *batch)
{
    size_t i = 0;

    while (i < batch->count && batch->items[i].state == TN__BATCH_DONE)
        i++;
    return i == batch->count;
}

static tn_status commit_with(tn_batch_t *batch, tn_db *tx, int64_t timeout_ms, bool *ret_stale,
                             tn_error *err)
{
    ending e = {.batch = batch, .timeout_ms = timeout_ms};
    const tn__txn_end end = {.run = run_and_commit, .arg = &e};
    bool within = tx->depth > 1;

    tn_status status = tn__txn_commit_with(tx, &end, err);
    *ret_stale = e.stale && status != TN_OK;
    batch->outcome = status != TN_OK ? err->outcome : within ? TN_OUTCOME_NONE : TN_OUTCOME_APPLIED;
    if (status == TN_OK && !all_done(batch))
        judge_lost_answers(batch);
    else if (status != TN_OK && !all_done(batch))
        judge_untold(batch, err);
    if (batch->outcome == TN_OUTCOME_NONE && !within)
        batch->outcome = TN_OUTCOME_NOT_APPLIED;
    return status;
}

static bool may_run_again(const tn_batch_t *batch, bool stale, int attempt)
{
    return stale && attempt < ATTEMPTS && batch->outcome == TN_OUTCOME_NOT_APPLIED;
}

/* A transaction of its own. */
static tn_status run_alone(tn_batch_t *batch, tn_db *db, const tn_batch_options *options,
                           tn_error *err)
{
    tn_txn_options txn = TN_TXN_OPTIONS_INIT;
    bool stale = false;
    tn_db *tx;

    txn.isolation = options->isolation;
    txn.read_only = options->read_only;
    txn.timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : 0;
    for (int attempt = 1;; attempt++) {
        tn_status status = tn_begin(db, &txn, &tx, err);
        if (status == TN_OK)
            status = commit_with(batch, tx, options->timeout_ms, &stale, err);
        if (status == TN_OK || !may_run_again(batch, stale, attempt))
            return status;
        for (size_t i = 0; i < batch->count; i++)
            forget_answer(&batch->items[i]);
        start_over(batch, db);
    }
}

/* ---- public ---------------------------------------------------------------------------------- */

static const tn_batch_options defaults = TN_BATCH_OPTIONS_INIT;

static tn_status check_options(const tn_db *db, const tn_batch_options *options, bool inside,
                               tn_error *err)
{
    if ((unsigned)options->mode > TN_BATCH_INDEPENDENT)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_batch_run: the mode is none");
    (void)db;
    if (inside && (options->mode == TN_BATCH_INDEPENDENT || options->read_only ||
                   options->isolation != TN_ISOLATION_DEFAULT))
        return tn_error_set(err, TN_MISUSE, "25001",
                            "tn_batch_run: a transaction is open; the statements are part of it, "
                            "and its settings hold");
    return TN_OK;
}

static tn_status run(tn_batch_t *batch, tn_db *db, const tn_batch_options *options, tn_error *err)
{
    tn_status status = check(batch, db, err);
    if (status != TN_OK)
        return status;
    bool inside = db->kind == TN__DB_TXN ? !db->call_savepoints
                                         : (db->kind == TN__DB_SESSION && !db->conn->attached &&
                                            tn__conn_state(db->conn) != TN_CONN_IDLE);
    status = check_options(db, options, inside, err);
    if (status != TN_OK || !batch->count)
        return status;
    if (inside)
        status = run_here(batch, db, 0, options->timeout_ms, err);
    else if (options->mode == TN_BATCH_INDEPENDENT)
        status = run_here(batch, db, TN_BATCH_EACH, options->timeout_ms, err);
    else
        status = run_alone(batch, db, options, err);
    return conclude(batch, status, err);
}

tn_status tn_batch_run(tn_batch_t *batch, tn_db *db, const tn_batch_options *options, tn_error *err)
{
    tn_error local;

    local.status = TN_OK;
    return run(batch, db, options ? options : &defaults, err ? err : &local);
}

tn_status tn_batch_commit(tn_batch_t *batch, tn_db *tx, const tn_batch_options *options,
                          tn_error *err)
{
    tn_error local;
    bool stale;

    local.status = TN_OK;
    err = err ? err : &local;
    if (!tx || tx->magic != TN__DB_MAGIC || tx->kind != TN__DB_TXN)
        return tn_error_set(err, TN_MISUSE, NULL,
                            "tn_batch_commit: the handle is not a transaction");
    tn_status status = check(batch, tx, err);
    if (status != TN_OK) {
        (void)tn_rollback(tx, NULL);
        return status;
    }
    if (!batch->count)
        return tn_commit(tx, err);
    status = commit_with(batch, tx, options ? options->timeout_ms : 0, &stale, err);
    return conclude(batch, status, err);
}
