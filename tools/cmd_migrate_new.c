/* SPDX-License-Identifier: MIT */
/* tenon migrate new: an empty file with the right name. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "migrate.h"

enum { NAME_SIZE = 100, VERSION_SIZE = 32, MAX_FILES = 8 };

static const char text[] = "-- migrate:up\n\n\n-- migrate:down\n\n";

/* "Add users' e-mail" becomes add_users_e_mail. */
static bool clean_name(const char *name, char buf[NAME_SIZE])
{
    size_t n = 0;

    for (; *name && n + 1 < NAME_SIZE; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80);
        if (good)
            buf[n++] = c;
        else if (n && buf[n - 1] != '_')
            buf[n++] = '_';
    }
    while (n && buf[n - 1] == '_')
        n--;
    buf[n] = '\0';
    return n > 0 && !*name;
}

/* One more than a version of digits. */
static void next_version(const char *version, char buf[VERSION_SIZE])
{
    size_t i = strlen(version);

    snprintf(buf, VERSION_SIZE, "%s", version);
    while (i > 0 && buf[i - 1] == '9')
        buf[--i] = '0';
    if (i > 0)
        buf[i - 1]++;
    else if (strlen(buf) + 1 < VERSION_SIZE) {
        memmove(buf + 1, buf, strlen(buf) + 1);
        buf[0] = '1';
    }
}

/* The time in UTC, but never before what is there: a clock may be wrong. */
static void find_version(const tn_migrations *set, char buf[VERSION_SIZE])
{
    size_t count = set ? tn_migrations_count(set) : 0;
    const tn_migration *newest = count ? tn_migrations_at(set, count - 1) : NULL;
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(buf, VERSION_SIZE, "%Y%m%d%H%M%S", &utc);
    if (newest && tn_migration_compare(buf, newest->version) <= 0)
        next_version(newest->version, buf);
}

static int cannot(const char *what, const char *path)
{
    tool_warn("cannot %s %s: %s", what, path, strerror(errno));
    return TOOL_EXIT_SQL;
}

static int write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0)
        return cannot("create", path);
    bool good = write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1;
    good = close(fd) == 0 && good;
    return good ? TOOL_EXIT_FINE : cannot("write", path);
}

/* The suffixes of the files to make: "" or ".postgres", ".sqlite". false after saying why. */
static size_t find_variants(const tool *t, const char *variants[MAX_FILES])
{
    static const char *const names[][2] = {
        {"postgres", ".postgres"}, {"postgresql", ".postgres"}, {"sqlite", ".sqlite"}};
    const char *at = tool_value(t, TOOL_OPT_DRIVER);
    size_t n = 0;

    if (!at) {
        variants[0] = "";
        return 1;
    }
    while (*at && n < MAX_FILES) {
        size_t len = strcspn(at, ","), found = SIZE_MAX;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (strlen(names[i][0]) == len && strncmp(at, names[i][0], len) == 0)
                found = i;
        if (found == SIZE_MAX)
            break;
        variants[n++] = names[found][1];
        at += len + (at[len] == ',');
    }
    if (*at || !n) {
        tool_usage(t, "--driver %s: not postgres, sqlite or both with a comma between",
                   tool_value(t, TOOL_OPT_DRIVER));
        return 0;
    }
    return n;
}

static int show(const migrate_job *job, const char *version, char paths[][PATH_MAX], size_t n)
{
    static out o;
    json j;

    if (!job->t->json) {
        for (size_t i = 0; i < n; i++)
            printf("%s\n", paths[i]);
        return TOOL_EXIT_FINE;
    }
    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, job->t, true);
    json_text(&j, "version", version);
    json_array(&j, "files");
    for (size_t i = 0; i < n; i++)
        json_text(&j, NULL, paths[i]);
    json_array_end(&j);
    report_end(&j);
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int make(migrate_job *job, const char *name, const char *const *variants, size_t n)
{
    static char paths[MAX_FILES][PATH_MAX];
    char version[VERSION_SIZE];

    find_version(job->set, version);
    for (size_t i = 0; i < n; i++) {
        snprintf(paths[i], PATH_MAX, "%s/%s_%s%s.sql", job->dir, version, name, variants[i]);
        int status = write_file(paths[i]);
        if (status != TOOL_EXIT_FINE)
            return status;
    }
    return show(job, version, paths, n);
}

static int run(tool *t)
{
    const char *variants[MAX_FILES];
    char name[NAME_SIZE];
    migrate_job job;

    if (!clean_name(t->words[0], name))
        return tool_usage(t, "a name wants letters or digits, at most %d", NAME_SIZE - 1);
    size_t n = find_variants(t, variants);
    if (!n)
        return TOOL_EXIT_USAGE;
    int status = migrate_open(&job, t, 0);
    if (status == TOOL_EXIT_FINE && mkdir(job.dir, 0777) != 0 && errno != EEXIST)
        status = cannot("create", job.dir);
    /* --driver is about the files to make, so these are read for any. */
    if (status == TOOL_EXIT_FINE)
        status = migrate_read(&job, "postgresql");
    if (status == TOOL_EXIT_FINE)
        status = make(&job, name, variants, n);
    migrate_close(&job);
    return status;
}

static const tool_option options[] = {
    {TOOL_OPT_DRIVER, 0, "driver", "NAMES", "postgres sqlite postgres,sqlite",
     "a file for each of these instead of one for all"},
    MIGRATE_OPTION_DIR,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "made; standard output names the files"},
    {1, "a file could not be written"},
    {2, "usage, or a file that is there is wrong"},
    {0, NULL},
};

const tool_command tool_command_migrate_new = {
    .noun = "migrate",
    .verb = "new",
    .summary = "makes an empty migration with the next version",
    .usage = "NAME [--driver postgres,sqlite] [--dir DIR]",
    .text = "The version is the time in UTC. Needs no database.",
    .options = options,
    .examples = {"tenon migrate new create_users", "tenon migrate new 'add email' --dir db",
                 "$EDITOR \"$(tenon migrate new create_users)\""},
    .exits = exits,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
