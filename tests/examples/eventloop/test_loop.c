/* SPDX-License-Identifier: MIT */
/* The loop by itself, without a database: what loop_wait() answers, and who runs when. cmocka jumps
 * out of a failed assertion, so fibers only write down what they saw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop.h"
#include "timers.h"

enum { CROWD = 1000, LONG_NS = 2000000000 };

static int64_t after_ms(int64_t ms)
{
    return loop_now_ns() + ms * 1000000;
}

static int event(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

static void signal_event(int fd)
{
    const uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void timers_come_in_the_order_of_their_times(void **state)
{
    static struct timer all[CROWD];
    struct timers timers = {.heap = NULL};
    uint32_t random = 1;

    (void)state;
    memset(all, 0, sizeof(all));
    assert_true(timers_reserve(&timers, CROWD));
    for (int i = 0; i < CROWD; i++) {
        random = random * 1664525 + 1013904223;
        timer_set(&timers, &all[i], random >> 16);
    }
    for (int i = 0; i < CROWD; i += 3)
        timer_unset(&timers, &all[i]);
    timer_unset(&timers, &all[0]); /* twice is once */
    timer_set(&timers, &all[1], -5);
    assert_ptr_equal(timers_first(&timers), &all[1]);

    int64_t before = -6;
    size_t left = CROWD - (CROWD + 2) / 3;
    for (struct timer *first; (first = timers_first(&timers)); left--) {
        assert_true(first->due_ns >= before);
        assert_false((first - all) % 3 == 0);
        before = first->due_ns;
        timer_unset(&timers, first);
    }
    assert_int_equal(left, 0);
    timers_free(&timers);
}

/* ---- one wait -------------------------------------------------------------------------------- */

struct one {
    struct loop *loop;
    int fd, cancel_fd, events;
    int64_t deadline_ns;
    int signal; /* by another fiber, while this one waits; -1: none */
    int signal_too;
    tn_wait_result result;
    int error;
};

static void wait_once(void *arg)
{
    struct one *one = arg;

    one->result = loop_wait(one->loop, one->fd, one->cancel_fd, one->events, one->deadline_ns);
    one->error = errno;
}

static void signal_once(void *arg)
{
    const struct one *one = arg;

    loop_sleep(one->loop, 5);
    if (one->signal >= 0)
        signal_event(one->signal);
    if (one->signal_too >= 0)
        signal_event(one->signal_too);
}

static tn_wait_result result_of(struct one *one)
{
    one->loop = loop_new();
    assert_non_null(one->loop);
    assert_true(loop_start(one->loop, wait_once, one));
    assert_true(loop_start(one->loop, signal_once, one));
    assert_true(loop_run(one->loop));
    loop_free(one->loop);
    return one->result;
}

static void a_wait_answers_what_came_first(void **state)
{
    int fd = event(), cancel = event();
    struct one one = {.fd = fd, .cancel_fd = -1, .events = TN_WAIT_READ, .signal_too = -1};

    (void)state;
    one.signal = -1, one.deadline_ns = after_ms(20);
    assert_int_equal(result_of(&one), TN_WAIT_TIMEOUT);
    assert_true(loop_now_ns() >= one.deadline_ns);
    one.deadline_ns = 0; /* has passed */
    assert_int_equal(result_of(&one), TN_WAIT_TIMEOUT);
    one.events = TN_WAIT_READ | TN_WAIT_WRITE; /* an event can be written to now */
    assert_int_equal(result_of(&one), TN_WAIT_READY);
    one.deadline_ns = TN_NO_DEADLINE, one.events = TN_WAIT_READ, one.signal = fd;
    assert_int_equal(result_of(&one), TN_WAIT_READY);
    close(fd);

    one.fd = fd = event(), one.cancel_fd = cancel, one.signal = cancel;
    assert_int_equal(result_of(&one), TN_WAIT_INTERRUPTED);
    one.deadline_ns = 0, one.signal = -1; /* still readable */
    assert_int_equal(result_of(&one), TN_WAIT_INTERRUPTED);
    close(fd);
    close(cancel);
}

static void an_interruption_counts_more_than_data(void **state)
{
    int fd = event(), cancel = event();
    struct one one = {.fd = fd,
                      .cancel_fd = cancel,
                      .events = TN_WAIT_READ,
                      .deadline_ns = TN_NO_DEADLINE,
                      .signal = fd,
                      .signal_too = cancel};

    (void)state;
    assert_int_equal(result_of(&one), TN_WAIT_INTERRUPTED);
    close(fd);
    close(cancel);
}

static void a_bad_descriptor_is_a_failure(void **state)
{
    int fd = event();
    struct one one = {.fd = -1, .cancel_fd = -1, .events = TN_WAIT_READ, .signal_too = -1};

    (void)state;
    one.signal = -1, one.deadline_ns = TN_NO_DEADLINE;
    assert_int_equal(result_of(&one), TN_WAIT_FAILED);
    assert_int_equal(one.error, EBADF);
    /* The first of the two is taken back when the second cannot be had. */
    one.fd = fd, one.cancel_fd = fd;
    assert_int_equal(result_of(&one), TN_WAIT_FAILED);
    assert_int_equal(one.error, EEXIST);
    close(fd);
}

/* ---- several --------------------------------------------------------------------------------- */

static void of_two_waiters_one_is_refused(void **state)
{
    struct loop *loop = loop_new();
    int fd = event();
    struct one first = {.loop = loop,
                        .fd = fd,
                        .cancel_fd = -1,
                        .events = TN_WAIT_READ,
                        .deadline_ns = TN_NO_DEADLINE,
                        .signal = fd,
                        .signal_too = -1};
    struct one second = first;

    (void)state;
    assert_true(loop_start(loop, wait_once, &first));
    assert_true(loop_start(loop, wait_once, &second));
    assert_true(loop_start(loop, signal_once, &first));
    assert_true(loop_run(loop));
    assert_int_equal(first.result, TN_WAIT_READY);
    assert_int_equal(second.result, TN_WAIT_FAILED);
    assert_int_equal(second.error, EEXIST);
    close(fd);
    loop_free(loop);
}

struct number {
    struct loop *loop;
    int fd;    /* the last that was used */
    int wrong; /* waits that did not answer as they should */
    int reused;
};

/* The same number is another descriptor each time. */
static void use_numbers_again(void *arg)
{
    struct number *n = arg;

    for (int i = 0; i < 100; i++) {
        int fd = eventfd(i % 2, EFD_CLOEXEC | EFD_NONBLOCK);
        n->reused += fd == n->fd;
        n->fd = fd;
        tn_wait_result wanted = i % 2 ? TN_WAIT_READY : TN_WAIT_TIMEOUT;
        n->wrong += loop_wait(n->loop, fd, -1, TN_WAIT_READ,
                              i % 2 ? TN_NO_DEADLINE : after_ms(1)) != wanted;
        close(fd);
    }
}

static void close_meanwhile(void *arg)
{
    struct number *n = arg;

    loop_sleep(n->loop, 1);
    close(n->fd);
    n->fd = -1;
}

static void wait_for_closed(void *arg)
{
    struct number *n = arg;

    n->wrong += loop_wait(n->loop, n->fd, -1, TN_WAIT_READ, after_ms(20)) != TN_WAIT_TIMEOUT;
}

static void numbers_of_descriptors_are_used_again(void **state)
{
    struct number n = {.loop = loop_new(), .fd = -1};

    (void)state;
    assert_true(loop_start(n.loop, use_numbers_again, &n));
    assert_true(loop_run(n.loop));
    assert_int_equal(n.wrong, 0);
    assert_true(n.reused > 0);
    n.fd = event();
    assert_true(loop_start(n.loop, wait_for_closed, &n));
    assert_true(loop_start(n.loop, close_meanwhile, &n));
    assert_true(loop_run(n.loop));
    assert_int_equal(n.wrong, 0);
    loop_free(n.loop);
}

/* ---- many ------------------------------------------------------------------------------------ */

struct many {
    struct loop *loop;
    int order[2 * CROWD];
    int count;
    struct latch latch;
    bool after; /* the latch was open only when all had gone by */
};

struct one_of_many {
    struct many *many;
    int number;
};

static void pass_once(void *arg)
{
    const struct one_of_many *me = arg;
    volatile char deep[16384]; /* a stack of its own, and not a small one */

    deep[0] = deep[sizeof(deep) - 1] = 1;
    me->many->order[me->many->count++] = me->number;
    loop_pass(me->many->loop);
    me->many->order[me->many->count++] = me->number + deep[0] - deep[sizeof(deep) - 1];
    latch_done(&me->many->latch);
}

static void await_all(void *arg)
{
    struct many *many = arg;

    latch_await(&many->latch);
    many->after = many->count == 2 * CROWD;
}

static void a_thousand_take_turns(void **state)
{
    static struct many many;
    static struct one_of_many members[CROWD];

    (void)state;
    many = (struct many){.loop = loop_new(), .latch = {NULL, CROWD}};
    for (int again = 0; again < 2; again++) { /* the second time on used stacks */
        many.count = 0, many.after = false, many.latch.left = CROWD;
        assert_true(loop_start(many.loop, await_all, &many));
        for (int i = 0; i < CROWD; i++) {
            members[i] = (struct one_of_many){&many, i};
            assert_true(loop_start(many.loop, pass_once, &members[i]));
        }
        assert_true(loop_run(many.loop));
        assert_true(many.after);
        for (int i = 0; i < 2 * CROWD; i++)
            assert_int_equal(many.order[i], i % CROWD);
        assert_int_equal(loop_stats(many.loop).alive, 0);
        assert_int_equal(loop_stats(many.loop).most_alive, CROWD + 1);
    }
    loop_free(many.loop);
}

/* ---- other threads --------------------------------------------------------------------------- */

static void *wait_on_thread(void *arg)
{
    struct one *one = arg;

    one->result = loop_wait(one->loop, one->fd, one->cancel_fd, one->events, one->deadline_ns);
    return NULL;
}

static void another_thread_waits_for_itself(void **state)
{
    struct loop *loop = loop_new();
    int fd = event(), cancel = event();
    struct one one = {.loop = loop,
                      .fd = fd,
                      .cancel_fd = cancel,
                      .events = TN_WAIT_READ,
                      .deadline_ns = loop_now_ns() + LONG_NS};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_on_thread, &one), 0);
    signal_event(fd);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(one.result, TN_WAIT_READY);
    signal_event(cancel);
    assert_int_equal(loop_wait(loop, fd, cancel, TN_WAIT_READ, 0), TN_WAIT_INTERRUPTED);
    close(fd);
    close(cancel);
    fd = event();
    assert_int_equal(loop_wait(loop, fd, -1, TN_WAIT_READ, after_ms(5)), TN_WAIT_TIMEOUT);
    close(fd);
    assert_int_equal(loop_stats(loop).waits_elsewhere, 3);
    assert_int_equal(loop_stats(loop).waits, 0);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_come_in_the_order_of_their_times),
        cmocka_unit_test(a_wait_answers_what_came_first),
        cmocka_unit_test(an_interruption_counts_more_than_data),
        cmocka_unit_test(a_bad_descriptor_is_a_failure),
        cmocka_unit_test(of_two_waiters_one_is_refused),
        cmocka_unit_test(numbers_of_descriptors_are_used_again),
        cmocka_unit_test(a_thousand_take_turns),
        cmocka_unit_test(another_thread_waits_for_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
