/* SPDX-License-Identifier: MIT */
/* The proxy itself: what a fault of it looks like from both ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/proxy.h"

/* What must come comes within this; what must not is waited for so long. */
enum { SOON_MS = 10000, SILENCE_MS = 60 };

static test_proxy *proxy;
static int listener = -1, server_port;

struct ends {
    int client, server;
};

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, timeout_ms) > 0;
}

static struct ends connected(void)
{
    struct ends ends = {.client = dial(test_proxy_port(proxy)), .server = -1};
    assert_true(ends.client >= 0);
    assert_true(readable(listener, SOON_MS));
    ends.server = accept(listener, NULL, NULL);
    assert_true(ends.server >= 0);
    return ends;
}

static void closed(struct ends ends)
{
    close(ends.client);
    close(ends.server);
}

static void say(int fd, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

static void say_bytes(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

/* Reads exactly this text. */
static void hears(int fd, const char *text)
{
    char buf[256];
    size_t len = strlen(text), got = 0;
    assert_true(len < sizeof(buf));
    while (got < len) {
        assert_true(readable(fd, SOON_MS));
        ssize_t n = read(fd, buf + got, len - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    buf[len] = '\0';
    assert_string_equal(buf, text);
}

static void hears_nothing(int fd)
{
    assert_false(readable(fd, SILENCE_MS));
}

static void hears_end(int fd)
{
    char byte;
    assert_true(readable(fd, SOON_MS));
    assert_int_equal(read(fd, &byte, 1), 0);
}

static void hears_reset(int fd)
{
    char byte;
    assert_true(readable(fd, SOON_MS));
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

static proxy_stats figures(void)
{
    proxy_stats stats;
    test_proxy_stats(proxy, &stats);
    return stats;
}

/* ---- without faults ---------------------------------------------------------------------------
 */

static void forwards_both_ways(void **state)
{
    struct ends ends = connected();
    (void)state;
    say(ends.client, "ping");
    hears(ends.server, "ping");
    say(ends.server, "pong!");
    hears(ends.client, "pong!");
    assert_int_equal(figures().bytes[PROXY_C2S], 4);
    assert_int_equal(figures().bytes[PROXY_S2C], 5);
    assert_int_equal(figures().accepted, 1);
    assert_int_equal(figures().open, 1);
    closed(ends);
}

static void forwards_more_than_a_buffer(void **state)
{
    enum { MANY = 4 << 20 };
    struct ends ends = connected();
    unsigned char *out = malloc(MANY), *in = malloc(MANY);
    size_t sent = 0, got = 0;
    (void)state;
    assert_true(out && in);
    for (size_t i = 0; i < MANY; i++)
        out[i] = (unsigned char)(i * 31 + i / 251);
    while (got < MANY) {
        struct pollfd fds[2] = {{.fd = ends.client, .events = sent < MANY ? POLLOUT : 0},
                                {.fd = ends.server, .events = POLLIN}};
        assert_true(poll(fds, 2, SOON_MS) > 0);
        if (fds[0].revents & POLLOUT)
            sent += (size_t)send(ends.client, out + sent, MANY - sent, MSG_DONTWAIT);
        if (fds[1].revents & POLLIN)
            got += (size_t)read(ends.server, in + got, MANY - got);
    }
    assert_memory_equal(in, out, MANY);
    free(out);
    free(in);
    closed(ends);
}

static void passes_an_end_on(void **state)
{
    struct ends ends = connected();
    (void)state;
    say(ends.client, "last");
    shutdown(ends.client, SHUT_WR);
    hears(ends.server, "last");
    hears_end(ends.server);
    say(ends.server, "still");
    hears(ends.client, "still");
    close(ends.server);
    hears_end(ends.client);
    close(ends.client);
}

static void passes_a_reset_on(void **state)
{
    static const struct linger now = {.l_onoff = 1, .l_linger = 0};
    struct ends ends = connected();
    (void)state;
    setsockopt(ends.server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(ends.server);
    hears_reset(ends.client);
    close(ends.client);
}

/* ---- connecting -------------------------------------------------------------------------------
 */

static void refuses_and_accepts_again(void **state)
{
    (void)state;
    test_proxy_refuse(proxy);
    assert_int_equal(dial(test_proxy_port(proxy)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(figures().accepted, 0);
    test_proxy_accept(proxy);
    closed(connected());
    assert_int_equal(figures().accepted, 1);
}

static void leaves_open_ones_when_it_refuses(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_refuse(proxy);
    say(ends.client, "still there");
    hears(ends.server, "still there");
    closed(ends);
}

static void rejects_and_counts(void **state)
{
    int64_t since = test_proxy_now();
    (void)state;
    test_proxy_reject(proxy);
    for (int i = 0; i < 3; i++) {
        int fd = dial(test_proxy_port(proxy));
        if (fd < 0) /* the reset was faster than connect() */
            continue;
        hears_reset(fd);
        close(fd);
    }
    assert_int_equal(figures().accepted, 3);
    assert_int_equal(test_proxy_accepted_since(proxy, since), 3);
    assert_false(readable(listener, 0));
}

static void a_server_that_is_away_is_a_reset(void **state)
{
    int spare = dial(server_port); /* fills nothing: only shows that it is there */
    (void)state;
    assert_true(spare >= 0);
    close(spare);
    close(accept(listener, NULL, NULL));
    test_proxy_target(proxy, "127.0.0.1", 1);
    int fd = dial(test_proxy_port(proxy));
    if (fd >= 0) {
        hears_reset(fd);
        close(fd);
    }
    while (figures().open)
        poll(NULL, 0, 1);
    assert_int_equal(figures().unforwarded, 1);
    test_proxy_target(proxy, "127.0.0.1", server_port);
    closed(connected());
}

static void mute_says_nothing(void **state)
{
    (void)state;
    test_proxy_mute(proxy);
    int fd = dial(test_proxy_port(proxy));
    assert_true(fd >= 0);
    say(fd, "hello?");
    hears_nothing(fd);
    assert_false(readable(listener, 0));
    close(fd);
}

static void counts_attempts_by_time(void **state)
{
    int64_t before = test_proxy_now();
    (void)state;
    for (int i = 0; i < 4; i++)
        closed(connected());
    assert_int_equal(test_proxy_busiest(proxy, before, 60000), 4);
    assert_int_equal(test_proxy_accepted_since(proxy, before), 4);
    assert_int_equal(test_proxy_busiest(proxy, test_proxy_now() + 1000, 60000), 0);
    for (int64_t now = test_proxy_now(); test_proxy_now() < now + 30;)
        poll(NULL, 0, 5);
    int64_t later = test_proxy_now();
    closed(connected());
    assert_int_equal(test_proxy_busiest(proxy, later, 60000), 1);
    assert_true(test_proxy_busiest(proxy, before, 10) <= 4);
    assert_int_equal(test_proxy_busiest(proxy, before, 60000), 5);
}

/* ---- breaking ---------------------------------------------------------------------------------
 */

static void resets_all(void **state)
{
    struct ends one = connected(), two = connected();
    (void)state;
    test_proxy_break(proxy, PROXY_RST);
    hears_reset(one.client);
    hears_reset(one.server);
    hears_reset(two.client);
    hears_reset(two.server);
    closed(one);
    closed(two);
    assert_int_equal(figures().open, 0);
    closed(connected());
}

static void ends_all(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_break(proxy, PROXY_FIN);
    hears_end(ends.client);
    hears_end(ends.server);
    closed(ends);
}

static void holds_and_releases(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_hold(proxy);
    say(ends.client, "up");
    say(ends.server, "down");
    hears_nothing(ends.server);
    hears_nothing(ends.client);
    test_proxy_release(proxy);
    hears(ends.server, "up");
    hears(ends.client, "down");
    closed(ends);
}

static void holds_an_end_back_too(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_hold(proxy);
    close(ends.server);
    hears_nothing(ends.client);
    test_proxy_release(proxy);
    hears_end(ends.client);
    close(ends.client);
}

static void holds_one_way_only(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_hold_half(proxy, PROXY_S2C);
    say(ends.client, "heard");
    hears(ends.server, "heard");
    say(ends.server, "not heard");
    hears_nothing(ends.client);
    test_proxy_pass(proxy);
    hears(ends.client, "not heard");
    closed(ends);
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

static void delays(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_delay(proxy, 80, 0);
    int64_t start = test_proxy_now();
    say(ends.client, "late");
    hears(ends.server, "late");
    assert_true(test_proxy_now() - start >= 79);
    closed(ends);
}

static void slices(void **state)
{
    struct ends ends = connected();
    char byte[8];
    (void)state;
    test_proxy_slice(proxy, 1, 30);
    int64_t start = test_proxy_now();
    say(ends.client, "abc");
    assert_true(readable(ends.server, SOON_MS));
    assert_int_equal(read(ends.server, byte, 1), 1);
    hears(ends.server, "bc");
    assert_true(test_proxy_now() - start >= 59);
    closed(ends);
}

static void limits_to_the_byte(void **state)
{
    static const proxy_action actions[] = {PROXY_RST, PROXY_FIN};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ends ends = connected();
        test_proxy_limit(proxy, PROXY_S2C, 5, actions[i]);
        say(ends.server, "abc");
        hears(ends.client, "abc");
        say(ends.server, "defg");
        hears(ends.client, "de");
        if (actions[i] == PROXY_RST)
            hears_reset(ends.client);
        else
            hears_end(ends.client);
        closed(ends);
    }
    assert_int_equal(figures().cuts, 2);
}

static void limits_and_holds(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_limit(proxy, PROXY_C2S, 2, PROXY_HOLD);
    say(ends.client, "abcd");
    hears(ends.server, "ab");
    assert_true(test_proxy_wait_cuts(proxy, 1, SOON_MS));
    assert_int_equal(figures().held, 1);
    say(ends.server, "x");
    hears_nothing(ends.client);
    hears_nothing(ends.server);
    test_proxy_release(proxy);
    hears(ends.server, "cd");
    hears(ends.client, "x");
    say(ends.client, "more"); /* only once */
    hears(ends.server, "more");
    closed(ends);
}

static void corrupts_one_byte(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_corrupt(proxy, PROXY_S2C, 4, 0x20);
    say(ends.server, "abc");
    say(ends.client, "abcdefg");
    hears(ends.client, "abc");
    hears(ends.server, "abcdefg");
    say(ends.server, "defg");
    hears(ends.client, "dEfg");
    assert_int_equal(figures().cuts, 1);
    closed(ends);
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static void cuts_before_a_text(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_on(proxy, PROXY_C2S, "COMMIT", PROXY_BEFORE, PROXY_RST, 1, 1);
    say(ends.client, "insert;");
    hears(ends.server, "insert;");
    say(ends.client, "commit;");
    hears_reset(ends.client);
    hears_reset(ends.server); /* and no text before it */
    closed(ends);
    ends = connected(); /* once only */
    say(ends.client, "commit;");
    hears(ends.server, "commit;");
    closed(ends);
}

static void throws_the_answer_away(void **state)
{
    static const unsigned char answer[] = {'C', 0,   0, 0,   11, 'C', 'O', 'M', 'M',
                                           'I', 'T', 0, 'Z', 0,  0,   0,   5,   'I'};
    struct ends ends = connected();
    (void)state;
    test_proxy_on(proxy, PROXY_C2S, "COMMIT", PROXY_AFTER, PROXY_RST, 1, 1);
    say(ends.client, "COMMIT");
    hears(ends.server, "COMMIT");
    hears_nothing(ends.client); /* it waits for the answer */
    int64_t start = test_proxy_now();
    say_bytes(ends.server, answer, 8);
    say_bytes(ends.server, answer + 8, sizeof(answer) - 8);
    hears_reset(ends.client);
    assert_true(test_proxy_now() - start < SOON_MS);
    hears_reset(ends.server);
    assert_int_equal(figures().cuts, 1);
    closed(ends);
}

static void an_answer_without_an_end_is_waited_for_a_while(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_on(proxy, PROXY_C2S, "do", PROXY_AFTER, PROXY_FIN, 1, 1);
    say(ends.client, "do");
    hears(ends.server, "do");
    say(ends.server, "done");
    hears_end(ends.client);
    hears_end(ends.server);
    closed(ends);
}

static void sees_a_text_in_pieces(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_on(proxy, PROXY_S2C, "secret", PROXY_BEFORE, PROXY_FIN, 1, 1);
    say(ends.server, "the sec");
    hears(ends.client, "the sec");
    say(ends.server, "r");
    hears(ends.client, "r");
    say(ends.server, "et");
    hears_end(ends.client);
    closed(ends);
}

static void acts_on_the_nth_and_so_often(void **state)
{
    (void)state;
    test_proxy_on(proxy, PROXY_C2S, "x", PROXY_BEFORE, PROXY_RST, 3, 2);
    for (int i = 1; i <= 5; i++) {
        struct ends ends = connected();
        say(ends.client, "x");
        if (i == 3 || i == 4)
            hears_reset(ends.client);
        else
            hears(ends.server, "x");
        closed(ends);
    }
    assert_int_equal(figures().cuts, 2);
}

static void keeps_an_answer_back_until_released(void **state)
{
    struct ends ends = connected();
    (void)state;
    test_proxy_on(proxy, PROXY_C2S, "COMMIT", PROXY_AFTER, PROXY_HOLD, 1, 1);
    say(ends.client, "COMMIT");
    hears(ends.server, "COMMIT");
    assert_true(test_proxy_wait_cuts(proxy, 1, SOON_MS));
    say(ends.server, "done");
    hears_nothing(ends.client);
    test_proxy_pass(proxy);
    hears(ends.client, "done");
    closed(ends);
}

/* Which of 40 commits the seed picks: a bit for each, reset before or after. */
static uint64_t choices_of(uint64_t seed)
{
    uint64_t choices = 0;
    test_proxy_random(proxy, seed, 250, 250);
    for (int i = 0; i < 40; i++) {
        struct ends ends = connected();
        uint64_t before = figures().random_before;
        say(ends.client, "COMMIT");
        assert_true(readable(ends.server, SOON_MS));
        char buf[16];
        ssize_t n = read(ends.server, buf, sizeof(buf));
        if (n > 0)
            say_bytes(ends.server, "CZ\0\0\0\005I", 7);
        assert_true(readable(ends.client, SOON_MS));
        bool answered = read(ends.client, buf, sizeof(buf)) > 0;
        assert_int_equal(n <= 0, figures().random_before > before);
        if (!answered)
            choices |= UINT64_C(1) << i;
        closed(ends);
    }
    test_proxy_random(proxy, seed, 0, 0);
    return choices;
}

static void random_choices_follow_from_the_seed(void **state)
{
    uint64_t one = choices_of(7), again = choices_of(7), other = choices_of(8);
    (void)state;
    assert_true(one == again);
    assert_true(one != other);
    assert_true(one != 0 && one != (UINT64_C(1) << 40) - 1);
    assert_true(figures().random_after > 0 && figures().random_before > 0);
}

static int start(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    (void)state;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    server_port = ntohs(address.sin_port);
    proxy = test_proxy_start("127.0.0.1", server_port);
    return proxy ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    test_proxy_stop(proxy);
    close(listener);
    return 0;
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(forwards_both_ways),
        case_of(forwards_more_than_a_buffer),
        case_of(passes_an_end_on),
        case_of(passes_a_reset_on),
        case_of(refuses_and_accepts_again),
        case_of(leaves_open_ones_when_it_refuses),
        case_of(rejects_and_counts),
        case_of(a_server_that_is_away_is_a_reset),
        case_of(mute_says_nothing),
        case_of(counts_attempts_by_time),
        case_of(resets_all),
        case_of(ends_all),
        case_of(holds_and_releases),
        case_of(holds_an_end_back_too),
        case_of(holds_one_way_only),
        case_of(delays),
        case_of(slices),
        case_of(limits_to_the_byte),
        case_of(limits_and_holds),
        case_of(corrupts_one_byte),
        case_of(cuts_before_a_text),
        case_of(throws_the_answer_away),
        case_of(an_answer_without_an_end_is_waited_for_a_while),
        case_of(sees_a_text_in_pieces),
        case_of(acts_on_the_nth_and_so_often),
        case_of(keeps_an_answer_back_until_released),
        case_of(random_choices_follow_from_the_seed),
    };
    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
