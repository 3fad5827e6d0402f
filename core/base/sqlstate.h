/* SPDX-License-Identifier: MIT */
/* What follows from a status and a SQLSTATE (PostgreSQL manual, appendix A). Pure functions. */
#ifndef TENON_BASE_SQLSTATE_H
#define TENON_BASE_SQLSTATE_H

#include <tenon/error.h>

/* Sets retry and outcome from status and sqlstate, as they hold where nothing else is known: for a
 * statement within a transaction. Who knows more (a lost COMMIT, an autocommit write) says so
 * afterwards. */
void tn__error_classify(tn_error *err);

/* The SQLSTATE of a class where the server gave none; "" for classes of our own. Static storage. */
const char *tn__status_sqlstate(tn_status status);

#endif
