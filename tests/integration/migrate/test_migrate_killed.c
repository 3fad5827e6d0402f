/* SPDX-License-Identifier: MIT */
/*
 * A deploy of fifty migrations is killed (SIGKILL) at random moments, again and again, until there
 * were fifty kills: the next run ends well by itself, nothing is there twice and nothing half. The
 * counters have no constraint that would hold back a second time.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kit.h"

enum { KILLS = 50, FILES = 50 };

static const char *const deploy[] = {"migrate", "deploy", "-q", "--lock-wait", "2min", NULL};

/* One in five is without a transaction. */
static void write_files(const kit *k, bool postgres)
{
    char name[64];

    for (int i = 1; i <= FILES; i++) {
        snprintf(name, sizeof(name), "%03d_step.sql", i);
        if (i % 5 == 0)
            kit_file(k, name,
                     "-- migrate:up transaction:false\n"
                     "insert into counted values (%d);\n"
                     "%s;\n"
                     "insert into counted values (%d);\n"
                     "begin; insert into counted values (%d); insert into counted values (%d);"
                     " commit;\n",
                     i, postgres ? "create index concurrently on counted (n)" : "vacuum", i + 1000,
                     i + 2000, i + 3000);
        else
            kit_file(k, name,
                     "-- migrate:up\n%s"
                     "insert into counted values (%d);\n"
                     "create table t%d (id integer primary key, n integer);\n"
                     "create index t%d_n on t%d (n);\n",
                     i == 1 ? "create table counted (n integer);\n" : "", i, i, i, i);
    }
}

static void check_whole(const kit *k)
{
    int expected = FILES + 3 * (FILES / 5);

    assert_int_equal(
        kit_number(k, "select count(*) from _tenon_migrations where state = 'applied'"), FILES);
    assert_int_equal(kit_number(k, "select count(*) from counted"), expected);
    assert_int_equal(kit_number(k, "select count(distinct n) from counted"), expected);
    kit_expect(k, 0, KIT_RUN(k, "migrate", "status", "-q"), 0);
}

/* Is all that an interrupted run left whole? Each migration with a row has done all of its work,
 * each without has done none. */
static void check_nothing_half(const kit *k, bool postgres)
{
    const char *tables = postgres ? "select count(*) from pg_tables where tablename like 't%'"
                                    " and schemaname = 'public'"
                                  : "select count(*) from sqlite_schema where type = 'table'"
                                    " and name like 't%'";
    const char *there = postgres ? "select count(*) from pg_tables where tablename ="
                                   " '_tenon_migrations'"
                                 : "select count(*) from sqlite_schema where name ="
                                   " '_tenon_migrations'";

    if (kit_number(k, there) == 0) {
        assert_int_equal(kit_number(k, tables), 0);
        return;
    }
    long long whole = kit_number(k, "select count(*) from _tenon_migrations where state ="
                                    " 'applied' and cast(version as integer) % 5 <> 0");
    assert_int_equal(kit_number(k, tables), whole);
}

/* How long a whole one takes here and now. */
static int64_t measure(const kit *k)
{
    int64_t began = kit_now_ms();

    kit_expect(k, 0, kit_run(k, deploy), 0);
    check_whole(k);
    return kit_now_ms() - began;
}

/* false: it had ended before. */
static bool kill_one(const kit *k, int64_t within_ms)
{
    pid_t pid = kit_start(k, 1, deploy);

    kit_sleep_ms(rand() % (within_ms + 1));
    kill(pid, SIGKILL);
    int code = kit_wait(pid);
    if (code != 128 + SIGKILL)
        kit_expect(k, 1, code, 0);
    return code == 128 + SIGKILL;
}

static void killed_again_and_again(kit *k, bool postgres)
{
    unsigned seed = (unsigned)time(NULL);
    int kills = 0, whole = 1;

    printf("# seed %u\n", seed);
    srand(seed);
    write_files(k, postgres);
    kit_empty(k, postgres);
    int64_t duration = measure(k);
    while (kills < KILLS) {
        kit_empty(k, postgres);
        /* Up to four kills on the way, then the run that ends well. */
        for (int i = 0; i < 4 && kill_one(k, duration * 3 / 4); i++) {
            kills++;
            check_nothing_half(k, postgres);
        }
        kit_expect(k, 0, kit_run(k, deploy), 0);
        check_whole(k);
        whole++;
    }
    printf("# %d kills, %d whole deploys\n", kills, whole);
}

int main(int argc, char **argv)
{
    return kit_main(argc, argv, killed_again_and_again);
}
