/* SPDX-License-Identifier: MIT */
/* The ledger from the command line, as long as wanted. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "campaign.h"

enum { UNKNOWN_MOST_PPM = 1000 };

static const char help[] =
    "usage: ledger [--seconds N] [--threads N] [--pool N] [--seed N] [--every MS] [--naive]\n"
    "       ledger check FOLDER CONNINFO\n"
    "\n"
    "Clients move money between accounts on a PostgreSQL of this program's own while faults hit\n"
    "it, and the checker compares what they were told with what the table holds. Exit 0: nothing\n"
    "lost, done twice or half done, at most 0.1 % unknown. The same seed gives the same faults.\n"
    "\n"
    "  --seconds N   how long (60)\n"
    "  --threads N   clients (64, at most 512)\n"
    "  --pool N      connections (10)\n"
    "  --seed N      of faults and amounts (the time)\n"
    "  --every MS    between two faults (500); 0: none\n"
    "  --naive       clients that try again whenever a connection was lost: exit 1 is right\n"
    "\n"
    "check: only the checker, on files (*.log) that clients wrote and the table they filled.\n";

static int check(const char *folder, const char *conninfo)
{
    ledger_verdict verdict;
    PGconn *admin = PQconnectdb(conninfo);
    bool read = PQstatus(admin) == CONNECTION_OK && ledger_check(folder, admin, &verdict);

    if (PQstatus(admin) != CONNECTION_OK)
        fputs(PQerrorMessage(admin), stderr);
    PQfinish(admin);
    if (!read)
        return 2;
    ledger_print(stdout, &verdict);
    return ledger_good(&verdict) ? 0 : 1;
}

static long long number(const char *text, long long least, long long most)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (end != text && !*end && value >= least && value <= most)
        return value;
    fprintf(stderr, "ledger: \"%s\" is not a number from %lld to %lld\n", text, least, most);
    exit(2);
}

static void read_options(int argc, char *argv[], ledger_options *o)
{
    static const struct option names[] = {
        {"seconds", required_argument, NULL, 's'}, {"threads", required_argument, NULL, 't'},
        {"pool", required_argument, NULL, 'p'},    {"seed", required_argument, NULL, 'r'},
        {"every", required_argument, NULL, 'e'},   {"naive", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        switch (option) {
        case 's': o->seconds = (int)number(optarg, 1, 1000000); break;
        case 't': o->threads = (unsigned)number(optarg, 1, LEDGER_THREADS_MAX); break;
        case 'p': o->pool = (unsigned)number(optarg, 1, 80); break;
        case 'r': o->seed = (uint64_t)number(optarg, 0, INT64_MAX); break;
        case 'e': o->every_ms = (int)number(optarg, 0, 1000000); break;
        case 'n': o->client = LEDGER_NAIVE; break;
        case 'h': fputs(help, stdout); exit(0);
        default: fputs(help, stderr); exit(2);
        }
    }
}

int main(int argc, char *argv[])
{
    ledger_options options = LEDGER_OPTIONS_INIT;
    ledger_result result;

    if (argc == 4 && strcmp(argv[1], "check") == 0)
        return check(argv[2], argv[3]);
    options.seed = (uint64_t)time(NULL);
    read_options(argc, argv, &options);
    printf("seed %llu\n", (unsigned long long)options.seed);
    fflush(stdout);
    if (!ledger_campaign(&options, &result))
        return 2;
    ledger_report(stdout, &options, &result);
    bool good = ledger_good(&result.verdict) && result.usable && !result.sessions &&
                ledger_unknown_ppm(&result.verdict) <= UNKNOWN_MOST_PPM;
    puts(good ? "good" : "NOT GOOD");
    return good ? 0 : 1;
}
