/* SPDX-License-Identifier: MIT */
/* From a column's value to the caller's variable: what converts without loss, else an error that
 * names the column. */
#ifndef TENON_SESSION_SCAN_H
#define TENON_SESSION_SCAN_H

#include <tenon/args.h>
#include <tenon/error.h>

#include "base/arena.h"

/* Which column, for messages: name may be NULL, index is 0-based. */
typedef struct tn__scan_place {
    const char *name;
    size_t index;
} tn__scan_place;

/* A converted value that is not stored yet. text is heap memory for a CHARP target. */
typedef struct tn__scanned {
    union {
        bool b;
        int64_t i;
        double f;
        struct {
            const char *ptr;
            size_t len;
        } view;
        tn_uuid uuid;
        tn_interval interval;
        tn_array array;
        char *text;
    } as;
    bool null;
} tn__scanned;

/* Converts; nothing is written but *ret. scratch (may be NULL) is for views that need memory. */
tn_status tn__scan_convert(const tn_value *value, const tn_target *target, tn__scan_place place,
                           tn__arena *scratch, tn__scanned *ret, tn_error *err);
/* Stores what was converted; cannot fail. */
void tn__scan_store(const tn__scanned *scanned, const tn_target *target);
/* Gives back what was converted but not stored. */
void tn__scan_discard(tn__scanned *scanned, const tn_target *target);

#endif
