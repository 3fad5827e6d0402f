/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

int64_t tn__now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * TN__NS_PER_S + now.tv_nsec;
}

int64_t tn__tick_ns(void)
{
    struct timespec tick;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
    return (int64_t)tick.tv_sec * TN__NS_PER_S + tick.tv_nsec;
}

int64_t tn__wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t tn__deadline_after_ms(int64_t now_ns, int64_t ms)
{
    int64_t ns, deadline;

    if (ms < 0 || __builtin_mul_overflow(ms, TN__NS_PER_MS, &ns) ||
        __builtin_add_overflow(now_ns, ns, &deadline))
        return TN_NO_DEADLINE;
    return deadline;
}

int64_t tn__deadline_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int tn__deadline_poll_ms(int64_t deadline_ns, int64_t now_ns)
{
    int64_t left, ms;

    if (deadline_ns == TN_NO_DEADLINE)
        return -1;
    if (deadline_ns <= now_ns)
        return 0;
    if (__builtin_sub_overflow(deadline_ns, now_ns, &left))
        return INT_MAX;
    ms = left / TN__NS_PER_MS + (left % TN__NS_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
