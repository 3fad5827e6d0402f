/* SPDX-License-Identifier: MIT */
/* tenon sql import: a record becomes a row of arguments. */
#include <stdlib.h>
#include <string.h>

#include "import.h"

static int wrong_count(import *m)
{
    tn_error_set(&m->err, TN_DATA, "22P04", "row %llu: %zu field%s, not %zu as in the others",
                 (unsigned long long)m->rows, m->csv.count, m->csv.count == 1 ? "" : "s",
                 m->n_fields);
    import_set_place(m, m->csv.line, m->csv.record, m->csv.length, 0);
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
        return import_out_of_memory(m);
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
        import_set_place(m, m->json.line, m->json.record, m->json.length, member->at);
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
    import_set_place(m, m->json.line, m->json.record, m->json.length, member->at);
    return TOOL_EXIT_SQL;
}

/* Members that an object lacks are NULL; with --columns other ones are passed over. */
static int json_row(import *m, tn_arglist *ret)
{
    bool chosen = tool_value(m->t, TOOL_OPT_COLUMNS) != NULL;

    if (!m->args && !(m->args = calloc(m->columns.count + 1, sizeof(*m->args))))
        return import_out_of_memory(m);
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
int import_put_rows(import *m, tn_bulk *bulk, bool first_is_read)
{
    for (;;) {
        source_status status = first_is_read ? SOURCE_OK : import_next_record(m);
        tn_arglist row;
        first_is_read = false;
        if (status == SOURCE_END)
            return TOOL_EXIT_FINE;
        if (status != SOURCE_OK)
            return import_not_a_record(m, status);
        if (import_is_blank(m))
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
