/* SPDX-License-Identifier: MIT */
/*
 * Since only trusted users can write to the directory, nobody else can swap the file between this
 * check and dlopen(); loading through /proc/self/fd would add nothing but take debuggers, profilers
 * and sanitizers their view of the module. tn__load() compares the identity once more.
 */
#include "driver/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tn_status refuse(tn_error *err, const char *path, const char *why)
{
    return tn_error_set(err, TN_DRIVER, NULL, "driver %s: %s; refused", path, why);
}

static bool trusted_owner(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

/* Debian's users have a group of their own and umask 002, so what belongs to the user and to the
 * user's own primary group is not "writable by others". */
static bool writable_by_others(const struct stat *st)
{
    if (st->st_mode & S_IWOTH)
        return true;
    if (!(st->st_mode & S_IWGRP) || st->st_gid == 0)
        return false;
    return st->st_uid != geteuid() || st->st_gid != getegid();
}

static tn_status check(const char *path, const struct stat *st, tn_error *err)
{
    if (!trusted_owner(st))
        return tn_error_set(err, TN_DRIVER, NULL,
                            "driver %s: belongs to user %u, not to root or to the user of this "
                            "process (%u); refused",
                            path, (unsigned)st->st_uid, (unsigned)geteuid());
    if (writable_by_others(st))
        return tn_error_set(err, TN_DRIVER, NULL,
                            "driver %s: writable by others (mode %04o); refused (chmod go-w mends "
                            "it)",
                            path, (unsigned)(st->st_mode & 07777));
    return TN_OK;
}

/* Whoever can rename a directory above can replace all below it. */
static tn_status check_ancestors(const char *directory, tn_error *err)
{
    char path[PATH_MAX];
    struct stat st;

    snprintf(path, sizeof(path), "%s", directory);
    for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
        slash[slash == path ? 1 : 0] = '\0';
        if (lstat(path, &st) != 0)
            return tn_error_set(err, TN_DRIVER, NULL, "driver directory %s: %s", path,
                                strerror(errno));
        if (!trusted_owner(&st))
            return refuse(err, path, "this directory above it belongs to another user");
        if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
            return refuse(err, path, "this directory above it is writable by others");
        if (slash == path)
            break;
    }
    return TN_OK;
}

tn_status tn__trust_file(const char *directory, const char *file, char *ret_path, size_t size,
                         tn__file_identity *ret_identity, tn_error *err)
{
    char real_directory[PATH_MAX], path[PATH_MAX], target[PATH_MAX];
    struct stat st;

    if (!realpath(directory, real_directory))
        return tn_error_set(err, TN_DRIVER, NULL, "driver directory %s: %s", directory,
                            strerror(errno));
    if (snprintf(path, sizeof(path), "%s/%s", real_directory, file) >= (int)sizeof(path))
        return refuse(err, directory, "its path is too long");
    if (lstat(path, &st) != 0)
        return tn_error_set(err, TN_DRIVER, NULL, "driver %s: %s", path, strerror(errno));
    if (!realpath(path, target))
        return tn_error_set(err, TN_DRIVER, NULL, "driver %s: the link leads nowhere: %s", path,
                            strerror(errno));
    size_t len = strlen(real_directory);
    if (strncmp(target, real_directory, len) != 0 || target[len] != '/' ||
        strchr(target + len + 1, '/'))
        return tn_error_set(err, TN_DRIVER, NULL,
                            "driver %s: a link out of its directory, to %s; refused", path, target);
    if (stat(real_directory, &st) != 0)
        return tn_error_set(err, TN_DRIVER, NULL, "driver directory %s: %s", real_directory,
                            strerror(errno));
    tn_status status = check(real_directory, &st, err);
    if (status == TN_OK)
        status = check_ancestors(real_directory, err);
    if (status != TN_OK)
        return status;
    if (stat(target, &st) != 0)
        return tn_error_set(err, TN_DRIVER, NULL, "driver %s: %s", target, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(err, target, "not a regular file");
    status = check(target, &st, err);
    if (status != TN_OK)
        return status;
    if (strlen(target) >= size)
        return refuse(err, target, "its path is too long");
    memcpy(ret_path, target, strlen(target) + 1);
    *ret_identity = (tn__file_identity){.device = st.st_dev, .inode = st.st_ino};
    return TN_OK;
}
