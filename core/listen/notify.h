/* SPDX-License-Identifier: MIT */
/* What listening and notifying share. */
#ifndef TENON_LISTEN_NOTIFY_H
#define TENON_LISTEN_NOTIFY_H

#include <tenon/db.h>

/* A channel's name: TN_SYNTAX, 42602, where it is none. */
tn_status tn__channel_check(const char *name, tn_str *ret, tn_error *err);

/* TN_UNSUPPORTED where the driver has no notifications. */
tn_status tn__notify_check(const tn_db *db, tn_error *err);

#endif
