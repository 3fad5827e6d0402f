/* SPDX-License-Identifier: MIT */
/* PostgreSQL: the measure of the others. */
#include "answers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

static void doomed_name(char *buf, size_t size)
{
    snprintf(buf, size, "tenon_conformance_%ld", (long)getpid());
}

/* The suite's URL with another database in its path: scheme://authority/DATABASE?parameters. */
static const char *doomed_url(fixture *f, char *buf, size_t size)
{
    char name[64], statement[96];
    const char *authority = strstr(f->url, "://");
    tn_error err = TN_ERROR_INIT;

    if (!authority)
        return "the URL is not of the form scheme://authority/database";
    size_t head = (size_t)(authority - f->url) + 3;
    head += strcspn(f->url + head, "/?");
    const char *parameters = strchr(f->url + head, '?');
    doomed_name(name, sizeof(name));
    if ((size_t)snprintf(buf, size, "%.*s/%s%s", (int)head, f->url, name,
                         parameters ? parameters : "") >= size)
        return "the URL is too long";
    if (strstr(buf, "dbname="))
        return "the URL names its database in a parameter";
    snprintf(statement, sizeof(statement), "create database %s", name);
    if (tn_exec(f->db, statement, NULL, NULL, &err) != TN_OK)
        return "this role may not create a database";
    return NULL;
}

static void doom(fixture *f)
{
    char name[64], statement[96];

    doomed_name(name, sizeof(name));
    snprintf(statement, sizeof(statement), "drop database %s with (force)", name);
    (void)!tn_exec(f->db, statement, NULL, NULL, NULL);
}

const answers answers_postgres = {
    .driver = "postgresql",
    .socket = true,
    .unreachable_url = "postgresql://nobody:xyzzy-canary@127.0.0.1:1/nothing",
    .unreachable_status = TN_UNAVAILABLE,
    .faulty_url = "postgresql://127.0.0.1:1/nothing?sslmode=sideways",
    .long_statement = "select pg_sleep(30)",
    .dollar_quotes = true,
    .nan = true,
    .negative_zero = true,
    .jsonb_text = "{\"a\": [1, 2], \"b\": 1}",
    .other_type = "inet",
    .other_sql = "select cast($1 as inet)",
    .other_text = "10.1.2.3",
    .setting_change = "set work_mem = '123kB'",
    .setting_read = "select current_setting('work_mem')",
    .setting_value = "123kB",
    .doomed_url = doomed_url,
    .doom = doom,
};
