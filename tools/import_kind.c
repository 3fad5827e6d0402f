/* SPDX-License-Identifier: MIT */
/* tenon sql import: a file that is something else is told as that, not as a CSV with faults. */
#include <string.h>

#include "file_kind.h"
#include "import.h"

/* Behind a pipe the file's name says nothing any more. */
static const char *format_option(const import *m)
{
    bool named = strstr(m->path, ".ndjson") || strstr(m->path, ".jsonl");

    return named || !m->is_csv ? " --format ndjson" : "";
}

/* The command line that mends it. */
static void hint_at(import *m, const char *reader, const char *format)
{
    bool piped = strcmp(m->path, "-") == 0;

    tn_error_set_hint(&m->err, "%s%s%s%s | tenon sql import %s -%s", piped ? "... | " : "", reader,
                      piped ? "" : " ", piped ? "" : m->path, m->table, format);
}

static int refuse(import *m, const char *what)
{
    tn_error_set(&m->err, TN_DATA, "22P04", "%s is %s", m->shown, what);
    return TOOL_EXIT_SQL;
}

int import_check_kind(import *m)
{
    const source *in = &m->in;

    if (!source_fill(&m->in, FILE_KIND_BYTES))
        return import_not_a_record(m, SOURCE_FAILED);
    const char *bytes = in->buf + in->from;
    size_t len = in->to - in->from;
    const file_kind *kind = file_kind_find(bytes, len);
    if (kind) {
        int result = refuse(m, kind->what);
        if (kind->reader)
            hint_at(m, kind->reader, format_option(m));
        else
            tn_error_set_hint(&m->err, "%s", kind->hint);
        return result;
    }
    if (file_kind_is_array(bytes, len)) {
        int result = refuse(m, "an array of JSON, not an object a line");
        hint_at(m, "jq -c '.[]'", " --format ndjson");
        return result;
    }
    if (m->is_csv && file_kind_is_object(bytes, len)) {
        int result = refuse(m, "JSON, not CSV");
        tn_error_set_hint(&m->err, "with an object a line it is read by --format ndjson");
        return result;
    }
    return TOOL_EXIT_FINE;
}
