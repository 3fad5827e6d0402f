/* SPDX-License-Identifier: MIT */
#include "writer.h"

#include <string.h>

const writer_format *writer_format_find(const char *name)
{
    static const writer_format *const formats[] = {&writer_format_table, &writer_format_csv,
                                                   &writer_format_json, &writer_format_ndjson};

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

void writer_free(writer *w)
{
    out_scratch_free(&w->scratch);
    writer_table_free(w->table);
    w->table = NULL;
}
