/* SPDX-License-Identifier: MIT */
/* What opening and reloading share: from a configuration to a source. */
#ifndef TENON_POOL_OPEN_H
#define TENON_POOL_OPEN_H

#include "pool/pool.h"

/* Finds the driver of the URL's scheme and has it check the URL. Connects to nobody. */
tn_status tn__source_open(const tn_config *config, const char *url, tn__source **ret,
                          tn_error *err);

/* The pool of DATABASE_REPLICA_URL into *ret, which is untouched when there is none. It has to be
 * of the same driver as the primary: statements are written for it. */
tn_status tn__replica_open(const tn_config *config, const tn__driver *driver, tn__pool **ret,
                           tn_error *err);

#endif
