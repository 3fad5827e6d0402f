/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* nftw */
#include "campaign.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PASSWORD "Kestrel7canaryQz"

/* A naive client meets lost answers only: of a thousand COMMITs so many. */
enum { NAIVE_LOST = 20, SESSIONS_MS = 20000 };

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void sleep_seconds(int seconds)
{
    struct timespec pause = {.tv_sec = seconds};

    while (nanosleep(&pause, &pause) != 0)
        continue;
}

/* ---- the client ----------------------------------------------------------------------------- */

static bool set_number(tn_config *config, const char *name, unsigned number, tn_error *err)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", number);
    return tn_config_set(config, name, text, err) == TN_OK;
}

static tn_db *open_client(int port, unsigned pool)
{
    tn_error err = TN_ERROR_INIT;
    char url[256];
    tn_db *db = NULL;

    snprintf(url, sizeof(url), "postgresql://app:" PASSWORD "@127.0.0.1:%d/app", port);
    tn_config *config = tn_config_from_url(url, &err);
    if (config && set_number(config, "max_connections", pool, &err) &&
        set_number(config, "connection_timeout", 10000, &err) &&
        tn_config_set(config, "log_level", "off", &err) == TN_OK)
        db = tn_open(config, &err);
    tn_config_free(config);
    if (!db)
        tn_error_print(stderr, &err);
    return db;
}

/* Every connection of the pool at once: none may be broken, none may be missing. */
static bool all_work(tn_db *db, unsigned pool)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *sessions[LEDGER_THREADS_MAX] = {0};
    bool good = true;
    int32_t one;

    for (unsigned i = 0; good && i < pool; i++)
        good = tn_acquire(db, &sessions[i], &err) == TN_OK &&
               tn_get(sessions[i], "select 1", NULL, tn_into(&one), &err) == TN_OK;
    for (unsigned i = 0; i < pool; i++)
        tn_release(sessions[i]);
    if (!good)
        tn_error_print(stderr, &err);
    return good;
}

static long long sessions_left(const test_server *server)
{
    static const char sql[] = "select count(*) from pg_stat_activity where usename = 'app'";
    static const struct timespec pause = {.tv_nsec = 20000000};
    PGconn *admin = test_server_connect(server, "app");
    long long left = test_server_number(admin, sql);

    for (int64_t end = test_proxy_now() + SESSIONS_MS; left && test_proxy_now() < end;) {
        nanosleep(&pause, NULL);
        left = test_server_number(admin, sql);
    }
    PQfinish(admin);
    return left;
}

/* ---- the run -------------------------------------------------------------------------------- */

static void *run_bank(void *arg)
{
    ledger_bank *bank = arg;

    return ledger_run(bank) ? bank : NULL;
}

/* The clients for so long, in the company of the faults. */
static bool run_for(ledger_bank *bank, chaos *c, int seconds)
{
    pthread_t thread;
    void *good = NULL;
    bool faults = c && c->every_ms > 0;

    if (pthread_create(&thread, NULL, run_bank, bank) != 0)
        return false;
    if (faults && !chaos_start(c))
        faults = false;
    sleep_seconds(seconds);
    /* The faults end first: what hangs in them has its own deadline. */
    bool well = !faults || chaos_stop(c);
    atomic_store(&bank->stop, true);
    pthread_join(thread, &good);
    if (!well)
        fputs("the server could not be started again\n", stderr);
    return good && well;
}

static bool work(const ledger_options *options, test_server *server, test_proxy *proxy,
                 const char *folder, ledger_result *ret)
{
    char url[256];
    ledger_bank bank = {.folder = folder,
                        .client = options->client,
                        .threads = options->threads,
                        .seed = options->seed,
                        .timeout_ms = options->timeout_ms};
    chaos c = {
        .server = server, .proxy = proxy, .seed = options->seed, .every_ms = options->every_ms};

    snprintf(url, sizeof(url), "postgresql://app:" PASSWORD "@127.0.0.1:%d/app",
             test_proxy_port(proxy));
    bank.url = url;
    bank.db = open_client(test_proxy_port(proxy), options->pool);
    if (!bank.db)
        return false;
    if (options->client == LEDGER_NAIVE)
        test_proxy_random(proxy, options->seed, NAIVE_LOST, 0);
    bool good = run_for(&bank, &c, options->seconds);
    proxy_stats stats;
    test_proxy_stats(proxy, &stats);
    ret->commits_lost = stats.random_after;
    test_proxy_pass(proxy);
    ret->longest_ms = atomic_load(&bank.longest_ms);
    memcpy(ret->faults, c.counts, sizeof(ret->faults));
    tn_db_pool_stats(bank.db, &ret->pool);
    ret->usable = good && all_work(bank.db, options->pool);
    return tn_db_close(bank.db, NULL) == TN_OK && good;
}

static bool judge(const test_server *server, const char *folder, ledger_result *ret)
{
    ret->sessions = sessions_left(server);
    PGconn *admin = test_server_connect(server, "app");
    bool good = ledger_check(folder, admin, &ret->verdict);
    PQfinish(admin);
    return good;
}

static bool make_folder(char *folder)
{
    if (mkdtemp(folder))
        return true;
    perror(folder);
    return false;
}

bool ledger_campaign(const ledger_options *options, ledger_result *ret)
{
    static const char *const settings[] = {"log_min_messages=fatal", "log_connections=off", NULL};
    char folder[] = "/tmp/tenon-ledger-XXXXXX";
    test_server server;

    *ret = (ledger_result){.usable = false};
    if (!make_folder(folder))
        return false;
    test_server_create(&server, settings, NULL, PASSWORD);
    PGconn *admin = test_server_connect(&server, "app");
    ledger_create(admin);
    PQfinish(admin);
    test_proxy *proxy = test_proxy_start("127.0.0.1", server.port);
    bool good = proxy && work(options, &server, proxy, folder, ret);
    test_proxy_stop(proxy);
    good = good && judge(&server, folder, ret);
    test_server_remove(&server);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return good;
}

/* ---- failover ------------------------------------------------------------------------------- */

/* The standby stops hearing of what is done; then the primary is gone and the standby is the new
 * one. What was acknowledged in between is lost: that is what asynchronous means. */
static bool fail_over(test_server *primary, test_server *standby, const ledger_options *options,
                      const char *folder, ledger_verdict *ret)
{
    ledger_bank bank = {.folder = folder,
                        .threads = options->threads,
                        .seed = options->seed,
                        .timeout_ms = options->timeout_ms};

    PGconn *admin = test_server_connect(standby, "app");
    test_server_run(admin, "alter system set primary_conninfo = ''");
    test_server_run(admin, "select pg_reload_conf()");
    bool deaf = test_server_wait(admin, "select count(*) from pg_stat_wal_receiver", 0);
    PQfinish(admin);
    if (!deaf)
        return false;
    bank.db = open_client(primary->port, options->pool);
    if (!bank.db)
        return false;
    bool good = run_for(&bank, NULL, options->seconds);
    good = tn_db_close(bank.db, NULL) == TN_OK && good;
    test_server_kill_all(primary);
    if (!good || !test_server_promote(standby))
        return false;
    admin = test_server_connect(standby, "app");
    good = ledger_check(folder, admin, ret);
    PQfinish(admin);
    return good;
}

bool ledger_failover(const ledger_options *options, ledger_verdict *ret)
{
    char folder[] = "/tmp/tenon-ledger-XXXXXX";
    test_server primary, standby;

    if (!make_folder(folder))
        return false;
    test_server_create(&primary, NULL, NULL, PASSWORD);
    PGconn *admin = test_server_connect(&primary, "app");
    ledger_create(admin);
    test_server_create_standby(&standby, &primary);
    bool good = fail_over(&primary, &standby, options, folder, ret);
    PQfinish(admin);
    test_server_remove(&standby);
    test_server_remove(&primary);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return good;
}

/* ---- telling -------------------------------------------------------------------------------- */

uint64_t ledger_unknown_ppm(const ledger_verdict *v)
{
    return v->started ? v->unknown * 1000000 / v->started : 0;
}

void ledger_report(FILE *out, const ledger_options *options, const ledger_result *r)
{
    fprintf(out,
            "ledger: seed %" PRIu64 ", %u threads on a pool of %u, %d s, a fault every %d ms\n",
            options->seed, options->threads, options->pool, options->seconds, options->every_ms);
    fputs("faults:", out);
    for (int i = 0; i < CHAOS_KINDS; i++)
        fprintf(out, "%s %u %s", i ? "," : "", r->faults[i], chaos_name((chaos_kind)i));
    fprintf(out,
            "\nlongest operation %" PRId64 " ms; pool: %u open, %u in use, %u waiting;"
            " sessions left on the server: %lld\n",
            r->longest_ms, r->pool.total, r->pool.in_use, r->pool.waiting, r->sessions);
    ledger_print(out, &r->verdict);
}
