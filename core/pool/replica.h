/* SPDX-License-Identifier: MIT */
/* Read-only transactions on a replica (DATABASE_REPLICA_URL), as long as it is there. */
#ifndef TENON_POOL_REPLICA_H
#define TENON_POOL_REPLICA_H

#include "pool/pool.h"

/* tn__provider.reader: the replica's provider when it is worth a try now, else NULL. */
tn__provider *tn__replica_reader(tn__provider *provider);

#endif
