/* SPDX-License-Identifier: MIT */
/*
 * Settings of a PostgreSQL session that files change: SET, set_config(), SET ROLE. No file is to
 * find those of the one before it.
 */
#ifndef TENON_MIGRATE_SETTINGS_H
#define TENON_MIGRATE_SETTINGS_H

#include <tenon/db.h>

#include "base/arena.h"

/* What is set of the session now, as a text in the arena. */
tn_status tn__settings_keep(tn_db *at, tn__arena *arena, const char **ret, tn_error *err);
/* All settings and the role as they were then, until the end of the session. kept NULL: as they
 * were when it began. */
tn_status tn__settings_put_back(tn_db *at, const char *kept, tn_error *err);

#endif
