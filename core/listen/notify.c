/* SPDX-License-Identifier: MIT */
#include "listen/notify.h"

#include <tenon/listen.h>
#include <tenon/query.h>

#include "base/str.h"
#include "pool/pool.h"

enum { NAME_MOST = 63 };

/* A longer one would be cut by LISTEN and refused by NOTIFY. */
tn_status tn__channel_check(const char *name, tn_str *ret, tn_error *err)
{
    tn_str channel = tn_str_from(name ? name : "");

    if (channel.len >= 1 && channel.len <= NAME_MOST && tn__utf8_valid(channel.ptr, channel.len)) {
        *ret = channel;
        return TN_OK;
    }
    return tn_error_set(err, TN_SYNTAX, "42602",
                        channel.len > NAME_MOST ? "a channel's name of %zu bytes is longer than %d"
                        : channel.len ? "a channel's name of %zu bytes (at most %d) is not UTF-8"
                                      : "a channel's name has %zu bytes (1 to %d are needed)",
                        channel.len, NAME_MOST);
}

tn_status tn__notify_check(const tn_db *db, tn_error *err)
{
    const tn__driver *driver = tn__pool_of(db)->driver;

    if (driver->notify.size)
        return TN_OK;
    tn_error_set(err, TN_UNSUPPORTED, "0A000",
                 "driver \"%s\" has no notifications (LISTEN, NOTIFY)", driver->name);
    tn_error_set_hint(err, "use a database that has them (PostgreSQL), or ask by a query from time "
                           "to time");
    return TN_UNSUPPORTED;
}

tn_status(tn_notify)(tn_db *db, const char *name, const char *payload, tn_error *err)
{
    tn_str channel;

    tn_status status = tn__db_check(db, err);
    if (status == TN_OK)
        status = tn__channel_check(name, &channel, err);
    if (status == TN_OK)
        status = tn__notify_check(db, err);
    if (status != TN_OK)
        return status;
    return tn_exec(db, tn__pool_of(db)->driver->notify.sql,
                   tn_args(channel, payload ? payload : ""), NULL, err);
}
