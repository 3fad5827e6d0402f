/* SPDX-License-Identifier: MIT */
/*
 * core/driver: trust, the look into the file, loading. What is refused has run no code: a module's
 * constructor leaves a mark, and it must not be there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/drivers.h>

#include "driver/elf.h"
#include "scratch.h"
#include "support/mock_client.h"

static int setup(void **state)
{
    (void)state;
    scratch_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

/* Refused, with the file and this in the message, and no code of it was run. */
static void refused(const char *name, const char *part)
{
    tn_error err = TN_ERROR_INIT;
    const char *path = scratch_path(name);

    tn_status status = tn_driver_inspect(path, NULL, NULL, &err);
    if (status != TN_DRIVER)
        fail_msg("%s: %s (%s)", name, tn_status_name(status), err.message);
    assert_contains(err.message, part);
    if (scratch_marks() != 0)
        fail_msg("%s: refused, but its constructor ran", name);
}

static void accepted(const char *name)
{
    tn_error err = TN_ERROR_INIT;
    const char *path = scratch_path(name);

    if (tn_driver_inspect(path, NULL, NULL, &err) != TN_OK)
        fail_msg("%s: %s", name, err.message);
    assert_int_equal(scratch_marks(), 1);
}

static void a_good_one_is_loaded_once(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_driver_info info;
    const tn_module *first, *second;

    (void)state;
    scratch_copy("good.so", "good");
    accepted("good.so");
    assert_ok(tn_driver_inspect(scratch_path("good.so"), &info, &first, &err), err);
    assert_ok(tn_driver_inspect(scratch_path("good.so"), NULL, &second, &err), err);
    assert_ptr_equal(first, second);
    assert_int_equal(scratch_marks(), 0);
    assert_string_equal(info.name, "test");
    assert_string_equal(info.schemes, "good");
    assert_true(info.usable && info.loaded);
    assert_int_equal(info.abi_major, TN_DRIVER_ABI_MAJOR);
    assert_contains(info.path, "/good.so");
}

/* ---- modules that are not ours
 * ------------------------------------------------------------------------------ */

static void modules_of_another_kind_are_refused_before_their_code(void **state)
{
    static const struct {
        const char *module, *part;
    } cases[] = {
        {"major", "built for driver ABI 2.2, this library has 1.2"},
        {"size", "its description has"},
        {"operation", "required operation conn.ping is missing"},
        {"rollback", "txn.begin without txn.rollback"},
        {"symbol", "no symbol tn_driver_module"},
        {"magic", "wrong magic number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scratch_copy("bad.so", cases[i].module);
        refused("bad.so", cases[i].part);
        refused("bad.so", "/bad.so: ");
    }
}

static void files_that_are_no_modules_are_refused(void **state)
{
    static const char text[] = "#!/bin/sh\necho hello\n";

    (void)state;
    scratch_write("text.so", text, sizeof(text) - 1);
    refused("text.so", "not a shared library");
    scratch_write("empty.so", "", 0);
    refused("empty.so", "an empty file");
    scratch_write("magic.so", ELFMAG, SELFMAG);
    refused("magic.so", "not a shared library");
    scratch_mkdir("directory.so");
    refused("directory.so", "not a regular file");
    refused("missing.so", "No such file");
}

static void patch(const char *name, size_t offset, uint16_t value, size_t width)
{
    size_t size;
    unsigned char *bytes = scratch_module("good", &size);

    memcpy(bytes + offset, &value, width);
    scratch_write(name, bytes, size);
    free(bytes);
}

static void files_for_other_machines_are_refused(void **state)
{
    (void)state;
    patch("machine.so", offsetof(Elf64_Ehdr, e_machine), EM_68K, 2);
    refused("machine.so", "another kind of machine");
    patch("class.so", EI_CLASS, sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64, 1);
    refused("class.so", "another kind of machine");
    patch("order.so", EI_DATA, ELFDATA2MSB, 1);
    refused("order.so", "another kind of machine");
    patch("program.so", offsetof(Elf64_Ehdr, e_type), ET_EXEC, 2);
    refused("program.so", "not a shared library");
}

/* A copy that was cut short kills a program that maps it: it must be seen before. */
static void a_file_cut_short_anywhere_is_refused(void **state)
{
    size_t size, cuts = 0;
    unsigned char *bytes = scratch_module("good", &size);

    (void)state;
    for (size_t len = 0; len < size; len += 64, cuts++) {
        char name[32];
        snprintf(name, sizeof(name), "cut%zu.so", len);
        scratch_write(name, bytes, len);
        refused(name, "driver ");
        unlink(scratch_path(name));
    }
    scratch_write("last.so", bytes, size - 1);
    refused("last.so", "driver ");
    scratch_write("whole.so", bytes, size);
    accepted("whole.so");
    free(bytes);
    assert_true(cuts > 100);
}

/* Damage of any byte is at worst not seen; it crashes nothing. */
static void damage_anywhere_crashes_nothing(void **state)
{
    static const unsigned char masks[] = {0xff, 0x80, 0x01};
    size_t size, seen = 0;
    unsigned char *bytes = scratch_module("good", &size);

    (void)state;
    scratch_write("damaged.so", bytes, size);
    bool now;
    int fd = open(scratch_path("damaged.so"), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i += i < 2048 ? 1 : 5) {
        for (size_t k = 0; k < sizeof(masks); k++) {
            const unsigned char damaged = bytes[i] ^ masks[k];
            assert_int_equal(pwrite(fd, &damaged, 1, (off_t)i), 1);
            seen += tn__elf_check(scratch_path("damaged.so"), &now, NULL) != TN_OK;
        }
        assert_int_equal(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    }
    close(fd);
    assert_status(tn__elf_check(scratch_path("damaged.so"), &now, NULL), TN_OK);
    free(bytes);
    assert_true(seen > 100);
}

/* ---- trust
 * ------------------------------------------------------------------------------------------------------
 */

static void what_others_can_write_to_is_refused(void **state)
{
    (void)state;
    scratch_copy("open.so", "good");
    assert_int_equal(chmod(scratch_path("open.so"), 0777), 0);
    refused("open.so", "writable by others (mode 0777)");
    assert_int_equal(chmod(scratch_path("open.so"), 0702), 0);
    refused("open.so", "writable by others");
    assert_int_equal(chmod(scratch_path("open.so"), 0755), 0);

    assert_int_equal(chmod(scratch_path(""), 0777), 0);
    refused("open.so", "writable by others (mode 0777)");
    assert_int_equal(chmod(scratch_path(""), 01777), 0); /* a sticky one as well */
    refused("open.so", "writable by others");
    assert_int_equal(chmod(scratch_path(""), 0755), 0);

    scratch_mkdir("above");
    scratch_mkdir("above/drivers");
    scratch_copy("above/drivers/deep.so", "good");
    assert_int_equal(chmod(scratch_path("above"), 0777), 0);
    refused("above/drivers/deep.so", "directory above it is writable by others");
    assert_int_equal(chmod(scratch_path("above"), 01777), 0);
    accepted("above/drivers/deep.so");
}

static void what_belongs_to_others_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        puts("skip: only root can give a file away");
        skip();
    }
    scratch_copy("given.so", "good");
    assert_int_equal(chown(scratch_path("given.so"), 65534, 65534), 0);
    refused("given.so", "belongs to user 65534");
    assert_int_equal(chown(scratch_path("given.so"), 0, 65534), 0);
    assert_int_equal(chmod(scratch_path("given.so"), 0775), 0);
    refused("given.so", "writable by others");
    assert_int_equal(chmod(scratch_path("given.so"), 0755), 0);
    scratch_mkdir("theirs");
    scratch_copy("theirs/mine.so", "good");
    assert_int_equal(chown(scratch_path("theirs"), 65534, 65534), 0);
    refused("theirs/mine.so", "belongs to user 65534");
    accepted("given.so");
}

/* Who owns a directory above can rename what is in it and put his own there. */
static void a_directory_above_that_belongs_to_others_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        puts("skip: only root can give a directory away");
        skip();
    }
    scratch_mkdir("theirs");
    scratch_mkdir("theirs/drivers");
    scratch_copy("theirs/drivers/x.so", "good");
    assert_int_equal(chown(scratch_path("theirs"), 65534, 65534), 0);
    refused("theirs/drivers/x.so", "/theirs");
}

static void links_stay_within_the_directory(void **state)
{
    (void)state;
    scratch_mkdir("elsewhere");
    scratch_mkdir("drivers");
    scratch_copy("elsewhere/out.so", "good");
    scratch_copy("drivers/real.so", "good");
    assert_int_equal(symlink("../elsewhere/out.so", scratch_path("drivers/out.so")), 0);
    refused("drivers/out.so", "a link out of its directory");
    assert_int_equal(symlink("nothing.so", scratch_path("drivers/dangling.so")), 0);
    refused("drivers/dangling.so", "leads nowhere");
    assert_int_equal(symlink("loop.so", scratch_path("drivers/loop.so")), 0);
    refused("drivers/loop.so", "leads nowhere");
    scratch_mkdir("drivers/below");
    scratch_copy("drivers/below/deep.so", "good");
    assert_int_equal(symlink("below/deep.so", scratch_path("drivers/deep.so")), 0);
    refused("drivers/deep.so", "a link out of its directory");
    /* A directory whose name only begins the same. */
    scratch_mkdir("drivers-evil");
    scratch_copy("drivers-evil/x.so", "good");
    assert_int_equal(symlink("../drivers-evil/x.so", scratch_path("drivers/x.so")), 0);
    refused("drivers/x.so", "a link out of its directory");

    assert_int_equal(symlink("real.so", scratch_path("drivers/link.so")), 0);
    accepted("drivers/link.so");
    /* The directory itself may be reached by a link. */
    assert_int_equal(symlink("drivers", scratch_path("linked")), 0);
    scratch_copy("drivers/second.so", "good");
    accepted("linked/second.so");
}

static void only_absolute_paths_of_files_are_taken(void **state)
{
    static const char *const bad[] = {"./good.so", "../good.so", "a/good.so", "/", "/tmp/", "a/"};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_status(tn_driver_inspect(bad[i], NULL, NULL, &err), TN_DRIVER);
        assert_contains(err.message, bad[i]);
    }
    assert_status(tn_driver_inspect(NULL, NULL, NULL, &err), TN_MISUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_good_one_is_loaded_once),
        TEST(modules_of_another_kind_are_refused_before_their_code),
        TEST(files_that_are_no_modules_are_refused),
        TEST(files_for_other_machines_are_refused),
        TEST(a_file_cut_short_anywhere_is_refused),
        TEST(damage_anywhere_crashes_nothing),
        TEST(what_others_can_write_to_is_refused),
        TEST(what_belongs_to_others_is_refused),
        TEST(a_directory_above_that_belongs_to_others_is_refused),
        TEST(links_stay_within_the_directory),
        TEST(only_absolute_paths_of_files_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
