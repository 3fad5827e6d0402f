/* SPDX-License-Identifier: MIT */
/*
 * A cable that is cut: neither FIN nor RST, by the kernel's own network. The proxy listens in a
 * network namespace behind a pair of virtual devices, and the far end of it is taken down.
 */
#define _GNU_SOURCE /* setns */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/cell.h"

/* Names of this process alone. */
static char space[32], near_end[16], far_end[16], far_address[32];
static bool made;

static bool sh(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool sh(const char *format, ...)
{
    char command[256];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return system(command) == 0; /* NOLINT: words of this file only */
}

/* On a thread of its own, because the namespace is the thread's. */
static void *listen_there(void *arg)
{
    int *ret = arg;
    char path[64];
    snprintf(path, sizeof(path), "/run/netns/%s", space);
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (ns < 0 || setns(ns, CLONE_NEWNET) != 0)
        return NULL;
    close(ns);
    inet_pton(AF_INET, far_address, &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        listen(fd, 64) == 0)
        *ret = fd;
    return NULL;
}

static bool make_network(void)
{
    int n = (int)getpid() % 16384;
    snprintf(space, sizeof(space), "tenon-test-%d", (int)getpid());
    snprintf(near_end, sizeof(near_end), "tnn%d", (int)getpid());
    snprintf(far_end, sizeof(far_end), "tnf%d", (int)getpid());
    snprintf(far_address, sizeof(far_address), "10.%d.%d.%d", 77 + n / 4096, n / 64 % 64,
             n % 64 * 4 + 2);
    made = sh("ip netns add %s 2>/dev/null", space);
    return made && sh("ip link add %s type veth peer name %s netns %s", near_end, far_end, space) &&
           sh("ip addr add 10.%d.%d.%d/30 dev %s", 77 + n / 4096, n / 64 % 64, n % 64 * 4 + 1,
              near_end) &&
           sh("ip -n %s addr add %s/30 dev %s", space, far_address, far_end) &&
           sh("ip link set %s up", near_end) && sh("ip -n %s link set %s up", space, far_end) &&
           sh("ip -n %s link set lo up", space);
}

static void drop_network(void)
{
    if (made)
        sh("ip netns del %s", space); /* and the devices with it */
    made = false;
}

static bool cut(void)
{
    return sh("ip -n %s link set %s down", space, far_end);
}

static bool heal(void)
{
    return sh("ip -n %s link set %s up", space, far_end);
}

static int set_up(void **state)
{
    int fd = -1;
    pthread_t thread;
    (void)state;
    if (stage_set_up((const char *const[]){"client_connection_check_interval=100ms", NULL}) != 0)
        return -1;
    if (!make_network())
        return 0; /* the cases skip */
    pthread_create(&thread, NULL, listen_there, &fd);
    pthread_join(thread, NULL);
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return -1;
    test_proxy_stop(stage.proxy);
    stage.proxy = test_proxy_start_on(fd, "127.0.0.1", stage.server.port);
    snprintf(stage.url, sizeof(stage.url),
             "postgresql://app:" CELL_PASSWORD "@%s:%d/app?sslmode=disable&tcp_user_timeout=1500",
             far_address, ntohs(address.sin_port));
    return stage.proxy ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    drop_network();
    return stage_tear_down();
}

static int after_each(void **state)
{
    if (made)
        heal();
    return stage_after_each(state);
}

static tn_db *open_there(void)
{
    tn_error err = TN_ERROR_INIT;
    if (!made) {
        puts("skip: a network namespace cannot be made here (that needs root and iproute2)");
        skip();
    }
    tn_db *db = stage_open(stage.url, NULL, &err);
    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    cell_backend_of(db);
    return db;
}

static void is_well_again(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats stats;
    int32_t one = 0;
    int64_t began = test_proxy_now();
    assert_true(heal());
    /* The kernel may have to find its neighbour anew, and an attempt may be under way. */
    cell_expect_ok(tn_get(db, "select 1", NULL, tn_into(&one), &err), &err, "after the cut");
    print_message("well again %lld ms after the cable\n", (long long)(test_proxy_now() - began));
    assert_true(test_proxy_now() - began <= CONNECT_TIMEOUT + 1000 + SLACK_MS);
    tn_db_pool_stats(db, &stats);
    assert_int_equal(stats.in_use, 0);
    cell_expect_ok(tn_db_close(db, &err), &err, "closing");
}

/* The statement's own deadline ends it, though nothing is heard of the server. */
static void a_query_ends_by_its_deadline(void **state)
{
    enum { DEADLINE_MS = 700 };
    struct job job;
    (void)state;
    tn_db *db = open_there();
    job_start(&job, db, "select pg_sleep(30)", DEADLINE_MS);
    cell_wait_active("select pg_sleep(30)%");
    int64_t began = test_proxy_now();
    assert_true(cut());
    job_join(&job);
    assert_true(job.status == TN_TIMEOUT || job.status == TN_LOST);
    assert_true(job.err.discarded);
    cell_in_time(began, job.ended_ms, DEADLINE_MS);
    is_well_again(db);
}

/* Without a deadline the kernel tells, because tcp_user_timeout was set: when something was sent.
 */
static void a_statement_into_silence_is_lost(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx;
    (void)state;
    tn_db *db = open_there();
    cell_expect_ok(tn_begin(db, NULL, &tx, &err), &err, "begin");
    cell_expect_ok(tn_exec(tx, "insert into ledger values (1)", NULL, NULL, &err), &err, "insert");
    assert_true(cut());
    int64_t began = test_proxy_now();
    tn_status status = tn_exec(tx, "insert into ledger values (2)", NULL, NULL, &err);
    print_message("silence was told after %lld ms\n", (long long)(test_proxy_now() - began));
    assert_int_equal(status, TN_LOST);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_true(test_proxy_now() - began <= 1500 * 3 + SLACK_MS);
    cell_expect_ok(tn_rollback(tx, &err), &err, "rollback");
    is_well_again(db);
}

/* An idle connection that was cut is found out when it is wanted; a borrower ends by his time. */
static void a_borrower_ends_by_his_time(void **state)
{
    static const int patience = 1000;
    tn_error err = TN_ERROR_INIT;
    tn_call call = TN_CALL_INIT;
    int32_t one;
    (void)state;
    tn_db *db = open_there();
    assert_true(cut());
    call.timeout_ms = patience;
    int64_t began = test_proxy_now();
    tn_status status = tn_get_with(db, &call, "select 1", NULL, tn_into(&one), &err);
    assert_int_not_equal(status, TN_OK);
    cell_in_time(began, test_proxy_now(), POOL_TIMEOUT);
    is_well_again(db);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_query_ends_by_its_deadline, after_each),
        cmocka_unit_test_teardown(a_statement_into_silence_is_lost, after_each),
        cmocka_unit_test_teardown(a_borrower_ends_by_his_time, after_each),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("partition", tests, set_up, tear_down);
}
