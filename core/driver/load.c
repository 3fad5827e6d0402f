/* SPDX-License-Identifier: MIT */
/*
 * Never dlclose(): threads, TLS destructors and atexit handlers of client libraries may still call
 * into the module. RTLD_LOCAL keeps two modules' symbols apart. A symbol that a module misses is an
 * error here and not a jump to nowhere later: a module that was linked with -z now asks for that
 * itself, for others RTLD_NOW does. The latter would also look up, with each start of a program,
 * what the client libraries leave for later.
 */
#define _GNU_SOURCE /* dladdr1, RTLD_NODELETE */
#include "driver/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/adopt.h"
#include "driver/elf.h"
#include "driver/trust.h"

static tn_status load_failed(const char *path, tn_error *err)
{
    const char *why = dlerror();

    /* "FILE: what went wrong": the file is named already. */
    if (why && strncmp(why, path, strlen(path)) == 0 && why[strlen(path)] == ':')
        why += strlen(path) + 1 + (why[strlen(path) + 1] == ' ');
    return tn_error_set(err, TN_DRIVER, NULL, "driver %s: cannot be loaded: %s", path,
                        why ? why : "unknown reason");
}

/* The symbol must be the module's own, not one that the module's dependencies bring along. */
static bool own_symbol(const void *symbol, const char *path)
{
    Dl_info info;
    char real[PATH_MAX];

    if (!dladdr(symbol, &info) || !info.dli_fname)
        return false;
    return strcmp(info.dli_fname, path) == 0 ||
           (realpath(info.dli_fname, real) && strcmp(real, path) == 0);
}

tn_status tn__load(const char *directory, const char *file, tn__driver *ret, tn_error *err)
{
    char path[PATH_MAX];
    tn__file_identity identity;
    struct stat st;
    bool now;

    tn_status status = tn__trust_file(directory, file, path, sizeof(path), &identity, err);
    if (status == TN_OK)
        status = tn__elf_check(path, &now, err);
    if (status != TN_OK)
        return status;

    void *handle = dlopen(path, (now ? RTLD_LAZY : RTLD_NOW) | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle)
        return load_failed(path, err);
    if (stat(path, &st) != 0 || identity.device != st.st_dev || identity.inode != st.st_ino)
        return tn_error_set(err, TN_DRIVER, NULL,
                            "driver %s: the file was replaced while it was loaded; refused", path);
    const tn_module *module = dlsym(handle, TN_DRIVER_MODULE_SYMBOL);
    if (!module || !own_symbol(module, path))
        return tn_error_set(
            err, TN_DRIVER, NULL,
            "driver %s: no symbol " TN_DRIVER_MODULE_SYMBOL " (not a tenon driver?)", path);
    return tn__adopt(module, path, ret, err);
}
