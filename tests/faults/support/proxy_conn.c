/* SPDX-License-Identifier: MIT */
#include "proxy_conn.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* An answer without a ReadyForQuery is over after so long a pause; none at all, after the longer
 * one. What was forwarded is given so long to arrive before a reset may overtake it. */
enum { PAUSE_MS = 150, NO_ANSWER_MS = 5000, ARRIVAL_MS = 50 };

static int no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

struct proxy_conn *proxy_conn_new(int client, const void *address, size_t size, bool mute)
{
    struct proxy_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return NULL;
    conn->fd[0] = no_delay(client);
    conn->fd[1] = -1;
    conn->awaiting = -1;
    conn->mute = mute;
    if (mute)
        return conn;
    conn->fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (conn->fd[1] >= 0)
        no_delay(conn->fd[1]);
    if (conn->fd[1] < 0 ||
        (connect(conn->fd[1], address, (socklen_t)size) != 0 && errno != EINPROGRESS))
        conn->dead = conn->unreached = true;
    else
        conn->connecting = true;
    return conn;
}

void proxy_conn_free(struct proxy_conn *conn)
{
    for (int i = 0; i < 2; i++)
        if (conn->fd[i] >= 0)
            close(conn->fd[i]);
    free(conn);
}

void proxy_conn_cut(struct proxy_conn *conn, proxy_action action)
{
    static const struct linger now = {.l_onoff = 1, .l_linger = 0};
    static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    unsigned char rest[4096];

    for (int i = 0; i < 2; i++) {
        if (conn->fd[i] < 0)
            continue;
        if (action == PROXY_RST) {
            /* Both: close() alone says nothing while a child process holds the socket, too. */
            setsockopt(conn->fd[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
            connect(conn->fd[i], &nowhere, sizeof(nowhere));
        } else {
            /* What is unread at close() would make the FIN an RST. */
            shutdown(conn->fd[i], SHUT_WR);
            while (read(conn->fd[i], rest, sizeof(rest)) > 0)
                continue;
        }
        close(conn->fd[i]);
        conn->fd[i] = -1;
    }
    conn->dead = true;
}

static bool silent(const struct proxy_conn *conn, const struct faults *faults, int direction)
{
    return conn->held || faults->hold[direction];
}

int64_t proxy_conn_poll(const struct proxy_conn *conn, const struct faults *faults,
                        struct pollfd fds[2], int64_t now)
{
    int64_t until = conn->acting ? now + 1 : INT64_MAX;

    /* A descriptor without a wanted event is left out: poll() would tell of its end for ever. */
    fds[0] = fds[1] = (struct pollfd){.fd = -1};
    if (conn->mute) /* what is said there is not listened to, only its end */
        fds[0] = (struct pollfd){.fd = conn->fd[0], .events = POLLIN};
    if (conn->mute || conn->held)
        return INT64_MAX;
    if (conn->connecting) {
        fds[1] = (struct pollfd){.fd = conn->fd[1], .events = POLLOUT};
        return INT64_MAX;
    }
    for (int d = 0; d < 2; d++) {
        const struct flow *flow = &conn->flow[d];
        if (silent(conn, faults, d))
            continue;
        if (flow->sent < flow->stop) {
            if (flow->due_ms > now)
                until = flow->due_ms < until ? flow->due_ms : until;
            else
                fds[1 - d].events |= POLLOUT;
        } else if (flow->sent == flow->len && !flow->end &&
                   !(conn->acting && conn->awaiting != d)) {
            fds[d].events |= POLLIN;
        }
    }
    for (int i = 0; i < 2; i++)
        if (fds[i].events)
            fds[i].fd = conn->fd[i];
    return until;
}

/* The flow's text goes over the border of two reads: the end of what was before is kept. */
static bool sees(const struct flow *flow, const char *text)
{
    size_t len = strlen(text), total = flow->tail_len + flow->len;
    for (size_t start = 0; start + len <= total; start++) {
        size_t i = 0;
        for (; i < len; i++) {
            size_t at = start + i;
            int c = at < flow->tail_len ? (unsigned char)flow->tail[at]
                                        : flow->chunk[at - flow->tail_len];
            if (toupper(c) != toupper((unsigned char)text[i]))
                break;
        }
        if (i == len)
            return true;
    }
    return false;
}

static void keep_tail(struct flow *flow, bool found)
{
    char joined[2 * PROXY_TEXT];
    size_t from_chunk = flow->len < PROXY_TEXT ? flow->len : PROXY_TEXT;

    if (found) { /* it must not be found again in what is kept of it */
        flow->tail_len = 0;
        return;
    }
    memcpy(joined, flow->tail, flow->tail_len);
    memcpy(joined + flow->tail_len, flow->chunk + flow->len - from_chunk, from_chunk);
    size_t total = flow->tail_len + from_chunk;
    size_t keep = total < PROXY_TEXT ? total : PROXY_TEXT;
    memcpy(flow->tail, joined + total - keep, keep);
    flow->tail_len = keep;
}

static unsigned next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)(*state % 1000);
}

struct verdict {
    bool act;
    proxy_when when;
    proxy_action action;
};

static struct verdict judge_on(struct flow *flow, struct faults *faults)
{
    struct verdict verdict = {false, faults->on.when, faults->on.action};
    bool found = sees(flow, faults->on.text);
    keep_tail(flow, found);
    if (!found || (faults->on.nth > 1 && faults->on.nth--))
        return verdict;
    verdict.act = true;
    if (!faults->on.always && --faults->on.times == 0)
        faults->on.armed = false;
    return verdict;
}

static struct verdict judge_random(struct flow *flow, struct faults *faults, proxy_stats *stats)
{
    struct verdict verdict = {false, PROXY_AFTER, PROXY_RST};
    bool found = sees(flow, "COMMIT");
    keep_tail(flow, found);
    if (!found)
        return verdict;
    unsigned drawn = next_random(&faults->random_state);
    verdict.act = drawn < faults->random_after + faults->random_before;
    if (drawn >= faults->random_after)
        verdict.when = PROXY_BEFORE;
    stats->random_after += verdict.act && verdict.when == PROXY_AFTER;
    stats->random_before += verdict.act && verdict.when == PROXY_BEFORE;
    return verdict;
}

/* Is there something to be done about this chunk? */
static struct verdict judge(struct flow *flow, struct faults *faults, proxy_stats *stats, int d)
{
    if (faults->on.armed && (int)faults->on.direction == d)
        return judge_on(flow, faults);
    if (!faults->on.armed && (faults->random_after || faults->random_before) && d == PROXY_C2S)
        return judge_random(flow, faults, stats);
    keep_tail(flow, false);
    return (struct verdict){.act = false};
}

static void plan(struct proxy_conn *conn, proxy_action action, int64_t at)
{
    conn->acting = true;
    conn->action = action;
    conn->act_ms = at;
}

/* ReadyForQuery is "Z", the length 5, and a status that is not looked at. It ends an answer: the
 * action need not wait longer. */
static bool answer_ends(struct proxy_conn *conn, const struct flow *flow)
{
    static const unsigned char ready[] = {'Z', 0, 0, 0, 5};
    bool ends = false;
    for (size_t i = 0; i < flow->len; i++) {
        if (conn->match == sizeof(ready)) {
            ends = i + 1 == flow->len;
            conn->match = 0;
        } else if (flow->chunk[i] == ready[conn->match]) {
            conn->match++;
        } else {
            conn->match = flow->chunk[i] == ready[0];
        }
    }
    return ends;
}

static void swallow(struct proxy_conn *conn, struct flow *flow, int64_t now)
{
    conn->act_ms = answer_ends(conn, flow) ? now : now + PAUSE_MS;
    flow->len = flow->stop = flow->sent = 0;
}

static void throw_away(struct proxy_conn *conn, int direction, int64_t now)
{
    conn->awaiting = direction;
    conn->flow[direction].discard = true;
    conn->match = 0;
    conn->act_ms = now + NO_ANSWER_MS;
}

/* What the faults make of a chunk that has just been read. */
static void consider(struct proxy_conn *conn, struct faults *faults, proxy_stats *stats, int d,
                     int64_t now)
{
    struct flow *flow = &conn->flow[d];
    uint64_t start = flow->seen;

    flow->seen += flow->len;
    stats->bytes[d] += flow->len;
    if (flow->discard) {
        swallow(conn, flow, now);
        return;
    }
    if (faults->corrupt.mask && (int)faults->corrupt.direction == d &&
        faults->corrupt.offset >= start && faults->corrupt.offset < flow->seen) {
        flow->chunk[faults->corrupt.offset - start] ^= faults->corrupt.mask;
        stats->cuts++;
    }
    if (faults->limit.armed && (int)faults->limit.direction == d && !flow->limited &&
        flow->seen >= faults->limit.n) {
        flow->limited = true;
        flow->stop = faults->limit.n > start ? (size_t)(faults->limit.n - start) : 0;
        plan(conn, faults->limit.action, now + ARRIVAL_MS);
    }
    struct verdict verdict = judge(flow, faults, stats, d);
    if (verdict.act) {
        plan(conn, verdict.action, now + ARRIVAL_MS);
        if (verdict.when == PROXY_BEFORE)
            flow->stop = 0;
        else if (verdict.action != PROXY_HOLD)
            throw_away(conn, 1 - d, now);
    }
    if (faults->delay_ms || faults->jitter_ms)
        flow->due_ms = now + faults->delay_ms +
                       (faults->jitter_ms ? (int64_t)(next_random(&faults->random_state) *
                                                      (unsigned)faults->jitter_ms / 1000)
                                          : 0);
}

static void read_some(struct proxy_conn *conn, struct faults *faults, proxy_stats *stats, int d,
                      int64_t now)
{
    struct flow *flow = &conn->flow[d];
    ssize_t n = read(conn->fd[d], flow->chunk, sizeof(flow->chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        proxy_conn_cut(conn, PROXY_RST);
        return;
    }
    if (n == 0) {
        flow->end = true;
        return;
    }
    flow->len = flow->stop = (size_t)n;
    flow->sent = 0;
    consider(conn, faults, stats, d, now);
}

static void write_some(struct proxy_conn *conn, const struct faults *faults, int d, int64_t now)
{
    struct flow *flow = &conn->flow[d];
    size_t n = flow->stop - flow->sent;
    if (faults->slice && n > faults->slice)
        n = faults->slice;
    ssize_t done = send(conn->fd[1 - d], flow->chunk + flow->sent, n, MSG_NOSIGNAL);
    if (done < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (done < 0) {
        proxy_conn_cut(conn, PROXY_RST);
        return;
    }
    flow->sent += (size_t)done;
    if (faults->slice && flow->sent < flow->stop)
        flow->due_ms = now + faults->slice_pause_ms;
}

static bool all_arrived(const struct proxy_conn *conn)
{
    for (int d = 0; d < 2; d++) {
        int queued = 0;
        if (conn->flow[d].sent < conn->flow[d].stop)
            return false;
        if (ioctl(conn->fd[1 - d], SIOCOUTQ, &queued) == 0 && queued > 0)
            return false;
    }
    return true;
}

/* What is still to be forwarded goes first, the answer that is thrown away is waited for. */
static bool may_act(const struct proxy_conn *conn, int64_t now)
{
    if (now >= conn->act_ms)
        return true;
    return conn->awaiting >= 0 ? conn->flow[conn->awaiting].end : all_arrived(conn);
}

static void act(struct proxy_conn *conn, proxy_stats *stats)
{
    stats->cuts++;
    conn->acting = false;
    if (conn->action == PROXY_HOLD)
        conn->held = true;
    else
        proxy_conn_cut(conn, conn->action);
}

void proxy_conn_release(struct proxy_conn *conn)
{
    conn->held = false;
    for (int d = 0; d < 2; d++)
        conn->flow[d].stop = conn->flow[d].len;
}

static void finish_connecting(struct proxy_conn *conn)
{
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(conn->fd[1], SOL_SOCKET, SO_ERROR, &error, &size);
    conn->connecting = false;
    if (error)
        conn->dead = conn->unreached = true;
}

static void pass_on_ends(struct proxy_conn *conn)
{
    for (int d = 0; d < 2; d++) {
        struct flow *flow = &conn->flow[d];
        if (flow->end && !flow->ended && flow->sent == flow->len) {
            shutdown(conn->fd[1 - d], SHUT_WR);
            flow->ended = true;
        }
    }
    if (conn->flow[0].ended && conn->flow[1].ended)
        proxy_conn_cut(conn, PROXY_FIN);
}

static void listen_for_end(struct proxy_conn *conn)
{
    unsigned char said[4096];
    ssize_t n = read(conn->fd[0], said, sizeof(said));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        proxy_conn_cut(conn, PROXY_RST);
}

void proxy_conn_step(struct proxy_conn *conn, struct faults *faults, proxy_stats *stats,
                     const struct pollfd fds[2], int64_t now)
{
    if (conn->mute && !conn->dead && fds[0].revents)
        listen_for_end(conn);
    if (conn->mute || conn->held || conn->dead)
        return;
    if (conn->connecting) {
        if (fds[1].revents)
            finish_connecting(conn);
        return;
    }
    for (int d = 0; d < 2 && !conn->dead; d++) {
        struct flow *flow = &conn->flow[d];
        if (silent(conn, faults, d))
            continue;
        if (flow->sent < flow->stop) {
            if (fds[1 - d].revents && flow->due_ms <= now)
                write_some(conn, faults, d, now);
        } else if (!flow->end && fds[d].revents & (POLLIN | POLLHUP | POLLERR) &&
                   fds[d].events & POLLIN) {
            read_some(conn, faults, stats, d, now);
        }
    }
    if (!conn->dead && conn->acting && may_act(conn, now))
        act(conn, stats);
    if (!conn->dead && !conn->held && !conn->acting)
        pass_on_ends(conn);
}
