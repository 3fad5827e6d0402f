/* SPDX-License-Identifier: MIT */
/* Filling a tn_migrate_problem, and the place in a file that an error is about. */
#ifndef TENON_MIGRATE_PROBLEM_H
#define TENON_MIGRATE_PROBLEM_H

#include <tenon/migrate.h>

/* All of these take NULL as the problem. */
void tn__problem_clear(tn_migrate_problem *problem);
void tn__problem_fault(tn_migrate_problem *problem, tn_migrate_fault fault);
/* Version and file of a migration, without a line. */
void tn__problem_migration(tn_migrate_problem *problem, const tn_migration *migration);
void tn__problem_state(tn_migrate_problem *problem, const char *format, ...) TN_PRINTF(2, 3);
void tn__problem_next(tn_migrate_problem *problem, const char *format, ...) TN_PRINTF(2, 3);
/* The place of at, which lies in text, which is the file's. */
void tn__problem_at(tn_migrate_problem *problem, const char *file, tn_str text, const char *at);

/* Hints for errors of SQLite that do not say what is to be done. */
void tn__hint_sqlite(tn_error *err);

/* Fills *err with "file:line:column: text" (TN_CONFIG) and the problem with the place. */
tn_status tn__file_error(tn_migrate_problem *problem, tn_error *err, const char *file, tn_str text,
                         const char *at, const char *format, ...) TN_PRINTF(6, 7);

#endif
