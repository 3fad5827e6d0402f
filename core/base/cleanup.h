/* SPDX-License-Identifier: MIT */
/* Scope-bound cleanup and ownership hand-over (GNU cleanup attribute). */
#ifndef TENON_BASE_CLEANUP_H
#define TENON_BASE_CLEANUP_H

#include <stdlib.h>

#define TN__CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void tn__free_charp(char **p)
{
    free(*p);
}
/* A char * that is freed at the end of its scope. */
#define TN__AUTO_STRING TN__CLEANUP(tn__free_charp) char *

/* Hands a pointer over: its value, and NULL stays behind. */
#define TN__TAKE(p)                         \
    __extension__({                         \
        __typeof__(p) *take_from_ = &(p);   \
        __typeof__(p) taken_ = *take_from_; \
        *take_from_ = NULL;                 \
        taken_;                             \
    })

#define TN__COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
