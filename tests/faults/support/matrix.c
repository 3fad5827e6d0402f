/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matrix.h"

enum { CELLS = 302, MAX_ROWS = 400, COLUMNS = 9 };

struct played {
    const struct row *row;
    const struct automated *by;
};

static struct row rows[MAX_ROWS];
static size_t n_rows;
static struct played played[MAX_ROWS];

static const struct {
    const char *word;
    tn_status status;
} words[] = {
    {"OK", TN_OK},
    {"NOT_FOUND", TN_NOT_FOUND},
    {"CONSTRAINT", TN_CONSTRAINT},
    {"SYNTAX", TN_SYNTAX},
    {"DATA", TN_DATA},
    {"SERIALIZATION", TN_SERIALIZATION},
    {"ABORTED", TN_ABORTED},
    {"LOCKED", TN_LOCKED},
    {"TIMEOUT", TN_TIMEOUT},
    {"CANCELLED", TN_CANCELLED},
    {"READ_ONLY", TN_READ_ONLY},
    {"RESOURCE", TN_RESOURCE},
    {"UNSUPPORTED", TN_UNSUPPORTED},
    {"CONFIG", TN_CONFIG},
    {"AUTH", TN_AUTH},
    {"UNAVAILABLE", TN_UNAVAILABLE},
    {"LOST", TN_LOST},
    {"OUTCOME_UNKNOWN", TN_OUTCOME_UNKNOWN},
    {"PROTOCOL", TN_PROTOCOL},
    {"LIMIT", TN_LIMIT},
    {"MISUSE", TN_MISUSE},
    {"SHUTDOWN", TN_SHUTDOWN},
    {"FORKED", TN_FORKED},
    {"FAILED", TN_FAILED},
};

static const char *word_of(tn_status status)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].status == status)
            return words[i].word;
    return tn_status_name(status);
}

static bool one_of(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; *at; at += *at == '|') {
        size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

static bool open_to(const char *list)
{
    return strcmp(list, "-") == 0;
}

static bool agrees(const char *what, const char *list, const char *word)
{
    if (open_to(list) || one_of(list, word))
        return true;
    print_error("%s: found %s, expected %s\n", what, word[0] ? word : "\"\"", list);
    return false;
}

void matrix_judge(const struct row *row, const struct seen *seen)
{
    static const char *const outcomes[] = {"none", "not_applied", "applied", "in_doubt"};
    bool good = agrees("status", row->status, word_of(seen->status));

    if (seen->status != TN_OK) {
        good &= agrees("sqlstate", row->sqlstate, seen->err->sqlstate);
        good &= agrees("outcome", row->outcome, outcomes[seen->err->outcome]);
    }
    if (seen->destroyed >= 0)
        good &= agrees("connection", row->fate, seen->destroyed ? "destroyed" : "kept");
    if (seen->applied >= 0) {
        char count[16];
        snprintf(count, sizeof(count), "%d", seen->applied);
        good &= agrees("applied", row->applied, count);
    }
    if (!good && seen->status != TN_OK)
        tn_error_print(stderr, seen->err);
    assert_true(good);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void bad_row(int line, const char *what)
{
    fprintf(stderr, "matrix.tsv:%d: %s\n", line, what);
    exit(EXIT_FAILURE);
}

static void read_row(char *line, int number)
{
    struct row *row = &rows[n_rows];
    const char **columns[COLUMNS] = {&row->id,     &row->fault,    &row->moment,
                                     &row->status, &row->sqlstate, &row->outcome,
                                     &row->fate,   &row->applied,  &row->how};
    char *at = line;

    if (n_rows == MAX_ROWS)
        bad_row(number, "too many rows");
    for (size_t i = 0; i < COLUMNS; i++) {
        char *cell = strsep(&at, "\t");
        if (!cell || !cell[0])
            bad_row(number, "a column is missing");
        *columns[i] = strdup(cell);
        if (!*columns[i])
            bad_row(number, "out of memory");
    }
    if (at)
        bad_row(number, "too many columns");
    snprintf(row->name, sizeof(row->name), "%s %s", row->id, row->moment);
    n_rows++;
}

static void read_matrix(void)
{
    FILE *file = fopen(TENON_FAULT_MATRIX, "re");
    char *line = NULL;
    size_t room = 0;

    if (!file)
        bad_row(0, "cannot be read");
    for (int number = 1; getline(&line, &room, file) > 0; number++) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] && line[0] != '#')
            read_row(line, number);
    }
    free(line);
    fclose(file);
}

static void forget_matrix(void)
{
    for (size_t i = 0; i < n_rows; i++) {
        const struct row *row = &rows[i];
        const char *cells[COLUMNS] = {row->id,     row->fault,    row->moment,
                                      row->status, row->sqlstate, row->outcome,
                                      row->fate,   row->applied,  row->how};
        for (size_t k = 0; k < COLUMNS; k++)
            free((void *)(uintptr_t)cells[k]);
    }
    n_rows = 0;
}

static const struct automated *player_of(const struct row *row, const struct automated table[],
                                         size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].id, row->id) == 0 && strcmp(table[i].moment, row->moment) == 0)
            return &table[i];
    return NULL;
}

static const struct row *row_of(const struct automated *by)
{
    for (size_t i = 0; i < n_rows; i++)
        if (strcmp(by->id, rows[i].id) == 0 && strcmp(by->moment, rows[i].moment) == 0)
            return &rows[i];
    return NULL;
}

/* "test FILE CASE": the file, below tests/, has a text that names the case. */
static bool stands_elsewhere(const char *where)
{
    char path[512], name[128], text[128], *line = NULL;
    size_t room = 0;
    bool found = false;

    if (sscanf(where, "test %127s %127s", name, text) != 2)
        return false;
    snprintf(path, sizeof(path), "%s/%s", TENON_TESTS_FOLDER, name);
    FILE *file = fopen(path, "re");
    while (file && !found && getline(&line, &room, file) > 0)
        found = strstr(line, text) != NULL;
    free(line);
    if (file)
        fclose(file);
    return found;
}

/* ---- the cases --------------------------------------------------------------------------------
 */

struct census {
    char family;
    const struct automated *table;
    size_t n;
};

static bool row_is_accounted_for(const struct row *row, const struct census *census)
{
    bool plays = player_of(row, census->table, census->n) != NULL;
    if (strcmp(row->how, "auto") == 0)
        return plays;
    if (plays)
        return false;
    return strncmp(row->how, "none ", 5) == 0 ? strlen(row->how) > 15 : stands_elsewhere(row->how);
}

static void each_cell_is_played_or_has_a_reason(void **state)
{
    const struct census *census = *state;
    int bad = 0, automatic = 0, elsewhere = 0, reasons = 0;

    assert_int_equal(n_rows, CELLS);
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].id[0] != census->family)
            continue;
        automatic += strcmp(rows[i].how, "auto") == 0;
        elsewhere += strncmp(rows[i].how, "test ", 5) == 0;
        reasons += strncmp(rows[i].how, "none ", 5) == 0;
        if (!row_is_accounted_for(&rows[i], census)) {
            print_error("%s (%s): nothing plays it as \"%s\" says\n", rows[i].name, rows[i].fault,
                        rows[i].how);
            bad++;
        }
    }
    for (size_t i = 0; i < census->n; i++)
        if (!row_of(&census->table[i])) {
            print_error("%s %s: no row of the matrix\n", census->table[i].id,
                        census->table[i].moment);
            bad++;
        }
    print_message("%c: %d cells here, %d in other tests, %d with a reason\n", census->family,
                  automatic, elsewhere, reasons);
    assert_int_equal(bad, 0);
}

static void play(void **state)
{
    const struct played *cell = *state;
    cell->by->run(cell->row, cell->by->fault);
}

int matrix_run(char family, const struct automated table[], size_t n, CMFixtureFunction set_up,
               CMFixtureFunction tear_down, CMFixtureFunction after_each, int argc, char **argv)
{
    static struct CMUnitTest tests[MAX_ROWS + 1];
    static struct census census;
    static const char *const names[] = {['S'] = "matrix: server",
                                        ['N'] = "matrix: network",
                                        ['C'] = "matrix: process",
                                        ['Q'] = "matrix: sqlite"};
    size_t n_tests = 1;

    read_matrix();
    census = (struct census){.family = family, .table = table, .n = n};
    tests[0] = (struct CMUnitTest){.name = "each_cell_is_played_or_has_a_reason",
                                   .test_func = each_cell_is_played_or_has_a_reason,
                                   .initial_state = &census};
    for (size_t i = 0; i < n_rows; i++) {
        const struct automated *by = player_of(&rows[i], table, n);
        if (rows[i].id[0] != family || !by || strcmp(rows[i].how, "auto") != 0)
            continue;
        played[n_tests] = (struct played){.row = &rows[i], .by = by};
        tests[n_tests] = (struct CMUnitTest){.name = rows[i].name,
                                             .test_func = play,
                                             .teardown_func = after_each,
                                             .initial_state = &played[n_tests]};
        n_tests++;
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed = _cmocka_run_group_tests(names[(unsigned char)family], tests, n_tests, set_up,
                                         tear_down);
    forget_matrix();
    return failed;
}
