/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

static char directory[SCRATCH_PATH_MAX];
static char marker[SCRATCH_PATH_MAX + 8];

void scratch_make(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(directory, sizeof(directory), "%s/tenon-test-XXXXXX", base && base[0] ? base : "/tmp");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    snprintf(marker, sizeof(marker), "%s/mark", directory);
    setenv("TENON_TEST_MARKER", marker, 1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void scratch_remove(void)
{
    if (directory[0])
        nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    directory[0] = '\0';
}

const char *scratch_path(const char *name)
{
    static char paths[8][SCRATCH_PATH_MAX + 256];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s%s%s", directory, name[0] ? "/" : "", name);
    return path;
}

void scratch_write(const char *name, const void *bytes, size_t size)
{
    const char *path = scratch_path(name);

    unlink(path); /* a loaded one must not change under the dynamic linker */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

unsigned char *scratch_module(const char *module, size_t *ret_size)
{
    char path[SCRATCH_PATH_MAX];
    struct stat st;

    snprintf(path, sizeof(path), TEST_MODULES "/%s.so", module);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    unsigned char *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    *ret_size = fread(bytes, 1, (size_t)st.st_size, file);
    fclose(file);
    assert_int_equal(*ret_size, st.st_size);
    return bytes;
}

const char *scratch_copy(const char *name, const char *module)
{
    size_t size;
    unsigned char *bytes = scratch_module(module, &size);

    scratch_write(name, bytes, size);
    free(bytes);
    return scratch_path(name);
}

const char *scratch_mkdir(const char *name)
{
    const char *path = scratch_path(name);

    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

unsigned scratch_marks(void)
{
    FILE *file = fopen(marker, "r");
    unsigned lines = 0;
    int c;

    if (!file)
        return 0;
    while ((c = getc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    unlink(marker);
    return lines;
}
