/* SPDX-License-Identifier: MIT */
/* Arrays of one dimension in binary. */
#ifndef TENON_DRIVERS_POSTGRES_ARRAY_H
#define TENON_DRIVERS_POSTGRES_ARRAY_H

#include "postgres/types.h"

pg_decoded pg_array_decode(const pg_type *type, const unsigned char *bytes, size_t len,
                           tn__arena *arena, tn_value *ret);
pg_encoded pg_array_encode(const pg_type *type, const tn_array *array, tn__buf *out);

#endif
