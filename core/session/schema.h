/* SPDX-License-Identifier: MIT */
/* A schema's text and where its objects stand in it; see <tenon/schema.h>. */
#ifndef TENON_SESSION_SCHEMA_H
#define TENON_SESSION_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/schema.h>

#include "base/buf.h"

struct tn_schema {
    char *text; /* owned */
    size_t len;
    tn_schema_object *objects;
    size_t n;
    size_t capacity;
    bool complete;
    char fingerprint[TN_SCHEMA_FINGERPRINT];
};

/* Takes the buffer's text over, also on failure. */
tn_status tn__schema_take(tn__buf *text, tn_schema **ret, tn_error *err);

#endif
