/* SPDX-License-Identifier: MIT */
/*
 * Which drivers there are. Applications need none of this: the URL's scheme finds the driver.
 *
 * A driver module is <directory>/<scheme>.so. Directories: those of TENON_DRIVER_PATH (absolute,
 * separated by ':'; ignored in set-user-ID programs), then tenon/drivers beside the library.
 *
 * Thread rule: any thread.
 */
#ifndef TENON_DRIVERS_H
#define TENON_DRIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/error.h>
#include <tenon/export.h>

/* One driver or one file that might be one. Plain data. */
typedef struct tn_driver_info {
    char name[32];
    char version[32];
    char client[48];   /* its client library */
    char schemes[128]; /* "postgresql postgres" */
    char path[512];    /* "" for a built-in one */
    char link[128];    /* the name it is linked to, for an alias; "" else */
    uint16_t abi_major, abi_minor;
    uint64_t capabilities;
    bool usable;
    bool loaded;
    tn_error error; /* why it is not usable */
} tn_driver_info;

struct tn_driver_module;

TN_BEGIN_DECLS

/* Calls fn for each directory that is searched, in order. */
TN_API void tn_driver_directories(void (*fn)(void *arg, const char *directory, bool exists),
                                  void *arg);

/* Calls fn for each built-in driver and each .so file of the directories, in the order in which
 * they are found. Loads every module that passes the checks, to read what it says of itself. */
TN_API void tn_driver_list(void (*fn)(void *arg, const tn_driver_info *info), void *arg);

/* Finds, checks and loads one: by scheme or by the absolute path of a file. TN_DRIVER says why not.
 */
TN_API TN_NODISCARD tn_status tn_driver_inspect(const char *scheme_or_path, tn_driver_info *ret,
                                                const struct tn_driver_module **ret_module,
                                                tn_error *err);

/*
 * Adds a driver that is linked into the program: for static builds and for tests. It is checked as
 * a loaded one is, and found before the files. Registering the same module twice is fine, another
 * one for a scheme that is taken is TN_MISUSE. The module must stay for the life of the process.
 */
TN_API TN_NODISCARD tn_status tn_driver_register(const struct tn_driver_module *module,
                                                 tn_error *err);

TN_END_DECLS

#endif
