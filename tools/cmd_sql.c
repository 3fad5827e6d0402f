/* SPDX-License-Identifier: MIT */
/* tenon sql: runs SQL, writes what it gives as it comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/script.h>
#include <tenon/tenon.h>

#include "commands.h"
#include "interrupt.h"
#include "report.h"
#include "settings.h"
#include "term.h"
#include "writer.h"

enum { MAX_PARAMETERS = 1000 };
static const size_t largest_text = (size_t)256 << 20;

typedef struct job {
    const tool *t;
    char *text; /* all of the SQL, owned unless it is an argument */
    bool owned;
    const char *file; /* for messages; NULL: an argument */
    tn_arg *args;
    size_t n_args;
    size_t statements;
    writer writer;
} job;

/* Reads a stream to its end. NULL with errno. */
static char *read_all(FILE *in)
{
    char *text = NULL;
    size_t len = 0, cap = 0;

    for (;;) {
        if (cap - len < 2) {
            size_t next = cap ? cap * 2 : 65536;
            char *larger = next > largest_text ? NULL : realloc(text, next);
            if (!larger) {
                if (next > largest_text)
                    errno = EFBIG;
                free(text);
                return NULL;
            }
            text = larger;
            cap = next;
        }
        size_t n = fread(text + len, 1, cap - len - 1, in);
        len += n;
        if (n == 0)
            break;
    }
    if (ferror(in)) {
        free(text);
        return NULL;
    }
    text[len] = '\0';
    if (strlen(text) != len) {
        free(text);
        errno = EILSEQ;
        return NULL;
    }
    return text;
}

static int read_text(job *j, const char *path)
{
    FILE *in = stdin;

    if (path && strcmp(path, "-") != 0)
        in = fopen(path, "re");
    else
        path = "standard input";
    if (in == stdin && isatty(STDIN_FILENO) && !j->t->quiet)
        fputs("Reading SQL from the terminal; end it with Ctrl-D.\n", stderr);
    j->text = in ? read_all(in) : NULL;
    int error = errno;
    if (in && in != stdin)
        fclose(in);
    if (!j->text)
        return tool_usage(j->t, "%s: %s", path,
                          error == EFBIG    ? "more than 256 MiB of SQL"
                          : error == EILSEQ ? "not a text, it has a NUL in it"
                                            : strerror(error));
    j->owned = true;
    j->file = path;
    return TOOL_EXIT_FINE;
}

/* Where the text comes from, and the parameters behind it. */
static int find_text(job *j)
{
    const tool *t = j->t;
    const char *path = tool_value(t, TOOL_OPT_FILE);
    char *const *parameters = t->words;
    size_t n = t->n_words;

    if (!path && n > 0) {
        j->text = t->words[0];
        parameters++;
        n--;
    } else {
        int status = read_text(j, path);
        if (status != TOOL_EXIT_FINE)
            return status;
    }
    if (n > MAX_PARAMETERS)
        return tool_usage(t, "more than %d parameters", MAX_PARAMETERS);
    j->args = calloc(n + 1, sizeof(*j->args));
    if (!j->args)
        return tool_usage(t, "out of memory");
    for (size_t i = 0; i < n; i++)
        j->args[i] = tn_arg_text(parameters[i]);
    j->n_args = n;
    return TOOL_EXIT_FINE;
}

static int count_statements(job *j)
{
    tn_script script = tn_script_start(tn_str_from(j->text));
    tn_str sql;
    uint32_t line;

    while (tn_script_next(&script, &sql, &line))
        j->statements++;
    if (j->n_args > 0 && j->statements != 1)
        return tool_usage(j->t, "parameters want a text of one statement, this one has %zu",
                          j->statements);
    return TOOL_EXIT_FINE;
}

static int find_format(job *j)
{
    const char *name = tool_value(j->t, TOOL_OPT_OUTPUT);
    const char *null_text = tool_value(j->t, TOOL_OPT_NULL);

    j->writer.format = writer_format_find(name ? name : j->t->json ? "json" : "table");
    if (!j->writer.format)
        return tool_usage(j->t, "--output %s: not one of table, json, csv, ndjson", name);
    j->writer.null_text = null_text ? null_text : "";
    j->writer.quiet = j->t->quiet;
    j->writer.escape = term_output();
    return TOOL_EXIT_FINE;
}

/* Line and column, within the whole text, of the character that the error names, else the line that
 * the statement starts on. */
static report_place place_of(const job *j, tn_str sql, uint32_t first_line, const tn_error *err)
{
    report_place place = {.file = j->file, .line = first_line};
    const char *end = sql.ptr + sql.len, *at = sql.ptr, *begin = j->text;

    if (err->position < 1)
        return place;
    for (int32_t i = 1; i < err->position && at < end; i++)
        term_decode(&at, end);
    place.line = 1;
    for (const char *c = j->text; c < at; c++)
        if (*c == '\n') {
            place.line++;
            begin = c + 1;
        }
    place.column = 1;
    for (const char *c = begin; c < at; place.column++)
        term_decode(&c, end);
    place.text = (tn_str){begin, strcspn(begin, "\n")};
    return place;
}

static int failed(const job *j, tn_str sql, uint32_t first_line, const tn_error *err)
{
    if (interrupt_seen()) {
        tool_warn("interrupted");
        return TOOL_EXIT_INTERRUPTED;
    }
    report_place place = place_of(j, sql, first_line, err);
    /* Of the one statement of an argument the line says nothing. */
    bool useful = err->position > 0 || j->statements > 1 || j->file;
    return report_error(j->t, err, useful ? &place : NULL);
}

/* Runs one statement. TOOL_EXIT_FINE also when the reader of the output has gone. */
static int run_statement(job *j, tn_db *session, tn_str sql, uint32_t line)
{
    writer *w = &j->writer;
    tn_error err = TN_ERROR_INIT;
    char *text = strndup(sql.ptr, sql.len);

    if (!text) {
        tool_warn("out of memory");
        return TOOL_EXIT_SQL;
    }
    const tn_arglist args = {.items = j->args, .count = j->n_args};
    tn_rows *rows = tn_query(session, text, j->n_args ? &args : NULL);
    bool has_columns = tn_rows_columns(rows) > 0;
    if (has_columns)
        w->format->begin(w, rows);
    w->rows = 0;
    while (!w->out->error && !interrupt_seen() && tn_next(rows)) {
        w->format->row(w, rows);
        w->rows++;
    }
    bool ok = tn_rows_status(rows) == TN_OK && !interrupt_seen();
    if (ok && has_columns)
        w->format->end(w, rows);
    else if (ok)
        w->format->done(w, tn_rows_tag(rows), tn_rows_affected(rows));
    else if (has_columns)
        w->format->abandon(w);
    out_flush(w->out);
    tn_status status = tn_close(rows, &err);
    int result = status == TN_OK && !interrupt_seen() ? TOOL_EXIT_FINE : failed(j, sql, line, &err);
    free(text);
    return result;
}

static int run_all(job *j, tn_db *session)
{
    tn_script script = tn_script_start(tn_str_from(j->text));
    size_t run = 0;
    int result = TOOL_EXIT_FINE;
    tn_str sql;
    uint32_t line;

    while (result == TOOL_EXIT_FINE && tn_script_next(&script, &sql, &line)) {
        if (j->writer.out->error) {
            tool_warn("standard output was closed: what begins on line %u was not run", line);
            return TOOL_EXIT_SQL;
        }
        result = run_statement(j, session, sql, line);
        run++;
    }
    if (run == 0 && !j->t->quiet && !j->t->json)
        tool_warn("there is no statement in the text");
    return result;
}

static int connect_and_run(job *j)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = NULL, *session = NULL;
    int result;
    tn_config *config = settings_load(j->t, &err);

    if (config && settings_number(config, "min_connections", 0, &err) == TN_OK)
        db = tn_open(config, &err);
    if (!db || tn_acquire(db, &session, &err) != TN_OK) {
        result = report_error(j->t, &err, NULL);
        /* Whatever was wrong, it was with the connection. */
        if (result == TOOL_EXIT_SQL && config)
            result = TOOL_EXIT_CONNECT;
    } else if (!interrupt_begin(session)) {
        tool_warn("cannot watch for Ctrl-C: %s", strerror(errno));
        result = TOOL_EXIT_SQL;
    } else {
        result = run_all(j, session);
        interrupt_end();
    }
    tn_release(session);
    tn_db_close(db, NULL);
    tn_config_free(config);
    return result;
}

static int run(tool *t)
{
    static out o;
    job j = {.t = t};

    out_init(&o, STDOUT_FILENO);
    j.writer.out = &o;
    int result = find_format(&j);
    if (result == TOOL_EXIT_FINE)
        result = find_text(&j);
    if (result == TOOL_EXIT_FINE)
        result = count_statements(&j);
    if (result == TOOL_EXIT_FINE)
        result = connect_and_run(&j);
    writer_free(&j.writer);
    if (j.owned)
        free(j.text);
    free(j.args);
    return report_finish(&o, result);
}

static const tool_option options[] = {
    {TOOL_OPT_OUTPUT, 'o', "output", "FORMAT", "table json csv ndjson",
     "table (the default), json, csv, ndjson"},
    {TOOL_OPT_FILE, 'f', "file", "FILE", "@file", "read the SQL from there; - is standard input"},
    {TOOL_OPT_NULL, 0, "null", "TEXT", NULL, "what NULL is shown as, in table and csv"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "every statement succeeded"},
    {1, "a statement failed; those after it were not run"},
    {2, "usage or configuration"},
    {6, "no connection, or it was lost"},
    {130, "interrupted: the statement was cancelled"},
    {0, NULL},
};

const tool_command tool_command_sql = {
    .noun = "sql",
    .summary = "runs SQL and writes what it gives as it comes",
    .usage = "[-o FORMAT] [-f FILE] [TEXT [PARAM...]]",
    .text = "TEXT is one statement or several, run in order on one connection; without it,\n"
            "and without -f, standard input is read. PARAM are the values of $1, $2 ... of a\n"
            "single statement, bound as text and never part of the SQL.\n"
            "json is an array of objects a statement, ndjson an object a line: numbers as\n"
            "numbers, with all their digits (NaN and infinities as strings), json as it is,\n"
            "arrays as arrays, times in ISO 8601, bytes as \"\\\\x...\". Statements without rows\n"
            "give {\"tag\": ..., \"affected\": n}. csv is what psql --csv writes.\n"
            "Files into tables and back: \"tenon sql import\", \"tenon sql export\".",
    .options = options,
    .examples = {"tenon sql 'select * from users where email = $1' ann@example.org",
                 "tenon sql -o csv 'table orders' > orders.csv",
                 "tenon sql -f schema.sql --url sqlite:app.db"},
    .exits = exits,
    .most_words = (size_t)-1,
    .run = run,
};
