/* SPDX-License-Identifier: MIT */
/* A directory of a test's own with copies of the test modules, and the mark that code leaves. */
#ifndef TENON_TESTS_UNIT_CORE_SCRATCH_H
#define TENON_TESTS_UNIT_CORE_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

enum { SCRATCH_PATH_MAX = 512 };

/* Makes the directory (mode 0755) and names the mark to the modules. */
void scratch_make(void);
/* Removes it with all that is in it. */
void scratch_remove(void);

/* The path of a name in it; "" is the directory. Static memory, good for the next seven calls. */
const char *scratch_path(const char *name);
/* Writes a file, mode 0755. */
void scratch_write(const char *name, const void *bytes, size_t size);
/* The bytes of a built module, to be freed. */
unsigned char *scratch_module(const char *module, size_t *ret_size);
/* A copy of a built module under this name. Returns its path. */
const char *scratch_copy(const char *name, const char *module);
/* A directory in it. */
const char *scratch_mkdir(const char *name);

/* How many modules' constructors ran since the last call. */
unsigned scratch_marks(void);

#endif
