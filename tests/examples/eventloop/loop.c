/* SPDX-License-Identifier: MIT */
/*
 * A fiber is ready, or it waits: for one descriptor or two in epoll, for a timer, for a latch, and
 * whatever comes first makes it ready. Those that are ready run in the order in which they became
 * so, and each turn of the loop asks epoll once, so nobody starves.
 */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "fiber.h"
#include "timers.h"

enum { EVENTS_AT_ONCE = 256 };

/* What epoll gives back: whom the descriptor wakes, and with which answer. */
struct watch {
    struct task *task;
    tn_wait_result answer;
};

/* A fiber, as the loop sees it. */
struct task {
    struct timer timer; /* must be first: the heap gives it back */
    struct loop *loop;
    struct fiber *fiber;
    loop_fn *fn;
    void *arg;
    struct watch socket, cancel;
    tn_wait_result answer;
    bool waits;
    struct task *next; /* in the line of those that are ready */
};

struct loop {
    int epoll;
    struct fiber_stacks stacks;
    struct timers timers;
    struct task *first, *last; /* ready */
    struct loop_stats stats;
    _Atomic uint64_t waits_elsewhere;
};

/* The fiber that runs on this thread now. */
static _Thread_local struct task *running;

int64_t loop_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* For poll() and epoll_wait(): rounded up, so that nobody wakes too early. */
static int ms_until(int64_t deadline_ns)
{
    if (deadline_ns == TN_NO_DEADLINE)
        return -1;
    int64_t left = deadline_ns - loop_now_ns();
    if (left <= 0)
        return 0;
    return left > (int64_t)INT_MAX * 1000000 - 1000000 ? INT_MAX : (int)((left + 999999) / 1000000);
}

/* ---- ready, and waiting ---------------------------------------------------------------------- */

static void make_ready(struct task *task)
{
    struct loop *loop = task->loop;

    task->next = NULL;
    if (loop->first)
        loop->last->next = task;
    else
        loop->first = task;
    loop->last = task;
}

/* An interruption counts more than what else may have come in the same turn. */
static void wake(struct task *task, tn_wait_result answer)
{
    if (answer == TN_WAIT_INTERRUPTED)
        task->answer = answer;
    if (!task->waits)
        return;
    task->waits = false;
    task->answer = answer;
    timer_unset(&task->loop->timers, &task->timer);
    make_ready(task);
}

static tn_wait_result sleep_until(struct task *task, int64_t deadline_ns)
{
    task->waits = true;
    if (deadline_ns != TN_NO_DEADLINE)
        timer_set(&task->loop->timers, &task->timer, deadline_ns);
    fiber_pause(task->fiber);
    return task->answer;
}

/* Only fibers may wait for time and for each other. */
static struct task *fiber_of(const struct loop *loop)
{
    if (!running || (loop && running->loop != loop))
        abort();
    return running;
}

void loop_sleep(struct loop *loop, int64_t ms)
{
    sleep_until(fiber_of(loop), loop_now_ns() + ms * 1000000);
}

void loop_pass(struct loop *loop)
{
    struct task *task = fiber_of(loop);

    make_ready(task);
    fiber_pause(task->fiber);
}

void latch_await(struct latch *latch)
{
    if (!latch->left)
        return;
    latch->waiter = fiber_of(NULL);
    sleep_until(latch->waiter, TN_NO_DEADLINE);
}

void latch_done(struct latch *latch)
{
    if (--latch->left == 0 && latch->waiter)
        wake(latch->waiter, TN_WAIT_READY);
}

/* ---- the wait function ----------------------------------------------------------------------- */

/* The library has threads of its own, and a program may call it before the loop runs. */
static tn_wait_result wait_without_fiber(int fd, int cancel_fd, int events, int64_t deadline_ns)
{
    struct pollfd fds[2] = {
        {.fd = fd,
         .events = (short)((events & TN_WAIT_READ ? POLLIN : 0) |
                           (events & TN_WAIT_WRITE ? POLLOUT : 0))},
        {.fd = cancel_fd, .events = POLLIN}, /* poll() passes over -1 */
    };

    for (;;) {
        int ready = poll(fds, 2, ms_until(deadline_ns));
        if (ready > 0)
            return fds[1].revents ? TN_WAIT_INTERRUPTED : TN_WAIT_READY;
        if (ready < 0 && errno != EINTR)
            return TN_WAIT_FAILED;
        if (ready == 0 && loop_now_ns() >= deadline_ns)
            return TN_WAIT_TIMEOUT;
    }
}

/* Added for each wait and taken out after it. What stayed in between could not be trusted: the
 * library closes descriptors, the kernel gives their numbers to others. EEXIST: another fiber waits
 * for this one now, and only one of the two would be woken. */
static bool listen_to(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* EBADF, ENOENT: it was closed meanwhile, which takes it out as well. */
static void stop_listening(struct loop *loop, int fd)
{
    int before = errno;

    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
    errno = before;
}

tn_wait_result loop_wait(void *arg, int fd, int cancel_fd, int events, int64_t deadline_ns)
{
    struct loop *loop = arg;
    struct task *task = running;
    uint32_t wanted = (events & TN_WAIT_READ ? (uint32_t)EPOLLIN : 0) |
                      (events & TN_WAIT_WRITE ? (uint32_t)EPOLLOUT : 0);

    if (!task || task->loop != loop) {
        atomic_fetch_add(&loop->waits_elsewhere, 1);
        return wait_without_fiber(fd, cancel_fd, events, deadline_ns);
    }
    if (!listen_to(loop, fd, wanted, &task->socket))
        return TN_WAIT_FAILED;
    if (cancel_fd >= 0 && !listen_to(loop, cancel_fd, EPOLLIN, &task->cancel)) {
        stop_listening(loop, fd);
        return TN_WAIT_FAILED;
    }
    loop->stats.waits++;
    if (++loop->stats.waiting > loop->stats.most_waiting)
        loop->stats.most_waiting = loop->stats.waiting;
    tn_wait_result result = sleep_until(task, deadline_ns);
    loop->stats.waiting--;
    stop_listening(loop, fd);
    if (cancel_fd >= 0)
        stop_listening(loop, cancel_fd);
    return result;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void begin(void *arg)
{
    struct task *task = arg;

    task->fn(task->arg);
}

static void task_free(struct task *task)
{
    fiber_free(&task->loop->stacks, task->fiber);
    free(task);
}

bool loop_start(struct loop *loop, loop_fn *fn, void *arg)
{
    struct task *task = calloc(1, sizeof(*task));

    if (!task)
        return false;
    task->loop = loop;
    task->fn = fn;
    task->arg = arg;
    task->socket = (struct watch){.task = task, .answer = TN_WAIT_READY};
    task->cancel = (struct watch){.task = task, .answer = TN_WAIT_INTERRUPTED};
    task->fiber = fiber_new(&loop->stacks, begin, task);
    if (!task->fiber || !timers_reserve(&loop->timers, loop->stats.alive + 1)) {
        task_free(task);
        errno = ENOMEM;
        return false;
    }
    if (++loop->stats.alive > loop->stats.most_alive)
        loop->stats.most_alive = loop->stats.alive;
    make_ready(task);
    return true;
}

/* Those that are ready now; who becomes ready meanwhile has its turn after the next look at epoll.
 */
static void run_ready(struct loop *loop)
{
    struct task *task = loop->first;

    loop->first = loop->last = NULL;
    while (task) {
        struct task *next = task->next;
        running = task;
        bool goes_on = fiber_resume(task->fiber);
        running = NULL;
        if (!goes_on) {
            loop->stats.alive--;
            task_free(task);
        }
        task = next;
    }
}

/* A descriptor that is ready counts more than a deadline that has passed. */
static bool gather(struct loop *loop)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    struct timer *first = timers_first(&loop->timers);
    int timeout = loop->first ? 0 : ms_until(first ? first->due_ns : TN_NO_DEADLINE);

    int count = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, timeout);
    if (count < 0 && errno != EINTR)
        return false;
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        wake(watch->task, watch->answer);
    }
    int64_t now = loop_now_ns();
    while ((first = timers_first(&loop->timers)) && first->due_ns <= now)
        wake((struct task *)(void *)first, TN_WAIT_TIMEOUT);
    return true;
}

bool loop_run(struct loop *loop)
{
    while (loop->stats.alive) {
        run_ready(loop);
        if (loop->stats.alive && !gather(loop))
            return false;
    }
    return true;
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return NULL;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    close(loop->epoll);
    timers_free(&loop->timers);
    fiber_stacks_free(&loop->stacks);
    free(loop);
}

struct loop_stats loop_stats(const struct loop *loop)
{
    struct loop_stats stats = loop->stats;

    stats.waits_elsewhere = atomic_load(&loop->waits_elsewhere);
    return stats;
}
