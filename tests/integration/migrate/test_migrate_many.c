/* SPDX-License-Identifier: MIT */
/*
 * Ten deployers at once, on a fresh and on an existing database, three rounds each: all of them end
 * well, and each migration was applied once. The counters have no constraint that would hold back
 * a second time.
 */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

enum { DEPLOYERS = 10, ROUNDS = 3, FILES = 8 };

static const char *const deploy[] = {"migrate", "deploy", "--lock-wait", "5min", NULL};

/* Every third one is without a transaction: statement by statement. */
static void write_files(const kit *k, int first, int last, bool postgres)
{
    char name[64];

    for (int i = first; i <= last; i++) {
        snprintf(name, sizeof(name), "%03d_step.sql", i);
        if (i % 3 == 0)
            kit_file(k, name,
                     "-- migrate:up transaction:false\n"
                     "insert into counted values (%d);\n"
                     "%s;\n"
                     "insert into counted values (%d);\n"
                     "-- migrate:down\nselect 1;\n",
                     i, postgres ? "create index concurrently on counted (n)" : "vacuum", i + 1000);
        else
            kit_file(k, name,
                     "-- migrate:up\n%s"
                     "create table t%d (id integer primary key);\n"
                     "insert into counted values (%d);\n",
                     i == 1 ? "create table counted (n integer);\n" : "", i, i);
    }
}

static void ten_at_once(const kit *k)
{
    pid_t pids[DEPLOYERS];
    int codes[DEPLOYERS];

    for (int i = 0; i < DEPLOYERS; i++)
        pids[i] = kit_start(k, i, deploy);
    for (int i = 0; i < DEPLOYERS; i++)
        codes[i] = kit_wait(pids[i]);
    for (int i = 0; i < DEPLOYERS; i++)
        kit_expect(k, i, codes[i], 0);
}

static void check_once(const kit *k, int files)
{
    assert_int_equal(kit_number(k, "select count(*) from _tenon_migrations"), files);
    assert_int_equal(
        kit_number(k, "select count(*) from _tenon_migrations where state <> 'applied'"), 0);
    assert_int_equal(kit_number(k, "select count(*) from counted"), files + files / 3);
    assert_int_equal(kit_number(k, "select count(distinct n) from counted"), files + files / 3);
    kit_expect(k, 0, KIT_RUN(k, "migrate", "status"), 0);
}

static void rounds(kit *k, bool postgres)
{
    for (int round = 0; round < ROUNDS; round++) {
        kit_no_files(k);
        kit_empty(k, postgres);
        write_files(k, 1, FILES, postgres);
        ten_at_once(k); /* fresh */
        check_once(k, FILES);
        write_files(k, FILES + 1, 2 * FILES, postgres);
        ten_at_once(k); /* existing */
        check_once(k, 2 * FILES);
    }
}

int main(int argc, char **argv)
{
    return kit_main(argc, argv, rounds);
}
