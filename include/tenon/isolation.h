/* SPDX-License-Identifier: MIT */
/* Isolation levels (ISO 9075-2, PostgreSQL manual chapter 13.2). */
#ifndef TENON_ISOLATION_H
#define TENON_ISOLATION_H

typedef enum tn_isolation {
    TN_ISOLATION_DEFAULT = 0, /* the server's; read committed where nobody changed it */
    TN_READ_COMMITTED,
    TN_REPEATABLE_READ,
    TN_SERIALIZABLE
} tn_isolation;

#endif
