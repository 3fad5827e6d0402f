/* SPDX-License-Identifier: MIT */
/* tenon sql export: the rows of a table or query into a file, which is there when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "commands.h"
#include "interrupt.h"
#include "progress.h"
#include "report.h"
#include "settings.h"
#include "term.h"
#include "writer.h"

typedef struct outlet {
    const tool *t;
    const char *path;
    char *sql;
    char *part; /* the file's name until it is whole; NULL: standard output */
    int fd;
    writer writer;
    out out;
    progress bar;
    tn_error err;
} outlet;

/* ---- what and where -------------------------------------------------------------------------- */

/* One word is a table, its schema before it perhaps; everything else is a query. */
static bool is_table(const char *what)
{
    return !strpbrk(what, " \t\r\n(;") || what[0] == '"';
}

static int find_query(outlet *x)
{
    const char *what = x->t->words[0];
    size_t size = strlen(what) + 32;

    x->sql = malloc(size);
    if (!x->sql)
        return tool_usage(x->t, "out of memory");
    snprintf(x->sql, size, "%s%s", is_table(what) ? "select * from " : "", what);
    return TOOL_EXIT_FINE;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static int find_format(outlet *x)
{
    const char *name = tool_value(x->t, TOOL_OPT_FORMAT);
    const char *null_text = tool_value(x->t, TOOL_OPT_NULL);
    bool lines = ends_with(x->path, ".ndjson") || ends_with(x->path, ".jsonl");

    if (name && strcmp(name, "csv") != 0 && strcmp(name, "ndjson") != 0)
        return tool_usage(x->t, "--format %s: not one of csv, ndjson", name);
    x->writer.format = writer_format_find(name ? name : lines ? "ndjson" : "csv");
    x->writer.null_text = null_text ? null_text : "";
    x->writer.quiet = x->t->quiet;
    x->writer.bare = tool_value(x->t, TOOL_OPT_NO_HEADER) != NULL;
    x->writer.quote_empty = true;
    x->writer.escape = !x->part && term_output();
    return TOOL_EXIT_FINE;
}

/* A file beside the one that is wanted, which takes its name when everything is in it. */
static int open_file(outlet *x)
{
    size_t size = strlen(x->path) + 32;

    x->fd = STDOUT_FILENO;
    if (strcmp(x->path, "-") == 0)
        return TOOL_EXIT_FINE;
    x->part = malloc(size);
    if (!x->part)
        return tool_usage(x->t, "out of memory");
    snprintf(x->part, size, "%s.%ld.part", x->path, (long)getpid());
    x->fd = open(x->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (x->fd >= 0)
        return TOOL_EXIT_FINE;
    int status = tool_usage(x->t, "%s: %s", x->part, strerror(errno));
    free(x->part);
    x->part = NULL;
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int write_failed(outlet *x, int error)
{
    tool_warn("cannot write to %s: %s", x->part ? x->path : "standard output", strerror(error));
    return TOOL_EXIT_SQL;
}

static int write_rows(outlet *x, tn_db *session)
{
    writer *w = &x->writer;
    tn_rows *rows = tn_query(session, x->sql, NULL);
    bool any = tn_rows_columns(rows) > 0;

    if (any)
        w->format->begin(w, rows);
    while (!w->out->error && !interrupt_seen() && tn_next(rows)) {
        w->format->row(w, rows);
        if ((++w->rows & 255) == 0)
            progress_at(&x->bar, 0, (uint64_t)w->rows);
    }
    if (any && tn_rows_status(rows) == TN_OK && !interrupt_seen())
        w->format->end(w, rows);
    out_flush(w->out);
    tn_status status = tn_close(rows, &x->err);
    if (interrupt_seen()) {
        tool_warn("interrupted");
        return TOOL_EXIT_INTERRUPTED;
    }
    if (status != TN_OK)
        return report_error(x->t, &x->err, NULL);
    if (!any)
        return tool_usage(x->t, "the statement gives no rows to write");
    if (w->out->error && !(w->out->error == EPIPE && !x->part))
        return write_failed(x, w->out->error);
    return TOOL_EXIT_FINE;
}

static int keep_file(outlet *x)
{
    bool good = fsync(x->fd) == 0 || errno == EINVAL || errno == ENOTSUP;

    good = close(x->fd) == 0 && good;
    x->fd = -1;
    if (!good || rename(x->part, x->path) != 0)
        return write_failed(x, errno);
    free(x->part);
    x->part = NULL;
    return TOOL_EXIT_FINE;
}

static int tell(outlet *x, double seconds)
{
    static out o;
    json j;

    if (x->t->json && strcmp(x->path, "-") != 0) {
        out_init(&o, STDOUT_FILENO);
        report_begin(&j, &o, x->t, true);
        json_text(&j, "file", x->path);
        json_int(&j, "rows", x->writer.rows);
        json_milliseconds(&j, "ms", (int64_t)(seconds * 1e6));
        report_end(&j);
        return report_finish(&o, TOOL_EXIT_FINE);
    }
    if (!x->t->quiet && strcmp(x->path, "-") != 0)
        printf("%lld rows\n", (long long)x->writer.rows);
    return TOOL_EXIT_FINE;
}

static int run_connected(outlet *x, tn_db *session)
{
    if (!interrupt_begin(session)) {
        tool_warn("cannot watch for Ctrl-C: %s", strerror(errno));
        return TOOL_EXIT_SQL;
    }
    progress_begin(&x->bar, x->path, 0, x->t->quiet || x->t->json || !x->part);
    int result = write_rows(x, session);
    double seconds = progress_end(&x->bar);
    interrupt_end();
    if (result == TOOL_EXIT_FINE && x->part)
        result = keep_file(x);
    return result == TOOL_EXIT_FINE ? tell(x, seconds) : result;
}

static int connect_and_run(outlet *x)
{
    tn_db *db = NULL, *session = NULL;
    int result;
    tn_config *config = settings_load(x->t, &x->err);

    if (config && settings_number(config, "min_connections", 0, &x->err) == TN_OK)
        db = tn_open(config, &x->err);
    if (db && tn_acquire(db, &session, &x->err) == TN_OK) {
        result = run_connected(x, session);
    } else {
        result = report_error(x->t, &x->err, NULL);
        if (result == TOOL_EXIT_SQL && config)
            result = TOOL_EXIT_CONNECT;
    }
    tn_release(session);
    tn_db_close(db, NULL);
    tn_config_free(config);
    return result;
}

static void free_export(outlet *x)
{
    if (x->part) {
        if (x->fd >= 0)
            close(x->fd);
        unlink(x->part);
    }
    free(x->part);
    free(x->sql);
    writer_free(&x->writer);
}

static int run(tool *t)
{
    static outlet x;

    x = (outlet){.t = t, .path = t->n_words > 1 ? t->words[1] : "-", .fd = -1};
    int result = find_query(&x);
    if (result == TOOL_EXIT_FINE)
        result = find_format(&x);
    if (result == TOOL_EXIT_FINE)
        result = open_file(&x);
    if (result == TOOL_EXIT_FINE) {
        x.writer.escape = !x.part && term_output();
        out_init(&x.out, x.fd);
        x.writer.out = &x.out;
        result = connect_and_run(&x);
    }
    free_export(&x);
    return result;
}

static const tool_option options[] = {
    {TOOL_OPT_FORMAT, 0, "format", "FORMAT", "csv ndjson",
     "csv (the default) or ndjson (of *.ndjson, *.jsonl)"},
    {TOOL_OPT_NO_HEADER, 0, "no-header", NULL, NULL, "CSV without the line of names"},
    {TOOL_OPT_NULL, 0, "null", "TEXT", NULL, "what NULL is in CSV (nothing)"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "the file is whole"},
    {1, "the SQL or writing failed; there is no file, or the old one"},
    {2, "usage or configuration"},
    {6, "no connection, or it was lost"},
    {130, "interrupted; there is no file, or the old one"},
    {0, NULL},
};

const tool_command tool_command_sql_export = {
    .noun = "sql",
    .verb = "export",
    .summary = "rows of a table or query into a CSV or NDJSON file",
    .usage = "TABLE|QUERY [FILE]",
    .text = "One word is a table, everything else a query. Without FILE, or with -, the rows go\n"
            "to standard output. A file gets its name when all rows are in it. What is written\n"
            "\"tenon sql import\" reads: CSV with a line of names, NULL as nothing and an empty\n"
            "text as \"\"; NDJSON with an object a line. Memory stays bounded.",
    .options = options,
    .examples = {"tenon sql export users users.csv",
                 "tenon sql export 'select id, email from users order by id' ids.ndjson",
                 "tenon sql export users | gzip > users.csv.gz"},
    .exits = exits,
    .least_words = 1,
    .most_words = 2,
    .run = run,
};
