/* SPDX-License-Identifier: MIT */
#include "schema_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/migrate_check.h>

const char *schema_file_driver(const char *driver)
{
    return strcmp(driver, "postgresql") == 0 ? "postgres" : driver;
}

void schema_file_path(const migrate_job *use, char *buf, size_t size)
{
    const char *given = tool_value(use->t, TOOL_OPT_SCHEMA);

    if (given)
        snprintf(buf, size, "%s", given);
    else
        snprintf(buf, size, "%s/schema.%s.sql", use->dir,
                 schema_file_driver(tn_db_driver(use->db)));
}

static bool is_text(const char *path, const char *text)
{
    size_t len = strlen(text);
    char *there = malloc(len + 1);
    FILE *in = fopen(path, "re");
    bool same = false;

    if (in && there) {
        size_t n = fread(there, 1, len + 1, in);
        same = !ferror(in) && n == len && memcmp(there, text, len) == 0;
    }
    if (in)
        fclose(in);
    free(there);
    return same;
}

static bool write_all(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

bool schema_file_put(const char *path, const char *text)
{
    char beside[PATH_MAX];

    if (snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid()) >=
        (int)sizeof(beside)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    bool good = write_all(fd, text);
    int error = errno;
    if (close(fd) != 0 && good) {
        error = errno;
        good = false;
    }
    if (good && rename(beside, path) != 0) {
        error = errno;
        good = false;
    }
    if (!good)
        unlink(beside);
    errno = error;
    return good;
}

schema_file_state schema_file_update(const migrate_job *use, const tn_schema *schema, bool write)
{
    char path[PATH_MAX];
    char *text = tn_schema_file(schema, tn_db_driver(use->db));
    schema_file_state state = SCHEMA_FILE_STALE;

    if (!text) {
        errno = ENOMEM;
        return SCHEMA_FILE_FAILED;
    }
    schema_file_path(use, path, sizeof(path));
    if (is_text(path, text))
        state = SCHEMA_FILE_SAME;
    else if (write)
        state = schema_file_put(path, text) ? SCHEMA_FILE_WRITTEN : SCHEMA_FILE_FAILED;
    int error = errno;
    free(text);
    errno = error;
    return state;
}
