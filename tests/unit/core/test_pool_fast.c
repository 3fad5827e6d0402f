/* SPDX-License-Identifier: MIT */
/*
 * core/pool/fast: borrowing and giving back without the lock, and that nothing of what the lock
 * keeps is lost by it: one holder a connection, the maximum, the order of those who wait, no one
 * who waits for ever, the most recently used first, the reports.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <tenon/site.h>

#include "base/relaxed.h"
#include "pool_kit.h"

#if defined(__SANITIZE_THREAD__)
enum { ROUNDS = 1500 };
#else
enum { ROUNDS = 8000 };
#endif
enum { THREADS = 12, CONNECTIONS = 4, SEEN_MAX = THREADS };

static mock *m;
static tn_db *client;

static int group_setup(void **state)
{
    (void)state;
    setenv("TENON_NO_ENV", "1", 1);
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    client = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (client)
        mock_close(m, client);
    return 0;
}

static tn__pool *pool(void)
{
    return tn__pool_of(client);
}

/* As the last one left it who held the lock. */
static bool is_frozen(void)
{
    pthread_mutex_lock(&pool()->lock);
    bool frozen = pool()->fast.frozen;
    pthread_mutex_unlock(&pool()->lock);
    return frozen;
}

static void fill(tn_db **sessions, int n)
{
    for (int i = 0; i < n; i++)
        sessions[i] = kit_acquire(client);
    for (int i = 0; i < n; i++)
        tn_release(sessions[i]);
}

/* ---- without the lock ------------------------------------------------------------------------ */

static atomic_bool done;

static void *borrow_once(void *arg)
{
    tn_db *session;

    (void)arg;
    if (tn_acquire(client, &session, NULL) == TN_OK) {
        tn_release(session);
        atomic_store(&done, true);
    }
    return NULL;
}

/* Somebody holds the mutex all the while. */
static void the_lock_is_not_needed(void **state)
{
    pthread_t thread;

    (void)state;
    client = mock_open(m, "max_connections=2");
    kit_look(client);
    tn_release(kit_acquire(client));
    tn__pool_lock(pool());
    /* However long this thread is not let run from here on. */
    pool()->lists[TN__SLOT_IDLE]->idle_since_ns = tn__now_ns() + 3600 * TN__NS_PER_S;
    tn__pool_unlock(pool());
    atomic_store(&done, false);
    pthread_mutex_lock(&pool()->lock);
    assert_false(pool()->fast.frozen);
    assert_int_equal(pthread_create(&thread, NULL, borrow_once, NULL), 0);
    const int64_t until = tn__now_ns() + 20 * TN__NS_PER_S;
    while (!atomic_load(&done) && tn__now_ns() < until)
        usleep(200);
    pthread_mutex_unlock(&pool()->lock);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&done));
    assert_true(tn__now_ns() < until);
    assert_int_equal(kit_stats(client).acquires, 3); /* and the first connection's */
}

/* Also when there are so many that places are made anew, and when all were counted in between. */
static void the_last_one_back_is_the_next(void **state)
{
    enum { MANY = 40 };
    tn_db *sessions[MANY];
    uint64_t numbers[MANY];

    (void)state;
    client = mock_open(m, "max_connections=40");
    for (int i = 0; i < MANY; i++) {
        sessions[i] = kit_acquire(client);
        numbers[i] = sessions[i]->conn->number;
    }
    for (int looked = 0; looked < 2; looked++) {
        for (int i = 0; i < MANY; i++)
            tn_release(sessions[i]);
        if (looked)
            assert_int_equal(kit_stats(client).idle, MANY);
        for (int i = MANY; i-- > 0;) {
            sessions[i] = kit_acquire(client);
            assert_int_equal(sessions[i]->conn->number, numbers[i]);
        }
    }
    assert_int_equal(kit_stats(client).in_use, MANY);
    assert_int_equal(kit_stats(client).idle, 0);
    for (int i = 0; i < MANY; i++)
        tn_release(sessions[i]);
    assert_int_equal(kit_stats(client).idle, MANY);
    assert_int_equal(mock_count(m, MOCK_OPEN), MANY - 1);
}

/* The upkeep thread may have its moment, in which nothing is taken or put past the lock. */
static bool put_when_it_may_be(tn__conn *conn)
{
    for (int i = 0; i < 1000; i++) {
        if (tn__fast_put(&pool()->fast, conn))
            return true;
        usleep(1000);
    }
    return false;
}

static tn__conn *take_when_it_may_be(void)
{
    tn__conn *conn = NULL;

    for (int i = 0; i < 1000 && !(conn = tn__fast_take(&pool()->fast)); i++)
        usleep(1000);
    return conn;
}

/* Who has read the head and is stopped finds another one when it goes on, though the top is the
 * same: what was below it is not. */
static void a_change_is_seen_when_the_top_is_the_same(void **state)
{
    tn_db *sessions[2];
    tn__conn *top, *below;

    (void)state;
    client = mock_open(m, "max_connections=2");
    /* Once upkeep has looked, it sleeps until the next one who borrows has armed it, and then for
     * long. */
    kit_look(client);
    fill(sessions, 2);
    assert_false(is_frozen());
    uint64_t before = tn__relaxed(&pool()->fast.head);
    assert_non_null(top = take_when_it_may_be());
    assert_non_null(below = take_when_it_may_be());
    assert_null(tn__fast_take(&pool()->fast));
    assert_true(put_when_it_may_be(top));
    uint64_t after = tn__relaxed(&pool()->fast.head);
    assert_int_equal(after & TN__HEAD_TOP, before & TN__HEAD_TOP);
    assert_true(after != before);
    /* Also when all was stopped meanwhile. */
    tn__pool_lock(pool());
    assert_null(tn__fast_take(&pool()->fast));
    assert_false(tn__fast_put(&pool()->fast, below));
    assert_int_equal(pool()->n[TN__SLOT_LENT], 1);
    tn__pool_unlock(pool());
    assert_true(tn__relaxed(&pool()->fast.head) != after);
    assert_true(put_when_it_may_be(below));
    assert_int_equal(kit_stats(client).idle, 2);
}

/* ---- under fire ------------------------------------------------------------------------------ */

/* By number of connection, from the first one of this client: 0, or the thread that has it. */
static atomic_uint owners[1024];
static atomic_uint in_use, most_in_use, wrong, overtaken, refused;

/* Who stands in line, as it was found when one began. */
struct line {
    int64_t threads[SEEN_MAX];
    uint64_t turns[SEEN_MAX];
    int n;
};

static atomic_uint_least64_t turns[THREADS + 1]; /* how often each has got one */
static _Thread_local unsigned self;
static int64_t numbers[THREADS + 1];

static unsigned who_is(int64_t thread)
{
    for (unsigned i = 1; i <= THREADS; i++)
        if (numbers[i] == thread)
            return i;
    return 0;
}

static void look_at_line(struct line *line)
{
    line->n = 0;
    tn__pool_lock(pool());
    for (tn__waiter *w = pool()->queue.first; w && line->n < SEEN_MAX; w = w->next) {
        line->threads[line->n] = w->caller.thread;
        line->turns[line->n] = atomic_load(&turns[who_is(w->caller.thread)]);
        line->n++;
    }
    tn__pool_unlock(pool());
}

/* Nobody of then stands there still, for the same turn. */
static void check_line(const struct line *line)
{
    if (!line->n)
        return;
    tn__pool_lock(pool());
    for (tn__waiter *w = pool()->queue.first; w; w = w->next)
        for (int i = 0; i < line->n; i++)
            if (line->threads[i] == w->caller.thread &&
                line->turns[i] == atomic_load(&turns[who_is(w->caller.thread)]))
                atomic_fetch_add(&overtaken, 1);
    tn__pool_unlock(pool());
}

static void hold(const tn_db *session, unsigned seed)
{
    atomic_uint *owner = &owners[session->conn->number % 1024];
    unsigned now = atomic_fetch_add(&in_use, 1) + 1, most = atomic_load(&most_in_use);

    if (atomic_exchange(owner, self) != 0)
        atomic_fetch_add(&wrong, 1);
    while (now > most && !atomic_compare_exchange_weak(&most_in_use, &most, now))
        continue;
    if (seed % 7 == 0)
        sched_yield();
    if (atomic_exchange(owner, 0) != self)
        atomic_fetch_add(&wrong, 1);
    atomic_fetch_sub(&in_use, 1);
}

static pthread_barrier_t barrier;

/* rounds of one thread; a third of them watches the line. */
static void *churn(void *arg)
{
    unsigned seed = self = (unsigned)(uintptr_t)arg;

    numbers[self] = gettid();
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        struct line line = {.n = 0};
        tn_db *session;
        seed = seed * 1103515245 + 12345;
        bool watches = (seed >> 16) % 3 == 0;
        if (watches)
            look_at_line(&line);
        if (tn_acquire(client, &session, NULL) != TN_OK) {
            atomic_fetch_add(&refused, 1);
            continue;
        }
        atomic_fetch_add(&turns[self], 1);
        if (watches)
            check_line(&line);
        hold(session, seed >> 8);
        if ((seed >> 20) % 16 == 0 && tn_exec(session, "a", NULL, NULL, NULL) != TN_OK)
            atomic_fetch_add(&refused, 1);
        tn_release(session);
    }
    return NULL;
}

static void start(pthread_t *threads)
{
    atomic_store(&most_in_use, 0);
    memset(numbers, 0, sizeof(numbers));
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
}

static void finish(pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&overtaken), 0);
    assert_int_equal(atomic_load(&refused), 0);
    assert_int_equal(atomic_load(&in_use), 0);
    assert_in_range(atomic_load(&most_in_use), 1, CONNECTIONS);
    assert_true(mock_peak_connections(m) <= CONNECTIONS);
    tn_pool_stats now = kit_stats(client);
    assert_int_equal(now.in_use, 0);
    assert_int_equal(now.waiting, 0);
    assert_int_equal(now.idle, now.total);
    assert_int_equal(now.acquires, THREADS * ROUNDS + 1); /* and the first connection's */
}

/* Threads that want more than there is, and those that want less. */
static void who_stands_in_line_is_not_overtaken(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    client = mock_open(m, "max_connections=4 pool_timeout=60000");
    start(threads);
    finish(threads);
    tn_statistics all = TN_STATISTICS_INIT;
    tn_stats(client, &all);
    assert_true(all.waits > 0);
    assert_int_equal(all.timeouts, 0);
}

static void *disturb(void *arg)
{
    atomic_bool *stop = arg;
    uintptr_t wrong_answers = 0;

    for (unsigned i = 0; !atomic_load(stop); i++) {
        tn_holder holders[CONNECTIONS];
        tn_error err;
        if (tn_db_holders(client, holders, CONNECTIONS) > CONNECTIONS)
            wrong_answers++;
        if (i % 3 == 0) {
            tn_status status = tn_suspend(client, 5, &err);
            wrong_answers += status != TN_OK && status != TN_TIMEOUT;
            tn_resume(client);
        }
        tn_pool_stats now = kit_stats(client);
        wrong_answers += now.total > CONNECTIONS || now.in_use + now.idle > now.total;
        if (i % 5 == 0)
            kit_look(client);
        tn_cancel(client);
        usleep(100);
    }
    return (void *)wrong_answers;
}

/* What takes the lock does so in the middle of it: figures, reports, suspending, upkeep. */
static void what_stops_all_loses_nothing(void **state)
{
    pthread_t threads[THREADS], other;
    atomic_bool stop = false;
    void *wrong_answers;

    (void)state;
    client = mock_open(m, "max_connections=4 pool_timeout=60000 leak_timeout=60000");
    assert_int_equal(pthread_create(&other, NULL, disturb, &stop), 0);
    start(threads);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, true);
    pthread_join(other, &wrong_answers);
    assert_null(wrong_answers);
    for (int i = 0; i < THREADS; i++) /* joined: finish() has nothing to wait for */
        assert_int_equal(pthread_create(&threads[i], NULL, borrow_once, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&overtaken), 0);
    assert_int_equal(kit_stats(client).idle, kit_stats(client).total);
    assert_int_equal(kit_stats(client).acquires, THREADS * ROUNDS + THREADS + 1);
    assert_true(mock_peak_connections(m) <= CONNECTIONS);
}

static tn_error reload_err;

static void *reload_often(void *arg)
{
    atomic_bool *stop = arg;
    uintptr_t failures = 0;

    for (unsigned i = 0; !atomic_load(stop); i++) {
        tn_config *config = tn_config_from_url(i % 2 ? "mock://host/one" : "mock://host/two", NULL);
        failures += tn_config_set(config, "max_connections", i % 3 ? "4" : "2", NULL) != TN_OK;
        failures += tn_config_set(config, "pool_timeout", "60000", NULL) != TN_OK;
        failures += tn_config_set(config, "min_connections", "0", NULL) != TN_OK;
        failures += tn_reload(client, config, &reload_err) != TN_OK;
        tn_config_free(config);
        usleep(500);
    }
    return (void *)failures;
}

/* Those of a configuration that was replaced do not come back. */
static void what_is_replaced_is_not_put_back(void **state)
{
    pthread_t threads[THREADS], other;
    atomic_bool stop = false;
    void *failures;

    (void)state;
    client = mock_open(m, "max_connections=4 pool_timeout=60000");
    assert_int_equal(pthread_create(&other, NULL, reload_often, &stop), 0);
    start(threads);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, true);
    pthread_join(other, &failures);
    assert_null(failures);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&overtaken), 0);
    assert_int_equal(atomic_load(&refused), 0);
    tn__pool_lock(pool());
    unsigned others = 0;
    for (tn__conn *conn = pool()->lists[TN__SLOT_IDLE]; conn; conn = conn->next)
        others += conn->source != pool()->source;
    tn__pool_unlock(pool());
    assert_int_equal(others, 0);
    assert_int_equal(kit_stats(client).idle, kit_stats(client).total);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void *call_from_two_places(void *arg)
{
    atomic_bool *stop = arg;

    for (unsigned i = 0; !atomic_load(stop); i++) {
        tn__conn *conn;
        tn_call_site(i % 2 ? "first.c" : "second.c", i % 2 ? 1 : 2);
        if (client->provider->acquire(client->provider, TN_NO_DEADLINE, &conn, NULL) == TN_OK)
            client->provider->release(client->provider, conn);
    }
    return NULL;
}

/* File and line are of the same call, whenever one looks. */
static void what_is_reported_belongs_together(void **state)
{
    pthread_t threads[2];
    atomic_bool stop = false;
    unsigned seen = 0, mixed = 0, old = 0;

    (void)state;
    client = mock_open(m, "max_connections=2 pool_timeout=60000");
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_from_two_places, &stop), 0);
    const int64_t until = tn__now_ns() + 20 * TN__NS_PER_S;
    for (unsigned i = 0; (i < 20000 || seen < 100) && tn__now_ns() < until; i++) {
        tn_holder holders[2];
        size_t n = tn_db_holders(client, holders, 2);
        for (size_t k = 0; k < n && k < 2; k++) {
            if (!holders[k].file)
                continue;
            seen++;
            mixed += holders[k].line != (strcmp(holders[k].file, "first.c") == 0 ? 1 : 2);
            old += holders[k].held_ms > 60000;
        }
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(seen >= 100);
    assert_int_equal(mixed, 0);
    assert_int_equal(old, 0);
}

/* Upkeep is told when it has to look for leaks, and sleeps when there can be none. */
static void upkeep_is_not_needed_for_nothing(void **state)
{
    tn_db *sessions[2];

    (void)state;
    client = mock_open(m, "max_connections=2 leak_timeout=3600000 idle_timeout=0 max_lifetime=0");
    kit_look(client);
    fill(sessions, 2);
    assert_false(is_frozen());
    assert_true(pool()->upkeep_due_ns < TN_NO_DEADLINE);
    kit_look(client);
    tn__pool_lock(pool());
    assert_true(pool()->upkeep_due_ns == TN_NO_DEADLINE);
    tn__pool_unlock(pool());
    assert_true(is_frozen());
    tn_release(kit_acquire(client));
    assert_false(is_frozen());
    assert_true(pool()->upkeep_due_ns < TN_NO_DEADLINE);
}

/* What was lent without the lock is reported like all else. */
static void a_leak_is_reported(void **state)
{
    (void)state;
    client = mock_open(m, "max_connections=2 leak_timeout=3600000");
    kit_look(client);
    tn_release(kit_acquire(client));
    assert_false(is_frozen());
    tn_db *session = kit_acquire(client);
    kit_log_begin(TN_LOG_WARN);
    tn__pool_lock(pool());
    assert_int_equal(pool()->n[TN__SLOT_LENT], 1);
    atomic_store(&session->conn->lease.since_ns, tn__now_ns() - 3601 * TN__NS_PER_S);
    tn__pool_unlock(pool());
    kit_look(client);
    kit_look(client);
    assert_int_equal(kit_log_count("a connection was not given back: session for 3601."), 1);
    kit_log_end();
    tn_release(session);
    /* The next who has it is another. */
    session = kit_acquire(client);
    tn__pool_lock(pool());
    atomic_store(&session->conn->lease.since_ns, tn__now_ns() - 3601 * TN__NS_PER_S);
    tn__pool_unlock(pool());
    kit_look(client);
    tn__pool_lock(pool());
    assert_int_equal(pool()->leaks, 2);
    tn__pool_unlock(pool());
    tn_release(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_lock_is_not_needed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_one_back_is_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_is_seen_when_the_top_is_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(who_stands_in_line_is_not_overtaken, setup, teardown),
        cmocka_unit_test_setup_teardown(what_stops_all_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_replaced_is_not_put_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_reported_belongs_together, setup, teardown),
        cmocka_unit_test_setup_teardown(upkeep_is_not_needed_for_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_leak_is_reported, setup, teardown),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
