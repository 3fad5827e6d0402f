/* SPDX-License-Identifier: MIT */
/* tenon migrate lint: what is dangerous in the files, and what to do instead. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tenon/migrate_check.h>

#include "commands.h"
#include "lint_report.h"
#include "migrate.h"
#include "report.h"
#include "settings.h"

typedef struct linting {
    migrate_job *use;
    lint_report report;
    json json;
    out out;
} linting;

/* With a database only what is still to be applied there. */
static int lint_driver(linting *l, const char *driver)
{
    migrate_job *use = l->use;
    tn_lint_options options = TN_LINT_OPTIONS_INIT;
    tn_migrate_status *status = NULL;
    tn_error err = TN_ERROR_INIT;

    tn_migrations_free(use->set);
    use->set = NULL;
    l->report.driver = driver;
    int result = migrate_read(use, driver);
    if (result != TOOL_EXIT_FINE)
        return result;
    if (use->db && !(status = tn_migrate_look(use->db, use->set, &use->options, &err)))
        return migrate_fail(use, &err);
    options.status = status;
    (void)tn_lint(use->set, driver, &options, lint_report_take, &l->report);
    tn_migrate_status_free(status);
    return TOOL_EXIT_FINE;
}

/* postgres, sqlite or both with a comma; without: the database's, without one both. */
static int lint_drivers(linting *l)
{
    static const char *const known[] = {"postgresql", "sqlite"};
    const char *given = tool_value(l->use->t, TOOL_OPT_DRIVER),
               *own = l->use->db ? tn_db_driver(l->use->db) : "";
    int result = TOOL_EXIT_FINE;

    for (size_t i = 0; result == TOOL_EXIT_FINE && i < sizeof(known) / sizeof(known[0]); i++) {
        char word[8];
        snprintf(word, sizeof(word), "%.6s", known[i]);
        bool wanted = given ? strstr(given, word) != NULL : !own[0] || strcmp(own, known[i]) == 0;
        if (wanted)
            result = lint_driver(l, known[i]);
    }
    return result;
}

static int exit_of(const linting *l)
{
    bool strict = tool_value(l->use->t, TOOL_OPT_STRICT) != NULL;

    return l->report.errors || (strict && l->report.warnings) ? TOOL_EXIT_INTEGRITY
                                                              : TOOL_EXIT_FINE;
}

static void summary(linting *l)
{
    char text[200];

    if (l->use->t->quiet)
        return;
    snprintf(text, sizeof(text), "%zu errors, %zu warnings, %zu notes\n", l->report.errors,
             l->report.warnings, l->report.notes);
    out_puts(&l->out, text);
}

/* The files are read before anything is written: their faults are an answer of their own. */
static int lint_all(linting *l)
{
    const tool *t = l->use->t;

    out_init(&l->out, STDOUT_FILENO);
    l->report.no_notes = t->quiet;
    int result = lint_drivers(l);
    if (result != TOOL_EXIT_FINE)
        return result;
    int code = exit_of(l);
    l->report = (lint_report){.no_notes = t->quiet};
    if (t->json) {
        report_begin(&l->json, &l->out, t, code == TOOL_EXIT_FINE);
        json_array(&l->json, "findings");
        l->report.j = &l->json;
    } else {
        l->report.o = &l->out;
    }
    if (t->json)
        l->report.o = NULL;
    result = lint_drivers(l);
    if (t->json) {
        json_array_end(&l->json);
        json_int(&l->json, "errors", (int64_t)l->report.errors);
        json_int(&l->json, "warnings", (int64_t)l->report.warnings);
        json_int(&l->json, "notes", (int64_t)l->report.notes);
        report_end(&l->json);
    } else {
        summary(l);
    }
    return result == TOOL_EXIT_FINE ? report_finish(&l->out, code) : result;
}

/* Without a URL there is no database to ask. */
static bool has_url(const tool *t)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = settings_read(t, &err);
    bool has = config && tn_config_url(config);

    tn_config_free(config);
    return has;
}

static int run(tool *t)
{
    static linting l;
    migrate_job use;
    const char *driver = tool_value(t, TOOL_OPT_DRIVER);
    bool all = tool_value(t, TOOL_OPT_ALL) != NULL || !has_url(t);

    if (driver && !strstr(driver, "postgr") && !strstr(driver, "sqlite"))
        return tool_usage(t, "--driver %s: not postgres, sqlite, or both", driver);
    l.use = &use;
    int result = migrate_open(&use, t, all ? 0 : MIGRATE_CLIENT | MIGRATE_LOOK);
    if (result != TOOL_EXIT_FINE && !all && !t->json)
        tool_hint("--all looks at every file, and needs no database");
    if (result == TOOL_EXIT_FINE)
        result = lint_all(&l);
    migrate_close(&use);
    return result;
}

static const tool_option options[] = {
    MIGRATE_OPTION_DIR,
    {TOOL_OPT_ALL, 0, "all", NULL, NULL, "every file; no database is asked"},
    {TOOL_OPT_DRIVER, 0, "driver", "NAMES", "postgres sqlite postgres,sqlite",
     "for these instead of the database's"},
    MIGRATE_OPTION_HISTORY,
    {TOOL_OPT_STRICT, 0, "strict", NULL, NULL, "warnings count as errors"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "no errors (with --strict: no warnings)"},
    {2, "usage, configuration, or a file's grammar"},
    {4, "errors were found"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_migrate_lint = {
    .noun = "migrate",
    .verb = "lint",
    .summary = "looks for dangers in the files that are not applied yet",
    .usage = "[--all] [--dir DIR] [--driver NAMES] [--strict]",
    .text = "Lost rows, statements that lock a table for long or cannot run in a transaction,\n"
            "changes that break the programs that run meanwhile, versions without a file for\n"
            "a driver: each with file, line and column, why, and what to do instead. Tables\n"
            "that the same files create are no danger. A file silences a rule by\n"
            "-- migrate:up ignore:LOCK001, and rules about lost rows by destructive:ok.\n"
            "What a statement does to this very database tells tenon migrate plan.",
    .options = options,
    .examples = {"tenon migrate lint", "tenon migrate lint --all --json",
                 "tenon migrate lint --driver postgres --strict"},
    .exits = exits,
    .run = run,
};
