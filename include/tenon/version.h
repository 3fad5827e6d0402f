/* SPDX-License-Identifier: MIT */
/*
 * The library's version (semantic versioning) and, apart from it, the version of the driver ABI
 * that driver.h describes. CMakeLists.txt reads the library's version from here.
 */
#ifndef TENON_VERSION_H
#define TENON_VERSION_H

#include <tenon/export.h>

#define TN_VERSION_MAJOR  0
#define TN_VERSION_MINOR  1
#define TN_VERSION_PATCH  0
#define TN_VERSION_STRING "0.1.0"

/* A driver is loaded when its major equals the host's and the host's minor is at least the least
 * one that the driver names. Structs only grow at their end within a major. */
#define TN_DRIVER_ABI_MAJOR 1
#define TN_DRIVER_ABI_MINOR 2

TN_BEGIN_DECLS

/* The version of the library at run time, such as "0.1.0". Static storage. Any thread. */
TN_API const char *tn_version(void);

TN_END_DECLS

#endif
