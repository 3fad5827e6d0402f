/* SPDX-License-Identifier: MIT */
/* Findings of the linter, for people and programs. */
#ifndef TENON_TOOLS_LINT_REPORT_H
#define TENON_TOOLS_LINT_REPORT_H

#include <tenon/migrate_check.h>

#include "json.h"
#include "out.h"

typedef struct lint_report {
    out *o;  /* text, or: */
    json *j; /* an array is open */
    const char *driver;
    size_t notes, warnings, errors;
    bool no_notes;
} lint_report;

/* A tn_lint_fn; arg is a lint_report. */
void lint_report_take(void *arg, const tn_lint_finding *finding);

#endif
