/* SPDX-License-Identifier: MIT */
/*
 * A server that does what it must not. The scenarios are tables (cases_*.c, in the words of
 * script.h); those that cut the connection behind each message are made here.
 *
 * With an argument only cases whose name holds it are run; TENON_TEST_SHOW=1 prints what came of
 * each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner.h"

enum { TESTS_MAX = 512, CUTS_MAX = 128, SCRIPT_MAX = 256, NAME_MAX_SIZE = 96 };

typedef struct list {
    struct CMUnitTest tests[TESTS_MAX];
    size_t count;
} list;

static void add(list *l, const char *name, CMUnitTestFunction run, const void *what,
                const char *wanted)
{
    if (wanted && !strstr(name, wanted))
        return;
    if (l->count == TESTS_MAX) {
        fprintf(stderr, "more than %d scenarios\n", TESTS_MAX);
        exit(EXIT_FAILURE);
    }
    l->tests[l->count++] = (struct CMUnitTest){
        .name = name, .test_func = run, .initial_state = (void *)(uintptr_t)what};
}

static void add_family(list *l, const hostile_family *family, const char *wanted)
{
    for (size_t i = 0; i < family->count; i++)
        add(l, family->cases[i].name, hostile_run_case, &family->cases[i], wanted);
}

/* ---- cut behind each message ---------------------------------------------------------------- */

typedef struct moment {
    const char *name;
    const char *messages[8];
    size_t place; /* the member of hostile_script */
    hostile_act act;
    uint64_t allowed;
} moment;

static const moment moments[] = {
    {"start-up",
     {"auth-ok", "parameters", "key"},
     offsetof(hostile_script, startup),
     ACT_GET,
     IS(UNAVAILABLE)},
    {"Parse",
     {"parsed", "no-parameters", "column"},
     offsetof(hostile_script, describe),
     ACT_GET,
     IS(LOST)},
    {"Execute",
     {"bound", "binary", "row", "row", "selected"},
     offsetof(hostile_script, execute),
     ACT_READ,
     IS(LOST)},
    {"BEGIN", {"begun"}, offsetof(hostile_script, begin), ACT_IN_TXN, IS(LOST)},
    {"COMMIT", {"committed"}, offsetof(hostile_script, commit), ACT_COMMIT, IS(OUTCOME_UNKNOWN)},
    {"ROLLBACK", {"rolled-back"}, offsetof(hostile_script, rollback), ACT_ROLLBACK, IS(OK)},
};

static hostile_case cuts[CUTS_MAX];
static char scripts[CUTS_MAX][SCRIPT_MAX], names[CUTS_MAX][NAME_MAX_SIZE];
static size_t n_cuts;

static const char *script_of(const moment *m, size_t messages, const char *end)
{
    char *script = scripts[n_cuts];

    script[0] = '\0';
    for (size_t i = 0; i < messages; i++)
        snprintf(script + strlen(script), SCRIPT_MAX - strlen(script), "%s ", m->messages[i]);
    snprintf(script + strlen(script), SCRIPT_MAX - strlen(script), "%s", end);
    return script;
}

static void add_cut(const moment *m, size_t messages, const char *how, const char *end)
{
    hostile_case *c = &cuts[n_cuts];
    const char *script = script_of(m, messages, end);

    *c = (hostile_case){.act = m->act, .allowed = m->allowed, .fate = FATE_DROPPED};
    memcpy((char *)&c->server + m->place, &script, sizeof(script));
    if (m->act == ACT_COMMIT)
        c->server.connections = 1; /* nobody is there to be asked what became of it */
    snprintf(names[n_cuts], NAME_MAX_SIZE, "%s behind message %zu of the answer to %s", how,
             messages, m->name);
    c->name = names[n_cuts++];
}

static void add_cuts(list *l, const char *wanted)
{
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
        for (size_t k = 0; k == 0 || moments[i].messages[k - 1]; k++) {
            add_cut(&moments[i], k, "closed", "close");
            add_cut(&moments[i], k, "reset", "reset");
            add_cut(&moments[i], k, "closed within the one",
                    i || k ? "raw('Z') close" : "raw('R') close");
        }
    for (size_t i = 0; i < n_cuts; i++)
        add(l, cuts[i].name, hostile_run_case, &cuts[i], wanted);
}

/* The first thread of a process may bring others along (sanitizers), which stay. */
static int start_first_thread(void **state)
{
    static const hostile_script script = {.startup = NULL};
    static hostile_server server;

    (void)state;
    hostile_start(&server, &script);
    hostile_stop(&server);
    return 0;
}

int main(int argc, char *argv[])
{
    static const hostile_family *const families[] = {
        &hostile_authentication, &hostile_start_up, &hostile_tls,     &hostile_lengths,
        &hostile_rows,           &hostile_errors,   &hostile_endless, &hostile_commits,
    };
    static list all;
    const char *wanted = argc > 1 ? argv[1] : NULL;

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        add_family(&all, families[i], wanted);
    add_cuts(&all, wanted);
    for (size_t i = 0; i < hostile_values_count; i++)
        add(&all, hostile_values[i].name, hostile_run_value, &hostile_values[i], wanted);
    printf("%zu scenarios\n", all.count);
    return _cmocka_run_group_tests("hostile server", all.tests, all.count, start_first_thread,
                                   NULL);
}
