/* SPDX-License-Identifier: MIT */
/* The frame: runs cases one after another, reports in TAP, cleans up behind each. */
#include "suite.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"

/* A case that takes longer hangs: a whole run has some seconds of work. */
#define CASE_SECONDS 120

const suite_group *const suite_groups[] = {
    &group_connect,   &group_exec,      &group_bind,   &group_types,
    &group_times,     &group_arrays,    &group_rows,   &group_scan,
    &group_txn,       &group_savepoint, &group_error,  &group_cancel,
    &group_isolation, &group_stmt,      &group_script, &group_schema,
    &group_session,   &group_batch,     &group_bulk,   &group_bulk_read,
    &group_threads,   &group_health,    NULL,
};

static const struct {
    uint64_t bit;
    const char *name;
} capability_names[] = {
    {TN_CAP_SQL, "SQL"},
    {TN_CAP_SAVEPOINTS, "SAVEPOINTS"},
    {TN_CAP_STREAM, "STREAM"},
    {TN_CAP_CANCEL, "CANCEL"},
    {TN_CAP_PARAM_TYPES, "PARAM_TYPES"},
    {TN_CAP_COLUMN_TYPES, "COLUMN_TYPES"},
    {TN_CAP_NUMERIC_EXACT, "NUMERIC_EXACT"},
    {TN_CAP_ARRAYS, "ARRAYS"},
    {TN_CAP_CONCURRENT_WRITES, "CONCURRENT_WRITES"},
    {TN_CAP_SCHEMAS, "SCHEMAS"},
    {TN_CAP_PERSISTENT, "PERSISTENT"},
    {TN_CAP_CONSTRAINT_NAMES, "CONSTRAINT_NAMES"},
    {TN_CAP_TRANSACTIONS, "TRANSACTIONS"},
};

/* ---- a watch over cases that hang ------------------------------------------------------------ */

typedef struct watch {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    FILE *out;
    char name[128]; /* "" between cases */
    struct timespec until;
    bool end;
} watch;

static void *watch_run(void *arg)
{
    watch *w = arg;

    pthread_mutex_lock(&w->lock);
    while (!w->end) {
        if (!w->name[0]) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        struct timespec until = w->until;
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == ETIMEDOUT && w->name[0] &&
            w->until.tv_sec == until.tv_sec && w->until.tv_nsec == until.tv_nsec) {
            fprintf(w->out, "Bail out! %s is still running after %d seconds\n", w->name,
                    CASE_SECONDS);
            fflush(w->out);
            _exit(1);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static bool watch_start(watch *w, FILE *out)
{
    pthread_condattr_t monotonic;

    memset(w, 0, sizeof(*w));
    w->out = out;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return pthread_create(&w->thread, NULL, watch_run, w) == 0;
}

/* name "" takes the eye off. */
static void watch_set(watch *w, const char *name)
{
    pthread_mutex_lock(&w->lock);
    snprintf(w->name, sizeof(w->name), "%s", name);
    clock_gettime(CLOCK_MONOTONIC, &w->until);
    w->until.tv_sec += CASE_SECONDS;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static void watch_end(watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->end = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}

/* ---- what a case keeps ----------------------------------------------------------------------- */

static void end_kept(kept item)
{
    switch (item.kind) {
    case KEPT_MEMORY: free(item.ptr); break;
    case KEPT_TENON_MEMORY: tn_free(item.ptr); break;
    case KEPT_ROWS: tn_close(item.ptr, NULL); break;
    case KEPT_TX: tn_rollback(item.ptr, NULL); break;
    case KEPT_SESSION: tn_release(item.ptr); break;
    case KEPT_STMT: tn_stmt_close(item.ptr); break;
    case KEPT_CLIENT: tn_db_close(item.ptr, NULL); break;
    case KEPT_CONFIG: tn_config_free(item.ptr); break;
    case KEPT_CANCELLER: frame_canceller_end(item.ptr); break;
    case KEPT_BATCH: tn_batch_free(item.ptr); break;
    }
}

void frame_keep(fixture *f, kept_kind kind, void *ptr)
{
    suite_frame *frame = f->frame;

    if (!ptr)
        return;
    if (frame->n_items == FRAME_KEPT_MAX) {
        end_kept((kept){kind, ptr});
        suite_fail(f, "the case keeps more than %d things", FRAME_KEPT_MAX);
    }
    frame->items[frame->n_items++] = (kept){kind, ptr};
}

void frame_forget(fixture *f, const void *ptr)
{
    suite_frame *frame = f->frame;

    for (size_t i = frame->n_items; i-- > 0;)
        if (frame->items[i].ptr == ptr) {
            memmove(&frame->items[i], &frame->items[i + 1],
                    (frame->n_items - i - 1) * sizeof(frame->items[0]));
            frame->n_items--;
            return;
        }
}

void frame_end_all(fixture *f)
{
    while (f->frame->n_items > 0)
        end_kept(f->frame->items[--f->frame->n_items]);
}

/* ---- one case -------------------------------------------------------------------------------- */

static void note_failure(suite_frame *frame, const char *format, ...) TN_PRINTF(2, 3);
static void note_failure(suite_frame *frame, const char *format, ...)
{
    size_t used = frame->outcome == CASE_FAILED ? strlen(frame->reason) : 0;
    va_list args;

    if (used > 0 && used + 1 < sizeof(frame->reason))
        frame->reason[used++] = '\n';
    va_start(args, format);
    vsnprintf(frame->reason + used, sizeof(frame->reason) - used, format, args);
    va_end(args);
    frame->outcome = CASE_FAILED;
}

/* Tables that refer to others are named with later letters, so they go first. */
static void drop_tables(fixture *f)
{
    for (size_t i = SUITE_COUNT(f->frame->tables_used); i-- > 0;) {
        if (!f->frame->tables_used[i])
            continue;
        char text[96];
        tn_error err = TN_ERROR_INIT;
        snprintf(text, sizeof(text), "drop table if exists %s", f->frame->table_names[i]);
        if (tn_exec(f->db, text, NULL, NULL, &err) != TN_OK)
            note_failure(f->frame, "cleaning up: %s: %s", text, err.message);
        f->frame->tables_used[i] = false;
    }
}

static tn_db *open_suite_client(const char *url, tn_error *err)
{
    static const char *const settings[][2] = {{"max_connections", "8"},
                                              {"min_connections", "1"},
                                              {"connection_timeout", "15000"},
                                              {"pool_timeout", "15000"},
                                              {"connect_retries", "0"}};
    tn_config *config = tn_config_from_url(url, err);
    tn_db *db = NULL;

    if (!config)
        return NULL;
    for (size_t i = 0; i < SUITE_COUNT(settings); i++)
        if (tn_config_set(config, settings[i][0], settings[i][1], err) != TN_OK) {
            tn_config_free(config);
            return NULL;
        }
    db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

/* What is still in use was left by a case: said so, and the next one gets a client without it. */
static bool leave_clean(fixture *f)
{
    tn_pool_stats stats;
    tn_error err = TN_ERROR_INIT;

    tn_db_pool_stats(f->db, &stats);
    if (stats.in_use == 0)
        return true;
    note_failure(f->frame, "left %u connections in use", stats.in_use);
    tn_db *fresh = open_suite_client(f->url, &err);
    if (!fresh) {
        note_failure(f->frame, "opening a new client: %s", err.message);
        return false;
    }
    tn_db_close(f->db, NULL);
    f->db = fresh;
    return true;
}

static bool lacks(fixture *f, uint64_t needs)
{
    uint64_t missing = needs & ~f->capabilities;
    suite_frame *frame = f->frame;

    if (!missing)
        return false;
    size_t used = (size_t)snprintf(frame->reason, sizeof(frame->reason), "the driver declares no");
    for (size_t i = 0; i < SUITE_COUNT(capability_names); i++)
        if (missing & capability_names[i].bit)
            used += (size_t)snprintf(frame->reason + used, sizeof(frame->reason) - used, " %s",
                                     capability_names[i].name);
    frame->outcome = CASE_SKIPPED;
    return true;
}

static bool run_case(fixture *f, const suite_case *one)
{
    suite_frame *frame = f->frame;

    frame->outcome = CASE_PASSED;
    frame->reason[0] = '\0';
    frame->file = NULL;
    frame->line = 0;
    frame->serial++;
    for (size_t i = 0; i < SUITE_COUNT(frame->table_names); i++)
        snprintf(frame->table_names[i], sizeof(frame->table_names[i]), "tc_%lx_%u_%c",
                 (unsigned long)getpid(), frame->serial, "tuv"[i]);
    if (lacks(f, one->needs))
        return true;
    if (setjmp(frame->leave) == 0)
        one->run(f);
    frame_end_all(f);
    drop_tables(f);
    return leave_clean(f);
}

/* ---- the report ------------------------------------------------------------------------------ */

static bool wanted(const suite_options *options, const char *group, const char *name, char *full,
                   size_t size)
{
    snprintf(full, size, "%s/%s", group, name);
    return !options->only || fnmatch(options->only, full, 0) == 0;
}

static size_t count_wanted(const suite_options *options)
{
    size_t count = 0;
    char full[128];

    for (size_t g = 0; suite_groups[g]; g++)
        for (size_t i = 0; i < suite_groups[g]->count; i++)
            count += wanted(options, suite_groups[g]->name, suite_groups[g]->cases[i].name, full,
                            sizeof(full));
    return count;
}

static void print_reason(FILE *out, const char *reason)
{
    for (const char *line = reason; *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(out, "# %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void report(const suite_options *options, suite_result *result, const suite_frame *frame,
                   size_t number, const char *full)
{
    switch (frame->outcome) {
    case CASE_PASSED:
        result->passed++;
        fprintf(options->out, "ok %zu - %s\n", number, full);
        break;
    case CASE_SKIPPED:
        result->skipped++;
        fprintf(options->out, "ok %zu - %s # SKIP %s\n", number, full, frame->reason);
        break;
    case CASE_FAILED:
        result->failed++;
        fprintf(options->out, "not ok %zu - %s\n", number, full);
        print_reason(options->out, frame->reason);
        break;
    }
    fflush(options->out);
}

static void run_groups(fixture *f, const suite_options *options, suite_result *result)
{
    size_t number = 0;
    char full[128];
    watch w;

    fprintf(options->out, "1..%zu\n", count_wanted(options));
    if (!watch_start(&w, options->out)) {
        fprintf(options->out, "Bail out! no thread to watch over the cases\n");
        result->failed++;
        return;
    }
    for (size_t g = 0; suite_groups[g]; g++)
        for (size_t i = 0; i < suite_groups[g]->count; i++) {
            const suite_case *one = &suite_groups[g]->cases[i];
            if (!wanted(options, suite_groups[g]->name, one->name, full, sizeof(full)))
                continue;
            watch_set(&w, full);
            bool usable = run_case(f, one);
            watch_set(&w, "");
            report(options, result, f->frame, ++number, full);
            if (!usable) {
                fprintf(options->out, "Bail out! the database cannot be opened any more\n");
                watch_end(&w);
                return;
            }
        }
    watch_end(&w);
}

/* ---- the run --------------------------------------------------------------------------------- */

static tn_status describe_driver(const char *url, fixture *f, tn_error *err)
{
    char scheme[64];
    tn_driver_info info;
    const struct tn_driver_module *module;

    snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(url, ":"), url);
    if (tn_driver_inspect(scheme, &info, &module, err) != TN_OK)
        return err->status;
    f->capabilities = info.capabilities;
    return TN_OK;
}

static void remove_scratch(const fixture *f)
{
    if (rmdir(f->scratch) != 0)
        fprintf(stderr, "tenon-conformance: %s was not removed: %s\n", f->scratch, strerror(errno));
}

static tn_status run_opened(fixture *f, const suite_options *options, suite_result *ret,
                            tn_error *err)
{
    tn_health health = tn_health_check(f->db, 10000);
    suite_result result = {.capabilities = f->capabilities};

    snprintf(result.driver, sizeof(result.driver), "%s", tn_db_driver(f->db));
    snprintf(result.server, sizeof(result.server), "%s", health.server);
    f->answers = options->given ? options->given : answers_find(result.driver, false);
    f->private_data = f->answers->private_mark && strstr(options->url, f->answers->private_mark);
    fprintf(options->out, "# driver %s, server %s, answers of %s\n", result.driver, result.server,
            f->answers->driver);
    run_groups(f, options, &result);
    *ret = result;
    return tn_db_close(f->db, err);
}

tn_status suite_run(const suite_options *options, suite_result *ret, tn_error *err)
{
    tn_error local = TN_ERROR_INIT;
    suite_frame frame = {0};
    fixture f = {.url = options->url, .frame = &frame};

    if (!err)
        err = &local;
    if (describe_driver(options->url, &f, err) != TN_OK)
        return err->status;
    const char *parent = getenv("TMPDIR");
    if (!parent || parent[0] != '/' || strlen(parent) > sizeof(f.scratch) - 32)
        parent = "/tmp";
    snprintf(f.scratch, sizeof(f.scratch), "%s/tenon-conformance-XXXXXX", parent);
    if (!mkdtemp(f.scratch))
        return tn_error_set(err, TN_RESOURCE, NULL, "scratch directory: %s", strerror(errno));
    frame.items = calloc(FRAME_KEPT_MAX, sizeof(frame.items[0]));
    tn_status status = TN_NOMEM;
    if (!frame.items) {
        status = tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    } else {
        f.db = open_suite_client(options->url, err);
        status = f.db ? run_opened(&f, options, ret, err) : err->status;
    }
    free(frame.items);
    remove_scratch(&f);
    return status;
}
