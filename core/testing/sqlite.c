/* SPDX-License-Identifier: MIT */
/*
 * SQLite: the template is made in memory, written to a file in one go, and that file has no name
 * any more before anybody copies it: nothing is left of a run, however it ends. A copy is a
 * database in memory that begins as that file, by the driver's URL parameter.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/args.h>
#include <tenon/query.h>

#include "testing/template.h"

#define SHM "/dev/shm"

typedef struct sqlite_template {
    int fd;
    char *url; /* of a copy */
} sqlite_template;

static void close_template(tn_template *t)
{
    sqlite_template *own = t->own;

    if (!own)
        return;
    if (own->fd >= 0)
        (void)close(own->fd);
    free(own->url);
    free(own);
}

static tn_status make_directory(char *path, size_t size, tn_error *err)
{
    const char *tmp = secure_getenv("TMPDIR");
    const char *base = access(SHM, W_OK | X_OK) == 0 ? SHM : tmp && tmp[0] == '/' ? tmp : "/tmp";

    snprintf(path, size, "%s/tenon-testing-XXXXXX", base);
    if (mkdtemp(path))
        return TN_OK;
    return tn_error_set(err, TN_RESOURCE, "58030",
                        "no directory for the template can be made in \"%s\": %s", base,
                        strerror(errno));
}

/* Into a file, which is opened once more so that it lies there as a connection leaves it: in WAL
 * mode, which each copy would have to be changed to. */
static tn_status write_file(const tn_template *t, tn_db *db, const char *path, tn_error *err)
{
    char url[256];
    tn_db *file;

    tn_status status = tn_exec(db, "vacuum into $1", tn_args(path), NULL, err);
    if (status != TN_OK)
        return status;
    snprintf(url, sizeof(url), "%.*s://%s?synchronous=off", (int)strcspn(t->url, ":"), t->url,
             path);
    file = tn_open_url(url, err);
    if (!file)
        return err->status;
    return tn_db_close(file, err);
}

/* The file's descriptor; what was made in the directory is gone. */
static tn_status write_template(const tn_template *t, tn_db *db, int *ret_fd, tn_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char directory[128], path[160];

    tn_status status = make_directory(directory, sizeof(directory), err);
    if (status != TN_OK)
        return status;
    snprintf(path, sizeof(path), "%s/db", directory);
    status = write_file(t, db, path, err);
    if (status == TN_OK) {
        *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (*ret_fd < 0)
            status = tn_error_set(err, TN_RESOURCE, "58030", "\"%s\": %s", path, strerror(errno));
    }
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s/db%s", directory, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
    return status;
}

static tn_status build(const tn_template *t, int *ret_fd, tn_error *err)
{
    char *url = tn__testing_url_memory(t->url, NULL, err);
    tn_db *db = NULL;

    if (!url)
        return TN_NOMEM;
    tn_status status = tn__testing_open(t, url, &db, err);
    free(url);
    if (status != TN_OK)
        return status;
    status = tn__testing_build(t, db, err);
    if (status == TN_OK)
        status = write_template(t, db, ret_fd, err);
    tn_status closed = tn_db_close(db, status == TN_OK ? err : NULL);
    return status == TN_OK ? closed : status;
}

static tn_status open_template(tn_template *t, tn_error *err)
{
    sqlite_template *own = calloc(1, sizeof(*own));
    char from[32];

    if (!own)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    own->fd = -1;
    tn_status status = build(t, &own->fd, err);
    if (status == TN_OK) {
        snprintf(from, sizeof(from), "/proc/self/fd/%d", own->fd);
        own->url = tn__testing_url_memory(t->url, from, err);
        status = own->url ? TN_OK : TN_NOMEM;
    }
    t->own = own;
    if (status != TN_OK) {
        close_template(t);
        t->own = NULL;
    }
    return status;
}

static tn_status copy(tn_template *t, tn__copy *ret, tn_error *err)
{
    const sqlite_template *own = t->own;

    ret->name[0] = '\0';
    return tn__testing_open(t, own->url, &ret->db, err);
}

static tn_status remove_copy(tn_template *t, tn__copy *copy, tn_error *err)
{
    (void)t;
    return tn_db_close(copy->db, err);
}

const tn__copier tn__copier_sqlite = {
    .driver = "sqlite",
    .open = open_template,
    .copy = copy,
    .remove = remove_copy,
    .close = close_template,
};
