/* SPDX-License-Identifier: MIT */
/* Who holds the connections: for errors, reports and the log. All under the pool's lock. */
#ifndef TENON_POOL_HOLDERS_H
#define TENON_POOL_HOLDERS_H

#include "pool/pool.h"

/* At most n, the longest first; returns how many there are. */
size_t tn__holders(const tn__pool *pool, tn_holder *ret, size_t n);

/* "transaction for 3.2 s by thread 1234 (app.c:42); ..." of the longest three, with how many more
 * there are. "" when there are none. */
void tn__holders_describe(const tn__pool *pool, char *buf, size_t size);

/* Why there was no connection within that time. Returns the status. */
tn_status tn__holders_explain(const tn__pool *pool, int64_t waited_ms, tn_error *err);

tn_holder tn__holder_of(const tn__lease_seen *seen, int64_t now_ns);

/* Writes one holder as above, without the rest. */
void tn__holder_format(const tn_holder *holder, char *buf, size_t size);

#endif
