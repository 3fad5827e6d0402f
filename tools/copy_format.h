/* SPDX-License-Identifier: MIT */
/* The format of a file that tenon sql import reads, or export writes. */
#ifndef TENON_TOOLS_COPY_FORMAT_H
#define TENON_TOOLS_COPY_FORMAT_H

#include <stdbool.h>

#include "tool.h"

/* CSV or NDJSON, by --format, else by the file's name. An exit code; a fault is told. */
int copy_format_find(const tool *t, const char *path, bool *ret_csv);

#endif
