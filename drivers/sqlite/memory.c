/* SPDX-License-Identifier: MIT */
/*
 * sqlite::memory: is a database file in WAL mode in a private directory, on a memory file system
 * where there is one: SQLite's own shared in-memory databases have no WAL, so that a reader blocks
 * the writer there and the writer every reader. The directory holds a file that is locked
 * (flock) for as long as the directory is in use: one that can be locked belongs to nobody.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "sqlite/lite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PREFIX        "tenon-"
#define NAME_LENGTH   12 /* tenon-XXXXXX */
#define LOCK_FILE     "lock"
#define SHM           "/dev/shm"
#define LEAST_ROOM    (32 << 20) /* bytes free on the memory file system, else the disk it is */
#define MAX_ATTEMPTS  8
#define MAX_LOOKED_AT 4096 /* entries of the base directory that one sweep looks at */
#define MAX_SWEPT     32   /* directories that one sweep removes */
#define ABANDONED_S   3600 /* age at which a directory without a lock file is nobody's */

static const char *const contents[] = {"db", "db-wal", "db-shm", "db-journal", LOCK_FILE};

static bool usable_shm(void)
{
    struct statfs fs;

    return statfs(SHM, &fs) == 0 && fs.f_type == TMPFS_MAGIC && access(SHM, W_OK | X_OK) == 0 &&
           (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= LEAST_ROOM;
}

static const char *base_directory(void)
{
    const char *tmp = secure_getenv("TMPDIR");

    if (usable_shm())
        return SHM;
    return tmp && tmp[0] == '/' ? tmp : "/tmp";
}

/* Removes what we put there and nothing else: a directory with more in it stays. */
static void remove_directory(int base, const char *name)
{
    int dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir < 0)
        return;
    for (size_t i = 0; i < TN__COUNT_OF(contents); i++)
        (void)unlinkat(dir, contents[i], 0);
    (void)close(dir);
    (void)unlinkat(base, name, AT_REMOVEDIR);
}

/* True if it is ours by name, owner and mode and nobody holds its lock. The lock is had then. */
static bool abandoned(int base, const char *name, int *ret_lock)
{
    struct stat st;
    int dir, lock;

    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0 || strlen(name) != NAME_LENGTH)
        return false;
    if (fstatat(base, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
        st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return false;
    dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return false;
    lock = openat(dir, LOCK_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    (void)close(dir);
    *ret_lock = lock;
    if (lock < 0) /* made a moment ago, or its maker died before it could lock it */
        return errno == ENOENT && time(NULL) - st.st_mtime > ABANDONED_S;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    (void)close(lock);
    return false;
}

void lite_memory_sweep(const char *base)
{
    DIR *dir = opendir(base);
    struct dirent *entry;
    int looked_at = 0, swept = 0;

    if (!dir)
        return;
    while (swept < MAX_SWEPT && looked_at++ < MAX_LOOKED_AT && (entry = readdir(dir)) != NULL) {
        int lock = -1;
        if (!abandoned(dirfd(dir), entry->d_name, &lock))
            continue;
        remove_directory(dirfd(dir), entry->d_name);
        if (lock >= 0)
            (void)close(lock);
        swept++;
    }
    (void)closedir(dir);
}

/* The lock of a directory that was just made, or -1: then a sweep was faster than we were. */
static int lock_directory(const char *directory)
{
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    int lock;

    if (dir < 0)
        return -1;
    lock = openat(dir, LOCK_FILE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    (void)close(dir);
    if (lock >= 0 &&
        (flock(lock, LOCK_EX | LOCK_NB) != 0 || fstat(lock, &st) != 0 || st.st_nlink == 0)) {
        (void)close(lock);
        lock = -1;
    }
    return lock;
}

static char *join(const char *a, const char *b)
{
    char *out = malloc(strlen(a) + strlen(b) + 2);

    if (out)
        (void)stpcpy(stpcpy(stpcpy(out, a), "/"), b);
    return out;
}

tn_status lite_memory_create(const tn_host *host, lite_memory *ret, tn_error *err)
{
    const char *base = base_directory();
    lite_memory memory = {.lock = -1};

    lite_memory_sweep(base);
    for (int i = 0; i < MAX_ATTEMPTS; i++) {
        memory.directory = join(base, PREFIX "XXXXXX");
        if (!memory.directory)
            return kit_nomem(host, err, TN_PHASE_CONFIG);
        if (!mkdtemp(memory.directory)) {
            tn_status status = kit_fail(
                host, err, TN_RESOURCE, TN_PHASE_CONFIG, "58030",
                "sqlite::memory: needs a directory for its file, and none can be made in \"%s\" "
                "(%s); point TMPDIR to a writable directory",
                base, strerror(errno));
            free(memory.directory);
            return status;
        }
        memory.lock = lock_directory(memory.directory);
        if (memory.lock >= 0)
            break;
        (void)rmdir(memory.directory);
        free(TN__TAKE(memory.directory));
    }
    if (memory.lock < 0)
        return kit_fail(host, err, TN_RESOURCE, TN_PHASE_CONFIG, "58030",
                        "sqlite::memory: a file in \"%s\" cannot be locked", base);
    memory.database = join(memory.directory, "db");
    if (!memory.database) {
        lite_memory_remove(&memory);
        return kit_nomem(host, err, TN_PHASE_CONFIG);
    }
    *ret = memory;
    return TN_OK;
}

void lite_memory_forget(lite_memory *memory)
{
    if (memory->directory && memory->lock >= 0)
        (void)close(memory->lock);
    free(TN__TAKE(memory->directory));
    free(TN__TAKE(memory->database));
    memory->lock = -1;
}

void lite_memory_remove(lite_memory *memory)
{
    if (memory->directory)
        remove_directory(AT_FDCWD, memory->directory);
    lite_memory_forget(memory);
}
