/* SPDX-License-Identifier: MIT */
/*
 * Runs the contenders against each other: one process for each contender, workload and round,
 * taking turns, so that what else the machine does hits both. See README.md.
 */
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

enum { SKIPPED = 77, RUN_SECONDS = 120, COUNT_SECONDS = 600 };

/* Operations: in full, short, and the two sizes whose difference tells the instructions of one. */
struct workload {
    const char *name;
    const char *what;
    int64_t full, full_sqlite, brief;
    int64_t count_few, count_many;
};

static const struct workload workloads[] = {
    {"w1", "select by key, 5 columns", 20000, 100000, 50, 200, 1200},
    {"w1g", "the same by tn_get", 20000, 100000, 50, 200, 1200},
    {"w2", "insert, in one transaction", 20000, 20000, 50, 200, 1200},
    {"w4b", "scan, a row, buffered", 1000000, 1000000, 2000, 2000, 12000},
    {"w4s", "scan, a row, streaming", 1000000, 1000000, 2000, 2000, 12000},
    {"w5", "begin, select, update, commit", 4000, 20000, 20, 100, 600},
    {"w8o", "open and close", 200, 1000, 3, 3, 13},
    {"w8p", "select 1", 20000, 500000, 50, 200, 1200},
};
enum { N_WORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

enum { FULL_ROWS = 1000000, BRIEF_ROWS = 12000, COUNT_ROWS = 12000 };

struct plan {
    char raw[PATH_MAX];
    char tenon[PATH_MAX];
    const char *reference;
    const char *chosen; /* names with commas, NULL: all */
    const char *json;
    int rounds;
    bool brief, instructions, sqlite, keep;
};

static void usage(FILE *out)
{
    fputs(
        "usage: bench_run [OPTION ...]\n"
        "Measures tenon against its client libraries in the database of DATABASE_URL, in tables\n"
        "of its own (bench_items, bench_inserts, bench_accounts), which it drops at the end.\n"
        "\n"
        "  --workloads LIST   some of w1,w1g,w2,w4b,w4s,w5,w8o,w8p (all)\n"
        "  --rounds N         of each contender and workload (7; --short: 1)\n"
        "  --short            tiny sizes: shows that it works, measures nothing\n"
        "  --instructions     count instructions by valgrind besides\n"
        "  --json FILE        write the figures there, - is standard output instead of the table\n"
        "  --keep             leave the tables\n"
        "  --url-env NAME     take the URL from another variable; exit 77 if it is not set\n",
        out);
}

static bool is_chosen(const struct plan *plan, const char *name)
{
    const char *at = plan->chosen;
    size_t length = strlen(name);
    while (at && *at) {
        size_t item = strcspn(at, ",");
        if (item == length && strncmp(at, name, length) == 0)
            return true;
        at += item + (at[item] == ',');
    }
    return !plan->chosen;
}

static bool find_contenders(struct plan *plan)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *folder;
    int a, b;

    if (length < 0)
        return false;
    self[length] = '\0';
    folder = dirname(self);
    a = snprintf(plan->raw, sizeof(plan->raw), "%s/%s", folder,
                 plan->sqlite ? "bench_sqlite" : "bench_pq");
    b = snprintf(plan->tenon, sizeof(plan->tenon), "%s/bench_tenon", folder);
    if (a >= PATH_MAX || b >= PATH_MAX)
        return false;
    if (access(plan->raw, X_OK) != 0) {
        fprintf(stderr, "bench: %s is not there: its client library was not found by the build\n",
                plan->raw);
        return false;
    }
    return true;
}

static bool measure_rounds(const struct plan *plan, const struct workload *workload, int64_t rows,
                           struct measure *measure)
{
    int64_t operations = plan->brief    ? workload->brief
                         : plan->sqlite ? workload->full_sqlite
                                        : workload->full;
    const char *const programs[CONTENDERS] = {plan->raw, plan->tenon};

    measure->workload = workload->name;
    measure->what = workload->what;
    measure->rounds = plan->rounds;
    for (int round = 0; round < plan->rounds; round++) {
        for (int turn = 0; turn < CONTENDERS; turn++) {
            int who = (turn + round) % CONTENDERS;
            if (!child_measure(programs[who], workload->name, operations, rows, RUN_SECONDS,
                               &measure->samples[who][round]))
                return false;
        }
        if (measure->samples[RAW][round].checksum != measure->samples[TENON][round].checksum) {
            fprintf(stderr,
                    "bench: %s: the sums differ: raw %" PRIu64 ", tenon %" PRIu64
                    "; they did not do the same work\n",
                    workload->name, measure->samples[RAW][round].checksum,
                    measure->samples[TENON][round].checksum);
            return false;
        }
    }
    return true;
}

/* Starting and connecting cost the same in a long run as in a short one. */
static bool count_instructions(const struct plan *plan, const struct workload *workload,
                               struct measure *measure)
{
    const char *const programs[CONTENDERS] = {plan->raw, plan->tenon};
    for (int who = 0; who < CONTENDERS; who++) {
        uint64_t few, many;
        if (!child_count(programs[who], workload->name, workload->count_few, COUNT_ROWS,
                         COUNT_SECONDS, &few) ||
            !child_count(programs[who], workload->name, workload->count_many, COUNT_ROWS,
                         COUNT_SECONDS, &many))
            return false;
        measure->instructions[who] = ((double)many - (double)few) /
                                     (double)(workload->count_many - workload->count_few);
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
    report_json(out, plan->reference, measures, count);
    return (out == stdout ? fflush(out) : fclose(out)) == 0;
}

static bool run_all(const struct plan *plan)
{
    static struct measure measures[N_WORKLOADS];
    bool table = !plan->json || strcmp(plan->json, "-") != 0;
    int64_t rows = plan->brief ? BRIEF_ROWS : FULL_ROWS;
    int count = 0;

    if (table)
        report_head(stdout, plan->reference, plan->instructions);
    for (int i = 0; i < N_WORKLOADS; i++) {
        struct measure *measure = &measures[count];
        if (!is_chosen(plan, workloads[i].name))
            continue;
        if (!measure_rounds(plan, &workloads[i], rows, measure) ||
            (plan->instructions && !count_instructions(plan, &workloads[i], measure)))
            return false;
        if (table)
            report_line(stdout, measure, plan->instructions);
        count++;
    }
    if (count == 0) {
        fprintf(stderr, "bench: no such workload: %s\n", plan->chosen);
        return false;
    }
    return !plan->json || write_json(plan, measures, count);
}

/* false: usage. */
static bool read_options(int argc, char **argv, struct plan *plan, const char **ret_variable)
{
    static const struct option options[] = {
        {"workloads", required_argument, NULL, 'w'},
        {"rounds", required_argument, NULL, 'r'},
        {"short", no_argument, NULL, 's'},
        {"instructions", no_argument, NULL, 'i'},
        {"json", required_argument, NULL, 'j'},
        {"keep", no_argument, NULL, 'k'},
        {"url-env", required_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'w': plan->chosen = optarg; break;
        case 'r': plan->rounds = atoi(optarg); break;
        case 's': plan->brief = true; break;
        case 'i': plan->instructions = true; break;
        case 'j': plan->json = optarg; break;
        case 'k': plan->keep = true; break;
        case 'u': *ret_variable = optarg; break;
        case 'h': usage(stdout); exit(EXIT_SUCCESS);
        default: return false;
        }
    }
    if (plan->rounds == 0)
        plan->rounds = plan->brief ? 1 : 7;
    return optind == argc && plan->rounds > 0 && plan->rounds <= MAX_ROUNDS;
}

int main(int argc, char **argv)
{
    struct plan plan = {.rounds = 0};
    const char *variable = "DATABASE_URL";
    const char *url;
    struct sample ignored;
    bool done;

    if (!read_options(argc, argv, &plan, &variable)) {
        usage(stderr);
        return 2;
    }
    url = getenv(variable);
    if (!url || !*url) {
        printf("skipped: %s is not set\n", variable);
        return SKIPPED;
    }
    setenv("DATABASE_URL", url, 1);
    setenv("TENON_NO_ENV", "1", 1);
    plan.sqlite = strncmp(url, "sqlite:", 7) == 0;
    plan.reference = plan.sqlite ? "the SQLite library" : "libpq";
    if (!find_contenders(&plan))
        return EXIT_FAILURE;
#ifndef __OPTIMIZE__
    fputs("bench: built without optimisation: the ratios say little\n", stderr);
#endif
    done = child_measure(plan.raw, "setup", 1, plan.brief ? BRIEF_ROWS : FULL_ROWS, RUN_SECONDS,
                         &ignored) &&
           run_all(&plan);
    if (!plan.keep && !child_measure(plan.raw, "teardown", 1, 1, RUN_SECONDS, &ignored))
        done = false;
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
