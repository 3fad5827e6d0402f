/* SPDX-License-Identifier: MIT */
/* tenon sql export: the rows of a table or query into a file, which is there when it is whole. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "commands.h"
#include "copy_format.h"
#include "interrupt.h"
#include "progress.h"
#include "report.h"
#include "settings.h"
#include "whole_file.h"
#include "writer.h"

typedef struct outlet {
    const tool *t;
    const char *path;
    const char *table; /* or a query */
    const char *query;
    const char *columns, *order;
    bool piped; /* to standard output */
    whole_file file;
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

/* A name that says what the file will not be. */
static int check_name(const outlet *x)
{
    static const char *const ends[] = {".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip"};

    if (tool_value(x->t, TOOL_OPT_FORMAT))
        return TOOL_EXIT_FINE;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (copy_format_ends(x->path, ends[i]))
            return tool_usage(x->t,
                              "%s: nothing is compressed here; write to standard output, "
                              "through a program that does: | gzip > FILE",
                              x->path);
    if (copy_format_ends(x->path, ".json"))
        return tool_usage(x->t,
                          "%s: say --format ndjson for an object a line, or use tenon sql "
                          "-o json for an array",
                          x->path);
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
    x->writer.leave_out = true;
    return status;
}

/* "-", or another name of it, such as /dev/stdout: what is said of the rows must not be among them.
 */
static bool is_standard_output(const char *path)
{
    struct stat there, output;

    return strcmp(path, "-") == 0 ||
           (stat(path, &there) == 0 && fstat(STDOUT_FILENO, &output) == 0 &&
            there.st_dev == output.st_dev && there.st_ino == output.st_ino);
}

static int open_file(outlet *x)
{
    int fd = STDOUT_FILENO;

    x->piped = is_standard_output(x->path);
    if (!x->piped) {
        if (!whole_file_open(&x->file, x->path))
            return tool_usage(x->t, "%s: %s", x->path, strerror(errno));
        fd = x->file.fd;
    }
    x->writer.escape = isatty(fd);
    out_init(&x->out, fd);
    x->writer.out = &x->out;
    return TOOL_EXIT_FINE;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int write_failed(outlet *x, int error)
{
    if (x->piped) { /* where an answer in JSON would go, too */
        tool_warn("cannot write to standard output: %s", strerror(error));
        return TOOL_EXIT_SQL;
    }
    tn_error_set(&x->err, TN_RESOURCE, error == ENOSPC || error == EDQUOT ? "53100" : "58030",
                 "cannot write to %s: %s", x->path, strerror(error));
    return report_error(x->t, &x->err, NULL);
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
    if (o->error && !(o->error == EPIPE && x->piped))
        return write_failed(x, o->error);
    if (status != TN_OK)
        return report_error(x->t, &x->err, NULL);
    if (!x->any)
        return tool_usage(x->t, "the statement gives no rows to write");
    return TOOL_EXIT_FINE;
}

static int tell(outlet *x, double seconds)
{
    static out o;
    json j;

    if (x->t->json && !x->piped) {
        out_init(&o, STDOUT_FILENO);
        report_begin(&j, &o, x->t, true);
        json_text(&j, "file", x->path);
        json_int(&j, "rows", x->writer.rows);
        json_milliseconds(&j, "ms", (int64_t)(seconds * 1e6));
        report_end(&j);
        return report_finish(&o, TOOL_EXIT_FINE);
    }
    if (!x->t->quiet && !x->piped)
        printf("%lld row%s\n", (long long)x->writer.rows, x->writer.rows == 1 ? "" : "s");
    return TOOL_EXIT_FINE;
}

static int run_connected(outlet *x, tn_db *session)
{
    if (!interrupt_begin(session)) {
        tool_warn("cannot watch for Ctrl-C: %s", strerror(errno));
        return TOOL_EXIT_SQL;
    }
    progress_begin(&x->bar, x->path, 0, x->t->quiet || x->t->json || x->piped);
    int result = write_rows(x, session);
    double seconds = progress_end(&x->bar);
    interrupt_end();
    if (result == TOOL_EXIT_FINE && !x->piped && !whole_file_keep(&x->file))
        result = write_failed(x, errno);
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

static int run(tool *t)
{
    static outlet x;

    x = (outlet){.t = t, .path = t->n_words > 1 ? t->words[1] : "-", .file.fd = -1};
    int result = find_rows(&x);
    if (result == TOOL_EXIT_FINE)
        result = check_name(&x);
    if (result == TOOL_EXIT_FINE)
        result = find_format(&x);
    if (result == TOOL_EXIT_FINE)
        result = open_file(&x);
    if (result == TOOL_EXIT_FINE)
        result = connect_and_run(&x);
    whole_file_drop(&x.file);
    writer_free(&x.writer);
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
    {2, "usage or configuration, or the file cannot be made"},
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
        "or with -, the rows go to standard output. What is written \"tenon sql import\" reads:\n"
        "CSV with a line of names, NULL as nothing and an empty text as \"\"; NDJSON with an\n"
        "object a line, NULL as null. Of a json column null is a document, and a NULL is left\n"
        "out of its object. Memory stays bounded.\n"
        "A file gets its name when all rows are in it, and the mode of an older one; links are\n"
        "followed; a device or a FIFO is written into.",
    .options = options,
    .examples = {"tenon sql export app.users users.csv --columns id,email --order id",
                 "tenon sql export 'select id, email from users order by id' ids.ndjson",
                 "tenon sql export users | gzip > users.csv.gz"},
    .exits = exits,
    .least_words = 1,
    .most_words = 2,
    .run = run,
};
