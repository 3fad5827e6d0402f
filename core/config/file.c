/* SPDX-License-Identifier: MIT */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/* Checked by the descriptor, so that it is the file that is read. */
static tn__file_result check(int fd, size_t most, char *why, size_t size)
{
    struct stat st;

    if (fstat(fd, &st)) {
        snprintf(why, size, "cannot be looked at: %s", strerror(errno));
        return TN__FILE_REFUSED;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, size, "is not a regular file");
        return TN__FILE_IRREGULAR;
    }
    if (st.st_mode & S_IWOTH) {
        snprintf(why, size, "is writable by others (mode %04o); chmod o-w it",
                 (unsigned)(st.st_mode & 07777));
        return TN__FILE_REFUSED;
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > most) {
        snprintf(why, size, "is larger than %zu bytes", most);
        return TN__FILE_REFUSED;
    }
    return TN__FILE_OK;
}

/* At most most bytes into text, which has one more. -1: an error. */
static ssize_t read_all(int fd, char *text, size_t most)
{
    size_t len = 0;

    while (len < most) {
        ssize_t got = read(fd, text + len, most - len);
        if (got > 0)
            len += (size_t)got;
        else if (got == 0)
            break;
        else if (errno != EINTR)
            return -1;
    }
    text[len] = '\0';
    return (ssize_t)len;
}

tn__file_result tn__file_read(const char *path, size_t most, char **ret_text, size_t *ret_len,
                              char *ret_why, size_t size)
{
    /* Not blocking: opening a pipe would wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    tn__file_result result;
    char *text = NULL;
    ssize_t len;

    if (fd < 0) {
        snprintf(ret_why, size, "cannot be opened: %s", strerror(errno));
        return errno == ENOENT || errno == ENOTDIR ? TN__FILE_MISSING : TN__FILE_REFUSED;
    }
    result = check(fd, most, ret_why, size);
    if (!result) {
        text = malloc(most + 1);
        if (!text) {
            snprintf(ret_why, size, "out of memory");
            result = TN__FILE_NOMEM;
        }
    }
    if (!result) {
        len = read_all(fd, text, most);
        if (len < 0) {
            snprintf(ret_why, size, "cannot be read: %s", strerror(errno));
            result = TN__FILE_REFUSED;
        } else {
            *ret_text = text;
            *ret_len = (size_t)len;
            text = NULL;
        }
    }
    if (text)
        tn__wipe(text, most);
    free(text);
    close(fd);
    return result;
}
