/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proxy_conn.h"

enum { MAX_TIMES = 65536 };

struct test_proxy {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a command has taken effect, an action was done */
    int wake;
    int keeper; /* bound and never listening: the port stays ours while it is refused */
    int listener;
    int port;
    bool listen, reject, mute, stop;
    uint64_t asked, obeyed;
    struct sockaddr_in target;
    struct faults faults;
    struct proxy_conn *conns;
    size_t n_conns;
    proxy_stats stats;
    int64_t *times; /* of accepting, the last MAX_TIMES of them in a ring */
    struct pollfd *fds;
    size_t fds_room;
};

int64_t test_proxy_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the proxy's thread ---------------------------------------------------------------------- */

static int bound_socket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void open_or_close_port(test_proxy *proxy)
{
    if (!proxy->listen && proxy->listener >= 0) {
        close(proxy->listener);
        proxy->listener = -1;
    } else if (proxy->listen && proxy->listener < 0) {
        proxy->listener = bound_socket(proxy->port);
        if (proxy->listener < 0 || listen(proxy->listener, 256) != 0) {
            perror("test proxy: listening again");
            abort();
        }
    }
}

static void accept_some(test_proxy *proxy)
{
    int client;
    while ((client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct proxy_conn *conn = proxy_conn_new(client, &proxy->target, sizeof(proxy->target),
                                                 proxy->mute || proxy->reject);
        proxy->times[proxy->stats.accepted++ % MAX_TIMES] = test_proxy_now();
        if (!conn) {
            close(client);
            continue;
        }
        if (proxy->reject)
            conn->dead = true;
        conn->next = proxy->conns;
        proxy->conns = conn;
        proxy->n_conns++;
    }
}

static void bury(test_proxy *proxy)
{
    struct proxy_conn **link = &proxy->conns, *conn;
    while ((conn = *link)) {
        if (!conn->dead) {
            link = &conn->next;
            continue;
        }
        *link = conn->next;
        proxy->n_conns--;
        proxy->stats.unforwarded += conn->unreached;
        proxy_conn_cut(conn, PROXY_RST);
        proxy_conn_free(conn);
    }
}

/* Waits for something to do: the wake-up is entry 0, the listener 1, then two a connection. */
static void wait_for_work(test_proxy *proxy)
{
    size_t n = 2, wanted = 2 + 2 * proxy->n_conns;
    int64_t now = test_proxy_now(), until = INT64_MAX;

    if (wanted > proxy->fds_room) {
        struct pollfd *more = realloc(proxy->fds, 2 * wanted * sizeof(*more));
        if (!more)
            abort();
        proxy->fds = more;
        proxy->fds_room = 2 * wanted;
    }
    proxy->fds[0] = (struct pollfd){.fd = proxy->wake, .events = POLLIN};
    proxy->fds[1] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (const struct proxy_conn *conn = proxy->conns; conn; conn = conn->next, n += 2) {
        int64_t due = proxy_conn_poll(conn, &proxy->faults, &proxy->fds[n], now);
        if (due < until)
            until = due;
    }
    int timeout = until == INT64_MAX ? -1 : until <= now ? 0 : (int)(until - now);
    pthread_mutex_unlock(&proxy->lock);
    poll(proxy->fds, (nfds_t)n, timeout);
    pthread_mutex_lock(&proxy->lock);
}

static void work(test_proxy *proxy)
{
    uint64_t woken, cuts = proxy->stats.cuts;
    int64_t now = test_proxy_now();
    size_t n = 2;

    if (proxy->fds[0].revents && read(proxy->wake, &woken, sizeof(woken)) < 0)
        perror("test proxy: wake-up");
    for (struct proxy_conn *conn = proxy->conns; conn; conn = conn->next, n += 2)
        proxy_conn_step(conn, &proxy->faults, &proxy->stats, &proxy->fds[n], now);
    if (proxy->fds[1].revents && proxy->listener >= 0 && proxy->listen)
        accept_some(proxy);
    bury(proxy);
    if (cuts != proxy->stats.cuts)
        pthread_cond_broadcast(&proxy->changed);
}

static void *run(void *arg)
{
    test_proxy *proxy = arg;
    pthread_mutex_lock(&proxy->lock);
    while (!proxy->stop) {
        open_or_close_port(proxy);
        bury(proxy);
        proxy->obeyed = proxy->asked;
        pthread_cond_broadcast(&proxy->changed);
        wait_for_work(proxy);
        work(proxy);
    }
    pthread_mutex_unlock(&proxy->lock);
    return NULL;
}

/* ---- its life ---------------------------------------------------------------------------------
 */

static void set_target(test_proxy *proxy, const char *host, int port)
{
    proxy->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &proxy->target.sin_addr) != 1) {
        fprintf(stderr, "test proxy: \"%s\" is not a numeric address\n", host);
        abort();
    }
}

static void dispose(test_proxy *proxy)
{
    while (proxy->conns) {
        struct proxy_conn *conn = proxy->conns;
        proxy->conns = conn->next;
        proxy_conn_cut(conn, PROXY_RST);
        proxy_conn_free(conn);
    }
    if (proxy->listener >= 0)
        close(proxy->listener);
    if (proxy->keeper >= 0)
        close(proxy->keeper);
    if (proxy->wake >= 0)
        close(proxy->wake);
    pthread_mutex_destroy(&proxy->lock);
    pthread_cond_destroy(&proxy->changed);
    free(proxy->times);
    free(proxy->fds);
    free(proxy);
}

static void init_lock(test_proxy *proxy)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&proxy->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&proxy->lock, NULL);
}

static test_proxy *start(int listener, const char *host, int port)
{
    test_proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    if (!proxy)
        return NULL;
    init_lock(proxy);
    set_target(proxy, host, port);
    proxy->listen = true;
    proxy->listener = listener;
    proxy->times = calloc(MAX_TIMES, sizeof(*proxy->times));
    proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    proxy->keeper = listener < 0 ? bound_socket(0) : -1;
    if (proxy->times && proxy->wake >= 0 && (listener >= 0 || proxy->keeper >= 0) &&
        getsockname(listener >= 0 ? listener : proxy->keeper, (struct sockaddr *)&address, &size) ==
            0) {
        proxy->port = ntohs(address.sin_port);
        open_or_close_port(proxy);
        if (pthread_create(&proxy->thread, NULL, run, proxy) == 0)
            return proxy;
    }
    perror("test proxy: starting");
    dispose(proxy);
    return NULL;
}

test_proxy *test_proxy_start(const char *host, int port)
{
    return start(-1, host, port);
}

test_proxy *test_proxy_start_on(int listener, const char *host, int port)
{
    return start(listener, host, port);
}

/* Commands: the change is made under the lock, and the thread has seen it when end() returns. */
static void begin(test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
}

static void wake(const test_proxy *proxy)
{
    static const uint64_t one = 1;
    if (write(proxy->wake, &one, sizeof(one)) < 0)
        perror("test proxy: waking it");
}

static void end(test_proxy *proxy)
{
    uint64_t mine = ++proxy->asked;
    wake(proxy);
    while (proxy->obeyed < mine)
        pthread_cond_wait(&proxy->changed, &proxy->lock);
    pthread_mutex_unlock(&proxy->lock);
}

void test_proxy_stop(test_proxy *proxy)
{
    if (!proxy)
        return;
    pthread_mutex_lock(&proxy->lock);
    proxy->stop = true;
    wake(proxy);
    pthread_mutex_unlock(&proxy->lock);
    pthread_join(proxy->thread, NULL);
    dispose(proxy);
}

int test_proxy_port(const test_proxy *proxy)
{
    return proxy->port;
}

void test_proxy_target(test_proxy *proxy, const char *host, int port)
{
    begin(proxy);
    set_target(proxy, host, port);
    end(proxy);
}

/* ---- faults -----------------------------------------------------------------------------------
 */

static void release_all(test_proxy *proxy)
{
    proxy->faults.hold[0] = proxy->faults.hold[1] = false;
    for (struct proxy_conn *conn = proxy->conns; conn; conn = conn->next)
        if (conn->held)
            proxy_conn_release(conn);
}

void test_proxy_pass(test_proxy *proxy)
{
    begin(proxy);
    uint64_t random_state = proxy->faults.random_state;
    release_all(proxy);
    memset(&proxy->faults, 0, sizeof(proxy->faults));
    proxy->faults.random_state = random_state;
    proxy->listen = true;
    proxy->reject = proxy->mute = false;
    end(proxy);
}

void test_proxy_refuse(test_proxy *proxy)
{
    begin(proxy);
    proxy->listen = false;
    end(proxy);
}

void test_proxy_accept(test_proxy *proxy)
{
    begin(proxy);
    proxy->listen = true;
    proxy->reject = proxy->mute = false;
    end(proxy);
}

void test_proxy_reject(test_proxy *proxy)
{
    begin(proxy);
    proxy->reject = true;
    end(proxy);
}

void test_proxy_mute(test_proxy *proxy)
{
    begin(proxy);
    proxy->mute = true;
    end(proxy);
}

void test_proxy_break(test_proxy *proxy, proxy_action action)
{
    begin(proxy);
    for (struct proxy_conn *conn = proxy->conns; conn; conn = conn->next) {
        if (action == PROXY_HOLD)
            conn->held = true;
        else
            proxy_conn_cut(conn, action);
    }
    end(proxy);
}

void test_proxy_hold(test_proxy *proxy)
{
    begin(proxy);
    proxy->faults.hold[0] = proxy->faults.hold[1] = true;
    end(proxy);
}

void test_proxy_hold_half(test_proxy *proxy, proxy_direction direction)
{
    begin(proxy);
    proxy->faults.hold[direction] = true;
    end(proxy);
}

void test_proxy_release(test_proxy *proxy)
{
    begin(proxy);
    release_all(proxy);
    end(proxy);
}

void test_proxy_delay(test_proxy *proxy, int ms, int jitter_ms)
{
    begin(proxy);
    proxy->faults.delay_ms = ms;
    proxy->faults.jitter_ms = jitter_ms;
    if (!proxy->faults.random_state)
        proxy->faults.random_state = 1;
    end(proxy);
}

void test_proxy_slice(test_proxy *proxy, size_t bytes, int pause_ms)
{
    begin(proxy);
    proxy->faults.slice = bytes;
    proxy->faults.slice_pause_ms = pause_ms;
    end(proxy);
}

void test_proxy_limit(test_proxy *proxy, proxy_direction direction, uint64_t n, proxy_action action)
{
    begin(proxy);
    proxy->faults.limit.armed = true;
    proxy->faults.limit.direction = direction;
    proxy->faults.limit.n = n;
    proxy->faults.limit.action = action;
    end(proxy);
}

void test_proxy_corrupt(test_proxy *proxy, proxy_direction direction, uint64_t offset,
                        unsigned char mask)
{
    begin(proxy);
    proxy->faults.corrupt.direction = direction;
    proxy->faults.corrupt.offset = offset;
    proxy->faults.corrupt.mask = mask;
    end(proxy);
}

void test_proxy_on(test_proxy *proxy, proxy_direction direction, const char *text, proxy_when when,
                   proxy_action action, unsigned nth, unsigned times)
{
    if (!text[0] || strlen(text) > PROXY_TEXT) {
        fprintf(stderr, "test proxy: a text has 1 to %d bytes\n", PROXY_TEXT);
        abort();
    }
    begin(proxy);
    proxy->faults.on.armed = true;
    proxy->faults.on.always = times == 0;
    proxy->faults.on.direction = direction;
    snprintf(proxy->faults.on.text, sizeof(proxy->faults.on.text), "%s", text);
    proxy->faults.on.when = when;
    proxy->faults.on.action = action;
    proxy->faults.on.nth = nth;
    proxy->faults.on.times = times;
    end(proxy);
}

void test_proxy_random(test_proxy *proxy, uint64_t seed, unsigned after, unsigned before)
{
    begin(proxy);
    proxy->faults.random_state = seed * 2654435761u + 88172645463325252u; /* never 0 */
    proxy->faults.random_after = after;
    proxy->faults.random_before = before;
    end(proxy);
}

/* ---- figures ----------------------------------------------------------------------------------
 */

void test_proxy_stats(test_proxy *proxy, proxy_stats *ret)
{
    pthread_mutex_lock(&proxy->lock);
    *ret = proxy->stats;
    ret->open = (uint32_t)proxy->n_conns;
    for (const struct proxy_conn *conn = proxy->conns; conn; conn = conn->next)
        ret->held += conn->held;
    pthread_mutex_unlock(&proxy->lock);
}

uint64_t test_proxy_seen(test_proxy *proxy, proxy_direction direction)
{
    pthread_mutex_lock(&proxy->lock);
    uint64_t seen = proxy->conns ? proxy->conns->flow[direction].seen : 0;
    pthread_mutex_unlock(&proxy->lock);
    return seen;
}

bool test_proxy_wait_cuts(test_proxy *proxy, uint64_t cuts, int timeout_ms)
{
    int64_t until = test_proxy_now() + timeout_ms;
    struct timespec at = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
    int waited = 0;

    pthread_mutex_lock(&proxy->lock);
    while (proxy->stats.cuts < cuts && waited == 0)
        waited = pthread_cond_timedwait(&proxy->changed, &proxy->lock, &at);
    bool there = proxy->stats.cuts >= cuts;
    pthread_mutex_unlock(&proxy->lock);
    return there;
}

static uint64_t oldest_kept(const test_proxy *proxy)
{
    return proxy->stats.accepted > MAX_TIMES ? proxy->stats.accepted - MAX_TIMES : 0;
}

unsigned test_proxy_busiest(test_proxy *proxy, int64_t since_ms, int window_ms)
{
    unsigned most = 0, n = 0;

    pthread_mutex_lock(&proxy->lock);
    uint64_t first = oldest_kept(proxy);
    for (uint64_t i = first; i < proxy->stats.accepted; i++) {
        if (proxy->times[i % MAX_TIMES] < since_ms) {
            first = i + 1;
            continue;
        }
        while (proxy->times[first % MAX_TIMES] <= proxy->times[i % MAX_TIMES] - window_ms)
            first++;
        n = (unsigned)(i - first + 1);
        most = n > most ? n : most;
    }
    pthread_mutex_unlock(&proxy->lock);
    return most;
}

unsigned test_proxy_accepted_since(test_proxy *proxy, int64_t since_ms)
{
    unsigned n = 0;
    pthread_mutex_lock(&proxy->lock);
    for (uint64_t i = proxy->stats.accepted; i > oldest_kept(proxy); i--)
        n += proxy->times[(i - 1) % MAX_TIMES] >= since_ms;
    pthread_mutex_unlock(&proxy->lock);
    return n;
}
