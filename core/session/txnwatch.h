/* SPDX-License-Identifier: MIT */
/* What is told and counted of one transaction, savepoints included (which are not counted). */
#ifndef TENON_SESSION_TXNWATCH_H
#define TENON_SESSION_TXNWATCH_H

#include "session/handle.h"

/* It has its connection and is about to begin. */
void tn__txnwatch_begin(tn_db *tx);
/* BEGIN failed. */
void tn__txnwatch_refused(tn_db *tx, tn_status status, const tn_error *err);
/* It has ended, by "commit" or "rollback", while its connection is still at hand; err may be NULL
 * though it failed. */
void tn__txnwatch_end(tn_db *tx, const char *what, tn_status status, const tn_error *err);

/* It is about to be run again, for the attempt with this number. */
void tn__txnwatch_retry(const tn_db *db, uint32_t attempt, const tn_error *why);

#endif
