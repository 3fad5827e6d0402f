/* SPDX-License-Identifier: MIT */
/*
 * Runs the contenders against each other: one process for each contender, workload and round,
 * taking turns, so that what else the machine does hits all. See README.md.
 */
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/plan.h"

enum { SKIPPED = 77 };

static void usage(FILE *out)
{
    fputs(
        "usage: bench_run [OPTION ...]\n"
        "Measures tenon against its client libraries in the database of DATABASE_URL, in tables\n"
        "of its own (bench_items, bench_inserts, bench_accounts), which it drops at the end.\n"
        "\n"
        "  --workloads LIST   some of them, with commas (all); --list names them\n"
        "  --peers            other libraries too, those that were there when this was built\n"
        "  --rounds N         of each contender and workload (7; --short: 1)\n"
        "  --short            tiny sizes: shows that it works, measures nothing\n"
        "  --instructions     count instructions by valgrind besides\n"
        "  --allocations      count allocations besides\n"
        "  --count            only count instructions, of raw and tenon: lines of database,\n"
        "                     workload, both counts for an operation and their ratio\n"
        "  --check-memory     only look that streaming rows takes no more than 8 MiB\n"
        "  --check-allocations  only look that tenon allocates nothing in a call, a row\n"
        "  --json FILE        write the figures there, - is standard output instead of the table\n"
        "  --keep             leave the tables\n"
        "  --url-env NAME     take the URL from another variable; exit 77 if it is not set\n",
        out);
}

static void list(void)
{
    for (int i = 0; i < n_workloads; i++)
        printf("%-6s %s%s\n", workloads[i].name, workloads[i].what,
               workloads[i].postgres ? "" : " (SQLite)");
}

/* The folder that this program stands in. */
static bool find_self(struct plan *plan)
{
    static char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length < 0)
        return false;
    self[length] = '\0';
    plan->folder = dirname(self);
    return true;
}

static bool add_contender(struct plan *plan, const char *name, const char *program, bool needed)
{
    struct contender *contender = &plan->contenders[plan->report.n_contenders];

    contender->name = name;
    snprintf(contender->program, sizeof(contender->program), "%s/%s", plan->folder, program);
    if (access(contender->program, X_OK) == 0) {
        plan->report.n_contenders++;
        return true;
    }
    if (needed)
        fprintf(stderr, "bench: %s is not there: its client library was not found by the build\n",
                contender->program);
    else
        fprintf(stderr, "bench: without %s, which was not found by the build\n", name);
    return !needed;
}

static bool find_contenders(struct plan *plan, bool peers)
{
    static const char *const others[][2] = {
        {"libzdb", "bench_zdb"}, {"soci", "bench_soci"}, {"apr", "bench_apr"},
        {"libdbi", "bench_dbi"}, {"odbc", "bench_odbc"},
    };

    plan->report.contenders = plan->contenders;
    if (!find_self(plan) ||
        !add_contender(plan, "raw", plan->sqlite ? "bench_sqlite" : "bench_pq", true) ||
        !add_contender(plan, "tenon", "bench_tenon", true))
        return false;
    for (size_t i = 0; peers && i < sizeof(others) / sizeof(others[0]); i++)
        add_contender(plan, others[i][0], others[i][1], false);
    return true;
}

struct choices {
    const char *variable;
    bool peers;
    bool (*go)(const struct plan *plan);
};

/* false: usage. */
static bool read_options(int argc, char **argv, struct plan *plan, struct choices *ret)
{
    static const struct option options[] = {
        {"workloads", required_argument, NULL, 'w'},
        {"peers", no_argument, NULL, 'p'},
        {"rounds", required_argument, NULL, 'r'},
        {"short", no_argument, NULL, 's'},
        {"instructions", no_argument, NULL, 'i'},
        {"allocations", no_argument, NULL, 'a'},
        {"count", no_argument, NULL, 'c'},
        {"check-memory", no_argument, NULL, 'm'},
        {"check-allocations", no_argument, NULL, 'A'},
        {"json", required_argument, NULL, 'j'},
        {"keep", no_argument, NULL, 'k'},
        {"list", no_argument, NULL, 'l'},
        {"url-env", required_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'w': plan->chosen = optarg; break;
        case 'p': ret->peers = true; break;
        case 'r': plan->rounds = atoi(optarg); break;
        case 's': plan->brief = true; break;
        case 'i': plan->report.instructions = true; break;
        case 'a': plan->report.allocations = true; break;
        case 'c': ret->go = plan_count; break;
        case 'm': ret->go = plan_check_memory; break;
        case 'A': ret->go = plan_check_allocations; break;
        case 'j': plan->json = optarg; break;
        case 'k': plan->keep = true; break;
        case 'u': ret->variable = optarg; break;
        case 'l': list(); exit(EXIT_SUCCESS);
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
    static struct plan plan;
    struct choices choices = {.variable = "DATABASE_URL", .go = plan_measure};
    const char *url;

    if (!read_options(argc, argv, &plan, &choices)) {
        usage(stderr);
        return 2;
    }
    url = getenv(choices.variable);
    if (!url || !*url) {
        printf("skip: %s is not set\n", choices.variable);
        return SKIPPED;
    }
    setenv("DATABASE_URL", url, 1);
    setenv("TENON_NO_ENV", "1", 1);
    plan.sqlite = strncmp(url, "sqlite:", 7) == 0;
    plan.report.database = plan.sqlite ? "sqlite" : "postgresql";
    plan.report.reference = plan.sqlite ? "the SQLite library" : "libpq";
    if (!find_contenders(&plan, choices.peers))
        return EXIT_FAILURE;
#ifndef __OPTIMIZE__
    fputs("bench: built without optimisation: the ratios say little\n", stderr);
#endif
    return plan_run(&plan, choices.go) ? EXIT_SUCCESS : EXIT_FAILURE;
}
