/* SPDX-License-Identifier: MIT */
/*
 * SQLite: a table that others refer to is made anew statement by statement, and the deploy is
 * killed (SIGKILL) at random moments of it: no row of the others is lost, and the next run ends
 * well.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "kit.h"

enum { REBUILDS = 8, KILLS = 15, USERS = 300 };

static const char *command;

static const char *const deploy[] = {"migrate", "deploy", "-q", NULL};

static void write_rebuilds(const kit *k)
{
    char name[64];

    kit_file(k, "001_users.sql",
             "-- migrate:up\n"
             "create table users (id integer primary key, email text);\n"
             "create table posts (id integer primary key,"
             " user_id integer not null references users on delete cascade);\n"
             "with recursive n (i) as (select 1 union all select i + 1 from n where i < %d)"
             " insert into users select i, 'u' || i from n;\n"
             "insert into posts select id, id from users;\n",
             USERS);
    for (int i = 2; i < REBUILDS + 2; i++) {
        snprintf(name, sizeof(name), "%03d_rebuild.sql", i);
        kit_file(k, name,
                 "-- migrate:up transaction:false%s\n"
                 "create table users_new (id integer primary key, email text not null);\n"
                 "insert into users_new select id, email from users;\n"
                 "drop table users;\n"
                 "alter table users_new rename to users;\n",
                 i % 2 ? "" : " foreign-keys:off");
    }
}

static void no_post_is_lost(const kit *k)
{
    if (kit_number(k, "select count(*) from sqlite_schema where name = 'posts'") == 1)
        assert_int_equal(kit_number(k, "select count(*) from posts"), USERS);
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

static void rebuilt_and_killed(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    kit k;

    (void)state;
    printf("# seed %u\n", seed);
    srand(seed);
    kit_begin(&k, command);
    snprintf(k.url, sizeof(k.url), "sqlite:%s/test.db", k.dir);
    write_rebuilds(&k);
    int64_t began = kit_now_ms();
    kit_expect(&k, 0, kit_run(&k, deploy), 0);
    int64_t duration = kit_now_ms() - began;
    no_post_is_lost(&k);
    for (int kills = 0; kills < KILLS;) {
        kit_empty(&k, false);
        for (int i = 0; i < 4 && kill_one(&k, duration * 3 / 4); i++) {
            kills++;
            no_post_is_lost(&k);
        }
        kit_expect(&k, 0, kit_run(&k, deploy), 0);
        assert_int_equal(
            kit_number(&k, "select count(*) from posts join users on users.id = user_id"), USERS);
        assert_int_equal(kit_number(&k, "select count(*) from pragma_foreign_key_check"), 0);
        assert_int_equal(kit_number(&k, "select count(*) from sqlite_schema"
                                        " where name = 'users_new'"),
                         0);
    }
    kit_end(&k);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rebuilt_and_killed)};

    if (argc < 2)
        return 2;
    command = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
