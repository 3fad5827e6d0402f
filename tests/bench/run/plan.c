/* SPDX-License-Identifier: MIT */
#include "run/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_SECONDS = 120, COUNT_SECONDS = 300, MAX_WORKLOADS = 40 };

/* plan_check_memory(): kept, so many rows would take five times the limit. */
enum { STREAMED_ROWS = 300000, STREAMED_KIB = 8 * 1024 };

static int64_t rows_of(const struct plan *plan)
{
    return plan->brief ? BRIEF_ROWS : FULL_ROWS;
}

static int64_t full_of(const struct plan *plan, const struct workload *workload)
{
    return plan->sqlite ? workload->sqlite : workload->postgres;
}

static bool is_wanted(const struct plan *plan, const struct workload *workload)
{
    return full_of(plan, workload) > 0 && workload_chosen(plan->chosen, workload->name);
}

static struct job job_of(const struct plan *plan, int who, const struct workload *workload)
{
    return (struct job){
        .program = plan->contenders[who].program,
        .workload = workload->name,
        .operations = plan->brief ? workload->brief : full_of(plan, workload),
        .rows = rows_of(plan),
        .timeout_s = RUN_SECONDS,
    };
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static bool same_work(const struct plan *plan, const struct measure *measure, int round)
{
    const struct sample *raw = &measure->samples[RAW][round];
    for (int who = 1; who < plan->report.n_contenders; who++) {
        const struct sample *own = &measure->samples[who][round];
        if (!own->offered || (own->checksum == raw->checksum && own->operations == raw->operations))
            continue;
        fprintf(stderr,
                "bench: %s: the sums differ: raw %" PRIu64 ", %s %" PRIu64
                "; they did not do the same work\n",
                measure->workload->name, raw->checksum, plan->contenders[who].name, own->checksum);
        return false;
    }
    return true;
}

/* Who goes first changes with the round. */
static bool measure_rounds(const struct plan *plan, struct measure *measure)
{
    int n = plan->report.n_contenders;
    for (int round = 0; round < plan->rounds; round++) {
        for (int turn = 0; turn < n; turn++) {
            int who = (turn + round) % n;
            struct job job = job_of(plan, who, measure->workload);
            if (!child_measure(&job, &measure->samples[who][round]))
                return false;
        }
        if (!same_work(plan, measure, round))
            return false;
    }
    return true;
}

static bool count_instructions(const struct plan *plan, struct measure *measure)
{
    for (int who = 0; who < plan->report.n_contenders; who++) {
        struct job job = job_of(plan, who, measure->workload);
        uint64_t count;
        if (!measure->workload->counted || !measure->samples[who][0].offered)
            continue;
        job.operations = measure->workload->counted;
        job.timeout_s = COUNT_SECONDS;
        if (!child_count(&job, &count))
            return false;
        measure->instructions[who] = (double)count / (double)job.operations;
    }
    return true;
}

/* Which contenders have it. */
static bool measure_offers(const struct plan *plan, struct measure *measure)
{
    for (int who = 0; who < plan->report.n_contenders; who++) {
        struct job job = job_of(plan, who, measure->workload);
        job.operations = measure->workload->brief;
        if (!child_measure(&job, &measure->samples[who][0]))
            return false;
    }
    return true;
}

static int64_t few_of(const struct workload *workload)
{
    return workload->counted ? workload->counted : workload->brief;
}

static bool count_allocations(const struct plan *plan, struct measure *measure)
{
    char library[4096];
    snprintf(library, sizeof(library), "%s/bench_count_allocations.so", plan->folder);
    for (int who = 0; who < plan->report.n_contenders; who++) {
        struct job job = job_of(plan, who, measure->workload);
        struct sample sample;
        measure->allocations[who] = -1;
        if (!measure->samples[who][0].offered)
            continue;
        job.operations = few_of(measure->workload);
        job.preload = library;
        if (!child_measure(&job, &sample))
            return false;
        if (sample.allocations < 0) {
            fprintf(stderr, "bench: %s counted nothing\n", library);
            return false;
        }
        measure->allocations[who] = (double)sample.allocations / (double)job.operations;
        measure->ours[who] = (double)sample.ours / (double)job.operations;
    }
    return true;
}

static bool write_json(const struct plan *plan, const struct measure *measures, int count)
{
    FILE *out = strcmp(plan->json, "-") == 0 ? stdout : fopen(plan->json, "we");
    if (!out) {
        perror(plan->json);
        return false;
    }
    report_json(out, &plan->report, measures, count);
    return (out == stdout ? fflush(out) : fclose(out)) == 0;
}

static bool measure_one(const struct plan *plan, struct measure *measure)
{
    measure->rounds = plan->rounds;
    for (int who = 0; who < MAX_CONTENDERS; who++)
        measure->allocations[who] = -1;
    return measure_rounds(plan, measure) &&
           (!plan->report.instructions || count_instructions(plan, measure)) &&
           (!plan->report.allocations || count_allocations(plan, measure));
}

bool plan_measure(const struct plan *plan)
{
    static struct measure measures[MAX_WORKLOADS];
    bool table = !plan->json || strcmp(plan->json, "-") != 0;
    int count = 0;

    if (table)
        report_head(stdout, &plan->report);
    for (int i = 0; i < n_workloads && count < MAX_WORKLOADS; i++) {
        struct measure *measure = &measures[count];
        measure->workload = &workloads[i];
        if (!is_wanted(plan, &workloads[i]))
            continue;
        if (!measure_one(plan, measure))
            return false;
        if (table)
            report_lines(stdout, &plan->report, measure);
        count++;
    }
    if (count == 0) {
        fprintf(stderr, "bench: no such workload: %s\n", plan->chosen);
        return false;
    }
    return !plan->json || write_json(plan, measures, count);
}

bool plan_count(const struct plan *plan)
{
    for (int i = 0; i < n_workloads; i++) {
        uint64_t counts[2];
        if (!is_wanted(plan, &workloads[i]) || !workloads[i].counted)
            continue;
        for (int who = RAW; who <= TENON; who++) {
            struct job job = job_of(plan, who, &workloads[i]);
            job.operations = workloads[i].counted;
            job.timeout_s = COUNT_SECONDS;
            if (!child_count(&job, &counts[who]))
                return false;
        }
        if (counts[TENON] == 0)
            continue; /* not offered */
        printf("%s\t%s\t%.0f\t%.0f\t%.4f\n", plan->report.database, workloads[i].name,
               (double)counts[RAW] / (double)workloads[i].counted,
               (double)counts[TENON] / (double)workloads[i].counted,
               (double)counts[TENON] / (double)counts[RAW]);
        fflush(stdout);
    }
    return true;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static bool growth_of(const struct plan *plan, const char *workload, int64_t operations,
                      int64_t *ret_kib)
{
    struct job job = {
        .program = plan->contenders[TENON].program,
        .workload = workload,
        .operations = operations,
        .rows = FULL_ROWS,
        .timeout_s = RUN_SECONDS,
    };
    struct sample sample;
    if (!child_measure(&job, &sample) || !sample.offered)
        return false;
    *ret_kib = sample.growth_kib;
    return true;
}

bool plan_check_memory(const struct plan *plan)
{
    int64_t streamed, read, grown;

    if (!growth_of(plan, "grow", 2 * STREAMED_KIB, &grown) ||
        !growth_of(plan, "w4s", STREAMED_ROWS, &streamed) ||
        !growth_of(plan, "w3r", STREAMED_ROWS, &read))
        return false;
    streamed = streamed > read ? streamed : read;
    printf("%d rows streamed: %.1f MiB more memory\n", STREAMED_ROWS, (double)streamed / 1024);
    if (grown <= STREAMED_KIB) /* the kernel's figures are some pages behind */
        fprintf(stderr, "bench: growth by %d MiB is not seen\n", 2 * STREAMED_KIB / 1024);
    if (streamed > STREAMED_KIB)
        fprintf(stderr, "bench: more than %d MiB\n", STREAMED_KIB / 1024);
    return grown > STREAMED_KIB && streamed <= STREAMED_KIB;
}

/*
 * How many allocations of ours an operation may make: a transaction and a session are handles, made
 * and given back. What is made once (a statement's entry in the cache, a longer buffer) is far
 * below one in fifty operations.
 */
static double most_allocations(const struct workload *workload)
{
    bool handle = strncmp(workload->name, "w5", 2) == 0 || strncmp(workload->name, "w6e", 3) == 0;
    return handle ? 1.05 : 0.02;
}

static bool opens_database(const struct workload *workload)
{
    return strncmp(workload->name, "w9", 2) == 0 || strcmp(workload->name, "w8o") == 0;
}

/* That the counter sees ours at all: opening a database is full of them. */
bool plan_check_allocations(const struct plan *plan)
{
    static struct measure measure;
    bool few = true, seen = false;

    for (int i = 0; i < n_workloads; i++) {
        const struct workload *workload = &workloads[i];
        bool fine, opens = opens_database(workload);
        measure.workload = workload;
        if (!is_wanted(plan, workload) || (!opens && !workload->counted))
            continue;
        if (!measure_offers(plan, &measure) || !count_allocations(plan, &measure))
            return false;
        if (!measure.samples[TENON][0].offered)
            continue;
        seen |= opens && measure.ours[TENON] > 1;
        fine = opens || measure.ours[TENON] <= most_allocations(workload);
        few &= fine;
        printf("%s: %s: %.3f allocations of ours an operation; with the client library's %.3f, raw"
               " %.3f\n",
               fine ? "ok" : "not ok", workload->name, measure.ours[TENON],
               measure.allocations[TENON], measure.allocations[RAW]);
    }
    if (!seen)
        fprintf(stderr, "bench: opening a database was not seen to allocate\n");
    return few && seen;
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static bool tables(const struct plan *plan, const char *what, int64_t rows)
{
    struct job job = {
        .program = plan->contenders[RAW].program,
        .workload = what,
        .operations = 1,
        .rows = rows,
        .timeout_s = RUN_SECONDS,
    };
    struct sample ignored;
    return child_measure(&job, &ignored);
}

bool plan_run(const struct plan *plan, bool (*go)(const struct plan *plan))
{
    struct plan own = *plan;
    bool done;

    own.report.contenders = own.contenders;
    if (go == plan_count || go == plan_check_allocations)
        own.brief = true;
    done = tables(&own, "setup", go == plan_check_memory ? STREAMED_ROWS : rows_of(&own)) &&
           go(&own);
    return (own.keep || tables(&own, "teardown", 1)) && done;
}
