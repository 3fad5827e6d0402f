/* SPDX-License-Identifier: MIT */
/* What of files and history does not fit together, what that means, and the way out. */
#include <stdarg.h>
#include <stdio.h>

#include <tenon/migrate.h>

#include "base/str.h"
#include "migrate/problem.h"
#include "migrate/status.h"

static bool is_applied(const tn_migrate_entry *e)
{
    return e->state == TN_MIGRATE_APPLIED || e->state == TN_MIGRATE_BASELINE;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Who is told. */
typedef struct report {
    tn_migrate_problem *problem;
    tn_error *err;
} report;

/* What a fault means to a reader. */
typedef struct fault {
    tn_migrate_fault code;
    tn_status status;
    const char *hint; /* NULL: none */
} fault;

TN_PRINTF(4, 5)
static tn_status tell(const report *r, const fault *f, const tn_migrate_entry *e,
                      const char *format, ...)
{
    char text[sizeof(r->err->message)];
    va_list args;

    tn__problem_fault(r->problem, f->code);
    tn__problem_migration(r->problem, e->migration);
    if (r->problem && !e->migration)
        tn__copy_text(r->problem->version, sizeof(r->problem->version), tn_str_from(e->version));
    tn__problem_state(r->problem, "nothing was changed by this run");
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tn_error_set(r->err, f->status, NULL, "%s", text);
    if (f->hint)
        tn_error_set_hint(r->err, "%s", f->hint);
    return f->status;
}

static tn_status edited(const report *r, const tn_migrate_entry *e)
{
    static const fault f = {TN_MIGRATE_EDITED, TN_FAILED,
                            "put it back as it was and write a new migration; or, if the change "
                            "means nothing (a comment, layout), accept it"};

    tn__problem_next(r->problem, "tenon migrate repair %s --accept-checksum", e->version);
    return tell(r, &f, e,
                "%s was changed after it had been applied (recorded %.12s, the file now %.12s)",
                e->migration->file, e->checksum, e->migration->checksum);
}

static tn_status missing(const report *r, const tn_migrate_entry *e)
{
    static const fault f = {TN_MIGRATE_MISSING, TN_FAILED,
                            "get the file back from version control; or undo it with tenon migrate "
                            "down (its down is recorded); or forget its row"};

    tn__problem_next(r->problem, "tenon migrate repair %s --rolled-back", e->version);
    return tell(r, &f, e, "%s_%s is applied, but there is no file of it", e->version, e->name);
}

static tn_status out_of_order(const report *r, const tn_migrate_entry *e,
                              const tn_migrate_entry *newest)
{
    static const fault f = {TN_MIGRATE_OUT_OF_ORDER, TN_FAILED, NULL};

    tn__problem_next(r->problem, "tenon migrate deploy --out-of-order");
    tell(r, &f, e, "%s is pending, but %s_%s, which is newer, is applied", e->migration->file,
         newest->version, newest->name);
    tn_error_set_hint(r->err,
                      "two branches were merged: rename the file to a version after %s, or, "
                      "if it needs nothing of what came later, apply it as it is",
                      newest->version);
    return f.status;
}

static tn_status diverged(const report *r, const tn_migrate_entry *lost,
                          const tn_migrate_entry *pending)
{
    static const fault f = {TN_MIGRATE_DIVERGED, TN_FAILED,
                            "bring the other branch's files here (merge it); or take its "
                            "migrations back with tenon migrate down, and deploy"};

    tn__problem_next(r->problem, "git merge the branch that has %s; then tenon migrate status",
                     lost->version);
    return tell(r, &f, lost,
                "another branch was migrated here: %s_%s is applied and has no file, %s is a file "
                "and older, and not applied",
                lost->version, lost->name, pending->migration->file);
}

static tn_status unfinished(const report *r, const tn_migrate_entry *e)
{
    static const fault f = {TN_MIGRATE_UNFINISHED, TN_FAILED, NULL};
    bool undoing = e->state == TN_MIGRATE_UNDOING;

    tn__problem_next(r->problem, undoing ? "tenon migrate down" : "tenon migrate deploy");
    tell(r, &f, e, "%s_%s is %s%s%s", e->version, e->name,
         undoing ? "being undone and is not at its end" : "begun and not at its end",
         e->note ? ": " : "", e->note ? e->note : "");
    tn__problem_state(r->problem, "%u of its statements are done", e->step);
    return f.status;
}

static tn_status no_variant(const report *r, const tn_migrate_entry *e)
{
    static const fault f = {TN_MIGRATE_FILES, TN_CONFIG,
                            "write its variant, or say why there is none: -- migrate:skip "
                            "driver:NAME reason:TEXT"};

    return tell(r, &f, e, "%s_%s has nothing for this driver (%s)", e->version, e->name,
                e->migration->file);
}

/* Some of what a squashed file stands for is applied, its end is not. */
static tn_status half_squashed(const report *r, const tn_migrate_entry *squash,
                               const tn_migrate_entry *row)
{
    static const fault f = {TN_MIGRATE_DIVERGED, TN_FAILED,
                            "deploy the release before the squash here first"};

    tn__problem_next(r->problem,
                     "tenon migrate deploy --to %s, with the files of before the squash",
                     squash->version);
    return tell(r, &f, squash,
                "%s stands for the versions from %s on, of which %s_%s is applied, but not the "
                "last one",
                squash->migration->file, squash->migration->squashes, row->version, row->name);
}

/* ---- looking --------------------------------------------------------------------------------- */

static const tn_migrate_entry *find_half_squashed(const tn_migrate_status *status,
                                                  const tn_migrate_entry *missing)
{
    for (size_t i = 0; i < status->count; i++) {
        const tn_migrate_entry *e = &status->entries[i];
        if (e->state == TN_MIGRATE_PENDING && e->migration && e->migration->squashes &&
            tn_migration_compare(missing->version, e->migration->squashes) >= 0 &&
            tn_migration_compare(missing->version, e->version) < 0)
            return e;
    }
    return NULL;
}

/* What was found on the way. */
typedef struct findings {
    const tn_migrate_entry *edited, *missing, *late, *newest, *unfinished, *no_variant;
} findings;

static void look_at(const tn_migrate_entry *e, findings *f)
{
    if (e->edited && is_applied(e) && !f->edited)
        f->edited = e;
    if (!e->migration && !e->squashed && is_applied(e) && !f->missing)
        f->missing = e;
    if (e->out_of_order && !f->late)
        f->late = e;
    if (is_applied(e))
        f->newest = e;
    if (e->state == TN_MIGRATE_UNDOING || (!is_applied(e) && e->state != TN_MIGRATE_PENDING &&
                                           (!e->migration || e->migration->missing)))
        f->unfinished = f->unfinished ? f->unfinished : e;
    if (e->state == TN_MIGRATE_PENDING && e->migration->missing && !f->no_variant)
        f->no_variant = e;
}

tn_status tn_migrate_status_check(const tn_migrate_status *status,
                                  const tn_migrate_options *options, tn_error *err)
{
    const report r = {options ? options->problem : NULL, err};
    bool any_order = options && options->out_of_order;
    findings f = {0};

    for (size_t i = 0; i < status->count; i++)
        look_at(&status->entries[i], &f);
    if (f.unfinished)
        return unfinished(&r, f.unfinished);
    const tn_migrate_entry *squash = f.missing ? find_half_squashed(status, f.missing) : NULL;
    if (squash)
        return half_squashed(&r, squash, f.missing);
    if (f.missing && f.late)
        return diverged(&r, f.missing, f.late);
    if (f.missing)
        return missing(&r, f.missing);
    if (f.edited)
        return edited(&r, f.edited);
    if (f.late && !any_order)
        return out_of_order(&r, f.late, f.newest);
    return f.no_variant ? no_variant(&r, f.no_variant) : TN_OK;
}
