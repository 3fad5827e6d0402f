/* SPDX-License-Identifier: MIT */
/* tenon sql import: what is wrong with the file, and where it stands. */
#include <errno.h>
#include <string.h>

#include "import.h"
#include "term.h"

int import_out_of_memory(import *m)
{
    tn_error_set(&m->err, TN_NOMEM, NULL, "out of memory");
    return TOOL_EXIT_SQL;
}

/* Where in the file a byte of a record stands: the line, the column in characters, the line's text.
 */
void import_set_place(import *m, uint64_t line, const char *record, size_t length, size_t at)
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
        import_set_place(m, csv->line, csv->record, csv->length, csv->wrong_at);
    else
        import_set_place(m, lines->line, lines->record, lines->length, lines->wrong_at);
    return TOOL_EXIT_SQL;
}

static int unreadable(import *m)
{
    const char *why = errno == EFBIG ? "a record of more than 1 GiB" : strerror(errno);

    tn_error_set(&m->err, TN_RESOURCE, "58030", "%s: %s", m->shown, why);
    return TOOL_EXIT_SQL;
}

/* What reading gave, if it was not a record. */
int import_not_a_record(import *m, source_status status)
{
    return status == SOURCE_WRONG ? malformed(m) : unreadable(m);
}

source_status import_next_record(import *m)
{
    return m->is_csv ? csv_next(&m->csv) : json_lines_next(&m->json);
}

/* A line without anything between two records, or at the end of the file. */
bool import_is_blank(const import *m)
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
        if (import_next_record(m) != SOURCE_OK)
            return false;
        else
            seen += !import_is_blank(m);
    return true;
}

/* The database names the row: the file is read again up to it, where that can be. */
void import_place_row(import *m)
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
        import_set_place(m, m->csv.line, m->csv.record, m->csv.length, at);
    else
        import_set_place(m, m->json.line, m->json.record, m->json.length, at);
    if (!m->err.column[0])
        m->place.column = 0;
}
