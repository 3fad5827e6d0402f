/* SPDX-License-Identifier: MIT */
/* tenon migrate verify: are files, history and schema what they should be? */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tenon/migrate_check.h>

#include "commands.h"
#include "migrate.h"
#include "report.h"
#include "schema_diff.h"
#include "schema_file.h"
#include "term.h"

typedef struct finding {
    const char *code;
    const char *what;
    const char *next;
} finding;

/* What is wrong with one version; false: nothing. */
static bool judge(const tn_migrate_entry *e, finding *ret)
{
    static const finding edited = {"EDITED", "was changed after it was applied",
                                   "take the change back and write a new migration; if it changes "
                                   "nothing: tenon migrate repair VERSION --accept-checksum"};
    static const finding missing = {"MISSING", "is applied, and there is no file of it",
                                    "get the file back from version control, or from the branch "
                                    "that has it"};
    static const finding order = {
        "OUT_OF_ORDER", "is pending behind versions that are applied",
        "give it a newer version; or tenon migrate deploy --out-of-order"};
    static const finding halfway = {
        "UNFINISHED",
        "was begun without a transaction and is not at "
        "its end",
        "tenon migrate deploy goes on; or tenon migrate repair VERSION"};
    static const finding lacking = {"NO_VARIANT", "has nothing for this driver",
                                    "write a file for it, or -- migrate:skip driver:NAME"};
    bool applied = e->state == TN_MIGRATE_APPLIED || e->state == TN_MIGRATE_BASELINE;

    if (e->state == TN_MIGRATE_RUNNING || e->state == TN_MIGRATE_FAILED ||
        e->state == TN_MIGRATE_UNDOING)
        *ret = halfway;
    else if (applied && !e->migration && !e->squashed)
        *ret = missing;
    else if (e->edited)
        *ret = edited;
    else if (e->out_of_order)
        *ret = order;
    else if (!applied && e->migration && e->migration->missing)
        *ret = lacking;
    else
        return false;
    return true;
}

typedef struct view {
    migrate_job *use;
    tn_migrate_status *status;
    tn_drift *drift;
    size_t applied, pending, wrong;
    schema_file_state file;
    bool file_asked;
} view;

static void count(view *v)
{
    const tn_migrate_entry *e;
    finding f;

    for (size_t i = 0; (e = tn_migrate_status_at(v->status, i)); i++) {
        v->applied += e->state == TN_MIGRATE_APPLIED || e->state == TN_MIGRATE_BASELINE;
        v->pending += e->state == TN_MIGRATE_PENDING;
        v->wrong += judge(e, &f);
    }
}

static const char *const drift_words[] = {
    [TN_DRIFT_NONE] = "none", [TN_DRIFT_FOUND] = "found", [TN_DRIFT_UNKNOWN] = "unknown"};

static int exit_of(const view *v)
{
    if (v->wrong || tn_drift_state_of(v->drift) == TN_DRIFT_FOUND)
        return TOOL_EXIT_INTEGRITY;
    return v->file_asked && v->file == SCHEMA_FILE_STALE ? TOOL_EXIT_PENDING : TOOL_EXIT_FINE;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void name_of(const tn_migrate_entry *e, char *buf, size_t size)
{
    char text[300];

    snprintf(text, sizeof(text), "%s_%s", e->version, e->name ? e->name : "");
    term_escape(text, strlen(text), buf, size);
}

static void put(out *o, const char *format, ...) TN_PRINTF(2, 3);
static void put(out *o, const char *format, ...)
{
    char text[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    out_puts(o, text);
}

static void show_history(const view *v, out *o)
{
    const tn_migrate_entry *e;
    char name[400];
    finding f;

    if (!v->wrong)
        put(o, "history: %zu applied, %zu pending, each as its file is\n", v->applied, v->pending);
    for (size_t i = 0; (e = tn_migrate_status_at(v->status, i)); i++)
        if (judge(e, &f)) {
            name_of(e, name, sizeof(name));
            put(o, "%s%s %s%s\n  next: %s\n", term(stdout, TERM_BAD), name, f.what,
                term(stdout, TERM_PLAIN), f.next);
        }
}

static void show_drift(const view *v, out *o)
{
    tn_drift_state state = tn_drift_state_of(v->drift);
    const char *version = tn_drift_version(v->drift), *reason = tn_drift_reason(v->drift);

    if (state == TN_DRIFT_NONE) {
        put(o, "schema: as version %s left it\n", version[0] ? version : "(none)");
    } else if (state == TN_DRIFT_UNKNOWN) {
        put(o, "schema: not known: %s\n", reason);
    } else {
        put(o, "%sschema: not as version %s left it:%s\n", term(stdout, TERM_BAD),
            version[0] ? version : "(none)", term(stdout, TERM_PLAIN));
        (void)schema_diff_text(o, tn_drift_expected(v->drift), tn_drift_found(v->drift));
        if (reason[0])
            put(o, "  note: %s\n", reason);
        put(o, "  next: take it back; or, if it is right, put it into a migration for the other\n"
               "        databases and say tenon migrate verify --accept-drift on this one\n");
    }
}

static void show_text(const view *v, out *o)
{
    char path[PATH_MAX];

    show_history(v, o);
    show_drift(v, o);
    if (!v->file_asked)
        return;
    schema_file_path(v->use, path, sizeof(path));
    put(o,
        v->file == SCHEMA_FILE_SAME ? "%s: as the schema is\n"
                                    : "%s: stale\n  next: tenon migrate dev writes it\n",
        path);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void show_json(const view *v, out *o)
{
    const tn_migrate_entry *e;
    finding f;
    json j;

    report_begin(&j, o, v->use->t, exit_of(v) == TOOL_EXIT_FINE);
    migrate_absent_json(&j, v->use);
    json_text(&j, "version", tn_drift_version(v->drift));
    json_int(&j, "applied", (int64_t)v->applied);
    json_int(&j, "pending", (int64_t)v->pending);
    json_array(&j, "problems");
    for (size_t i = 0; (e = tn_migrate_status_at(v->status, i)); i++) {
        if (!judge(e, &f))
            continue;
        json_object(&j, NULL);
        json_text(&j, "code", f.code);
        json_text(&j, "version", e->version);
        json_text_opt(&j, "file", e->migration ? e->migration->file : "");
        json_text(&j, "message", f.what);
        json_text(&j, "next", f.next);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object(&j, "drift");
    json_text(&j, "state", drift_words[tn_drift_state_of(v->drift)]);
    json_text_opt(&j, "reason", tn_drift_reason(v->drift));
    json_text(&j, "fingerprint", tn_schema_fingerprint(tn_drift_found(v->drift)));
    (void)schema_diff_json(&j, "differences", tn_drift_expected(v->drift),
                           tn_drift_found(v->drift));
    json_object_end(&j);
    if (v->file_asked)
        json_bool(&j, "schema_file_stale", v->file != SCHEMA_FILE_SAME);
    report_end(&j);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int look(view *v)
{
    static out o;
    migrate_job *use = v->use;
    tn_error err = TN_ERROR_INIT;

    if (use->absent && tool_value(use->t, TOOL_OPT_ACCEPT_DRIFT)) {
        use->problem.fault = TN_MIGRATE_REFUSED;
        (void)tn_error_set(&err, TN_CONFIG, NULL, "%s does not exist: there is no drift to accept",
                           use->absent);
        return migrate_fail(use, &err);
    }
    if (tool_value(use->t, TOOL_OPT_ACCEPT_DRIFT) &&
        tn_drift_accept(use->db, &use->options, &err) != TN_OK)
        return migrate_fail(use, &err);
    v->status = tn_migrate_look(use->db, use->set, &use->options, &err);
    if (!v->status || tn_drift_check(use->db, &use->options, &v->drift, &err) != TN_OK)
        return migrate_fail(use, &err);
    v->file_asked = tool_value(use->t, TOOL_OPT_SCHEMA) != NULL;
    if (v->file_asked)
        v->file = schema_file_update(use, tn_drift_found(v->drift), false);
    count(v);
    out_init(&o, STDOUT_FILENO);
    if (use->t->json)
        show_json(v, &o);
    else if (!use->t->quiet || exit_of(v) != TOOL_EXIT_FINE)
        show_text(v, &o);
    return report_finish(&o, exit_of(v));
}

static int run(tool *t)
{
    migrate_job use;
    view v = {.use = &use};

    int result = migrate_open(&use, t, MIGRATE_CLIENT | MIGRATE_FILES | MIGRATE_LOOK);
    if (result == TOOL_EXIT_FINE)
        result = look(&v);
    tn_drift_free(v.drift);
    tn_migrate_status_free(v.status);
    migrate_close(&use);
    return result;
}

static const tool_option options[] = {
    MIGRATE_OPTION_DIR,
    MIGRATE_OPTION_HISTORY,
    {TOOL_OPT_ACCEPT_DRIFT, 0, "accept-drift", NULL, NULL,
     "what the schema is now is right: record it"},
    {TOOL_OPT_SCHEMA, 0, "schema", "FILE", "@file", "also: is this file of the schema up to date?"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "all is as it should be; pending versions are fine"},
    {1, "the database failed"},
    {2, "usage, configuration, or a file's grammar"},
    {3, "the file of --schema is stale"},
    {4, "edited, missing, out of order, unfinished, or the schema has drifted"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_migrate_verify = {
    .noun = "migrate",
    .verb = "verify",
    .summary = "compares files, history and schema, and shows drift",
    .usage = "[--dir DIR] [--accept-drift] [--schema FILE]",
    .text = "Each applied file against its checksum, and the schema against the one that the\n"
            "newest migration left, which is kept beside the history: no other database is\n"
            "needed, nothing is written, and a difference is shown line by line. What\n"
            "drifted stays drift, whatever is deployed later, until it is taken back or\n"
            "accepted.",
    .options = options,
    .examples = {"tenon migrate verify", "tenon migrate verify --json",
                 "tenon migrate verify --schema migrations/schema.postgres.sql"},
    .exits = exits,
    .run = run,
};
