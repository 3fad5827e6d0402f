/* SPDX-License-Identifier: MIT */
/*
 * Notifications: what others tell by tn_notify() (NOTIFY) arrives at who listens to the channel, in
 * the order in which their transactions were committed. They are told to those who listen at that
 * moment, and kept for nobody. So when the connection is lost, the listener connects again, listens
 * to its channels again, and then says, before anything new, that some may have been missed:
 *
 *   tn_listener *l = tn_listen(db, "orders", &err);
 *   tn_event event;
 *   while ((status = tn_listen_next(l, -1, &event, &err)) == TN_OK) {
 *       if (event.kind == TN_EVENT_GAP)
 *           read_all_orders_again();
 *       else
 *           read_order(event.payload);
 *   }
 *   tn_unlisten(l);
 *
 * A listener has a connection of its own, beside the pool's. It connects by itself only within
 * tn_listen_next(), which wants to be called again and again: what nobody fetches is kept by the
 * kernel, then by the server.
 *
 * Only with a driver that has notifications (PostgreSQL); others answer TN_UNSUPPORTED. Behind a
 * pooler that hands out sessions by the transaction it is TN_UNSUPPORTED too: give the listener a
 * client whose URL leads to the server itself.
 *
 * Thread rule: a listener is used by one thread at a time, but for tn_listen_interrupt().
 */
#ifndef TENON_LISTEN_H
#define TENON_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/types.h>

typedef struct tn_listener tn_listener;

typedef enum tn_event_kind {
    TN_EVENT_NOTIFICATION = 0,
    TN_EVENT_GAP /* the connection was lost meanwhile: notifications may have been missed */
} tn_event_kind;

/* Texts are borrowed until the next call on the listener, and NUL-terminated; "" in a gap. */
typedef struct tn_event {
    tn_event_kind kind;
    tn_str channel;
    tn_str payload;
    int64_t sender; /* the server's number of the session that notified (pg_backend_pid()) */
} tn_event;

/* How a listener notices that its server has vanished without a word. TN_LISTEN_OPTIONS_INIT gives
 * the defaults; fields are only added at the end. */
typedef struct tn_listen_options {
    size_t size;
    int64_t
        ping_interval_ms;    /* of silence, then the server is asked for a sign of life; 0: never */
    int64_t ping_timeout_ms; /* in which it has to come, else the connection is lost */
} tn_listen_options;
/* clang-format off */
#define TN_LISTEN_OPTIONS_INIT {sizeof(tn_listen_options), 30000, 5000}
/* clang-format on */

TN_BEGIN_DECLS

/*
 * Connects and listens: who notifies after it has returned is heard. The channel is a name, not
 * SQL: 1 to 63 bytes of UTF-8, upper and lower case kept (TN_SYNTAX, 42602). NULL: none yet. On a
 * client. Waits at most DB_CONNECTION_TIMEOUT, and does not try again: errors as of tn_open(),
 * TN_UNSUPPORTED, TN_READ_ONLY on a standby. Closed with tn_unlisten(), before or after the client
 * (which then answers TN_SHUTDOWN).
 */
TN_API TN_NODISCARD tn_listener *tn_listen(tn_db *client, const char *channel, tn_error *err);
/* options may be NULL. */
TN_API TN_NODISCARD tn_listener *tn_listen_with(tn_db *client, const tn_listen_options *options,
                                                const char *channel, tn_error *err);

/* One channel more, or less; one that is listened to already, or not, is fine. Where the connection
 * is lost just then, the listener has the channel all the same, and tells of a gap. */
TN_API TN_NODISCARD tn_status tn_listen_add(tn_listener *listener, const char *channel,
                                            tn_error *err);
TN_API TN_NODISCARD tn_status tn_listen_remove(tn_listener *listener, const char *channel,
                                               tn_error *err);

/*
 * Waits for the next event, at most timeout_ms (0: takes what is there, -1: for ever), by the
 * application's wait where it has one. A connection that was lost is made anew meanwhile, with the
 * pauses that the pool makes; tn_reload() leads to the new server, with a gap.
 *
 * TN_TIMEOUT: nothing came. TN_CANCELLED: tn_listen_interrupt(). TN_SHUTDOWN: the client is being
 * closed. TN_FORKED. Otherwise the listener is not connected, and the error says why: at the end of
 * the time what can pass (TN_UNAVAILABLE, TN_LOST ...), at once what will not pass by itself
 * (TN_AUTH, TN_CONFIG ...). The listener can be used on after each of them, but TN_SHUTDOWN and
 * TN_FORKED.
 */
TN_API TN_NODISCARD tn_status tn_listen_next(tn_listener *listener, int64_t timeout_ms,
                                             tn_event *ret, tn_error *err);

/* From any thread: the tn_listen_next() that waits now, or else the next one, is TN_CANCELLED. */
TN_API void tn_listen_interrupt(tn_listener *listener);

/* Ends it. NULL is fine. */
TN_API void tn_unlisten(tn_listener *listener);

/*
 * Tells all who listen to the channel, when the transaction that db is commits, and not if it does
 * not; on a client or session at once. Within one transaction, equal ones are told once. The
 * payload is a text of at most 7999 bytes on PostgreSQL (TN_DATA, 22023); NULL is "". Errors as of
 * tn_exec().
 */
TN_API TN_NODISCARD tn_status tn_notify(tn_db *db, const char *channel, const char *payload,
                                        tn_error *err);

TN_END_DECLS

#endif
