/* SPDX-License-Identifier: MIT */
/*
 * tenon migrate squash: many migrations into one. The new file is made on an empty database, tried
 * on another one, and only when both have the same schema does it take the place of the old files,
 * which are put aside and not deleted.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/migrate_check.h>

#include "commands.h"
#include "db_url.h"
#include "migrate.h"
#include "migrate_scratch.h"
#include "report.h"
#include "schema_file.h"
#include "settings.h"
#include "whole_file.h"

static const char *const drivers[] = {"postgresql", "sqlite"};
enum { DRIVERS = 2, VERSION_DIGITS = 31 };

typedef struct squash {
    migrate_job *use;
    char to[VERSION_DIGITS + 1]; /* as the file has it */
    char *texts[DRIVERS];        /* NULL: not for this driver */
    size_t left;                 /* statements that are in them as comments */
    size_t moved;
    char aside[PATH_MAX];
} squash;

/* ---- making ---------------------------------------------------------------------------------- */

/* Does the new file alone make the same schema? */
static tn_status try_text(const squash *s, const char *driver, const char *text,
                          const tn_schema *schema, tn_error *err)
{
    char name[128];
    tn_schema *made = NULL;

    snprintf(name, sizeof(name), "%s_squashed.sql", s->to);
    const tn_migration_file file = {.name = name, .text = text, .len = strlen(text)};
    const tn_migration_files files = {.size = sizeof(files), .files = &file, .count = 1};
    tn_migrations *set = tn_migrations_embedded(&files, driver, &s->use->problem, err);
    if (!set)
        return TN_CONFIG;
    tn_status status = migrate_scratch_schema(s->use->t, driver, set, NULL, &made, err);
    if (status == TN_OK &&
        strcmp(tn_schema_fingerprint(made), tn_schema_fingerprint(schema)) != 0) {
        status = tn_error_set(err, TN_FAILED, NULL,
                              "the squashed file does not make the same schema on %s (%zu "
                              "differences): nothing was changed",
                              driver, tn_schema_compare(schema, made, NULL, NULL));
    }
    tn_schema_free(made);
    tn_migrations_free(set);
    return status;
}

static tn_status make_text(squash *s, size_t which, tn_error *err)
{
    migrate_job *use = s->use;
    const char *driver = drivers[which];
    tn_schema *schema = NULL;
    size_t left = 0;

    tn_status status = migrate_scratch_schema(use->t, driver, use->set, s->to, &schema, err);
    if (status == TN_OK)
        status = tn_squash(use->set, s->to, schema, driver, &s->texts[which], &left, err);
    if (status == TN_OK)
        status = try_text(s, driver, s->texts[which], schema, err);
    if (left > s->left)
        s->left = left;
    tn_schema_free(schema);
    if (status != TN_OK)
        tn_error_prepend(err, "%s", driver);
    return status;
}

/* Has each of the versions something for this driver? */
static bool is_whole(const squash *s)
{
    const tn_migration *m;

    for (size_t i = 0; (m = tn_migrations_at(s->use->set, i)); i++)
        if (tn_migration_compare(m->version, s->to) <= 0 && m->missing)
            return false;
    return true;
}

/* --driver, else: every driver that all of the versions have something for. */
static bool is_wanted(const squash *s, const char *driver, bool *ret_named)
{
    const char *names = tool_value(s->use->t, TOOL_OPT_DRIVER);

    *ret_named = names != NULL;
    return names ? strstr(names, strcmp(driver, "sqlite") == 0 ? "sqlite" : "postgr") != NULL
                 : is_whole(s);
}

static int take_version(squash *s)
{
    const char *to = tool_value(s->use->t, TOOL_OPT_TO);
    const tn_migration *m = tn_migrations_find(s->use->set, to);

    if (!m)
        return tool_usage(s->use->t, "--to %s: there is no migration of that version", to);
    snprintf(s->to, sizeof(s->to), "%s", m->version);
    return TOOL_EXIT_FINE;
}

static int make_texts(squash *s)
{
    tn_error err = TN_ERROR_INIT;
    int result = TOOL_EXIT_FINE, made = 0;
    bool named;

    for (size_t i = 0; result == TOOL_EXIT_FINE && i < DRIVERS; i++) {
        tn_migrations_free(s->use->set);
        s->use->set = NULL;
        result = migrate_read(s->use, drivers[i]);
        if (result == TOOL_EXIT_FINE)
            result = take_version(s);
        if (result != TOOL_EXIT_FINE || !is_wanted(s, drivers[i], &named))
            continue;
        if (make_text(s, i, &err) == TN_OK) {
            made++;
            continue;
        }
        result = migrate_fail(s->use, &err);
        if (!named && !s->use->t->json)
            tool_hint("where the files are for one driver alone: --driver NAME");
    }
    if (result == TOOL_EXIT_FINE && !made)
        return tool_usage(s->use->t,
                          "there is no driver for which every version up to %s has a file", s->to);
    return result;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* NAME.sql, or a directory with migration.sql in it. */
static bool is_migration(const squash *s, const char *name)
{
    const char *dot = strrchr(name, '.');
    char path[PATH_MAX];
    struct stat info;

    if (dot && strcmp(dot, ".sql") == 0)
        return true;
    snprintf(path, sizeof(path), "%s/%s/migration.sql", s->use->dir, name);
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* The digits that a migration's name begins with, whatever follows, as the set of them reads it;
 * or those of V1__name.sql and U1__name.sql. false: no migration's name. */
static bool version_of(const squash *s, const char *name, char ret[VERSION_DIGITS + 1])
{
    bool lettered = name[0] == 'V' || name[0] == 'U';
    const char *digits = lettered ? name + 1 : name;
    size_t n = strspn(digits, "0123456789");

    if (n == 0 || n > VERSION_DIGITS || (lettered && strncmp(digits + n, "__", 2) != 0))
        return false;
    snprintf(ret, VERSION_DIGITS + 1, "%.*s", (int)n, digits);
    return is_migration(s, name);
}

static int system_failed(const squash *s, const char *what, const char *path)
{
    tn_error err = TN_ERROR_INIT;

    (void)tn_error_set(&err, TN_RESOURCE, NULL, "%s %s: %s", what, path, strerror(errno));
    (void)report_error(s->use->t, &err, NULL);
    return TOOL_EXIT_SQL;
}

static int move_aside(squash *s, const char *name)
{
    char from[PATH_MAX], into[PATH_MAX];

    snprintf(from, sizeof(from), "%s/%s", s->use->dir, name);
    if (snprintf(into, sizeof(into), "%s/%s", s->aside, name) >= (int)sizeof(into))
        errno = ENAMETOOLONG;
    else if (rename(from, into) == 0) {
        s->moved++;
        return TOOL_EXIT_FINE;
    }
    return system_failed(s, "moving", from);
}

/* Names are collected before the first one moves. */
static int move_all(squash *s)
{
    struct dirent **entries = NULL;
    char version[VERSION_DIGITS + 1];
    int result = TOOL_EXIT_FINE;

    snprintf(s->aside, sizeof(s->aside), "%s/squashed", s->use->dir);
    if (mkdir(s->aside, 0777) != 0 && errno != EEXIST)
        return system_failed(s, "making", s->aside);
    int n = scandir(s->use->dir, &entries, NULL, alphasort);
    if (n < 0)
        return system_failed(s, "reading", s->use->dir);
    for (int i = 0; i < n; i++) {
        if (result == TOOL_EXIT_FINE && version_of(s, entries[i]->d_name, version) &&
            tn_migration_compare(version, s->to) <= 0)
            result = move_aside(s, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static void path_of(const squash *s, size_t which, char *buf, size_t size)
{
    snprintf(buf, size, "%s/%s_squashed.%s.sql", s->use->dir, s->to,
             schema_file_driver(drivers[which]));
}

static int write_all(squash *s)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < DRIVERS; i++) {
        path_of(s, i, path, sizeof(path));
        if (s->texts[i] && !whole_file_put(path, s->texts[i]))
            return system_failed(s, "writing", path);
    }
    return TOOL_EXIT_FINE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int answer(const squash *s)
{
    static out o;
    char path[PATH_MAX], text[PATH_MAX + 200];
    json j;

    out_init(&o, STDOUT_FILENO);
    if (s->use->t->json) {
        report_begin(&j, &o, s->use->t, true);
        json_text(&j, "version", s->to);
        json_array(&j, "files");
    }
    for (size_t i = 0; i < DRIVERS; i++) {
        path_of(s, i, path, sizeof(path));
        if (s->texts[i] && s->use->t->json)
            json_text(&j, NULL, path);
        else if (s->texts[i] && !s->use->t->quiet) {
            out_puts(&o, path);
            out_puts(&o, "\n");
        }
    }
    if (s->use->t->json) {
        json_array_end(&j);
        json_int(&j, "moved", (int64_t)s->moved);
        json_text(&j, "moved_to", s->aside);
        json_int(&j, "left_out", (int64_t)s->left);
        report_end(&j);
    } else if (!s->use->t->quiet) {
        snprintf(text, sizeof(text), "%zu files were put into %s\n", s->moved, s->aside);
        out_puts(&o, text);
    }
    if (s->left && !s->use->t->json)
        tool_warn(
            "%zu statements that changed rows or rights are in the file as comments: put back "
            "in force what new databases need",
            s->left);
    return report_finish(&o, TOOL_EXIT_FINE);
}

/* With a URL of SQLite nobody can try what is for PostgreSQL. */
static int check_url(const migrate_job *use)
{
    const char *names = tool_value(use->t, TOOL_OPT_DRIVER);
    tn_error err = TN_ERROR_INIT;
    tn_config *config = settings_read(use->t, &err);
    const char *url = config ? tn_config_url(config) : NULL;
    bool server = url && db_url_kind(url) == DB_SERVER;

    tn_config_free(config);
    if (server || (names && !strstr(names, "postgr")))
        return TOOL_EXIT_FINE;
    return tool_usage(use->t,
                      "a squash is tried on a server: give a URL of PostgreSQL (tenon pg run "
                      "-- tenon migrate squash ...), or --driver sqlite where the files are "
                      "for SQLite alone");
}

static int run(tool *t)
{
    migrate_job use;
    squash s = {.use = &use};

    int result = migrate_open(&use, t, 0);
    if (result == TOOL_EXIT_FINE && !tool_value(t, TOOL_OPT_TO))
        result = tool_usage(t, "which is the last one? --to VERSION");
    if (result == TOOL_EXIT_FINE)
        result = check_url(&use);
    if (result == TOOL_EXIT_FINE)
        result = make_texts(&s);
    if (result == TOOL_EXIT_FINE)
        result = move_all(&s);
    if (result == TOOL_EXIT_FINE)
        result = write_all(&s);
    if (result == TOOL_EXIT_FINE)
        result = answer(&s);
    for (size_t i = 0; i < DRIVERS; i++)
        free(s.texts[i]);
    migrate_close(&use);
    return result;
}

static const tool_option options[] = {
    {TOOL_OPT_TO, 0, "to", "VERSION", NULL, "the last one that goes into it"},
    MIGRATE_OPTION_DIR,
    {TOOL_OPT_DRIVER, 0, "driver", "NAMES", "postgres sqlite postgres,sqlite",
     "for these alone (all that have each version)"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "the new files are there, the old ones are in DIR/squashed"},
    {1, "it could not be made or tried; nothing was changed"},
    {2, "usage, configuration, or a file's grammar"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_migrate_squash = {
    .noun = "migrate",
    .verb = "squash",
    .summary = "puts many migrations into one, for new databases",
    .usage = "--to VERSION [--driver NAMES] [--dir DIR]",
    .text = "All migrations up to VERSION run on an empty database, which is made for it and\n"
            "dropped (sqlite::memory:, or one beside DATABASE_URL's); its schema becomes one\n"
            "file VERSION_squashed.DRIVER.sql, which is tried on a second one: only when both\n"
            "are the same do the old files go into DIR/squashed. Databases where VERSION is\n"
            "applied go on as they are; those where only some of it is are told to deploy the\n"
            "release before. Rows and rights are no schema: statements that made them are put\n"
            "into the file as comments.",
    .options = options,
    .examples = {"tenon migrate squash --to 20261101000000",
                 "tenon pg run -- tenon migrate squash --to 20261101000000",
                 "tenon migrate squash --to 20261101000000 --driver sqlite"},
    .exits = exits,
    .run = run,
};
