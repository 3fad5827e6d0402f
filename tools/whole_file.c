/* SPDX-License-Identifier: MIT */
#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40, BASE_MAX = NAME_MAX - 32 };

/* ---- signals --------------------------------------------------------------------------------- */

static const int fatal[] = {SIGINT, SIGTERM, SIGHUP};
enum { FATAL = sizeof(fatal) / sizeof(fatal[0]) };

/* A handler has no argument, so this one thing is the process's. */
static struct {
    atomic_bool there;
    char path[PATH_MAX];
    struct sigaction before[FATAL], before_limit;
    bool handled[FATAL];
} part;

void whole_file_abandon(void)
{
    if (atomic_load(&part.there))
        unlink(part.path);
}

/* As if nobody had handled it: whoever waits for the process sees the signal. */
static void on_signal(int number)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};

    whole_file_abandon();
    sigaction(number, &plain, NULL);
    raise(number);
}

/* Before the file is made, so that there is no moment in which it is nobody's. */
static void watch(const char *path)
{
    struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

    snprintf(part.path, sizeof(part.path), "%s", path);
    atomic_store(&part.there, true);
    for (int i = 0; i < FATAL; i++) {
        sigaction(fatal[i], NULL, &part.before[i]);
        part.handled[i] = part.before[i].sa_handler == SIG_DFL;
        if (part.handled[i])
            sigaction(fatal[i], &action, NULL);
    }
    sigaction(SIGXFSZ, &ignore, &part.before_limit);
}

/* After it has its name or is gone. */
static void unwatch(void)
{
    for (int i = 0; i < FATAL; i++)
        if (part.handled[i])
            sigaction(fatal[i], &part.before[i], NULL);
    sigaction(SIGXFSZ, &part.before_limit, NULL);
    atomic_store(&part.there, false);
}

/* ---- the place ------------------------------------------------------------------------------- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool begins_with(const char *text, const char *begin)
{
    return strncmp(text, begin, strlen(begin)) == 0;
}

/* Names of what is open already: another file in its place would not be what was meant. */
static bool names_descriptor(const char *path)
{
    return begins_with(path, "/dev/fd/") || begins_with(path, "/dev/std") ||
           begins_with(path, "/proc/");
}

static bool format_fits(int n)
{
    if (n >= 0 && n < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* To where the links lead, which may be a place without a file. Only the last part of a path
 * counts: folders that are links lead to the same place by themselves. */
static bool follow(const char *path, char place[PATH_MAX])
{
    char link[PATH_MAX], next[PATH_MAX];
    ssize_t n;

    if (!format_fits(snprintf(place, PATH_MAX, "%s", path)))
        return false;
    for (int i = 0; (n = readlink(place, link, sizeof(link) - 1)) >= 0; i++) {
        link[n] = '\0';
        int folder = link[0] == '/' ? 0 : (int)(base_of(place) - place);
        if (i == LINKS_MAX) {
            errno = ELOOP;
            return false;
        }
        if (!format_fits(snprintf(next, sizeof(next), "%.*s%s", folder, place, link)))
            return false;
        memcpy(place, next, sizeof(next));
    }
    return true;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Whom the old file belonged to, and who could read it. */
static void take_over(int fd, const struct stat *old)
{
    mode_t mode = old->st_mode & 07777;

    /* What the old group might do, another one may only where everybody might. */
    if (fchown(fd, old->st_uid, old->st_gid) != 0 && fchown(fd, (uid_t)-1, old->st_gid) != 0)
        mode &= ~(mode_t)070 | (mode & 07) << 3;
    (void)!fchmod(fd, mode);
}

static bool open_straight(whole_file *f, const char *path)
{
    f->straight = true;
    f->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_TRUNC);
    return f->fd >= 0;
}

static bool open_beside(whole_file *f, const struct stat *old)
{
    const char *base = base_of(f->place);

    if (!*base) {
        errno = *f->place ? EISDIR : ENOENT;
        return false;
    }
    if (old && access(f->place, W_OK) != 0)
        return false;
    if (!format_fits(snprintf(f->beside, sizeof(f->beside), "%.*s%.*s.%ld.part",
                              (int)(base - f->place), f->place, BASE_MAX, base, (long)getpid())))
        return false;
    watch(f->beside);
    f->fd = open(f->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, old ? 0600 : 0666);
    if (f->fd < 0) {
        int error = errno;
        unwatch();
        errno = error;
        return false;
    }
    if (old)
        take_over(f->fd, old);
    return true;
}

bool whole_file_open(whole_file *f, const char *path)
{
    struct stat info;

    f->fd = -1;
    f->straight = false;
    bool there = stat(path, &info) == 0;
    if (there && (!S_ISREG(info.st_mode) || names_descriptor(path)))
        return open_straight(f, path);
    return follow(path, f->place) && open_beside(f, there ? &info : NULL);
}

/* Some files have nothing to wait for. */
static bool is_stored(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
}

bool whole_file_keep(whole_file *f)
{
    int error = is_stored(f->fd) ? 0 : errno;

    if (close(f->fd) != 0 && !error)
        error = errno;
    f->fd = -1;
    if (f->straight) {
        errno = error;
        return !error;
    }
    if (!error && rename(f->beside, f->place) != 0)
        error = errno;
    if (error)
        unlink(f->beside);
    unwatch();
    errno = error;
    return !error;
}

void whole_file_drop(whole_file *f)
{
    int error = errno;

    if (f->fd < 0)
        return;
    close(f->fd);
    f->fd = -1;
    if (!f->straight) {
        unlink(f->beside);
        unwatch();
    }
    errno = error;
}

static bool write_text(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

bool whole_file_put(const char *path, const char *text)
{
    whole_file f;

    if (!whole_file_open(&f, path))
        return false;
    if (write_text(f.fd, text))
        return whole_file_keep(&f);
    whole_file_drop(&f);
    return false;
}
