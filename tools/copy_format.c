/* SPDX-License-Identifier: MIT */
#include "copy_format.h"

#include <string.h>

bool copy_format_ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

int copy_format_find(const tool *t, const char *path, bool *ret_csv)
{
    const char *name = tool_value(t, TOOL_OPT_FORMAT);

    *ret_csv = !copy_format_ends(path, ".ndjson") && !copy_format_ends(path, ".jsonl");
    if (name && strcmp(name, "csv") != 0 && strcmp(name, "ndjson") != 0)
        return tool_usage(t, "--format %s: not one of csv, ndjson", name);
    if (name)
        *ret_csv = strcmp(name, "csv") == 0;
    return TOOL_EXIT_FINE;
}
