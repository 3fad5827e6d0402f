/* SPDX-License-Identifier: MIT */
/*
 * Monotonic time and deadlines. A deadline is an absolute time in nanoseconds of CLOCK_MONOTONIC;
 * TN_NO_DEADLINE never comes. Functions that compute take now as a parameter, so tests need no
 * sleep.
 */
#ifndef TENON_BASE_CLOCK_H
#define TENON_BASE_CLOCK_H

#include <stdint.h>

#include <tenon/wait.h>

#define TN__NS_PER_MS INT64_C(1000000)
#define TN__NS_PER_S  INT64_C(1000000000)

int64_t tn__now_ns(void);
/* The same clock as it was at the kernel's last tick, some milliseconds ago at most: for a fifth of
 * the price. */
int64_t tn__tick_ns(void);
int64_t tn__wall_us(void); /* microseconds since 1970 UTC */
/* now + ms, saturating; ms < 0 is TN_NO_DEADLINE. */
int64_t tn__deadline_after_ms(int64_t now_ns, int64_t ms);
int64_t tn__deadline_min(int64_t a, int64_t b);
/* What poll() wants: -1 for none, 0 when passed, else milliseconds rounded up, at most INT_MAX. */
int tn__deadline_poll_ms(int64_t deadline_ns, int64_t now_ns);

#endif
