/* SPDX-License-Identifier: MIT */
/*
 * tenon-conformance: does a driver keep the contract? Runs every case on the database of a URL.
 *
 *   tenon-conformance sqlite::memory:
 *   tenon-conformance --env TENON_TEST_POSTGRES_URL --only 'txn*'
 *
 * Exit: 0 all passed, 1 a case failed or too few ran, 2 usage, 6 the database could not be opened,
 * 77 the URL's variable is not set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "through_fault.h"

/* A run on a driver that knows SQL and ran fewer cases than this has lost some on the way. */
#define LEAST_CASES 100

enum { EXIT_FAILED_CASES = 1, EXIT_USAGE = 2, EXIT_NO_DATABASE = 6, EXIT_SKIPPED = 77 };

static int usage(FILE *out, int code)
{
    fputs("usage: tenon-conformance [URL] [--env NAME] [--list] [--only PATTERN] "
          "[--answers NAME]\n"
          "                         [--parameter NAME=VALUE] [--through-fault]\n"
          "\n"
          "Runs tenon's conformance cases on the database of URL and reports in TAP. Tables are\n"
          "made under names of the run's own and dropped again.\n"
          "\n"
          "  --env NAME       take the URL from this environment variable (it stays out of the\n"
          "                   list of processes); exit 77 when it is not set\n"
          "  --list           print the names of the cases and stop\n"
          "  --only PATTERN   run only cases whose name matches, such as 'types/*'\n"
          "  --answers NAME   answers declared for sqlite, postgresql, template or generic;\n"
          "                   the driver's own by default\n"
          "  --parameter P    one more parameter of the URL, such as direct=off\n"
          "  --through-fault  by way of the fault wrapper (tenon/fault.h), without a rule\n",
          out);
    return code;
}

static int list(void)
{
    for (size_t g = 0; suite_groups[g]; g++)
        for (size_t i = 0; i < suite_groups[g]->count; i++)
            printf("%s/%s\n", suite_groups[g]->name, suite_groups[g]->cases[i].name);
    return 0;
}

static int conclude(const suite_options *options, const suite_result *result)
{
    size_t ran = result->passed + result->failed;
    bool enough = options->only || !(result->capabilities & TN_CAP_SQL) || ran >= LEAST_CASES;

    if (!enough)
        printf("# only %zu cases ran, at least %d must\n", ran, LEAST_CASES);
    if (ran + result->skipped == 0)
        printf("# no case has a name like %s\n", options->only);
    printf("# tenon-conformance: %s (%s): %zu cases, %zu passed, %zu skipped, %zu failed\n",
           result->driver, result->server, ran + result->skipped, result->passed, result->skipped,
           result->failed);
    return result->failed == 0 && enough && ran + result->skipped > 0 ? 0 : EXIT_FAILED_CASES;
}

typedef struct command {
    suite_options options;
    const char *variable, *parameter;
    bool list, help, through_fault;
} command;

static bool read_arguments(int argc, char **argv, command *ret)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(word, "--list") == 0) {
            ret->list = true;
        } else if (strcmp(word, "--help") == 0) {
            ret->help = true;
        } else if (strcmp(word, "--through-fault") == 0) {
            ret->through_fault = true;
        } else if (strcmp(word, "--only") == 0 && value) {
            ret->options.only = argv[++i];
        } else if (strcmp(word, "--env") == 0 && value) {
            ret->variable = argv[++i];
        } else if (strcmp(word, "--parameter") == 0 && value) {
            ret->parameter = argv[++i];
        } else if (strcmp(word, "--answers") == 0 && value) {
            ret->options.given = answers_find(argv[++i], true);
            if (!ret->options.given) {
                fprintf(stderr, "tenon-conformance: no answers are declared for \"%s\"\n", value);
                return false;
            }
        } else if (word[0] != '-' && !ret->options.url) {
            ret->options.url = word;
        } else {
            /* It may be a URL too many, with a password in it. */
            char shown[256];
            tn_url_redact(word, shown, sizeof(shown));
            fprintf(stderr, "tenon-conformance: \"%s\" is not understood\n", shown);
            return false;
        }
    }
    return true;
}

/* NULL: too long. Lives as long as the process, as its arguments do. */
static const char *with_parameter(const char *url, const char *parameter)
{
    static char whole[4096];
    int len = snprintf(whole, sizeof(whole), "%s%c%s", url, strchr(url, '?') ? '&' : '?',
                       parameter);

    return len < (int)sizeof(whole) ? whole : NULL;
}

int main(int argc, char **argv)
{
    command cmd = {.options = {.out = stdout}};
    suite_result result = {0};
    tn_error err = TN_ERROR_INIT;

    if (!read_arguments(argc, argv, &cmd))
        return usage(stderr, EXIT_USAGE);
    if (cmd.help)
        return usage(stdout, 0);
    if (cmd.list)
        return list();
    if (cmd.variable) {
        cmd.options.url = getenv(cmd.variable);
        if (!cmd.options.url || !cmd.options.url[0]) {
            printf("1..0 # SKIP %s is not set: no database to run on\n", cmd.variable);
            return EXIT_SKIPPED;
        }
    }
    if (!cmd.options.url)
        return usage(stderr, EXIT_USAGE);
    if (cmd.parameter && !(cmd.options.url = with_parameter(cmd.options.url, cmd.parameter)))
        return usage(stderr, EXIT_USAGE);
    if ((cmd.through_fault && through_fault(&cmd.options, &err) != TN_OK) ||
        suite_run(&cmd.options, &result, &err) != TN_OK) {
        printf("Bail out! %s\n", err.message);
        tn_error_print(stderr, &err);
        return result.passed + result.failed > 0 ? EXIT_FAILED_CASES : EXIT_NO_DATABASE;
    }
    return conclude(&cmd.options, &result);
}
