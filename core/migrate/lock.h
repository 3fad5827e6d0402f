/* SPDX-License-Identifier: MIT */
/*
 * One at a time. PostgreSQL: an advisory lock, tried again and again, since who waits within a
 * statement holds a snapshot that CREATE INDEX CONCURRENTLY waits for. Of the session, for the
 * whole run; behind a pooler of each transaction. SQLite: BEGIN IMMEDIATE, of each transaction.
 *
 * With a lock of the whole run (database->exclusive) nobody else changes the history meanwhile.
 * Otherwise each transaction has to see for itself that the history is still what was read.
 */
#ifndef TENON_MIGRATE_LOCK_H
#define TENON_MIGRATE_LOCK_H

#include "migrate/database.h"

/* The lock of the run, where there is one, and the session's settings with it; both end with the
 * session. TN_LOCKED: another one had it for lock_wait_ms. */
tn_status tn__lock_take(tn__database *database, tn_error *err);

/* Begins a transaction that nobody else has beside: with the lock, if the run has none. */
tn_status tn__lock_begin(tn__database *database, tn_error *err);

/* The oldest transaction of others, for who could not lock a table: "pid 12 (web, ada) ..."; "" if
 * there is none. */
void tn__lock_oldest(tn__database *database, char *buf, size_t size);

#endif
