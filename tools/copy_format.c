/* SPDX-License-Identifier: MIT */
#include "copy_format.h"

#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

int copy_format_find(const tool *t, const char *path, bool *ret_csv)
{
    const char *name = tool_value(t, TOOL_OPT_FORMAT);

    *ret_csv = !ends_with(path, ".ndjson") && !ends_with(path, ".jsonl");
    if (name && strcmp(name, "csv") != 0 && strcmp(name, "ndjson") != 0)
        return tool_usage(t, "--format %s: not one of csv, ndjson", name);
    if (name)
        *ret_csv = strcmp(name, "csv") == 0;
    return TOOL_EXIT_FINE;
}
