/* SPDX-License-Identifier: MIT */
/* From the caller's arguments to values of the placeholders' types, checked before anything runs.
 */
#ifndef TENON_SESSION_BIND_H
#define TENON_SESSION_BIND_H

#include <tenon/args.h>
#include <tenon/driver.h>
#include <tenon/error.h>

#include "base/arena.h"

/*
 * Fills values[0 .. n_params): each of the placeholder's type, or TN_TYPE_NULL, or TN_TYPE_TEXT for
 * a text given to a placeholder of another type. Memory comes from the arena and the arguments.
 * TN_PROTOCOL 08P01: wrong number; TN_DATA 22003, 42804, 22P02, 22021: an argument that does not
 * fit.
 */
tn_status tn__bind(const tn_arglist *args, const tn_param *params, size_t n_params,
                   tn__arena *arena, tn_value *values, tn_error *err);

#endif
