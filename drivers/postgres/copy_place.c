/* SPDX-License-Identifier: MIT */
/* What the server says of a row. */
#include <string.h>

#include "postgres/copy.h"

/* Does the text go on with this quoted name, without its quotes? Its length there, 0: no. */
static size_t goes_on_with(const char *text, tn_str quoted)
{
    size_t n = 0;

    for (size_t i = 1; i + 1 < quoted.len; i++) {
        if (text[n++] != quoted.ptr[i])
            return 0;
        if (quoted.ptr[i] == '"')
            i++;
    }
    return text[n] == '\0' || text[n] == ':' || text[n] == ',' || text[n] == '\n' ? n : 0;
}

/* Behind the line's number: ", column NAME", the word in any language. */
static uint32_t column_at(const char *text, const tn_str *columns, size_t n)
{
    if (strncmp(text, ", ", 2) != 0 || !(text = strchr(text + 2, ' ')))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (goes_on_with(text + 1, columns[i]))
            return (uint32_t)i + 1;
    return 0;
}

static const char *line_of_copy(const char *context)
{
    while (context && strncmp(context, "COPY ", 5) != 0) {
        context = strchr(context, '\n');
        context = context ? context + 1 : NULL;
    }
    return context;
}

/* The last part of "schema"."table". */
static tn_str last_part(tn_str quoted)
{
    size_t begin = 0;
    bool inside = false;

    for (size_t i = 0; i < quoted.len; i++) {
        inside ^= quoted.ptr[i] == '"';
        if (!inside && quoted.ptr[i] == '.')
            begin = i + 1;
    }
    return (tn_str){quoted.ptr + begin, quoted.len - begin};
}

/* A number that stands as one of a line does: behind a comma, a word and a blank. */
bool pg_copy_place(const char *context, tn_str table, const tn_str *columns, size_t n_columns,
                   uint64_t *ret_row, uint32_t *ret_column)
{
    const char *at = line_of_copy(context);

    /* The name may hold anything, also what looks like that. */
    if (at)
        at += 5 + goes_on_with(at + 5, last_part(table));
    for (; at && *at && *at != '\n'; at++) {
        if (strncmp(at, ", ", 2) != 0)
            continue;
        const char *digits = at + 2;
        while (*digits && *digits != ' ' && *digits != '\n')
            digits++;
        uint64_t row = 0;
        const char *end = digits + (*digits == ' ');
        for (digits = end; *end >= '0' && *end <= '9' && row < UINT64_MAX / 16; end++)
            row = row * 10 + (uint64_t)(*end - '0');
        if (end == digits || (*end && *end != ',' && *end != ':' && *end != '\n'))
            continue;
        *ret_row = row;
        *ret_column = column_at(end, columns, n_columns);
        return true;
    }
    return false;
}
