/* SPDX-License-Identifier: MIT */
/* tenon sql import: what its options say. */
#include <string.h>

#include "copy_format.h"
#include "import.h"

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

int import_find_file(import *m)
{
    m->table = m->t->words[0];
    m->path = m->t->n_words > 1 ? m->t->words[1] : "-";
    m->shown = strcmp(m->path, "-") == 0 ? "standard input" : m->path;
    m->null_text = tool_value(m->t, TOOL_OPT_NULL);
    m->header = !tool_value(m->t, TOOL_OPT_NO_HEADER);
    int status = copy_format_find(m->t, m->path, &m->is_csv);
    if (status == TOOL_EXIT_FINE)
        status = find_separator(m);
    if (status == TOOL_EXIT_FINE)
        status = find_policy(m);
    return status == TOOL_EXIT_FINE ? find_columns(m) : status;
}
