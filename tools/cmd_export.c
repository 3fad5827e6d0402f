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
#include "copy_format.h"
#include "interrupt.h"
#include "progress.h"
#include "report.h"
#include "settings.h"
#include "term.h"
#include "writer.h"

typedef struct outlet {
    const tool *t;
    const char *path;
    const char *table; /* or a query */
    const char *query;
    const char *columns, *order;
    char *part; /* the file's name until it is whole; NULL: standard output */
    int fd;
    bool any; /* columns: it gave rows, or could have */
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

static int find_rows(outlet *x)
{
    const char *what = x->t->words[0];

    x->columns = tool_value(x->t, TOOL_OPT_COLUMNS);
    x->order = tool_value(x->t, TOOL_OPT_ORDER);
    if (is_table(what))
        x->table = what;
    else
        x->query = what;
    if (x->query && (x->columns || x->order))
        return tool_usage(x->t, "--%s goes with a table; a query says it itself",
                          x->columns ? "columns" : "order");
    return TOOL_EXIT_FINE;
}

static int find_format(outlet *x)
{
    const char *null_text = tool_value(x->t, TOOL_OPT_NULL);
    bool csv;

    int status = copy_format_find(x->t, x->path, &csv);
    x->writer.format = writer_format_find(csv ? "csv" : "ndjson");
    x->writer.null_text = null_text ? null_text : "";
    x->writer.quiet = x->t->quiet;
    x->writer.bare = tool_value(x->t, TOOL_OPT_NO_HEADER) != NULL;
    x->writer.quote_empty = true;
    x->writer.escape = !x->part && term_output();
    return status;
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

static tn_status open_rows(outlet *x, tn_db *session, tn_rows **ret)
{
    tn_bulk_read_options options = TN_BULK_READ_OPTIONS_INIT;

    if (x->table) {
        options.order = x->order;
        return tn_bulk_read(session, &options, x->table, x->columns, ret, &x->err);
    }
    *ret = tn_query(session, x->query, NULL);
    return TN_OK;
}

/* Until the end, an error or Ctrl-C. */
static tn_status copy_rows(outlet *x, tn_rows *rows)
{
    writer *w = &x->writer;
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
    x->any = any;
    return tn_close(rows, &x->err);
}

static int write_rows(outlet *x, tn_db *session)
{
    const out *o = x->writer.out;
    tn_rows *rows;

    tn_status status = open_rows(x, session, &rows);
    if (status == TN_OK)
        status = copy_rows(x, rows);
    if (interrupt_seen()) {
        tool_warn("interrupted");
        return TOOL_EXIT_INTERRUPTED;
    }
    if (status != TN_OK)
        return report_error(x->t, &x->err, NULL);
    if (!x->any)
        return tool_usage(x->t, "the statement gives no rows to write");
    if (o->error && !(o->error == EPIPE && !x->part))
        return write_failed(x, o->error);
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
    writer_free(&x->writer);
}

static int run(tool *t)
{
    static outlet x;

    x = (outlet){.t = t, .path = t->n_words > 1 ? t->words[1] : "-", .fd = -1};
    int result = find_rows(&x);
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
    {TOOL_OPT_COLUMNS, 0, "columns", "A,B", NULL, "only these columns of the table, in this order"},
    {TOOL_OPT_ORDER, 0, "order", "A,B", NULL, "the table's rows sorted by these columns"},
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
    .text =
        "One word is a table, perhaps with its schema, everything else a query. Without FILE,\n"
        "or with -, the rows go to standard output. A file gets its name when all rows are\n"
        "in it. What is written \"tenon sql import\" reads: CSV with a line of names, NULL as\n"
        "nothing and an empty text as \"\"; NDJSON with an object a line. Memory stays bounded.",
    .options = options,
    .examples = {"tenon sql export app.users users.csv --columns id,email --order id",
                 "tenon sql export 'select id, email from users order by id' ids.ndjson",
                 "tenon sql export users | gzip > users.csv.gz"},
    .exits = exits,
    .least_words = 1,
    .most_words = 2,
    .run = run,
};
