/* SPDX-License-Identifier: MIT */
/* What became of a transaction whose COMMIT was sent and not answered. */
#ifndef TENON_POOL_RESOLVE_H
#define TENON_POOL_RESOLVE_H

#include "pool/pool.h"

/* tn__provider.find_outcome: asks on a connection of its own, again and again while the server is
 * away or the transaction still under way, until the deadline or DB_CONNECTION_TIMEOUT. */
tn_outcome tn__resolve(tn__provider *provider, tn_str id, int64_t deadline_ns);

#endif
