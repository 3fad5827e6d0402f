/* SPDX-License-Identifier: MIT */
/*
 * sqlite::memory:?from=FILE. The file is read as it is: a database that was closed is that one
 * file, and a copy of it, also of one in WAL mode, is what a connection opens fastest. What another
 * program is writing (there is a log beside it) would be copied half.
 */
#include "sqlite/lite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER      "SQLite format 3"
#define HEADER_SIZE 16 /* with its NUL */

static tn_status refuse(const tn_host *host, const char *seed, const char *why, tn_error *err)
{
    return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                    "DATABASE_URL: parameter from: \"%s\" %s", seed, why);
}

/* Is there something beside it that belongs to it? */
static bool has_log(const char *seed, const char *suffix)
{
    size_t size = strlen(seed) + strlen(suffix) + 1;
    char *path = malloc(size);
    struct stat st;

    if (!path)
        return true;
    (void)snprintf(path, size, "%s%s", seed, suffix);
    bool there = stat(path, &st) == 0 && st.st_size > 0;
    free(path);
    return there;
}

static tn_status check(const tn_host *host, const char *seed, int fd, off_t *ret_size,
                       tn_error *err)
{
    char header[HEADER_SIZE];
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return refuse(host, seed, "is not a database file", err);
    if (st.st_size > 0 && (pread(fd, header, HEADER_SIZE, 0) != HEADER_SIZE ||
                           memcmp(header, HEADER, HEADER_SIZE) != 0))
        return refuse(host, seed, "is not a SQLite database", err);
    if (has_log(seed, "-wal") || has_log(seed, "-journal"))
        return refuse(host, seed, "is in use, or was not closed: close it first", err);
    *ret_size = st.st_size;
    return TN_OK;
}

tn_status lite_seed_load(const tn_host *host, const char *seed, lite_memory *memory, tn_error *err)
{
    int fd = open(seed, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    off_t size = 0;

    if (fd < 0)
        return refuse(host, seed, errno == ENOENT ? "does not exist" : strerror(errno), err);
    tn_status status = check(host, seed, fd, &size, err);
    if (status == TN_OK && !lite_memory_load(memory, fd, size))
        status = errno == ENOMEM ? kit_nomem(host, err, TN_PHASE_CONFIG)
                                 : refuse(host, seed, "was cut off while it was read", err);
    (void)close(fd);
    return status;
}
