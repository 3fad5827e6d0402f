/* SPDX-License-Identifier: MIT */
/* The check of a module before any of its code runs. Pure: reads data, calls nothing. */
#ifndef TENON_DRIVER_ADOPT_H
#define TENON_DRIVER_ADOPT_H

#include "driver/driver.h"

/* path is what messages name: the file, or "built in". On success *ret is filled (next untouched);
 * on failure TN_DRIVER with path, expected, found, mend. */
tn_status tn__adopt(const tn_module *module, const char *path, tn__driver *ret, tn_error *err);

/* Only what stands before the capabilities: magic number, ABI, size. */
tn_status tn__adopt_head(const tn_module *module, const char *path, tn_error *err);

#endif
