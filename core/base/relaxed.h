/* SPDX-License-Identifier: MIT */
/* Reading a setting or a counter that another thread may change, where order does not matter. */
#ifndef TENON_BASE_RELAXED_H
#define TENON_BASE_RELAXED_H

#include <stdatomic.h>

#define tn__relaxed(at) atomic_load_explicit((at), memory_order_relaxed)

#endif
