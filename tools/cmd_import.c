/* SPDX-License-Identifier: MIT */
/* tenon sql import: rows of a file into a table, all or nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "commands.h"
#include "csv_reader.h"
#include "interrupt.h"
#include "json_lines.h"
#include "names.h"
#include "progress.h"
#include "report.h"
#include "settings.h"
#include "term.h"

typedef struct import {
    const tool *t;
    const char *table, *path;
    const char *shown; /* of the file, for messages */
    bool is_csv, header;
    char separator;
    const char *null_text; /* NULL: not given */
    names columns;         /* of the table, in the order of the values; empty: all it has */
    size_t *pick;          /* of each column: which field; NULL: in their order */
    size_t n_fields;       /* that every CSV record has; 0: not known yet */
    tn_type *types;        /* of the columns, for JSON */
    source in;
    csv_reader csv;
    json_lines json;
    tn_arg *args;
    char **arrays; /* texts of array columns, kept from row to row */
    size_t *array_sizes;
    uint64_t rows;
    bool at_hand; /* the last one that was read still is */
    bool uneven;  /* not every row has one line */
    tn_bulk_options options;
    progress bar;
    tn_error err;
    report_place place;
} import;

/* ---- options --------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static int find_format(import *m)
{
    const char *name = tool_value(m->t, TOOL_OPT_FORMAT);

    m->is_csv = !ends_with(m->path, ".ndjson") && !ends_with(m->path, ".jsonl");
    if (name && strcmp(name, "csv") != 0 && strcmp(name, "ndjson") != 0)
        return tool_usage(m->t, "--format %s: not one of csv, ndjson", name);
    if (name)
        m->is_csv = strcmp(name, "csv") == 0;
    return TOOL_EXIT_FINE;
}

static int find_separator(import *m)
{
    const char *given = tool_value(m->t, TOOL_OPT_SEPARATOR);

    m->separator = ',';
    if (!given)
        return TOOL_EXIT_FINE;
    if (strcmp(given, "tab") == 0)
        given = "\t";
    if (strlen(given) != 1 || strchr("\"\r\n", given[0]) || (unsigned char)given[0] >= 0x80)
        return tool_usage(m->t, "--separator %s: not one character such as ; or tab", given);
    m->separator = given[0];
    return TOOL_EXIT_FINE;
}

static int find_policy(import *m)
{
    const char *given = tool_value(m->t, TOOL_OPT_ON_CONFLICT);

    m->options = (tn_bulk_options)TN_BULK_OPTIONS_INIT;
    m->options.key = tool_value(m->t, TOOL_OPT_KEY);
    if (!given || strcmp(given, "fail") == 0)
        m->options.conflict = TN_CONFLICT_FAIL;
    else if (strcmp(given, "ignore") == 0)
        m->options.conflict = TN_CONFLICT_IGNORE;
    else if (strcmp(given, "update") == 0)
        m->options.conflict = TN_CONFLICT_UPDATE;
    else
        return tool_usage(m->t, "--on-conflict %s: not one of fail, ignore, update", given);
    if (m->options.conflict == TN_CONFLICT_UPDATE && !m->options.key)
        return tool_usage(m->t, "--on-conflict update wants --key with the columns that tell rows "
                                "apart");
    if (m->options.conflict == TN_CONFLICT_FAIL && m->options.key)
        return tool_usage(m->t, "--key wants --on-conflict ignore or update");
    return TOOL_EXIT_FINE;
}

static int find_columns(import *m)
{
    const char *given = tool_value(m->t, TOOL_OPT_COLUMNS);

    if (given && !names_read(&m->columns, given))
        return tool_usage(m->t, "--columns %s: not a list of names", given);
    return TOOL_EXIT_FINE;
}

static int find_file(import *m)
{
    m->table = m->t->words[0];
    m->path = m->t->n_words > 1 ? m->t->words[1] : "-";
    m->shown = strcmp(m->path, "-") == 0 ? "standard input" : m->path;
    m->null_text = tool_value(m->t, TOOL_OPT_NULL);
    m->header = !tool_value(m->t, TOOL_OPT_NO_HEADER);
    int status = find_format(m);
    if (status == TOOL_EXIT_FINE)
        status = find_separator(m);
    if (status == TOOL_EXIT_FINE)
        status = find_policy(m);
    return status == TOOL_EXIT_FINE ? find_columns(m) : status;
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* Where in the file a byte of a record stands: the line, the column in characters, the line's text.
 */
static void set_place(import *m, uint64_t line, const char *record, size_t length, size_t at)
{
    const char *begin = record, *stop = record + (at < length ? at : length);
    report_place *place = &m->place;

    *place = (report_place){.file = m->shown, .line = (unsigned)line, .column = 1};
    for (const char *p = record; p < stop; p++)
        if (*p == '\n') {
            begin = p + 1;
            place->line++;
        }
    for (const char *p = begin; p < stop; place->column++)
        term_decode(&p, record + length);
    const char *end = memchr(begin, '\n', (size_t)(record + length - begin));
    place->text = (tn_str){begin, (size_t)((end ? end : record + length) - begin)};
}

static int malformed(import *m)
{
    const csv_reader *csv = &m->csv;
    const json_lines *lines = &m->json;

    tn_error_set(&m->err, TN_DATA, m->is_csv ? "22P04" : "22P02", "%s",
                 m->is_csv ? csv->wrong : lines->wrong);
    if (m->is_csv)
        set_place(m, csv->line, csv->record, csv->length, csv->wrong_at);
    else
        set_place(m, lines->line, lines->record, lines->length, lines->wrong_at);
    return TOOL_EXIT_SQL;
}

static int unreadable(import *m)
{
    const char *why = errno == EFBIG ? "a record of more than 1 GiB" : strerror(errno);

    tn_error_set(&m->err, TN_RESOURCE, "58030", "%s: %s", m->shown, why);
    return TOOL_EXIT_SQL;
}

/* What reading gave, if it was not a record. */
static int not_a_record(import *m, source_status status)
{
    return status == SOURCE_WRONG ? malformed(m) : unreadable(m);
}

static source_status next_record(import *m)
{
    return m->is_csv ? csv_next(&m->csv) : json_lines_next(&m->json);
}

/* A line without anything between two records, or at the end of the file. */
static bool is_blank(const import *m)
{
    return m->is_csv && m->csv.count == 1 && m->csv.length == 0 && m->n_fields != 1;
}

static size_t value_place(const import *m, const char *column)
{
    int index = names_find(&m->columns, column);

    if (m->is_csv) {
        size_t field = index < 0 ? 0 : m->pick ? m->pick[index] : (size_t)index;
        return field < m->csv.count ? m->csv.fields[field].at : 0;
    }
    for (size_t i = 0; i < m->json.count; i++)
        if (tn_str_equal(m->json.members[i].key, tn_str_from(column)))
            return m->json.members[i].at;
    return 0;
}

/* The record of that row stands again where it was read. false: it cannot be found. */
static bool read_again(import *m, uint64_t row)
{
    uint64_t seen = 0;

    if (!source_rewind(&m->in))
        return false;
    csv_free(&m->csv);
    json_lines_free(&m->json);
    csv_init(&m->csv, &m->in, m->separator);
    json_lines_init(&m->json, &m->in);
    if (m->is_csv && m->header && csv_next(&m->csv) != SOURCE_OK)
        return false;
    while (seen < row)
        if (next_record(m) != SOURCE_OK)
            return false;
        else
            seen += !is_blank(m);
    return true;
}

/* The database names the row: the file is read again up to it, where that can be. */
static void place_row(import *m)
{
    uint64_t row = m->err.row;

    if (!row)
        return;
    if (!(m->at_hand && row == m->rows) && !read_again(m, row)) {
        if (!m->uneven)
            m->place = (report_place){.file = m->shown,
                                      .line = (unsigned)(row + (m->is_csv && m->header ? 1 : 0))};
        return;
    }
    size_t at = value_place(m, m->err.column);
    if (m->is_csv)
        set_place(m, m->csv.line, m->csv.record, m->csv.length, at);
    else
        set_place(m, m->json.line, m->json.record, m->json.length, at);
    if (!m->err.column[0])
        m->place.column = 0;
}

/* ---- columns --------------------------------------------------------------------------------- */

static int out_of_memory(import *m)
{
    tn_error_set(&m->err, TN_NOMEM, NULL, "out of memory");
    return TOOL_EXIT_SQL;
}

static tn_str header_name(const csv_field *field)
{
    tn_str name = field->text;

    while (!field->quoted && name.len && (name.ptr[0] == ' ' || name.ptr[0] == '\t')) {
        name.ptr++;
        name.len--;
    }
    while (!field->quoted && name.len && strchr(" \t", name.ptr[name.len - 1]))
        name.len--;
    return name;
}

static int header_lacks(import *m, const char *column)
{
    tn_error_set(&m->err, TN_SYNTAX, "42703", "the file has no column \"%s\"", column);
    tn_error_set_hint(&m->err, "its first line names its columns; say --no-header if it does not");
    set_place(m, m->csv.line, m->csv.record, m->csv.length, 0);
    m->place.column = 0;
    return TOOL_EXIT_SQL;
}

/* The first line names the fields. With --columns those are taken, else all. */
static int read_header(import *m)
{
    source_status status = csv_next(&m->csv);

    if (status == SOURCE_END)
        return TOOL_EXIT_FINE;
    if (status != SOURCE_OK)
        return not_a_record(m, status);
    m->n_fields = m->csv.count;
    bool all = m->columns.count == 0;
    for (size_t i = 0; all && i < m->csv.count; i++)
        if (!names_add(&m->columns, header_name(&m->csv.fields[i])))
            return header_lacks(m, "");
    if (all)
        return TOOL_EXIT_FINE;
    m->pick = calloc(m->columns.count, sizeof(*m->pick));
    if (!m->pick)
        return out_of_memory(m);
    for (size_t i = 0; i < m->columns.count; i++) {
        size_t k = 0;
        while (k < m->csv.count &&
               !tn_str_equal(header_name(&m->csv.fields[k]), tn_str_from(m->columns.items[i])))
            k++;
        if (k == m->csv.count)
            return header_lacks(m, m->columns.items[i]);
        m->pick[i] = k;
    }
    return TOOL_EXIT_FINE;
}

/* The members of the first object are the columns. */
static int names_of_object(import *m)
{
    for (size_t i = 0; i < m->json.count; i++)
        if (!names_add(&m->columns, m->json.members[i].key)) {
            tn_error_set(&m->err, TN_SYNTAX, "42602", "\"%.*s\" is not the name of a column",
                         (int)m->json.members[i].key.len, m->json.members[i].key.ptr);
            set_place(m, m->json.line, m->json.record, m->json.length, m->json.members[i].at);
            return TOOL_EXIT_SQL;
        }
    return TOOL_EXIT_FINE;
}

/* What the columns are decides what a JSON array becomes. */
static int read_types(import *m, tn_db *session)
{
    char *list = names_quoted(&m->columns), *text = NULL;
    tn_stmt *stmt = NULL;

    m->types = calloc(m->columns.count + 1, sizeof(*m->types));
    m->arrays = calloc(m->columns.count + 1, sizeof(*m->arrays));
    m->array_sizes = calloc(m->columns.count + 1, sizeof(*m->array_sizes));
    size_t size = list ? strlen(list) + strlen(m->table) + 32 : 0;
    if (m->types && m->arrays && m->array_sizes && list)
        text = malloc(size);
    if (!text) {
        free(list);
        return out_of_memory(m);
    }
    snprintf(text, size, "select %s from %s", list, m->table);
    tn_status status = tn_prepare(session, text, &stmt, &m->err);
    for (size_t i = 0; status == TN_OK && i < m->columns.count; i++)
        m->types[i] = (tn_type)tn_stmt_column(stmt, i)->type;
    tn_stmt_close(stmt);
    free(text);
    free(list);
    return status == TN_OK ? TOOL_EXIT_FINE : TOOL_EXIT_SQL;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int wrong_count(import *m)
{
    tn_error_set(&m->err, TN_DATA, "22P04", "row %llu: %zu field%s, not %zu as in the others",
                 (unsigned long long)m->rows, m->csv.count, m->csv.count == 1 ? "" : "s",
                 m->n_fields);
    set_place(m, m->csv.line, m->csv.record, m->csv.length, 0);
    m->place.column = 0;
    return TOOL_EXIT_SQL;
}

static bool is_null(const import *m, const csv_field *field)
{
    return !field->quoted && (m->null_text ? tn_str_equal(field->text, tn_str_from(m->null_text))
                                           : field->text.len == 0);
}

static int csv_row(import *m, tn_arglist *ret)
{
    size_t n = m->pick ? m->columns.count : m->csv.count;

    if (!m->n_fields) {
        m->n_fields = m->csv.count;
        n = m->csv.count;
    }
    if (m->csv.count != m->n_fields)
        return wrong_count(m);
    if (!m->args && !(m->args = calloc(n, sizeof(*m->args))))
        return out_of_memory(m);
    for (size_t i = 0; i < n; i++) {
        const csv_field *field = &m->csv.fields[m->pick ? m->pick[i] : i];
        m->args[i] = is_null(m, field) ? tn_arg_text(NULL) : tn_arg_str(field->text);
    }
    *ret = (tn_arglist){.items = m->args, .count = n};
    return TOOL_EXIT_FINE;
}

static int json_value_to(import *m, size_t column, const json_member *member)
{
    size_t len = 0;

    if (member->kind == JSON_NULL) {
        m->args[column] = tn_arg_text(NULL);
        return TOOL_EXIT_FINE;
    }
    /* In a json column a string is a document of its own, with its quotes. */
    bool plain = member->kind == JSON_TEXT && m->types[column] != TN_TYPE_JSON;
    m->args[column] = tn_arg_str(plain ? json_lines_text(member) : member->text);
    if (member->kind != JSON_ARRAY || m->types[column] != TN_TYPE_ARRAY)
        return TOOL_EXIT_FINE;
    if (!json_array_text(member->text, &m->arrays[column], &m->array_sizes[column], &len)) {
        tn_error_set(&m->err, TN_DATA, "22P02",
                     "row %llu, column \"%s\": an array of plain values "
                     "is expected",
                     (unsigned long long)m->rows, m->columns.items[column]);
        set_place(m, m->json.line, m->json.record, m->json.length, member->at);
        return TOOL_EXIT_SQL;
    }
    m->args[column] = tn_arg_str((tn_str){m->arrays[column], len});
    return TOOL_EXIT_FINE;
}

static int unknown_member(import *m, const json_member *member)
{
    tn_error_set(&m->err, TN_DATA, "42703", "row %llu: \"%.*s\" is not among the columns",
                 (unsigned long long)m->rows, (int)(member->key.len < 64 ? member->key.len : 64),
                 member->key.ptr);
    tn_error_set_hint(&m->err, "the first object's members are the columns; name them all with "
                               "--columns");
    set_place(m, m->json.line, m->json.record, m->json.length, member->at);
    return TOOL_EXIT_SQL;
}

/* Members that an object lacks are NULL; with --columns other ones are passed over. */
static int json_row(import *m, tn_arglist *ret)
{
    bool chosen = tool_value(m->t, TOOL_OPT_COLUMNS) != NULL;

    if (!m->args && !(m->args = calloc(m->columns.count + 1, sizeof(*m->args))))
        return out_of_memory(m);
    for (size_t i = 0; i < m->columns.count; i++)
        m->args[i] = tn_arg_text(NULL);
    for (size_t i = 0; i < m->json.count; i++) {
        const json_member *member = &m->json.members[i];
        /* Objects of one kind have their members in one order. */
        size_t column = i;
        if (i >= m->columns.count || !tn_str_equal(member->key, tn_str_from(m->columns.items[i]))) {
            int found = names_find_str(&m->columns, member->key);
            if (found < 0 && chosen)
                continue;
            if (found < 0)
                return unknown_member(m, member);
            column = (size_t)found;
        }
        int status = json_value_to(m, column, member);
        if (status != TOOL_EXIT_FINE)
            return status;
    }
    *ret = (tn_arglist){.items = m->args, .count = m->columns.count};
    return TOOL_EXIT_FINE;
}

/* Until the end or the first error. */
static int put_rows(import *m, tn_bulk *bulk, bool first_is_read)
{
    for (;;) {
        source_status status = first_is_read ? SOURCE_OK : next_record(m);
        tn_arglist row;
        first_is_read = false;
        if (status == SOURCE_END)
            return TOOL_EXIT_FINE;
        if (status != SOURCE_OK)
            return not_a_record(m, status);
        if (is_blank(m))
            continue;
        m->rows++;
        m->uneven |= (m->is_csv ? m->csv.line - (m->header ? 1 : 0) : m->json.line) != m->rows;
        int result = m->is_csv ? csv_row(m, &row) : json_row(m, &row);
        if (result != TOOL_EXIT_FINE)
            return result;
        if (tn_bulk_row(bulk, &row) != TN_OK) {
            m->at_hand = true;
            return TOOL_EXIT_FINE; /* the end tells it */
        }
        if ((m->rows & 255) == 0)
            progress_at(&m->bar, m->in.taken - (m->in.to - m->in.from), m->rows);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int find_names(import *m, tn_db *session, bool *ret_first_is_read)
{
    *ret_first_is_read = false;
    if (m->is_csv)
        return m->header ? read_header(m) : TOOL_EXIT_FINE;
    if (m->columns.count == 0) {
        source_status status = json_lines_next(&m->json);
        if (status == SOURCE_END)
            return TOOL_EXIT_FINE;
        int result = status == SOURCE_OK ? names_of_object(m) : not_a_record(m, status);
        if (result != TOOL_EXIT_FINE)
            return result;
        *ret_first_is_read = true;
    }
    return m->columns.count ? read_types(m, session) : TOOL_EXIT_FINE;
}

static int load(import *m, tn_db *session, int64_t *ret_written)
{
    char *list = NULL;
    tn_bulk *bulk;
    bool first;

    int result = find_names(m, session, &first);
    if (result != TOOL_EXIT_FINE)
        return result;
    if (m->columns.count && !(list = names_quoted(&m->columns)))
        return out_of_memory(m);
    tn_status status = tn_bulk_open(session, &m->options, m->table, list, &bulk, &m->err);
    free(list);
    if (status != TN_OK)
        return TOOL_EXIT_SQL;
    result = put_rows(m, bulk, first);
    if (result != TOOL_EXIT_FINE) {
        tn_bulk_abandon(bulk);
        return result;
    }
    if (tn_bulk_finish(bulk, ret_written, &m->err) == TN_OK)
        return TOOL_EXIT_FINE;
    place_row(m);
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
    int result = find_file(&m);
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
