/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memrchr */
#include "migrate/name.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

static size_t digits_at(tn_str s)
{
    size_t n = 0;

    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
        n++;
    return n;
}

static bool cut_end(tn_str *s, tn_str suffix)
{
    if (!tn__str_ends(*s, suffix))
        return false;
    s->len -= suffix.len;
    return true;
}

static tn_str canonical(tn_str driver)
{
    if (tn__str_iequal(driver, TN__STR("postgres")) || tn__str_iequal(driver, TN__STR("pg")))
        return TN__STR("postgresql");
    if (tn__str_iequal(driver, TN__STR("sqlite3")))
        return TN__STR("sqlite");
    return driver;
}

bool tn__same_driver(tn_str a, tn_str b)
{
    return tn__str_iequal(canonical(a), canonical(b));
}

/* Names that are no driver's, and which of ours is meant by them, if one is. */
static const struct {
    const char *word, *meant;
} others[] = {
    {"pg", "postgres"},
    {"pgsql", "postgres"},
    {"psql", "postgres"},
    {"postgre", "postgres"},
    {"postgress", "postgres"},
    {"postgressql", "postgres"},
    {"postgresq", "postgres"},
    {"postgresl", "postgres"},
    {"postgesql", "postgres"},
    {"postgrsql", "postgres"},
    {"postgreql", "postgres"},
    {"potsgres", "postgres"},
    {"postgers", "postgres"},
    {"pgx", "postgres"},
    {"libpq", "postgres"},
    {"sqlite2", "sqlite"},
    {"sqllite", "sqlite"},
    {"sqllite3", "sqlite"},
    {"sqlit", "sqlite"},
    {"slqite", "sqlite"},
    {"sqlitedb", "sqlite"},
    {"sqlight", "sqlite"},
    {"sqlcipher", "sqlite"},
    {"libsql", "sqlite"},
    {"turso", "sqlite"},
    {"mysql", NULL},
    {"mariadb", NULL},
    {"mssql", NULL},
    {"sqlserver", NULL},
    {"oracle", NULL},
    {"clickhouse", NULL},
    {"db2", NULL},
    {"cockroach", NULL},
    {"cockroachdb", NULL},
    {"yugabyte", NULL},
    {"redshift", NULL},
    {"snowflake", NULL},
    {"bigquery", NULL},
    {"spanner", NULL},
    {"duckdb", NULL},
    {"firebird", NULL},
    {"h2", NULL},
    {"hsqldb", NULL},
    {"derby", NULL},
    {"tidb", NULL},
    {"vertica", NULL},
};

/* Only words of a list: any other one may as well be a part of the name ("1_v1.fix.sql"). */
static void find_other(tn_str word, tn__name *ret)
{
    for (size_t i = 0; i < TN__COUNT_OF(others); i++)
        if (tn__str_iequal(word, tn_str_from(others[i].word))) {
            ret->no_driver = word;
            ret->meant = others[i].meant;
        }
}

/* The last part of a dotted name, if it is a driver's: other dots belong to the name. */
static tn_str cut_driver(tn_str *name, const char *driver, tn__name *ret)
{
    static const char *const known[] = {"postgres", "postgresql", "sqlite", "sqlite3"};
    const char *dot = name->len ? memrchr(name->ptr, '.', name->len) : NULL;

    if (!dot)
        return (tn_str){"", 0};
    tn_str word = tn__str(dot + 1, (size_t)(name->ptr + name->len - dot - 1));
    bool found = driver && tn__str_iequal(word, tn_str_from(driver));
    for (size_t i = 0; i < TN__COUNT_OF(known) && !found; i++)
        found = tn__str_iequal(word, tn_str_from(known[i]));
    if (!found) {
        find_other(word, ret);
        return (tn_str){"", 0};
    }
    name->len -= word.len + 1;
    return word;
}

/* V1__name and U1__name; what else begins like that has a fault. */
static bool parse_flyway(tn_str *stem, tn__name *ret)
{
    if (stem->len < 2 || (stem->ptr[0] != 'V' && stem->ptr[0] != 'U'))
        return false;
    tn_str rest = tn__str(stem->ptr + 1, stem->len - 1);
    size_t n = digits_at(rest);
    if (!n || rest.len < n + 2 || rest.ptr[n] != '_' || rest.ptr[n + 1] != '_')
        return false;
    ret->kind = stem->ptr[0] == 'V' ? TN__NAME_UP : TN__NAME_DOWN;
    *stem = rest;
    return true;
}

bool tn__name_parse(tn_str file, const char *driver, tn__name *ret)
{
    tn__name name = {.kind = TN__NAME_BLOCKS, .driver = {"", 0}, .no_driver = {"", 0}};
    tn_str stem = file;

    if (cut_end(&stem, TN__STR("/migration.sql"))) {
        name.kind = TN__NAME_UP;
    } else if (!cut_end(&stem, TN__STR(".sql"))) {
        return false;
    } else if (!parse_flyway(&stem, &name)) {
        if (cut_end(&stem, TN__STR(".up")))
            name.kind = TN__NAME_UP;
        else if (cut_end(&stem, TN__STR(".down")))
            name.kind = TN__NAME_DOWN;
    }
    size_t n = digits_at(stem);
    if (n == 0 || n > TN__VERSION_MAX || memchr(stem.ptr, '/', stem.len))
        return false;
    name.version = tn__str(stem.ptr, n);
    name.name = tn__str(stem.ptr + n, stem.len - n);
    name.driver = cut_driver(&name.name, driver, &name);
    while (name.name.len && (name.name.ptr[0] == '_' || name.name.ptr[0] == '-'))
        name.name = tn__str(name.name.ptr + 1, name.name.len - 1);
    *ret = name;
    return true;
}

const char *tn__name_fault(tn_str file)
{
    bool lettered = file.len && (file.ptr[0] == 'V' || file.ptr[0] == 'U');
    size_t n = digits_at(lettered ? tn__str(file.ptr + 1, file.len - 1) : file);

    if (n == 0)
        return NULL;
    return n > TN__VERSION_MAX ? "a version has at most 31 digits"
           : lettered          ? "a version is digits alone, with two underscores behind it"
                               : NULL;
}

int tn_migration_compare(const char *a, const char *b)
{
    tn_str x = tn_str_from(a), y = tn_str_from(b);

    while (x.len > 1 && x.ptr[0] == '0')
        x = tn__str(x.ptr + 1, x.len - 1);
    while (y.len > 1 && y.ptr[0] == '0')
        y = tn__str(y.ptr + 1, y.len - 1);
    if (x.len != y.len)
        return x.len < y.len ? -1 : 1;
    return x.len ? memcmp(x.ptr, y.ptr, x.len) : 0;
}
