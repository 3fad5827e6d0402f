/* SPDX-License-Identifier: MIT */
/* From a trusted file to an adopted driver. */
#ifndef TENON_DRIVER_LOAD_H
#define TENON_DRIVER_LOAD_H

#include "driver/driver.h"

/* Checks directory/file, loads it, adopts it. *ret (next untouched) on success; a module once
 * loaded is never unloaded. Called under the registry's lock. TN_DRIVER on failure. */
tn_status tn__load(const char *directory, const char *file, tn__driver *ret, tn_error *err);

#endif
