/* SPDX-License-Identifier: MIT */
/* Where PostgreSQL's programs are, who may run them, and a private place for the cluster. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg_cluster.h"
#include "tool.h"

static bool directory_has(const char *directory, pg_programs *ret)
{
    pg_programs found;
    int a = snprintf(found.initdb, sizeof(found.initdb), "%s/initdb", directory);
    int b = snprintf(found.postgres, sizeof(found.postgres), "%s/postgres", directory);

    if (a < 0 || b < 0 || (size_t)a >= sizeof(found.initdb) || (size_t)b >= sizeof(found.postgres))
        return false;
    if (access(found.initdb, X_OK) != 0 || access(found.postgres, X_OK) != 0)
        return false;
    *ret = found;
    return true;
}

/* A link of initdb in PATH counts as the directory that it leads to. */
static bool path_has(pg_programs *ret)
{
    const char *path = getenv("PATH");

    while (path && *path) {
        size_t len = strcspn(path, ":");
        char candidate[PATH_MAX], real[PATH_MAX];

        if (len > 0 && *path == '/' && len < sizeof(candidate) - sizeof("/initdb")) {
            snprintf(candidate, sizeof(candidate), "%.*s/initdb", (int)len, path);
            if (access(candidate, X_OK) == 0 && realpath(candidate, real)) {
                *strrchr(real, '/') = '\0';
                if (directory_has(real, ret))
                    return true;
            }
        }
        path += len;
        path += *path == ':';
    }
    return false;
}

static bool pg_config_has(pg_programs *ret)
{
    char line[PATH_MAX];
    FILE *pipe = popen("pg_config --bindir 2>/dev/null", "re");

    if (!pipe)
        return false;
    bool have = fgets(line, sizeof(line), pipe) != NULL;
    pclose(pipe);
    if (!have)
        return false;
    line[strcspn(line, "\n")] = '\0';
    return line[0] == '/' && directory_has(line, ret);
}

/* The number in "/usr/lib/postgresql/15/bin" or "/usr/pgsql-15/bin". */
static double version_of(const char *directory)
{
    const char *digits = strpbrk(directory, "0123456789");

    return digits ? strtod(digits, NULL) : 0;
}

static bool usual_directory_has(pg_programs *ret)
{
    glob_t found = {0};
    double best = -1;

    glob("/usr/lib/postgresql/*/bin", 0, NULL, &found);
    glob("/usr/pgsql-*/bin", GLOB_APPEND, NULL, &found);
    glob("/usr/local/pgsql/bin", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        double version = version_of(found.gl_pathv[i]);
        if (version > best && directory_has(found.gl_pathv[i], ret))
            best = version;
    }
    globfree(&found);
    return best >= 0;
}

bool pg_programs_find(const char *bindir, pg_programs *ret, pg_failure *failure)
{
    failure->exit = TOOL_EXIT_USAGE;
    if (bindir) {
        if (directory_has(bindir, ret))
            return true;
        snprintf(failure->message, sizeof(failure->message),
                 "--pg-bindir %s: initdb and postgres are not both there", bindir);
        snprintf(failure->hint, sizeof(failure->hint),
                 "name the directory that holds them, such as /usr/lib/postgresql/15/bin");
        return false;
    }
    if (path_has(ret) || pg_config_has(ret) || usual_directory_has(ret))
        return true;
    snprintf(
        failure->message, sizeof(failure->message),
        "no PostgreSQL server found (initdb and postgres): looked in PATH, pg_config --bindir, "
        "/usr/lib/postgresql/*/bin, /usr/pgsql-*/bin, /usr/local/pgsql/bin");
    snprintf(failure->hint, sizeof(failure->hint),
             "install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install "
             "postgresql-server), or name its directory with --pg-bindir");
    return false;
}

bool pg_owner_find(pg_owner *ret, pg_failure *failure)
{
    pg_owner owner = {.change = false, .uid = geteuid(), .gid = getegid()};

    if (owner.uid == 0) {
        const struct passwd *user = getpwnam("postgres");
        if (!user)
            user = getpwnam("nobody");
        if (!user || user->pw_uid == 0) {
            failure->exit = TOOL_EXIT_USAGE;
            snprintf(
                failure->message, sizeof(failure->message),
                "PostgreSQL does not run as root, and there is neither a user \"postgres\" nor "
                "\"nobody\"");
            snprintf(failure->hint, sizeof(failure->hint), "run this as an ordinary user");
            return false;
        }
        owner.change = true;
        owner.uid = user->pw_uid;
        owner.gid = user->pw_gid;
        snprintf(owner.name, sizeof(owner.name), "%s", user->pw_name);
    }
    *ret = owner;
    return true;
}

bool pg_owner_become(const pg_owner *owner)
{
    if (!owner->change)
        return true;
    /* Certificates and keys of the distribution are readable by the user's own groups. */
    if (initgroups(owner->name, owner->gid) != 0)
        return false;
    return setgid(owner->gid) == 0 && setuid(owner->uid) == 0;
}

/* Tried as the owner: a directory above may be closed to it. */
static bool owner_reaches(const pg_owner *owner, const char *directory)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(pg_owner_become(owner) && access(directory, W_OK | X_OK) == 0 ? 0 : 1);
    if (child < 0)
        return false;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool pg_directory_make(const pg_owner *owner, char *ret, size_t size, pg_failure *failure)
{
    const char *places[] = {getenv("TMPDIR"), "/tmp", "/var/tmp"};
    int error = ENOENT;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char path[PATH_MAX];

        if (!places[i] || places[i][0] != '/')
            continue;
        int len = snprintf(path, sizeof(path), "%s/tenon-pg-XXXXXX", places[i]);
        /* A socket's path has 107 characters, "/.s.PGSQL.65535.lock" takes 20 of them. */
        if (len < 0 || len > 86 || (size_t)len >= size)
            continue;
        if (!mkdtemp(path)) {
            error = errno;
            continue;
        }
        if ((!owner->change || chown(path, owner->uid, owner->gid) == 0) &&
            owner_reaches(owner, path)) {
            snprintf(ret, size, "%s", path);
            return true;
        }
        error = EACCES;
        rmdir(path);
    }
    failure->exit = TOOL_EXIT_USAGE;
    snprintf(failure->message, sizeof(failure->message),
             "no place for a cluster in TMPDIR, /tmp or /var/tmp: %s", strerror(error));
    snprintf(failure->hint, sizeof(failure->hint),
             "set TMPDIR to a writable directory with a path of at most 70 characters");
    return false;
}

/* By descriptors and without following links: the tree belongs to another user than us. */
static bool remove_entries(int directory, unsigned depth)
{
    DIR *stream = fdopendir(directory);
    const struct dirent *entry;
    bool gone = stream != NULL;

    if (!stream) {
        close(directory);
        return false;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(directory, entry->d_name, 0) == 0 || errno == ENOENT)
            continue;
        int below = depth == 0 ? -1
                               : openat(directory, entry->d_name,
                                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0 || !remove_entries(below, depth - 1) ||
            unlinkat(directory, entry->d_name, AT_REMOVEDIR) != 0)
            gone = false;
    }
    closedir(stream);
    return gone;
}

bool pg_directory_remove(const char *directory)
{
    for (int tries = 0; tries < 3; tries++) {
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
            return errno == ENOENT;
        /* Again when a process that is just ending wrote once more. */
        if (remove_entries(fd, 64) && rmdir(directory) == 0)
            return true;
    }
    return false;
}
