/* SPDX-License-Identifier: MIT */
/* No working directory, no bare file name that the dynamic linker would look for, nothing derived
 * from a file's contents. */
#define _GNU_SOURCE /* dladdr, secure_getenv */
#include "driver/search.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/version.h>

#include "base/str.h"

#ifndef TENON_INSTALLED_DRIVERS
#define TENON_INSTALLED_DRIVERS ""
#endif

static void add(tn__directories *directories, const char *path, size_t len)
{
    if (directories->count == TN__DIRECTORIES_MAX || len == 0 || len >= PATH_MAX)
        return;
    char *copy = strndup(path, len);
    if (copy)
        directories->path[directories->count++] = copy;
}

static void add_environment(tn__directories *directories)
{
    const char *value = secure_getenv("TENON_DRIVER_PATH");
    tn_str rest = tn_str_from(value), part;

    while (tn__str_split(&rest, ':', &part)) {
        if (part.len == 0)
            continue;
        if (part.ptr[0] == '/')
            add(directories, part.ptr, part.len);
        else
            directories->skipped_relative = true;
    }
}

/* The file that this code stands in: the shared library, or the program for a static build. */
static bool own_file(char *ret, bool *ret_is_program)
{
    Dl_info info;
    char program[PATH_MAX];

    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[len > 0 ? len : 0] = '\0';
    if (dladdr((const void *)&tn__directories_find, &info) && info.dli_fname &&
        realpath(info.dli_fname, ret)) {
        *ret_is_program = strcmp(ret, program) == 0;
        return true;
    }
    *ret_is_program = true;
    return program[0] && realpath(program, ret);
}

void tn__directories_find(tn__directories *ret)
{
    char file[PATH_MAX], path[PATH_MAX + 32];
    bool is_program;

    *ret = (tn__directories){0};
    add_environment(ret);
    if (!own_file(file, &is_program))
        return;
    *strrchr(file, '/') = '\0';
    int len = snprintf(path, sizeof(path), "%s%s/tenon/drivers", file, is_program ? "/../lib" : "");
    add(ret, path, (size_t)len);
    /* A program that has the library linked in stands anywhere: where it was to be installed, too.
     */
    if (is_program)
        add(ret, TENON_INSTALLED_DRIVERS, strlen(TENON_INSTALLED_DRIVERS));
}

void tn__directories_free(tn__directories *directories)
{
    for (size_t i = 0; i < directories->count; i++)
        free(directories->path[i]);
    *directories = (tn__directories){0};
}
