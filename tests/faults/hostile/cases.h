/* SPDX-License-Identifier: MIT */
/* The scenarios: what the server says, what the client does, what may come of it. */
#ifndef TENON_FAULTS_HOSTILE_CASES_H
#define TENON_FAULTS_HOSTILE_CASES_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/tenon.h>

#include "server.h"

typedef enum hostile_act {
    ACT_OPEN = 0, /* only connect */
    ACT_GET,      /* one int4, which must be 42 */
    ACT_EXEC,     /* for its effect */
    ACT_READ,     /* rows to their end; values that are not 42 are wrong */
    ACT_COMMIT,   /* begin, a statement, commit: the commit's answer counts */
    ACT_IN_TXN,   /* begin, a statement, roll back: the statement's answer counts */
    ACT_ROLLBACK  /* the rollback's answer counts */
} hostile_act;

/* What becomes of the connection. */
typedef enum hostile_fate { FATE_ANY = 0, FATE_KEPT, FATE_DROPPED } hostile_fate;

/* The statuses that are right; most scenarios have one. */
#define IS(status) (UINT64_C(1) << TN_##status)

typedef struct hostile_case {
    const char *name;
    hostile_script server;
    const char *parameters; /* of the URL, or NULL */
    uint64_t allowed;
    const char *sqlstate; /* or NULL: not looked at */
    hostile_act act;
    hostile_fate fate;
    int64_t affected; /* of an ACT_EXEC that went well */
    int64_t rows;     /* of an ACT_READ that went well */
} hostile_case;

/* One value of a type in binary form. */
typedef struct hostile_value {
    const char *name;
    const char *type;  /* its number in pg_type */
    const char *items; /* the bytes, as in script.h */
    uint64_t allowed;  /* statuses */
    tn_type kind;      /* of a value that went well */
    int64_t number;    /* of an integer, a time, a date, a truth; the length of text and bytes */
    const char *text;  /* of a text or numeric, where it is looked at */
} hostile_value;

typedef struct hostile_family {
    const hostile_case *cases;
    size_t count;
} hostile_family;

extern const hostile_family hostile_authentication, hostile_start_up, hostile_tls, hostile_lengths,
    hostile_rows, hostile_errors, hostile_endless, hostile_commits;
extern const hostile_value hostile_values[];
extern const size_t hostile_values_count;

#define HOSTILE_FAMILY(name, cases) \
    const hostile_family name = {cases, sizeof(cases) / sizeof((cases)[0])}

#endif
