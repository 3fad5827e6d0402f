/* SPDX-License-Identifier: MIT */
#include "migrate/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

void tn__problem_clear(tn_migrate_problem *problem)
{
    if (problem)
        *problem = (tn_migrate_problem){.fault = TN_MIGRATE_NO_FAULT};
}

void tn__problem_fault(tn_migrate_problem *problem, tn_migrate_fault fault)
{
    if (problem)
        problem->fault = fault;
}

static void set(char *buf, size_t size, const char *format, va_list args) TN_PRINTF(3, 0);
static void set(char *buf, size_t size, const char *format, va_list args)
{
    char text[1024];

    vsnprintf(text, sizeof(text), format, args);
    tn__copy_text(buf, size, tn_str_from(text));
}

void tn__problem_state(tn_migrate_problem *problem, const char *format, ...)
{
    va_list args;

    if (!problem)
        return;
    va_start(args, format);
    set(problem->state, sizeof(problem->state), format, args);
    va_end(args);
}

void tn__problem_next(tn_migrate_problem *problem, const char *format, ...)
{
    va_list args;

    if (!problem)
        return;
    va_start(args, format);
    set(problem->next, sizeof(problem->next), format, args);
    va_end(args);
}

void tn__problem_migration(tn_migrate_problem *problem, const tn_migration *migration)
{
    if (!problem || !migration)
        return;
    tn__copy_text(problem->version, sizeof(problem->version), tn_str_from(migration->version));
    if (migration->file)
        tn__copy_text(problem->file, sizeof(problem->file), tn_str_from(migration->file));
}

void tn__problem_at(tn_migrate_problem *problem, const char *file, tn_str text, const char *at)
{
    const char *line = text.ptr, *end = text.ptr + text.len;
    uint32_t number = 1;

    if (!problem)
        return;
    for (const char *c = text.ptr; c < at; c++)
        if (*c == '\n') {
            number++;
            line = c + 1;
        }
    const char *stop = line;
    while (stop < end && *stop != '\n' && *stop != '\r')
        stop++;
    tn__copy_text(problem->file, sizeof(problem->file), tn_str_from(file ? file : ""));
    problem->line = number;
    problem->column = (uint32_t)tn__utf8_count(line, (size_t)(at - line)) + 1;
    tn__copy_text(problem->text, sizeof(problem->text), tn__str(line, (size_t)(stop - line)));
}

tn_status tn__file_error(tn_migrate_problem *problem, tn_error *err, const char *file, tn_str text,
                         const char *at, const char *format, ...)
{
    tn_migrate_problem place;
    char message[400];
    va_list args;

    if (!problem)
        problem = &place;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    tn__problem_at(problem, file, text, at);
    problem->fault = TN_MIGRATE_FILES;
    return tn_error_set(err, TN_CONFIG, NULL, "%s:%u:%u: %s", file, problem->line, problem->column,
                        message);
}

/*
 * Renaming a table, SQLite reads every view and trigger, and stops at one that names a table that
 * is not there: between DROP TABLE and RENAME one such view is enough. legacy_alter_table=ON would
 * go past it, but is for old programs only and leaves references as they are when a table is
 * renamed.
 */
void tn__hint_sqlite(tn_error *err)
{
    static const char *const kinds[] = {"view", "trigger"};
    const char *at = err ? strstr(err->message, "error in ") : NULL;

    if (!at || err->hint[0])
        return;
    at += strlen("error in ");
    for (size_t i = 0; i < TN__COUNT_OF(kinds); i++) {
        size_t len = strlen(kinds[i]);
        if (strncmp(at, kinds[i], len) != 0 || at[len] != ' ')
            continue;
        const char *name = at + len + 1;
        tn_error_set_hint(err,
                          "SQLite looks into every %s when it alters a table: drop %s %.*s at the "
                          "beginning of the migration, and create it again at its end",
                          kinds[i], kinds[i], (int)strcspn(name, ": "), name);
        return;
    }
}

/* The blanks of up and down stand for the file's other lines, so a place in them is one in it. */
void tn_migration_place(const tn_migration *migration, tn_str part, int32_t position,
                        tn_migrate_problem *ret)
{
    bool in_up = part.ptr >= migration->up.ptr && part.ptr <= migration->up.ptr + migration->up.len;
    tn_str text = in_up ? migration->up : migration->down;
    const char *at = part.ptr, *end = part.ptr + part.len;

    for (int32_t i = 1; i < position && at < end; i++)
        do
            at++;
        while (at < end && ((unsigned char)*at & 0xc0) == 0x80);
    tn__copy_text(ret->version, sizeof(ret->version), tn_str_from(migration->version));
    tn__problem_at(ret, in_up ? migration->file : migration->down_file, text, at);
}
