/* SPDX-License-Identifier: MIT */
/*
 * Compiler words of the public headers: visibility, result checking, format checking. Nothing here
 * is needed by an application; every macro is empty on a compiler that lacks the feature.
 */
#ifndef TENON_EXPORT_H
#define TENON_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define TN_API                 __attribute__((visibility("default")))
#define TN_DRIVER_EXPORT       __attribute__((visibility("default")))
#define TN_PRINTF(fmt, first)  __attribute__((format(printf, fmt, first)))
#define TN_NODISCARD           __attribute__((warn_unused_result))
#define TN_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define TN_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define TN_API
#define TN_DRIVER_EXPORT
#define TN_PRINTF(fmt, first)
#define TN_NODISCARD
#define TN_LIKELY(condition)   (condition)
#define TN_UNLIKELY(condition) (condition)
#endif

/* A function that may be named in a _Generic table but must never be called: calling it is a
 * compile error with this text (a link error on compilers without the attribute). */
#if defined(__has_attribute)
#if __has_attribute(error)
#define TN_NEVER_CALL(text) __attribute__((error(text)))
#endif
#endif
#ifndef TN_NEVER_CALL
#define TN_NEVER_CALL(text)
#endif

#ifdef __cplusplus
#define TN_BEGIN_DECLS extern "C" {
#define TN_END_DECLS   }
#else
#define TN_BEGIN_DECLS
#define TN_END_DECLS
#endif

#endif
