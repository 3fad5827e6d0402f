/* SPDX-License-Identifier: MIT */
/*
 * sqlite::memory:?from=FILE. The file is copied as it is: a database that was closed is that one
 * file, and a copy of it, also of one in WAL mode, is what a connection opens fastest. What another
 * program is writing (there is a log beside it) would be copied half.
 */
#include "sqlite/lite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
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

static bool copy(int from, int to, off_t size)
{
    off_t at = 0;

    while (at < size) {
        ssize_t sent = sendfile(to, from, &at, (size_t)(size - at));
        if (sent == 0 || (sent < 0 && errno != EINTR))
            return false;
    }
    return true;
}

tn_status lite_seed_copy(const tn_host *host, const char *seed, const char *to, tn_error *err)
{
    int from = open(seed, O_RDONLY | O_CLOEXEC | O_NONBLOCK), fd;
    off_t size = 0;

    if (from < 0)
        return refuse(host, seed, errno == ENOENT ? "does not exist" : strerror(errno), err);
    tn_status status = check(host, seed, from, &size, err);
    if (status == TN_OK) {
        fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || !copy(from, fd, size))
            status = kit_fail(host, err, TN_RESOURCE, TN_PHASE_CONFIG, "58030",
                              "\"%s\" cannot be copied to \"%s\": %s", seed, to, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
    }
    (void)close(from);
    return status;
}
