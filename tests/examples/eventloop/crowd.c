/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* gettid */
#include "crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BEAT_MS = 5, MOST_SUMMED = 40 };

struct member {
    struct crowd *crowd;
    struct everybody *all;
    int32_t number;
    int32_t begun; /* rounds whose transaction has a connection */
};

struct everybody {
    struct crowd *crowd;
    struct member *members;
    struct latch over;
    int32_t busy; /* members that are not done */
};

/* ---- what each one does ---------------------------------------------------------------------- */

static void note_thread(struct crowd *crowd)
{
    if (!crowd->thread)
        crowd->thread = gettid();
    else if (crowd->thread != gettid())
        crowd->more_threads = true;
}

static void enter(unsigned *now, unsigned *most)
{
    if (++*now > *most)
        *most = *now;
}

/* Rows as they come, each checked. */
static tn_status count_up(const struct member *m, tn_error *err)
{
    int32_t upto = 1 + m->number % MOST_SUMMED, value = 0, next = 1;
    tn_rows *rows = tn_query(m->crowd->db,
                             "with recursive n (i) as (select cast(1 as integer)"
                             " union all select i + 1 from n where i < $1) select i from n",
                             tn_args(upto));
    bool right = true;

    note_thread(m->crowd);
    while (tn_next(rows)) {
        tn_scan(rows, &value);
        right = right && value == next++;
    }
    tn_status status = tn_close(rows, err);
    if (status == TN_OK && (!right || value != upto))
        status = tn_error_set(err, TN_FAILED, NULL, "fiber %d: not the rows that were asked for",
                              (int)m->number);
    return status;
}

static tn_status leave_a_trace(tn_db *tx, void *arg, tn_error *err)
{
    struct member *m = arg;
    struct crowd *crowd = m->crowd;
    int64_t traces = 0;

    m->begun++;
    note_thread(crowd);
    enter(&crowd->transactions, &crowd->most_transactions);
    tn_status status = tn_exec(tx, "insert into crowd (fiber, round) values ($1, $2)",
                               tn_args(m->number, m->begun), NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, "select pg_sleep($1)", tn_args(crowd->pause_s), NULL, err);
    if (status == TN_OK)
        status = tn_get(tx, "select count(*) from crowd where fiber = $1", tn_args(m->number),
                        tn_into(&traces), err);
    if (status == TN_OK && traces != m->begun)
        status = tn_error_set(err, TN_FAILED, NULL, "fiber %d: %lld traces in round %d",
                              (int)m->number, (long long)traces, (int)m->begun);
    crowd->transactions--;
    return status;
}

static tn_status work(struct member *m, tn_error *err)
{
    struct crowd *crowd = m->crowd;
    tn_status status = TN_OK;

    for (int32_t round = 0; status == TN_OK && round < crowd->rounds; round++) {
        enter(&crowd->calls, &crowd->most_calls);
        status = count_up(m, err);
        if (status == TN_OK)
            status = tn_transaction(crowd->db, NULL, leave_a_trace, m, err);
        crowd->calls--;
        loop_pass(crowd->loop); /* where nothing waits, nobody else would have a turn */
    }
    return status;
}

/* ---- the fibers ------------------------------------------------------------------------------ */

static int32_t least_begun(const struct everybody *all)
{
    int32_t least = all->crowd->rounds;

    for (int32_t i = 0; i < all->crowd->fibers; i++)
        if (all->members[i].begun < least)
            least = all->members[i].begun;
    return least;
}

static void run_member(void *arg)
{
    struct member *m = arg;
    struct crowd *crowd = m->crowd;
    tn_error err = TN_ERROR_INIT;

    if (work(m, &err) != TN_OK && crowd->failed++ == 0)
        crowd->error = err;
    if (m->all->busy-- == crowd->fibers)
        crowd->least_begun = least_begun(m->all);
    latch_done(&m->all->over);
}

/* If anything blocked the thread, this one would be late. */
static void beat(void *arg)
{
    struct everybody *all = arg;
    struct crowd *crowd = all->crowd;

    while (all->busy) {
        int64_t due = loop_now_ns() + (int64_t)BEAT_MS * 1000000;
        loop_sleep(crowd->loop, BEAT_MS);
        int64_t late_ms = (loop_now_ns() - due) / 1000000;
        if (late_ms > crowd->late_ms)
            crowd->late_ms = late_ms;
        crowd->beats++;
    }
    latch_done(&all->over);
}

static bool start_member(struct everybody *all, int32_t number)
{
    struct member *m = &all->members[number];

    *m = (struct member){.crowd = all->crowd, .all = all, .number = number};
    return loop_start(all->crowd->loop, run_member, m);
}

/* Those that were started run to their end, also when there are fewer than there should be. */
static tn_status run_all(struct everybody *all, tn_error *err)
{
    struct crowd *crowd = all->crowd;
    int32_t started = 0;

    while (started < crowd->fibers && start_member(all, started))
        started++;
    bool whole = started == crowd->fibers;
    all->busy = started;
    all->over.left = (unsigned)started;
    if (whole && loop_start(crowd->loop, beat, all))
        all->over.left++;
    latch_await(&all->over);
    if (!whole)
        return tn_error_set(err, TN_RESOURCE, NULL, "only %d fibers could be started: %s",
                            (int)started, strerror(errno));
    if (crowd->failed && err)
        *err = crowd->error;
    return crowd->failed ? crowd->error.status : TN_OK;
}

tn_status crowd_run(struct crowd *crowd, tn_error *err)
{
    struct everybody all = {.crowd = crowd};
    int64_t start;

    all.members = calloc((size_t)crowd->fibers, sizeof(*all.members));
    if (!all.members)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = tn_exec_script(crowd->db,
                                      "drop table if exists crowd;"
                                      "create table crowd (fiber integer, round integer,"
                                      " primary key (fiber, round))",
                                      err);
    start = loop_now_ns();
    if (status == TN_OK)
        status = run_all(&all, err);
    crowd->elapsed_ms = (loop_now_ns() - start) / 1000000;
    if (status == TN_OK)
        status = tn_get(crowd->db, "select count(*) from crowd", NULL, tn_into(&crowd->changes),
                        err);
    if (status == TN_OK)
        status = tn_exec(crowd->db, "drop table crowd", NULL, NULL, err);
    free(all.members);
    return status;
}
