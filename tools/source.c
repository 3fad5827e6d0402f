/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024 };

bool source_open(source *s, const char *path)
{
    struct stat info;

    *s = (source){.fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
    if (s->fd < 0)
        return false;
    if (fstat(s->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        source_close(s);
        errno = EISDIR;
        return false;
    }
    if (fstat(s->fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
        s->whole = (uint64_t)info.st_size;
    return true;
}

bool source_rewind(source *s)
{
    if (!s->whole || lseek(s->fd, 0, SEEK_SET) != 0)
        return false;
    s->from = s->to = 0;
    s->taken = 0;
    s->ended = false;
    return true;
}

void source_close(source *s)
{
    if (s->fd > STDERR_FILENO)
        close(s->fd);
    free(s->buf);
    *s = (source){.fd = -1};
}

/* Room behind what is there: by moving it to the front, or by more memory. */
static bool make_room(source *s)
{
    if (s->from > 0) {
        memmove(s->buf, s->buf + s->from, s->to - s->from);
        s->to -= s->from;
        s->from = 0;
    }
    if (s->to < s->size)
        return true;
    if (s->size >= SOURCE_RECORD_MAX) {
        errno = EFBIG;
        return false;
    }
    size_t size = s->size ? s->size * 2 : BUFFER;
    char *grown = realloc(s->buf, size + 1);
    if (!grown)
        return false;
    s->buf = grown;
    s->size = size;
    return true;
}

source_status source_more(source *s)
{
    ssize_t n;

    if (s->ended)
        return SOURCE_END;
    if (!make_room(s))
        return SOURCE_FAILED;
    do
        n = read(s->fd, s->buf + s->to, s->size - s->to);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return SOURCE_FAILED;
    s->ended = n == 0;
    s->to += (size_t)n;
    s->taken += (uint64_t)n;
    return n ? SOURCE_OK : SOURCE_END;
}

bool source_fill(source *s, size_t least)
{
    while (s->to - s->from < least && !s->ended)
        if (source_more(s) == SOURCE_FAILED)
            return false;
    return true;
}

bool source_skip_mark(source *s)
{
    if (!source_fill(s, 3))
        return false;
    if (s->to - s->from >= 3 && memcmp(s->buf + s->from, "\xef\xbb\xbf", 3) == 0)
        s->from += 3;
    return true;
}
