/* SPDX-License-Identifier: MIT */
/* The files of a directory, or of the program, as one ordered set of versions for one driver. */
#include <tenon/migrate.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "migrate/file.h"
#include "migrate/options.h"
#include "migrate/problem.h"

enum { FILES_MAX = 100000, FILE_SIZE_MAX = 64 << 20, BYTES_MAX = 1 << 30 };

/* A file before it is taken apart. */
typedef struct source {
    const char *path; /* for messages */
    tn__name name;    /* views into path */
    tn_str text;      /* of an embedded one; else read when it is its turn */
    const char *version;
} source;

struct tn_migrations {
    tn__arena arena;
    const char *driver;
    tn_migration *items;
    size_t count;
    source *sources;
    size_t n_sources, max_sources;
    const char **ignored; /* names of SQL files that are no migrations */
    size_t n_ignored, max_ignored;
};

typedef struct reading {
    tn_migrations *set;
    const char *directory; /* NULL: embedded */
    tn_migrate_problem *problem;
    tn_error *err;
} reading;

static tn_status no_memory(const reading *r)
{
    return tn_error_set(r->err, TN_NOMEM, NULL, "out of memory");
}

static tn_status cannot_read(const reading *r, const char *path, int error)
{
    tn__problem_fault(r->problem, TN_MIGRATE_FILES);
    return tn_error_set(r->err, TN_CONFIG, NULL, "cannot read %s: %s", path, strerror(error));
}

/* ---- finding --------------------------------------------------------------------------------- */

static tn_status grow_sources(const reading *r)
{
    tn_migrations *set = r->set;
    size_t max = set->max_sources ? set->max_sources * 2 : 64;

    if (set->n_sources < set->max_sources)
        return TN_OK;
    if (set->n_sources >= FILES_MAX)
        return tn_error_set(r->err, TN_LIMIT, NULL, "more than %d files", FILES_MAX);
    source *grown = realloc(set->sources, max * sizeof(*grown));
    if (!grown)
        return no_memory(r);
    set->sources = grown;
    set->max_sources = max;
    return TN_OK;
}

/* Left out in silence, a migration of another tool would be missing in the database. */
static tn_status bad_name(const reading *r, const char *name, const char *fault)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s%s%s", r->directory ? r->directory : "",
             r->directory ? "/" : "", name);
    if (r->problem)
        tn__copy_text(r->problem->file, sizeof(r->problem->file), tn_str_from(path));
    tn__problem_fault(r->problem, TN_MIGRATE_FILES);
    tn_error_set(r->err, TN_CONFIG, NULL, "%s would not be run: %s", path, fault);
    tn_error_set_hint(
        r->err, "give all files versions of digits alone, in the order that they have (V1.1__a, "
                "V1.2__b: V101__a, V102__b); move what is no migration to another directory");
    return TN_CONFIG;
}

/* The schema's own file lies there by right. */
static tn_status ignore(const reading *r, const char *name)
{
    tn_migrations *set = r->set;
    size_t max = set->max_ignored ? set->max_ignored * 2 : 8;
    const char *fault = tn__name_fault(tn_str_from(name));

    if (fault)
        return bad_name(r, name, fault);
    if (strcmp(name, "schema.sql") == 0 || tn__str_starts(tn_str_from(name), TN__STR("schema.")) ||
        !tn__str_ends(tn_str_from(name), TN__STR(".sql")) || set->n_ignored >= FILES_MAX)
        return TN_OK;
    const char *copy = tn__arena_copy(&set->arena, name, strlen(name));
    if (copy && set->n_ignored == set->max_ignored) {
        const char **grown = realloc(set->ignored, max * sizeof(*grown));
        if (grown) {
            set->ignored = grown;
            set->max_ignored = max;
        } else {
            copy = NULL;
        }
    }
    if (!copy)
        return no_memory(r);
    set->ignored[set->n_ignored++] = copy;
    return TN_OK;
}

/* Run as a portable file it would bring another database's SQL here. */
static tn_status no_driver(const reading *r, const char *path, const tn__name *name)
{
    if (r->problem) {
        tn__copy_text(r->problem->version, sizeof(r->problem->version), name->version);
        tn__copy_text(r->problem->file, sizeof(r->problem->file), tn_str_from(path));
    }
    tn__problem_fault(r->problem, TN_MIGRATE_FILES);
    tn_error_set(r->err, TN_CONFIG, NULL, "%s: \"%.*s\" is no driver: postgres, sqlite", path,
                 (int)name->no_driver.len, name->no_driver.ptr);
    if (name->meant)
        tn_error_set_hint(r->err, "did you mean .%s.sql?", name->meant);
    else
        tn_error_set_hint(r->err, "move it out of the directory; or, if it is for every database, "
                                  "rename it");
    return TN_CONFIG;
}

/* Notes a file whose name is a migration's. */
static tn_status add_source(const reading *r, const char *name, tn_str text)
{
    tn_migrations *set = r->set;
    tn__name parsed;
    char path[PATH_MAX];

    if (!tn__name_parse(tn_str_from(name), set->driver, &parsed))
        return ignore(r, name);
    tn_status status = grow_sources(r);
    if (status != TN_OK)
        return status;
    snprintf(path, sizeof(path), "%s%s%s", r->directory ? r->directory : "",
             r->directory ? "/" : "", name);
    if (parsed.no_driver.len)
        return no_driver(r, path, &parsed);
    const char *copy = tn__arena_copy(&set->arena, path, strlen(path));
    const char *version = tn__arena_copy(&set->arena, parsed.version.ptr, parsed.version.len);
    if (!copy || !version)
        return no_memory(r);
    size_t before = strlen(copy) - strlen(name);
    (void)tn__name_parse(tn_str_from(copy + before), set->driver, &parsed);
    set->sources[set->n_sources++] = (source){
        .path = copy, .name = parsed, .text = text, .version = version};
    return TN_OK;
}

static tn_status add_entry(const reading *r, const struct dirent *entry)
{
    char name[NAME_MAX + 16];
    struct stat info;
    char path[PATH_MAX];

    if (entry->d_name[0] == '.')
        return TN_OK;
    if (tn__str_ends(tn_str_from(entry->d_name), TN__STR(".sql")))
        return add_source(r, entry->d_name, (tn_str){NULL, 0});
    /* VERSION_name/migration.sql */
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
        return TN_OK;
    snprintf(name, sizeof(name), "%s/migration.sql", entry->d_name);
    snprintf(path, sizeof(path), "%s/%s", r->directory, name);
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return TN_OK;
    return add_source(r, name, (tn_str){NULL, 0});
}

static tn_status find_files(const reading *r)
{
    DIR *directory = opendir(r->directory);
    tn_status status = TN_OK;

    if (!directory) {
        status = cannot_read(r, r->directory, errno);
        tn_error_set_hint(r->err, "name the directory with --dir, or make the first migration: "
                                  "tenon migrate new NAME");
        return status;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry)
            break;
        status = add_entry(r, entry);
        if (status != TN_OK)
            break;
    }
    if (status == TN_OK && errno)
        status = cannot_read(r, r->directory, errno);
    closedir(directory);
    return status;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static tn_status read_all(const reading *r, const char *path, int fd, tn_str *ret)
{
    struct stat info;
    size_t len = 0;

    if (fstat(fd, &info) != 0)
        return cannot_read(r, path, errno);
    if (!S_ISREG(info.st_mode))
        return cannot_read(r, path, EINVAL);
    if (info.st_size > FILE_SIZE_MAX)
        return cannot_read(r, path, EFBIG);
    size_t size = (size_t)info.st_size;
    char *text = tn__arena_alloc(&r->set->arena, size + 1);
    if (!text)
        return no_memory(r);
    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot_read(r, path, errno);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    *ret = tn__str(text, len);
    return TN_OK;
}

static tn_status text_of(const reading *r, source *s)
{
    if (!r->directory)
        return TN_OK;
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_read(r, s->path, errno);
    tn_status status = read_all(r, s->path, fd, &s->text);
    close(fd);
    return status;
}

/* ---- versions -------------------------------------------------------------------------------- */

/* By version; of one version the downs last, and by path, so that messages are always the same. */
static int compare_sources(const void *a, const void *b)
{
    const source *x = a, *y = b;
    int order = tn_migration_compare(x->version, y->version);

    if (order == 0)
        order = (x->name.kind == TN__NAME_DOWN) - (y->name.kind == TN__NAME_DOWN);
    return order ? order : strcmp(x->path, y->path);
}

static tn_status twice(const reading *r, const source *a, const source *b)
{
    if (r->problem) {
        tn__copy_text(r->problem->version, sizeof(r->problem->version), a->name.version);
        tn__copy_text(r->problem->file, sizeof(r->problem->file), tn_str_from(b->path));
    }
    tn__problem_fault(r->problem, TN_MIGRATE_FILES);
    tn__problem_next(r->problem, "give one of them another version: rename it, or make it anew "
                                 "with tenon migrate new");
    tn_error_set(r->err, TN_CONFIG, NULL, "two files have the version %s: %s and %s", a->version,
                 a->path, b->path);
    tn_error_set_hint(r->err, "this happens when two branches are merged; one of them needs a "
                              "later version");
    return TN_CONFIG;
}

static bool is_for(const source *s, const char *driver)
{
    return s->name.driver.len == 0 || tn__same_driver(s->name.driver, tn_str_from(driver));
}

/* Of one version, sources first .. last: the one to run, and none that could be meant as well. */
static tn_status choose(const reading *r, source *first, source *last, source **ret)
{
    *ret = NULL;
    for (source *s = first; s < last; s++) {
        if (s->name.kind == TN__NAME_DOWN)
            continue;
        for (source *t = first; t < s; t++)
            if (t->name.kind != TN__NAME_DOWN && (tn__same_driver(s->name.driver, t->name.driver) ||
                                                  !tn_str_equal(s->name.name, t->name.name)))
                return twice(r, t, s);
        if (is_for(s, r->set->driver) && (!*ret || s->name.driver.len))
            *ret = s;
    }
    return TN_OK;
}

/* The .down.sql beside it; where several are for this driver, the variant. */
static source *find_down(const reading *r, source *first, source *last)
{
    source *found = NULL;

    for (source *s = first; s < last; s++)
        if (s->name.kind == TN__NAME_DOWN && is_for(s, r->set->driver) &&
            (!found || s->name.driver.len))
            found = s;
    return found;
}

static tn_status parse(const reading *r, source *s, tn_migration *m)
{
    tn_status status = text_of(r, s);

    if (status == TN_OK)
        status = tn__file_parse(&r->set->arena, s->path, s->text, s->name.kind, r->set->driver, m,
                                r->problem, r->err);
    if (status != TN_OK && r->problem)
        tn__copy_text(r->problem->version, sizeof(r->problem->version), s->name.version);
    return status;
}

static tn_status add_version(const reading *r, source *first, source *last)
{
    tn_migrations *set = r->set;
    tn_migration *m = &set->items[set->count];
    source *up;

    *m = (tn_migration){
        .up_options = TN__MIGRATION_OPTIONS_INIT,
        .down_options = TN__MIGRATION_OPTIONS_INIT,
        .up = {"", 0},
        .down = {"", 0},
    };
    tn_status status = choose(r, first, last, &up);
    if (status != TN_OK)
        return status;
    const source *named = up ? up : first;
    m->version = named->version;
    m->file = named->path;
    m->name = tn__arena_copy(&set->arena, named->name.name.ptr, named->name.name.len);
    if (!m->name)
        return no_memory(r);
    m->variant = up && up->name.driver.len;
    m->missing = !up;
    if (up)
        status = parse(r, up, m);
    source *down = find_down(r, first, last);
    if (status == TN_OK && down)
        status = parse(r, down, m);
    set->count++;
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static tn_status add_versions(const reading *r)
{
    tn_migrations *set = r->set;
    tn_status status = TN_OK;
    size_t next;

    if (set->n_sources)
        qsort(set->sources, set->n_sources, sizeof(*set->sources), compare_sources);
    if (set->n_ignored)
        qsort(set->ignored, set->n_ignored, sizeof(*set->ignored), compare_names);
    set->items = tn__arena_array(&set->arena, set->n_sources + 1, sizeof(*set->items));
    if (!set->items)
        return no_memory(r);
    for (size_t i = 0; status == TN_OK && i < set->n_sources; i = next) {
        for (next = i + 1; next < set->n_sources; next++)
            if (tn_migration_compare(set->sources[i].version, set->sources[next].version) != 0)
                break;
        status = add_version(r, set->sources + i, set->sources + next);
    }
    return status;
}

/* ---- the set --------------------------------------------------------------------------------- */

static tn_migrations *new_set(const char *driver, tn_error *err)
{
    tn_migrations *set = calloc(1, sizeof(*set));

    if (set) {
        tn__arena_init(&set->arena, BYTES_MAX);
        set->driver = tn__arena_copy(&set->arena, driver, strlen(driver));
        if (set->driver)
            return set;
        tn_migrations_free(set);
    }
    (void)tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    return NULL;
}

static tn_migrations *finish(reading *r, tn_status status)
{
    if (status == TN_OK)
        status = add_versions(r);
    free(r->set->sources);
    r->set->sources = NULL;
    if (status == TN_OK)
        return r->set;
    tn_migrations_free(r->set);
    return NULL;
}

tn_migrations *tn_migrations_read(const char *directory, const char *driver,
                                  tn_migrate_problem *ret_problem, tn_error *err)
{
    reading r = {.directory = directory, .problem = ret_problem, .err = err};

    tn__problem_clear(ret_problem);
    r.set = new_set(driver, err);
    return r.set ? finish(&r, find_files(&r)) : NULL;
}

tn_migrations *tn_migrations_embedded(const tn_migration_files *files, const char *driver,
                                      tn_migrate_problem *ret_problem, tn_error *err)
{
    reading r = {.problem = ret_problem, .err = err};
    tn_status status = TN_OK;

    tn__problem_clear(ret_problem);
    r.set = new_set(driver, err);
    if (!r.set)
        return NULL;
    for (size_t i = 0; status == TN_OK && i < files->count; i++)
        status = add_source(&r, files->files[i].name,
                            tn__str(files->files[i].text, files->files[i].len));
    return finish(&r, status);
}

const tn_migration *tn_migrations_at(const tn_migrations *migrations, size_t i)
{
    return i < migrations->count ? &migrations->items[i] : NULL;
}

size_t tn_migrations_count(const tn_migrations *migrations)
{
    return migrations->count;
}

const char *tn_migrations_ignored(const tn_migrations *migrations, size_t i)
{
    return i < migrations->n_ignored ? migrations->ignored[i] : NULL;
}

const tn_migration *tn_migrations_find(const tn_migrations *migrations, const char *version)
{
    size_t low = 0, high = migrations->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tn_migration_compare(version, migrations->items[middle].version);
        if (order == 0)
            return &migrations->items[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void tn_migrations_free(tn_migrations *migrations)
{
    if (!migrations)
        return;
    tn__arena_free(&migrations->arena);
    free(migrations->sources);
    free(migrations->ignored);
    free(migrations);
}
