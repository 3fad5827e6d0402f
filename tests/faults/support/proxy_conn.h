/* SPDX-License-Identifier: MIT */
/* One connection through the proxy: two flows, and the faults that act on them. Of the proxy's
 * thread only, under its lock. */
#ifndef TENON_TEST_PROXY_CONN_H
#define TENON_TEST_PROXY_CONN_H

#include <poll.h>

#include "proxy.h"

enum { PROXY_CHUNK = 16384, PROXY_TEXT = 63 };

/* What is to be broken; all zero: nothing. */
struct faults {
    bool hold[2]; /* by direction */
    int delay_ms, jitter_ms;
    size_t slice;
    int slice_pause_ms;
    struct {
        bool armed;
        proxy_direction direction;
        uint64_t n;
        proxy_action action;
    } limit;
    struct {
        unsigned char mask;
        proxy_direction direction;
        uint64_t offset;
    } corrupt;
    struct {
        bool armed, always;
        proxy_direction direction;
        char text[PROXY_TEXT + 1];
        proxy_when when;
        proxy_action action;
        unsigned nth, times;
    } on;
    unsigned random_after, random_before; /* of a thousand */
    uint64_t random_state;
};

struct flow {
    unsigned char chunk[PROXY_CHUNK];
    size_t len, stop, sent; /* read; may be forwarded; is forwarded */
    int64_t due_ms;         /* not forwarded before */
    uint64_t seen;          /* bytes read so far */
    char tail[PROXY_TEXT];
    size_t tail_len;
    bool discard;    /* what comes is thrown away */
    bool limited;    /* the limit was found */
    bool end, ended; /* the sender has closed; so has the receiver been told */
};

struct proxy_conn {
    struct proxy_conn *next;
    int fd[2];       /* of the client, of the server; -1: none */
    bool connecting; /* to the server */
    bool mute, held, dead;
    bool unreached; /* dead because the server could not be had */
    bool acting;    /* an action follows, as soon as what precedes it is forwarded */
    proxy_action action;
    int awaiting;   /* the direction whose answer is thrown away first, -1: none */
    int64_t act_ms; /* acts then at the latest */
    unsigned match; /* bytes of ReadyForQuery seen */
    struct flow flow[2];
};

/* Takes the client's socket; connects to the server. NULL when there is no memory. */
struct proxy_conn *proxy_conn_new(int client, const void *address, size_t size, bool mute);
void proxy_conn_free(struct proxy_conn *conn);

/* Ends the silence that an action began. */
void proxy_conn_release(struct proxy_conn *conn);

/* Closes both sockets by RST or FIN. */
void proxy_conn_cut(struct proxy_conn *conn, proxy_action action);

/* Fills two entries; returns when it must be looked at again whatever happens, INT64_MAX: never. */
int64_t proxy_conn_poll(const struct proxy_conn *conn, const struct faults *faults,
                        struct pollfd fds[2], int64_t now);
void proxy_conn_step(struct proxy_conn *conn, struct faults *faults, proxy_stats *stats,
                     const struct pollfd fds[2], int64_t now);

#endif
