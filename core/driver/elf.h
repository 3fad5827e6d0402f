/* SPDX-License-Identifier: MIT */
/*
 * A look into a module's file before the dynamic linker maps it: dlopen() runs constructors, and on
 * a file that was cut short it may be killed by SIGBUS.
 */
#ifndef TENON_DRIVER_ELF_H
#define TENON_DRIVER_ELF_H

#include <stdbool.h>

#include <tenon/error.h>

/*
 * The file must be a complete shared object for this machine that exports the data symbol
 * tn_driver_module, and what stands there must have our magic number, ABI major, a size that fits,
 * and every required operation. TN_DRIVER says what is wrong. Nothing of the file is executed.
 * *ret_now: was it linked with -z now, so that all its symbols are found when it is loaded?
 */
tn_status tn__elf_check(const char *path, bool *ret_now, tn_error *err);

#endif
