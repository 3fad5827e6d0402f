/* SPDX-License-Identifier: MIT */
/* Reading small files that decide about the program, and refusing those that others can change. */
#ifndef TENON_CONFIG_FILE_H
#define TENON_CONFIG_FILE_H

#include <stddef.h>

typedef enum tn__file_result {
    TN__FILE_OK = 0,
    TN__FILE_MISSING,
    TN__FILE_IRREGULAR, /* a directory, a pipe, a device */
    TN__FILE_REFUSED,   /* writable by others, too large, not readable: *ret_why says it */
    TN__FILE_NOMEM
} tn__file_result;

/* The whole file, NUL-terminated, to be wiped and freed by the caller. ret_why has size bytes and
 * is set by every result but OK: "is writable by others (mode 0666); chmod o-w it". */
tn__file_result tn__file_read(const char *path, size_t most, char **ret_text, size_t *ret_len,
                              char *ret_why, size_t size);

#endif
