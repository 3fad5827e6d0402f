/* SPDX-License-Identifier: MIT */
/* What handles see of a pool, but for the rest in replica.h and resolve.h: tn__provider says more.
 */
#ifndef TENON_POOL_BORROW_H
#define TENON_POOL_BORROW_H

#include "pool/pool.h"

tn_status tn__borrow(tn__provider *provider, int64_t deadline_ns, tn__conn **ret, tn_error *err);
void tn__give_back(tn__provider *provider, tn__conn *conn);
void tn__cancel_all(tn__provider *provider);

#endif
