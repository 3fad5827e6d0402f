/* SPDX-License-Identifier: MIT */
/*
 * May this file become code of ours? Asked before it is opened by the dynamic linker, because a
 * module's constructors run before anything else of it can be looked at.
 */
#ifndef TENON_DRIVER_TRUST_H
#define TENON_DRIVER_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/error.h>

/* What was checked: to see afterwards that it was not replaced meanwhile. */
typedef struct tn__file_identity {
    unsigned long long device;
    unsigned long long inode;
} tn__file_identity;

/*
 * The directory and the directories above it must belong to root or to the process's user and not
 * be writable by others (sticky ones above it are fine); the file must be a regular one under the
 * same rule; a link must lead to a file of the same directory. TN_DRIVER says which and why. On
 * success ret_path (size bytes) is the file that the link leads to.
 */
tn_status tn__trust_file(const char *directory, const char *file, char *ret_path, size_t size,
                         tn__file_identity *ret_identity, tn_error *err);

#endif
