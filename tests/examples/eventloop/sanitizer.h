/* SPDX-License-Identifier: MIT */
/*
 * What AddressSanitizer and ThreadSanitizer want to know of a change of stacks. Without them all of
 * it is nothing; a program that is never built with a sanitizer can leave this file out.
 */
#ifndef EVENTLOOP_SANITIZER_H
#define EVENTLOOP_SANITIZER_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
/* Before: keep is where the stack that is left keeps its fake frames, NULL when it is left for
 * good. After: from_bottom and from_size get the stack that was left. */
#define asan_before_switch(keep, bottom, size) __sanitizer_start_switch_fiber(keep, bottom, size)
#define asan_after_switch(kept, from_bottom, from_size) \
    __sanitizer_finish_switch_fiber(kept, from_bottom, from_size)
#define asan_forget(memory, size) __asan_unpoison_memory_region(memory, size)
#else
#define asan_before_switch(keep, bottom, size)          ((void)(keep), (void)(bottom), (void)(size))
#define asan_after_switch(kept, from_bottom, from_size) ((void)(kept))
#define asan_forget(memory, size)                       ((void)(memory), (void)(size))
#endif

#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#define tsan_this()          __tsan_get_current_fiber()
#define tsan_new()           __tsan_create_fiber(0)
#define tsan_free(fiber)     __tsan_destroy_fiber(fiber)
#define tsan_switch_to(next) __tsan_switch_to_fiber(next, 0)
#else
#define tsan_this()          NULL
#define tsan_new()           NULL
#define tsan_free(fiber)     ((void)(fiber))
#define tsan_switch_to(next) ((void)(next))
#endif

#endif
