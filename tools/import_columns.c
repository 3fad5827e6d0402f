/* SPDX-License-Identifier: MIT */
/* tenon sql import: which columns of the table the file has, by its header or its first object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"

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
    import_set_place(m, m->csv.line, m->csv.record, m->csv.length, 0);
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
        return import_not_a_record(m, status);
    m->n_fields = m->csv.count;
    bool all = m->columns.count == 0;
    for (size_t i = 0; all && i < m->csv.count; i++)
        if (!names_add(&m->columns, header_name(&m->csv.fields[i])))
            return header_lacks(m, "");
    if (all)
        return TOOL_EXIT_FINE;
    m->pick = calloc(m->columns.count, sizeof(*m->pick));
    if (!m->pick)
        return import_out_of_memory(m);
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
            import_set_place(m, m->json.line, m->json.record, m->json.length,
                             m->json.members[i].at);
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
        return import_out_of_memory(m);
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

int import_find_names(import *m, tn_db *session, bool *ret_first_is_read)
{
    *ret_first_is_read = false;
    if (m->is_csv)
        return m->header ? read_header(m) : TOOL_EXIT_FINE;
    if (m->columns.count == 0) {
        source_status status = json_lines_next(&m->json);
        if (status == SOURCE_END)
            return TOOL_EXIT_FINE;
        int result = status == SOURCE_OK ? names_of_object(m) : import_not_a_record(m, status);
        if (result != TOOL_EXIT_FINE)
            return result;
        *ret_first_is_read = true;
    }
    return m->columns.count ? read_types(m, session) : TOOL_EXIT_FINE;
}
