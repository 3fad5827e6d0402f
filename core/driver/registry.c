/* SPDX-License-Identifier: MIT */
/*
 * One list under one lock; entries are added and never removed. The lock is held across dlopen()
 * and dlerror(), which are one conversation.
 */
#include "driver/registry.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/config.h>
#include <tenon/drivers.h>

#include "base/buf.h"
#include "base/str.h"
#include "driver/adopt.h"
#include "driver/load.h"
#include "driver/search.h"

/* The schemes of this project's own drivers, whether they were built or not: given by drivers/, so
 * that "not installed" can be told from "unknown" without the core naming a driver. */
#ifndef TENON_KNOWN_SCHEMES
#define TENON_KNOWN_SCHEMES ""
#endif

enum { SCHEME_MAX = 31, FILES_MAX = 256, MESSAGE_MAX = 480 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tn__driver *drivers; /* newest last */

static const tn__driver *find_known(tn_str scheme)
{
    for (const tn__driver *driver = drivers; driver; driver = driver->next)
        if (tn__driver_serves(driver, scheme))
            return driver;
    return NULL;
}

static const tn__driver *find_module(const tn_module *module)
{
    for (const tn__driver *driver = drivers; driver; driver = driver->next)
        if (driver->module == module)
            return driver;
    return NULL;
}

static tn_status append(const tn__driver *driver, const tn__driver **ret, tn_error *err)
{
    tn__driver **end = &drivers;

    tn__driver *copy = malloc(sizeof(*copy));
    if (!copy)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    *copy = *driver;
    copy->next = NULL;
    while (*end)
        end = &(*end)->next;
    *end = copy;
    *ret = copy;
    return TN_OK;
}

/* Loads one file, or finds it loaded already (another scheme may be a link to the same module). */
static tn_status take_file(const char *directory, const char *file, const tn__driver **ret,
                           tn_error *err)
{
    tn__driver loaded;

    tn_status status = tn__load(directory, file, &loaded, err);
    if (status != TN_OK)
        return status;
    const tn__driver *known = find_module(loaded.module);
    if (known) {
        *ret = known;
        return TN_OK;
    }
    return append(&loaded, ret, err);
}

static bool file_exists(const char *directory, const char *file)
{
    char path[PATH_MAX];
    struct stat st;

    if (snprintf(path, sizeof(path), "%s/%s", directory, file) >= (int)sizeof(path))
        return false;
    return lstat(path, &st) == 0;
}

static void list_directories(const tn__directories *directories, tn__buf *out)
{
    for (size_t i = 0; i < directories->count; i++)
        tn__buf_printf(out, "%s%s", i ? ", " : "", directories->path[i]);
    if (directories->count == 0)
        tn__buf_puts(out, "no directory");
    if (directories->skipped_relative)
        tn__buf_puts(out, " (parts of TENON_DRIVER_PATH that are not absolute were passed over)");
}

/* All schemes that would work or are this project's, each once. */
static void list_known(tn__buf *out)
{
    tn__buf seen;
    tn_str rest = TN__STR(TENON_KNOWN_SCHEMES), part;

    tn__buf_init(&seen, MESSAGE_MAX);
    tn__buf_puts(&seen, "");
    while (tn__str_split(&rest, ' ', &part))
        if (part.len)
            tn__buf_printf(&seen, "%s%.*s", seen.len ? " " : "", (int)part.len, part.ptr);
    for (const tn__driver *driver = drivers; driver; driver = driver->next)
        for (size_t i = 0; driver->module->schemes[i]; i++)
            if (!tn__str_among(seen.ptr ? seen.ptr : "", ' ',
                               tn_str_from(driver->module->schemes[i])))
                tn__buf_printf(&seen, "%s%s", seen.len ? " " : "", driver->module->schemes[i]);
    for (size_t i = 0; i < seen.len; i++)
        if (seen.ptr[i] == ' ')
            tn__buf_puts(out, ", ");
        else
            tn__buf_putc(out, seen.ptr[i]);
    tn__buf_free(&seen);
}

static tn_status not_found(tn_str scheme, const tn__directories *directories, tn_error *err)
{
    tn__buf text;

    tn__buf_init(&text, MESSAGE_MAX);
    if (tn__str_among(TENON_KNOWN_SCHEMES, ' ', scheme)) {
        tn__buf_printf(&text, "driver \"%.*s\": not installed; looked in ", (int)scheme.len,
                       scheme.ptr);
        list_directories(directories, &text);
        tn__buf_printf(&text, " (install tenon's driver for it or set TENON_DRIVER_PATH)");
    } else {
        tn__buf_printf(&text, "scheme \"%.*s\": unknown (known: ", (int)scheme.len, scheme.ptr);
        list_known(&text);
        tn__buf_puts(&text, "); looked for a driver in ");
        list_directories(directories, &text);
    }
    tn_status status = tn_error_set(err, TN_DRIVER, NULL, "%s",
                                    text.ptr ? text.ptr : "driver not found");
    tn__buf_free(&text);
    return status;
}

static tn_status search(tn_str scheme, const tn__driver **ret, tn_error *err)
{
    tn__directories directories;
    char file[64];
    tn_status status = TN_NOT_FOUND;

    snprintf(file, sizeof(file), "%.*s.so", (int)scheme.len, scheme.ptr);
    tn__directories_find(&directories);
    for (size_t i = 0; status == TN_NOT_FOUND && i < directories.count; i++)
        if (file_exists(directories.path[i], file))
            status = take_file(directories.path[i], file, ret, err);
    if (status == TN_NOT_FOUND)
        status = not_found(scheme, &directories, err);
    else if (status == TN_OK && !tn__driver_serves(*ret, scheme))
        status = tn_error_set(
            err, TN_DRIVER, NULL,
            "driver %s: does not serve scheme \"%.*s\" though its file is named so", (*ret)->path,
            (int)scheme.len, scheme.ptr);
    tn__directories_free(&directories);
    return status;
}

/* It may be a URL that was put in the wrong place, so it is shown without its secrets. */
static tn_status refuse_name(tn_str name, const char *what, tn_error *err)
{
    char text[128], shown[128];

    tn__copy_text(text, sizeof(text), name);
    tn_url_redact(text, shown, sizeof(shown));
    tn_error_set(err, TN_DRIVER, NULL, "\"%s\": not %s", shown, what);
    if (err)
        err->phase = TN_PHASE_LOAD;
    return TN_DRIVER;
}

/* The name becomes a file's name: nothing but a token may. */
static tn_status check_scheme(tn_str scheme, tn_error *err)
{
    bool good = scheme.len > 0 && scheme.len <= SCHEME_MAX;

    for (size_t i = 0; good && i < scheme.len; i++) {
        char c = scheme.ptr[i];
        good = (c >= 'a' && c <= 'z') ||
               (i > 0 && ((c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-'));
    }
    if (good)
        return TN_OK;
    return refuse_name(scheme, "a scheme name ([a-z][a-z0-9+.-]*, at most 31 characters)", err);
}

tn_status tn__registry_find(tn_str scheme, const tn__driver **ret, tn_error *err)
{
    tn_status status = check_scheme(scheme, err);

    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&lock);
    const tn__driver *driver = find_known(scheme);
    if (!driver)
        status = search(scheme, &driver, err);
    pthread_mutex_unlock(&lock);
    if (status != TN_OK) {
        if (err)
            err->phase = TN_PHASE_LOAD;
        return status;
    }
    *ret = driver;
    return TN_OK;
}

tn_status tn_driver_register(const tn_module *module, tn_error *err)
{
    tn__driver adopted;
    const tn__driver *added;

    if (!module)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_driver_register: the module is NULL");
    tn_status status = tn__adopt(module, "(built in)", &adopted, err);
    if (status != TN_OK)
        return status;
    adopted.path[0] = '\0';
    pthread_mutex_lock(&lock);
    if (!find_module(module)) {
        for (size_t i = 0; status == TN_OK && module->schemes[i]; i++)
            if (find_known(tn_str_from(module->schemes[i])))
                status = tn_error_set(err, TN_MISUSE, NULL,
                                      "driver \"%s\": scheme \"%s\" is taken by another driver",
                                      module->name, module->schemes[i]);
        if (status == TN_OK)
            status = append(&adopted, &added, err);
    }
    pthread_mutex_unlock(&lock);
    return status;
}

/* ---- looking at drivers ---------------------------------------------------------------------- */

void tn_driver_directories(void (*fn)(void *arg, const char *directory, bool exists), void *arg)
{
    tn__directories directories;
    struct stat st;

    tn__directories_find(&directories);
    for (size_t i = 0; i < directories.count; i++)
        fn(arg, directories.path[i], stat(directories.path[i], &st) == 0 && S_ISDIR(st.st_mode));
    tn__directories_free(&directories);
}

static void describe(const tn__driver *driver, tn_driver_info *ret)
{
    size_t used = 0;

    *ret = (tn_driver_info){.usable = true, .loaded = true};
    tn__copy_text(ret->name, sizeof(ret->name), tn_str_from(driver->name));
    tn__copy_text(ret->version, sizeof(ret->version), tn_str_from(driver->version));
    tn__copy_text(ret->path, sizeof(ret->path), tn_str_from(driver->path));
    if (driver->client)
        tn__copy_text(ret->client, sizeof(ret->client), tn_str_from(driver->client()));
    for (size_t i = 0; driver->module->schemes[i] && used < sizeof(ret->schemes); i++)
        used += (size_t)snprintf(ret->schemes + used, sizeof(ret->schemes) - used, "%s%s",
                                 i ? " " : "", driver->module->schemes[i]);
    ret->abi_major = driver->module->abi_major;
    ret->abi_minor = driver->module->abi_minor;
    ret->capabilities = driver->capabilities;
}

/* A file's entry: what the driver says of itself, or why it is refused. */
static void describe_file(const char *directory, const char *file, tn_driver_info *ret)
{
    char path[PATH_MAX], link[128];
    const tn__driver *driver;
    tn_error why = TN_ERROR_INIT;

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    ssize_t len = readlink(path, link, sizeof(link) - 1);
    pthread_mutex_lock(&lock);
    tn_status status = take_file(directory, file, &driver, &why);
    pthread_mutex_unlock(&lock);
    if (status == TN_OK)
        describe(driver, ret);
    else
        *ret = (tn_driver_info){.error = why};
    tn__copy_text(ret->path, sizeof(ret->path), tn_str_from(path));
    tn__copy_text(ret->link, sizeof(ret->link), tn__str(link, len > 0 ? (size_t)len : 0));
}

static int is_module(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && tn__str_ends(tn_str_from(entry->d_name), TN__STR(".so"));
}

static void list_directory(const char *directory, void (*fn)(void *, const tn_driver_info *),
                           void *arg)
{
    struct dirent **entries = NULL;
    tn_driver_info info;

    int count = scandir(directory, &entries, is_module, alphasort);
    for (int i = 0; i < count; i++) {
        if (i < FILES_MAX) {
            describe_file(directory, entries[i]->d_name, &info);
            fn(arg, &info);
        }
        free(entries[i]);
    }
    free(entries);
}

void tn_driver_list(void (*fn)(void *arg, const tn_driver_info *info), void *arg)
{
    tn__directories directories;
    tn_driver_info info;

    /* Entries are never removed and their next is set once, under the lock. */
    pthread_mutex_lock(&lock);
    const tn__driver *driver = drivers;
    pthread_mutex_unlock(&lock);
    while (driver) {
        if (!driver->path[0]) {
            describe(driver, &info);
            fn(arg, &info);
        }
        pthread_mutex_lock(&lock);
        driver = driver->next;
        pthread_mutex_unlock(&lock);
    }
    tn__directories_find(&directories);
    for (size_t i = 0; i < directories.count; i++)
        list_directory(directories.path[i], fn, arg);
    tn__directories_free(&directories);
}

/* What was named as a path may be a URL whose start is missing. */
static void hide_secrets(tn_error *err)
{
    char shown[sizeof(err->message)];

    tn_url_redact(err->message, shown, sizeof(shown));
    memcpy(err->message, shown, sizeof(shown));
}

static tn_status inspect_path(const char *path, const tn__driver **ret, tn_error *err)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (path[0] != '/' || !slash[1] || (size_t)(slash - path) >= sizeof(directory))
        return refuse_name(tn_str_from(path), "the absolute path of a file", err);
    snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    pthread_mutex_lock(&lock);
    tn_status status = take_file(directory, slash + 1, ret, err);
    pthread_mutex_unlock(&lock);
    if (status != TN_OK && err && strchr(path, '@'))
        hide_secrets(err);
    return status;
}

tn_status tn_driver_inspect(const char *scheme_or_path, tn_driver_info *ret,
                            const tn_module **ret_module, tn_error *err)
{
    const tn__driver *driver;
    tn_status status;

    if (!scheme_or_path)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_driver_inspect: no name");
    if (strchr(scheme_or_path, '/'))
        status = inspect_path(scheme_or_path, &driver, err);
    else
        status = tn__registry_find(tn_str_from(scheme_or_path), &driver, err);
    if (status != TN_OK)
        return status;
    if (ret)
        describe(driver, ret);
    if (ret_module)
        *ret_module = driver->module;
    return TN_OK;
}
