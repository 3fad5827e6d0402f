/* SPDX-License-Identifier: MIT */
/* tenon sql import: rows of a file into a table, all or nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "import.h"
#include "interrupt.h"
#include "settings.h"

static int load(import *m, tn_db *session, int64_t *ret_written)
{
    char *list = NULL;
    tn_bulk *bulk;
    bool first;

    int result = import_find_names(m, session, &first);
    if (result != TOOL_EXIT_FINE)
        return result;
    if (m->columns.count && !(list = names_quoted(&m->columns)))
        return import_out_of_memory(m);
    tn_status status = tn_bulk_open(session, &m->options, m->table, list, &bulk, &m->err);
    free(list);
    if (status != TN_OK)
        return TOOL_EXIT_SQL;
    result = import_put_rows(m, bulk, first);
    if (result != TOOL_EXIT_FINE) {
        tn_bulk_abandon(bulk);
        return result;
    }
    if (tn_bulk_finish(bulk, ret_written, &m->err) == TN_OK)
        return TOOL_EXIT_FINE;
    import_place_row(m);
    return TOOL_EXIT_SQL;
}

static int tell(import *m, int64_t written, double seconds)
{
    static out o;
    json j;

    out_init(&o, STDOUT_FILENO);
    if (m->t->json) {
        report_begin(&j, &o, m->t, true);
        json_text(&j, "table", m->table);
        json_int(&j, "read", (int64_t)m->rows);
        json_int(&j, "written", written);
        json_milliseconds(&j, "ms", (int64_t)(seconds * 1e6));
        report_end(&j);
    } else if (!m->t->quiet) {
        char line[128];
        if ((uint64_t)written == m->rows)
            snprintf(line, sizeof(line), "%lld rows\n", (long long)written);
        else
            snprintf(line, sizeof(line), "%lld rows of %llu\n", (long long)written,
                     (unsigned long long)m->rows);
        out_puts(&o, line);
    }
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int failed(import *m, bool connected)
{
    if (connected && interrupt_seen()) {
        tool_warn("interrupted: nothing was written");
        return TOOL_EXIT_INTERRUPTED;
    }
    return report_error(m->t, &m->err, m->place.line ? &m->place : NULL);
}

static int run_connected(import *m, tn_db *session)
{
    int64_t written = 0;

    if (!interrupt_begin(session)) {
        tool_warn("cannot watch for Ctrl-C: %s", strerror(errno));
        return TOOL_EXIT_SQL;
    }
    progress_begin(&m->bar, m->shown, m->in.whole, m->t->quiet || m->t->json);
    int result = load(m, session, &written);
    double seconds = progress_end(&m->bar);
    result = result == TOOL_EXIT_FINE ? tell(m, written, seconds) : failed(m, true);
    interrupt_end();
    return result;
}

static int connect_and_run(import *m)
{
    tn_db *db = NULL, *session = NULL;
    int result;
    tn_config *config = settings_load(m->t, &m->err);

    if (config && settings_number(config, "min_connections", 0, &m->err) == TN_OK)
        db = tn_open(config, &m->err);
    if (db && tn_acquire(db, &session, &m->err) == TN_OK) {
        result = run_connected(m, session);
    } else {
        result = failed(m, false);
        if (result == TOOL_EXIT_SQL && config)
            result = TOOL_EXIT_CONNECT;
    }
    tn_release(session);
    tn_db_close(db, NULL);
    tn_config_free(config);
    return result;
}

static void free_import(import *m)
{
    for (size_t i = 0; m->arrays && i < m->columns.count; i++)
        free(m->arrays[i]);
    free(m->arrays);
    free(m->array_sizes);
    free(m->types);
    free(m->pick);
    free(m->args);
    names_free(&m->columns);
    csv_free(&m->csv);
    json_lines_free(&m->json);
    source_close(&m->in);
}

static int run(tool *t)
{
    static import m;

    m = (import){.t = t, .in = {.fd = -1}};
    int result = import_find_file(&m);
    if (result == TOOL_EXIT_FINE && !source_open(&m.in, m.path))
        result = tool_usage(t, "%s: %s", m.path, strerror(errno));
    if (result == TOOL_EXIT_FINE) {
        csv_init(&m.csv, &m.in, m.separator);
        json_lines_init(&m.json, &m.in);
        result = connect_and_run(&m);
    }
    free_import(&m);
    return result;
}

static const tool_option options[] = {
    {TOOL_OPT_FORMAT, 0, "format", "FORMAT", "csv ndjson",
     "csv (the default) or ndjson (of *.ndjson, *.jsonl)"},
    {TOOL_OPT_COLUMNS, 0, "columns", "A,B", NULL, "only these columns, or their order"},
    {TOOL_OPT_NO_HEADER, 0, "no-header", NULL, NULL, "the first line of the CSV is a row"},
    {TOOL_OPT_SEPARATOR, 0, "separator", "CHAR", NULL, "instead of a comma; tab is a word for it"},
    {TOOL_OPT_NULL, 0, "null", "TEXT", NULL, "an unquoted CSV field of it is NULL (empty)"},
    {TOOL_OPT_ON_CONFLICT, 0, "on-conflict", "WHAT", "fail ignore update",
     "fail (the default), ignore the row, update the old one"},
    {TOOL_OPT_KEY, 0, "key", "A,B", NULL, "the unique columns by which rows meet"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "every row is there"},
    {1, "a row or the SQL failed, and nothing was written"},
    {2, "usage or configuration, or no such file"},
    {6, "no connection, or it was lost"},
    {130, "interrupted, and nothing was written"},
    {0, NULL},
};

const tool_command tool_command_sql_import = {
    .noun = "sql",
    .verb = "import",
    .summary = "rows of a CSV or NDJSON file into a table, all or nothing",
    .usage = "[--on-conflict WHAT --key A,B] TABLE [FILE]",
    .text = "Without FILE, or with -, standard input is read. The first line of a CSV names the\n"
            "columns, so do the members of the first object of NDJSON. CSV is that of RFC 4180:\n"
            "quotes, quotes within doubled, newlines within quotes; an empty field is NULL, \"\"\n"
            "an empty text. Values are read as the database reads texts of the column's type.\n"
            "An error names file, line and column. PostgreSQL takes the rows by COPY.",
    .options = options,
    .examples = {"tenon sql import users users.csv",
                 "tenon sql import users --on-conflict update --key id < users.csv",
                 "tenon sql -o ndjson 'table users' | tenon sql import people --format ndjson"},
    .exits = exits,
    .least_words = 1,
    .most_words = 2,
    .run = run,
};
