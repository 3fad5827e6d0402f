/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bank.h"

/* What is known of an operation; the later note counts. */
typedef struct operation {
    uint32_t times; /* in the table */
    char told;      /* S, A, F, U, R, N; 0: never heard of */
    bool unknown_first;
} operation;

typedef struct book {
    operation *operations;
    size_t count;
} book;

typedef struct books {
    book of[LEDGER_THREADS_MAX];
} books;

static operation *entry(books *all, int64_t id)
{
    uint64_t thread = (uint64_t)id >> 32, number = (uint64_t)id & UINT32_MAX;

    if (thread >= LEDGER_THREADS_MAX)
        return NULL;
    book *b = &all->of[thread];
    if (number >= b->count) {
        size_t count = (size_t)number * 2 + 1024;
        operation *grown = realloc(b->operations, count * sizeof(*grown));
        if (!grown)
            return NULL;
        memset(grown + b->count, 0, (count - b->count) * sizeof(*grown));
        b->operations = grown;
        b->count = count;
    }
    return &b->operations[number];
}

/* ---- the files ------------------------------------------------------------------------------ */

static bool read_line(books *all, const char *line)
{
    char *end;
    char what = line[0];
    int64_t id = strtoll(line + 1, &end, 10);

    if (!strchr("SAFURN", what) || line[1] != ' ' || *end != '\n')
        return false;
    operation *o = entry(all, id);
    if (!o || (what == 'S') != (o->told == 0))
        return false; /* started twice, or ended without a start */
    o->unknown_first = o->unknown_first || what == 'U';
    o->told = what;
    return true;
}

static bool read_file(books *all, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    bool good = file != NULL;

    if (!file)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    while (good && getline(&line, &room, file) > 0) {
        good = read_line(all, line);
        if (!good)
            fprintf(stderr, "%s: cannot be read: %s", path, line);
    }
    free(line);
    if (file)
        fclose(file);
    return good;
}

static bool read_files(books *all, const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *item;
    char path[1024];
    bool good = dir != NULL;
    unsigned files = 0;

    while (good && (item = readdir(dir))) {
        size_t length = strlen(item->d_name);
        if (length < 4 || strcmp(item->d_name + length - 4, ".log") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
        good = read_file(all, path);
        files++;
    }
    if (dir)
        closedir(dir);
    if (!files)
        fprintf(stderr, "%s: no files of clients\n", folder);
    return good && files;
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool ask(PGconn *admin, const char *sql, PGresult **ret)
{
    *ret = PQexec(admin, sql);
    if (PQresultStatus(*ret) == PGRES_TUPLES_OK)
        return true;
    fprintf(stderr, "%s: %s", sql, PQerrorMessage(admin));
    PQclear(*ret);
    return false;
}

static bool read_table(books *all, PGconn *admin, ledger_verdict *v)
{
    PGresult *rows;

    if (!ask(admin, "select id, count(*) from operations group by id", &rows))
        return false;
    for (int i = 0; i < PQntuples(rows); i++) {
        operation *o = entry(all, strtoll(PQgetvalue(rows, i, 0), NULL, 10));
        v->applied++;
        if (o)
            o->times = (uint32_t)strtoul(PQgetvalue(rows, i, 1), NULL, 10);
        else
            v->strangers++;
    }
    PQclear(rows);
    return true;
}

static bool read_number(PGconn *admin, const char *sql, int64_t *ret)
{
    PGresult *rows;

    if (!ask(admin, sql, &rows))
        return false;
    *ret = strtoll(PQgetvalue(rows, 0, 0), NULL, 10);
    PQclear(rows);
    return true;
}

static bool balance(PGconn *admin, ledger_verdict *v)
{
    static const char accounts[] =
        "select count(*) from accounts a where a.balance <> %d"
        " + coalesce((select sum(amount) from operations where target = a.id), 0)"
        " - coalesce((select sum(amount) from operations where source = a.id), 0)";
    char sql[sizeof(accounts) + 16];
    int64_t sum = 0, unbalanced = 0;

    snprintf(sql, sizeof(sql), accounts, LEDGER_BALANCE);
    if (!read_number(admin, "select sum(balance) from accounts", &sum) ||
        !read_number(admin, sql, &unbalanced))
        return false;
    v->missing = (int64_t)LEDGER_ACCOUNTS * LEDGER_BALANCE - sum;
    v->unbalanced = (uint64_t)unbalanced;
    return true;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static void judge(const operation *o, ledger_verdict *v)
{
    bool there = o->times > 0;

    v->duplicates += o->times > 1;
    v->started += o->told != 0;
    v->resolved += o->unknown_first && (o->told == 'R' || o->told == 'N');
    switch (o->told) {
    case 0: v->strangers += there; break;
    case 'A':
    case 'R':
        v->acknowledged++;
        v->lost += !there;
        break;
    case 'F':
    case 'N':
        v->failed++;
        v->ghosts += there;
        break;
    case 'U':
        v->unknown++;
        v->unknown_applied += there;
        break;
    default: v->silent++;
    }
}

bool ledger_check(const char *folder, PGconn *admin, ledger_verdict *ret)
{
    books *all = calloc(1, sizeof(*all));
    ledger_verdict v = {.started = 0};

    bool good = all && read_files(all, folder) && read_table(all, admin, &v) && balance(admin, &v);
    for (size_t i = 0; all && i < LEDGER_THREADS_MAX; i++) {
        for (size_t k = 0; good && k < all->of[i].count; k++)
            judge(&all->of[i].operations[k], &v);
        free(all->of[i].operations);
    }
    free(all);
    if (good)
        *ret = v;
    return good;
}

bool ledger_good(const ledger_verdict *v)
{
    return !v->lost && !v->duplicates && !v->ghosts && !v->strangers && !v->unbalanced &&
           !v->missing;
}

void ledger_print(FILE *out, const ledger_verdict *v)
{
    fprintf(out,
            "started %" PRIu64 ", acknowledged %" PRIu64 ", failed %" PRIu64 ", unknown %" PRIu64
            " (%" PRIu64 " of them applied), resolved later %" PRIu64 ", silent %" PRIu64 "\n"
            "LOST %" PRIu64 ", DUPLICATE %" PRIu64 ", GHOST %" PRIu64 ", strangers %" PRIu64
            "; accounts that do not balance %" PRIu64 ", missing %" PRId64 "\n",
            v->started, v->acknowledged, v->failed, v->unknown, v->unknown_applied, v->resolved,
            v->silent, v->lost, v->duplicates, v->ghosts, v->strangers, v->unbalanced, v->missing);
}
