/* SPDX-License-Identifier: MIT */
#include "lint_report.h"

#include <stdio.h>
#include <string.h>

#include "term.h"

static const char *const levels[] = {"note", "warning", "error"};
static const term_style styles[] = {TERM_DIM, TERM_WARN, TERM_BAD};

static void put_json(const lint_report *report, const tn_lint_finding *f)
{
    json *j = report->j;

    json_object(j, NULL);
    json_text(j, "rule", f->rule->name);
    json_text(j, "level", levels[f->rule->level]);
    json_text(j, "driver", report->driver);
    json_text(j, "version", f->place.version);
    json_text(j, "file", f->place.file);
    if (f->place.line) {
        json_int(j, "line", f->place.line);
        json_int(j, "column", f->place.column);
    }
    json_text(j, "message", f->what);
    json_text(j, "why", f->rule->what);
    json_text(j, "instead", f->rule->instead);
    json_object_end(j);
}

static void put_escaped(out *o, const char *text)
{
    char safe[2400];

    term_escape(text, strlen(text), safe, sizeof(safe));
    out_puts(o, safe);
}

/* The line, and a caret below the word that it is about. */
static void put_line(out *o, const tn_migrate_problem *place)
{
    const char *at = place->text, *end = at + strlen(at);
    char safe[2400];

    if (!place->text[strspn(place->text, " \t")])
        return;
    out_puts(o, "    | ");
    put_escaped(o, place->text);
    out_puts(o, "\n    | ");
    for (unsigned column = 1; column < place->column && at < end; column++)
        term_decode(&at, end);
    term_escape(place->text, (size_t)(at - place->text), safe, sizeof(safe));
    out_fill(o, ' ', term_width(safe, strlen(safe)));
    out_puts(o, "^\n");
}

static void put_text(const lint_report *report, const tn_lint_finding *f)
{
    out *o = report->o;
    char where[600];

    snprintf(where, sizeof(where), "%s:%u:%u: ", f->place.file, (unsigned)f->place.line,
             (unsigned)f->place.column);
    put_escaped(o, where);
    out_puts(o, term(stdout, styles[f->rule->level]));
    out_puts(o, levels[f->rule->level]);
    out_puts(o, term(stdout, TERM_PLAIN));
    out_puts(o, " ");
    out_puts(o, f->rule->name);
    out_puts(o, ": ");
    put_escaped(o, f->what);
    out_putc(o, '\n');
    put_line(o, &f->place);
    out_puts(o, "    why: ");
    out_puts(o, f->rule->what);
    out_puts(o, "\n    instead: ");
    out_puts(o, f->rule->instead);
    out_puts(o, "\n");
}

void lint_report_take(void *arg, const tn_lint_finding *finding)
{
    lint_report *report = arg;

    if (!finding->rule) { /* out of memory: the caller sees it by the count */
        report->errors++;
        return;
    }
    report->notes += finding->rule->level == TN_LINT_NOTE;
    report->warnings += finding->rule->level == TN_LINT_WARNING;
    report->errors += finding->rule->level == TN_LINT_ERROR;
    if (report->no_notes && finding->rule->level == TN_LINT_NOTE)
        return;
    if (report->j)
        put_json(report, finding);
    else if (report->o)
        put_text(report, finding);
}
