/* SPDX-License-Identifier: MIT */
/*
 * A TCP proxy within the test program that breaks connections on purpose. One thread forwards
 * between a free port of the loopback interface and a server; the test tells it what to break.
 *
 * Each function has taken effect when it returns. Any thread may call them. TLS hides texts from
 * the proxy: test_proxy_on() and test_proxy_random() want plain connections, all else works on any.
 */
#ifndef TENON_TEST_PROXY_H
#define TENON_TEST_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_proxy test_proxy;

/* Client to server, server to client. */
typedef enum proxy_direction { PROXY_C2S = 0, PROXY_S2C = 1 } proxy_direction;

/* What happens to a connection, both of its sides: reset, closed in order, or silence. */
typedef enum proxy_action { PROXY_RST = 0, PROXY_FIN, PROXY_HOLD } proxy_action;

/*
 * BEFORE: what was read together with the text is not forwarded. AFTER: it is forwarded and the
 * other side does its work; its answer (up to PostgreSQL's ReadyForQuery, else up to a pause) is
 * thrown away. With PROXY_HOLD nothing is thrown away, only kept until test_proxy_release().
 */
typedef enum proxy_when { PROXY_BEFORE = 0, PROXY_AFTER } proxy_when;

typedef struct proxy_stats {
    uint64_t accepted;    /* connections, those to a dead server included */
    uint64_t unforwarded; /* of them, those whose server could not be reached */
    uint32_t open;        /* now */
    uint32_t held;        /* of them, those that PROXY_HOLD keeps silent */
    uint64_t bytes[2];    /* read, each way */
    uint64_t cuts;        /* actions done by limit, on and random; random counts apart, too: */
    uint64_t random_after, random_before;
} proxy_stats;

/* Forwards to host (a numeric IPv4 address) and port. NULL, with the reason on stderr, on failure.
 * Ended with test_proxy_stop(). */
test_proxy *test_proxy_start(const char *host, int port);
/* The same on a socket that listens already, wherever that is; it is taken over. Such a proxy
 * cannot refuse. */
test_proxy *test_proxy_start_on(int listener, const char *host, int port);
/* Resets what is open and frees it. NULL is fine. */
void test_proxy_stop(test_proxy *proxy);

int test_proxy_port(const test_proxy *proxy);
/* Where connections go from now on. */
void test_proxy_target(test_proxy *proxy, const char *host, int port);

/* Forgets all faults, listens, forwards what was kept. Connections that were accepted while mute
 * stay so. */
void test_proxy_pass(test_proxy *proxy);

/* The port answers "connection refused" (such attempts are not counted), and the way back. */
void test_proxy_refuse(test_proxy *proxy);
void test_proxy_accept(test_proxy *proxy);
/* New connections are accepted and then reset at once: refused, but counted. */
void test_proxy_reject(test_proxy *proxy);
/* New connections are accepted and nothing is ever said on them. */
void test_proxy_mute(test_proxy *proxy);

/* RST or FIN on every connection that is open now. */
void test_proxy_break(test_proxy *proxy, proxy_action action);

/* A partition: nothing is forwarded, no FIN, no RST; new connections are accepted by the kernel
 * and hear nothing. Half: only this direction is silent. */
void test_proxy_hold(test_proxy *proxy);
void test_proxy_hold_half(test_proxy *proxy, proxy_direction direction);
void test_proxy_release(test_proxy *proxy);

/* Waits so long (+ a random part of jitter) before each piece that it forwards. */
void test_proxy_delay(test_proxy *proxy, int ms, int jitter_ms);
/* Forwards so many bytes at a time, with a pause between; 0: as they come. */
void test_proxy_slice(test_proxy *proxy, size_t bytes, int pause_ms);

/* On each connection: after exactly n bytes of this direction, counted from its beginning. Once
 * for each connection; until test_proxy_pass(). */
void test_proxy_limit(test_proxy *proxy, proxy_direction direction, uint64_t n,
                      proxy_action action);
/* Changes the byte at this offset of each connection: xor mask. mask 0: no more. */
void test_proxy_corrupt(test_proxy *proxy, proxy_direction direction, uint64_t offset,
                        unsigned char mask);

/*
 * When text (any case, at most 63 bytes) passes in this direction, also in pieces. Acts on sighting
 * nth (1: the first) and then on each until times actions are done (0: always). One at a time.
 */
void test_proxy_on(test_proxy *proxy, proxy_direction direction, const char *text, proxy_when when,
                   proxy_action action, unsigned nth, unsigned times);
/* Each COMMIT of a client: of a thousand so many have their answer lost, so many are never sent;
 * then RST. Equal seeds give equal choices. Both 0: no more. */
void test_proxy_random(test_proxy *proxy, uint64_t seed, unsigned after, unsigned before);

void test_proxy_stats(test_proxy *proxy, proxy_stats *ret);
/* Bytes that the newest open connection has carried in this direction. */
uint64_t test_proxy_seen(test_proxy *proxy, proxy_direction direction);
/* Waits until so many actions were done in all; false after timeout_ms. */
bool test_proxy_wait_cuts(test_proxy *proxy, uint64_t cuts, int timeout_ms);
/* The most connections accepted within any stretch of window_ms since since_ms (both of the
 * monotonic clock, test_proxy_now()). */
unsigned test_proxy_busiest(test_proxy *proxy, int64_t since_ms, int window_ms);
/* Connections accepted since then. */
unsigned test_proxy_accepted_since(test_proxy *proxy, int64_t since_ms);
int64_t test_proxy_now(void);

#endif
