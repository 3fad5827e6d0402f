/* SPDX-License-Identifier: MIT */
/*
 * The library on an event loop: one source, two databases. As it is, it runs on the database of
 * DATABASE_URL; with --postgresql PROGRAM on a schema of its own on a server (../pages/scratch.h),
 * and the example program is run there, too.
 *
 * cmocka jumps out of a failed assertion, so fibers only write down what they saw.
 */
#define _GNU_SOURCE /* gettid */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "crowd.h"
#include "neighbours.h"
#include "pages/scratch.h"

enum { PATIENCE_MS = 10000, LIBRARY_THREADS = 5, SANITIZER_THREADS = 1 };

static const char *program; /* of the example, with --postgresql */

/* ---- a loop, a client, a fiber --------------------------------------------------------------- */

struct stage;
typedef tn_status act_fn(struct stage *stage, void *arg, tn_error *err);

struct stage {
    struct loop *loop;
    tn_db *db;
    const char *connections;
    act_fn *act;
    void *arg;
    bool waits;  /* the database's statements do */
    int threads; /* of the process, at the end */
    tn_pool_stats pool;
    struct loop_stats stats;
    tn_status status, closed;
    tn_error error;
};

static int entries_of(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void perform(void *arg)
{
    struct stage *stage = arg;

    stage->db = client_open(stage->loop, stage->connections, &stage->error);
    stage->status = stage->error.status;
    if (!stage->db)
        return;
    stage->waits = client_waits(stage->db);
    stage->status = stage->act(stage, stage->arg, &stage->error);
    stage->threads = entries_of("/proc/self/task");
    tn_db_pool_stats(stage->db, &stage->pool);
    stage->closed = tn_db_close(stage->db, stage->status == TN_OK ? &stage->error : NULL);
}

/* A thread that delivered a cancel request may be a moment later with closing its end. */
static void assert_no_descriptor_left(int before)
{
    int64_t limit = loop_now_ns() + (int64_t)PATIENCE_MS * 1000000;

    while (entries_of("/proc/self/fd") != before && loop_now_ns() < limit)
        sched_yield();
    assert_int_equal(entries_of("/proc/self/fd"), before);
}

static struct stage play(const char *connections, act_fn *act, void *arg)
{
    struct stage stage = {.connections = connections, .act = act, .arg = arg};
    int descriptors = entries_of("/proc/self/fd");

    stage.error = (tn_error)TN_ERROR_INIT;
    stage.loop = loop_new();
    assert_non_null(stage.loop);
    assert_true(loop_start(stage.loop, perform, &stage));
    assert_true(loop_run(stage.loop));
    stage.stats = loop_stats(stage.loop);
    loop_free(stage.loop);
    if (stage.status != TN_OK || stage.closed != TN_OK) {
        tn_error_print(stderr, &stage.error);
        fail_msg("%s", "not as it should be");
    }
    assert_int_equal(stage.pool.in_use, 0);
    assert_int_equal(stage.stats.alive, 0);
    assert_int_equal(stage.stats.waiting, 0);
    assert_int_equal(stage.stats.waits_elsewhere, 0);
    assert_no_descriptor_left(descriptors);
    return stage;
}

/* ---- a crowd --------------------------------------------------------------------------------- */

static tn_status act_crowd(struct stage *stage, void *arg, tn_error *err)
{
    struct crowd *crowd = arg;

    crowd->loop = stage->loop;
    crowd->db = stage->db;
    if (!stage->waits)
        crowd->pause_s = 0;
    return crowd_run(crowd, err);
}

static void check_crowd(struct crowd *crowd, const char *connections)
{
    struct stage stage = play(connections, act_crowd, crowd);
    unsigned most = (unsigned)strtoul(connections, NULL, 10);

    assert_int_equal(crowd->failed, 0);
    assert_int_equal(crowd->changes, (int64_t)crowd->fibers * crowd->rounds);
    assert_int_equal(crowd->thread, gettid());
    assert_false(crowd->more_threads);
    assert_in_range(stage.threads, 1, 1 + LIBRARY_THREADS + SANITIZER_THREADS);
    /* Nobody had done everything before each had had a connection once. */
    assert_true(crowd->least_begun >= 1);
    assert_true(crowd->beats > 0);
    assert_true(stage.pool.total <= most);
    assert_int_equal(stage.pool.timeouts, 0);
    if (!stage.waits)
        return;
    assert_int_equal(crowd->most_calls, crowd->fibers);
    assert_int_equal(stage.stats.most_waiting, crowd->fibers);
    assert_int_equal(crowd->most_transactions, most);
    assert_int_equal(stage.pool.total, most);
    assert_true(crowd->late_ms < PATIENCE_MS);
}

static void a_thousand_at_once(void **state)
{
    struct crowd crowd = {.fibers = 1000, .rounds = 2, .pause_s = 0.1};

    (void)state;
    check_crowd(&crowd, "50");
    /* One after the other they would take 200 s, for the pauses alone. */
    printf("# %lld ms, %lld beats, at worst %lld ms late\n", (long long)crowd.elapsed_ms,
           (long long)crowd.beats, (long long)crowd.late_ms);
    assert_true(crowd.elapsed_ms < 200 * 1000 / 4);
}

static void few_connections_for_many(void **state)
{
    struct crowd crowd = {.fibers = 200, .rounds = 4, .pause_s = 0.002};

    (void)state;
    check_crowd(&crowd, "2");
}

static void one_connection_goes_around(void **state)
{
    struct crowd crowd = {.fibers = 50, .rounds = 3, .pause_s = 0.001};

    (void)state;
    check_crowd(&crowd, "1");
}

/* ---- neighbours ------------------------------------------------------------------------------ */

static tn_status act_cancel(struct stage *stage, void *arg, tn_error *err)
{
    const struct street street = {.loop = stage->loop, .db = stage->db};
    tn_status status = TN_OK;

    (void)arg;
    for (int i = 0; status == TN_OK && i < 5; i++)
        status = street_cancel(&street, err);
    return status;
}

static void a_fiber_cancels_another(void **state)
{
    (void)state;
    if (!program) {
        puts("skip: no other fiber runs while a statement of an embedded database does");
        skip();
    }
    (void)play("3", act_cancel, NULL);
}

static tn_status act_deadline(struct stage *stage, void *arg, tn_error *err)
{
    const struct street street = {.loop = stage->loop, .db = stage->db};

    return street_deadline(&street, 50, arg, err);
}

static void a_deadline_ends_a_statement(void **state)
{
    int64_t ms = 0;

    (void)state;
    (void)play("2", act_deadline, &ms);
    assert_in_range(ms, 50, PATIENCE_MS);
}

static tn_status act_failure(struct stage *stage, void *arg, tn_error *err)
{
    const struct street street = {.loop = stage->loop, .db = stage->db};

    (void)arg;
    return street_failure(&street, err);
}

static void a_failure_stays_with_its_fiber(void **state)
{
    (void)state;
    (void)play("4", act_failure, NULL);
}

static tn_status act_retries(struct stage *stage, void *arg, tn_error *err)
{
    const struct street street = {.loop = stage->loop, .db = stage->db};

    (void)arg;
    return street_retries(&street, 20, err);
}

static void retries_let_the_others_run(void **state)
{
    (void)state;
    (void)play("10", act_retries, NULL);
}

/* ---- rows that are left ---------------------------------------------------------------------- */

struct reader {
    tn_db *db;
    struct latch *over;
    tn_status status;
    tn_error error;
};

/* Closing ends the query, which is asked of the server and waited for. */
static void read_a_little(void *arg)
{
    struct reader *reader = arg;
    tn_rows *rows = tn_query(reader->db,
                             "with recursive n (i) as (select 1 union all select i + 1 from n"
                             " where i < 10000000) select i from n",
                             NULL);
    int32_t value = 0;

    if (tn_next(rows))
        tn_scan(rows, &value);
    reader->status = tn_close(rows, &reader->error);
    if (reader->status == TN_OK && value != 1)
        reader->status = tn_error_set(&reader->error, TN_FAILED, NULL, "the first row is not 1");
    latch_done(reader->over);
}

static tn_status act_readers(struct stage *stage, void *arg, tn_error *err)
{
    enum { READERS = 20 };
    struct latch over = {NULL, READERS};
    static struct reader readers[READERS]; /* too large for a fiber's stack */

    (void)arg;
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.db = stage->db, .over = &over};
        if (!loop_start(stage->loop, read_a_little, &readers[i]))
            abort();
    }
    latch_await(&over);
    for (int i = 0; i < READERS; i++) {
        if (readers[i].status == TN_OK)
            continue;
        *err = readers[i].error;
        return readers[i].status;
    }
    return TN_OK;
}

static void rows_are_closed_early(void **state)
{
    (void)state;
    (void)play("5", act_readers, NULL);
}

/* ---- nobody there ---------------------------------------------------------------------------- */

struct absent {
    struct loop *loop;
    bool opened, over;
    tn_error error;
    int beats;
};

/* Port 1 has no server: the second attempt comes after a pause of about a second. */
static void open_absent(void *arg)
{
    struct absent *absent = arg;
    tn_config *config = tn_config_from_url("postgresql://nobody@127.0.0.1:1/none", &absent->error);

    if (config && tn_config_set(config, "connect_retries", "1", &absent->error) == TN_OK) {
        tn_config_set_wait(config, loop_wait, absent->loop);
        absent->opened = tn_open(config, &absent->error) != NULL;
    }
    tn_config_free(config);
    absent->over = true;
}

static void count_beats(void *arg)
{
    struct absent *absent = arg;

    for (; !absent->over; absent->beats++)
        loop_sleep(absent->loop, 5);
}

static void a_pause_before_a_retry_lets_others_run(void **state)
{
    struct absent absent = {.error = TN_ERROR_INIT};
    int descriptors = entries_of("/proc/self/fd");

    (void)state;
    if (!program) {
        puts("skip: an embedded database is not connected to");
        skip();
    }
    absent.loop = loop_new();
    assert_true(loop_start(absent.loop, open_absent, &absent));
    assert_true(loop_start(absent.loop, count_beats, &absent));
    assert_true(loop_run(absent.loop));
    loop_free(absent.loop);
    assert_false(absent.opened);
    assert_int_equal(absent.error.status, TN_UNAVAILABLE);
    assert_true(absent.beats >= 10);
    assert_no_descriptor_left(descriptors);
}

static void the_program_runs(void **state)
{
    (void)state;
    if (!program) {
        puts("skip: on this database the program is a test of its own");
        skip();
    }
    assert_int_equal(scratch_run(program), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_at_once),
        cmocka_unit_test(few_connections_for_many),
        cmocka_unit_test(one_connection_goes_around),
        cmocka_unit_test(a_fiber_cancels_another),
        cmocka_unit_test(a_deadline_ends_a_statement),
        cmocka_unit_test(a_failure_stays_with_its_fiber),
        cmocka_unit_test(retries_let_the_others_run),
        cmocka_unit_test(rows_are_closed_early),
        cmocka_unit_test(a_pause_before_a_retry_lets_others_run),
        cmocka_unit_test(the_program_runs),
    };

    if (argc > 2 && strcmp(argv[1], "--postgresql") == 0) {
        program = argv[2];
        scratch_schema_open();
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return scratch_schema_close() ? failed : EXIT_FAILURE;
}
