/* SPDX-License-Identifier: MIT */
/* Where drivers may stand: directories in order, and the file for a scheme. */
#ifndef TENON_DRIVER_SEARCH_H
#define TENON_DRIVER_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/types.h>

enum { TN__DIRECTORIES_MAX = 16 };

typedef struct tn__directories {
    char *path[TN__DIRECTORIES_MAX];
    size_t count;
    bool skipped_relative; /* TENON_DRIVER_PATH had parts that are not absolute */
} tn__directories;

/* Those of TENON_DRIVER_PATH (secure_getenv), then those relative to the library. Freed with
 * tn__directories_free(). */
void tn__directories_find(tn__directories *ret);
void tn__directories_free(tn__directories *directories);

#endif
