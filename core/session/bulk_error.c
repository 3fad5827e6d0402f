/* SPDX-License-Identifier: MIT */
/* Errors of a bulk name the row and the column instead of a placeholder. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "session/bulk.h"

/* "parameter $3: ..." and "parameter $3 is ...": the column's index and what stands behind. */
static int named_parameter(const tn_bulk *bulk, const char *message, const char **ret_rest)
{
    static const char start[] = "parameter $";
    size_t number = 0;

    if (strncmp(message, start, sizeof(start) - 1) != 0)
        return -1;
    message += sizeof(start) - 1;
    for (; *message >= '0' && *message <= '9' && number <= TN__NAMES_MAX; message++)
        number = number * 10 + (size_t)(*message - '0');
    if (number < 1 || number > bulk->columns.count)
        return -1;
    *ret_rest = message;
    return (int)number - 1;
}

/* Takes the placeholder out of the message; buf gets the column instead, or "". */
static void name_column(const tn_bulk *bulk, tn_error *err, char *buf, size_t size)
{
    const char *rest;
    int index = named_parameter(bulk, err->message, &rest);

    buf[0] = '\0';
    if (index < 0)
        return;
    tn__copy_text(err->column, sizeof(err->column), tn_str_from(bulk->columns.plain[index]));
    if (strcmp(err->sqlstate, "42804") == 0)
        tn_error_set_hint(err, "pass a value of that type");
    snprintf(buf, size, ", column \"%s\"", err->column);
    /* "x: why" and "x is so": what stands behind the colon, or the blank. */
    rest += rest[0] == ':' && rest[1] ? 2 : rest[0] != '\0';
    memmove(err->message, rest, strlen(rest) + 1);
}

void tn__bulk_name_row(const tn_bulk *bulk, const tn_bulk_info *where, tn_error *err)
{
    char column[sizeof(err->column) + 16];

    name_column(bulk, err, column, sizeof(column));
    if (!column[0] && where->failed_column && where->failed_column <= bulk->columns.count) {
        tn__copy_text(err->column, sizeof(err->column),
                      tn_str_from(bulk->columns.plain[where->failed_column - 1]));
        snprintf(column, sizeof(column), ", column \"%s\"", err->column);
    }
    err->row = where->failed_row <= UINT32_MAX ? (uint32_t)where->failed_row : 0;
    if (where->failed_row)
        tn_error_prepend(err, "row %llu%s", (unsigned long long)where->failed_row, column);
    else if (column[0])
        tn_error_prepend(err, "%s", column + 2);
    else if (where->merging)
        tn_error_prepend(err, "putting the rows into the table");
}
