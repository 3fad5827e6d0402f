/* SPDX-License-Identifier: MIT */
/* tenon doctor: looks at everything between this command and the database, a line each. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "commands.h"
#include "report.h"
#include "settings.h"
#include "term.h"

typedef enum grade { GOOD, WARN, FAIL, SKIP } grade;

enum { DEFAULT_TIMEOUT_MS = 5000, CLOCK_TOLERANCE_US = 2000000 };

typedef struct doctor {
    const tool *t;
    out *o;
    json j;
    int worst; /* the exit code */
    size_t warnings;
    char scheme[32];
} doctor;

/* One finding. Every text is of one line. */
static void TN_PRINTF(4, 5) say(doctor *d, grade g, const char *name, const char *format, ...)
{
    static const struct {
        const char *word;
        term_style style;
    } grades[] = {[GOOD] = {"ok", TERM_GOOD},
                  [WARN] = {"warn", TERM_WARN},
                  [FAIL] = {"fail", TERM_BAD},
                  [SKIP] = {"-", TERM_DIM}};
    char text[800], safe[1600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    d->warnings += g == WARN;
    if (d->t->json) {
        json_object(&d->j, NULL);
        json_text(&d->j, "check", name);
        json_text(&d->j, "result", g == SKIP ? "skipped" : grades[g].word);
        json_text(&d->j, "text", text);
        json_object_end(&d->j);
        return;
    }
    if (d->t->quiet && (g == GOOD || g == SKIP))
        return;
    out_puts(d->o, term(stdout, grades[g].style));
    out_puts(d->o, grades[g].word);
    out_puts(d->o, term(stdout, TERM_PLAIN));
    out_fill(d->o, ' ', 6 - strlen(grades[g].word));
    out_puts(d->o, name);
    out_fill(d->o, ' ', strlen(name) < 14 ? 14 - strlen(name) : 1);
    term_escape(text, strlen(text), safe, sizeof(safe));
    out_puts(d->o, safe);
    out_putc(d->o, '\n');
    /* What follows may take its time. */
    out_flush(d->o);
}

static void fail_with(doctor *d, const char *name, const tn_error *err, int exit_code)
{
    bool hint = err->hint[0] != '\0';

    if (!d->worst || exit_code == TOOL_EXIT_USAGE)
        d->worst = exit_code;
    say(d, FAIL, name, "%s%s%s%s%s%s", err->message, err->sqlstate[0] ? " (SQLSTATE " : "",
        err->sqlstate, err->sqlstate[0] ? ")" : "", hint ? "; " : "", err->hint);
}

/* Each line of a text as a finding. */
static void say_lines(doctor *d, grade g, const char *name, const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        say(d, g, name, "%.*s", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

static void check_library(doctor *d)
{
    if (strcmp(tn_version(), TN_VERSION_STRING) == 0)
        say(d, GOOD, "library", "tenon %s, driver ABI %d.%d", tn_version(), TN_DRIVER_ABI_MAJOR,
            TN_DRIVER_ABI_MINOR);
    else
        say(d, WARN, "library", "tenon %s, but this command was built with %s", tn_version(),
            TN_VERSION_STRING);
}

static void check_files(doctor *d, const tn_config *config)
{
    const char *last = "";
    tn_config_entry e;

    for (size_t i = 0; tn_config_entry_at(config, i, &e); i++) {
        if (e.source != TN_SOURCE_ENV_FILE || !e.file || strcmp(e.file, last) == 0)
            continue;
        say(d, GOOD, "env file", "%s is in use", e.file);
        last = e.file;
    }
    if (!last[0])
        say(d, SKIP, "env file", "no setting comes from one");
    say_lines(d, WARN, "env file", tn_config_warnings(config));
}

static bool check_settings(doctor *d, const tn_config *config)
{
    tn_error err = TN_ERROR_INIT;
    tn_config_entry url;
    char origin[300];

    if (settings_find(config, "url", &url) && url.value) {
        size_t len = strcspn(url.value, ":");
        snprintf(d->scheme, sizeof(d->scheme), "%.*s", len < 31 ? (int)len : 31, url.value);
        say(d, GOOD, "URL", "%s (%s)", url.value, settings_origin(&url, origin, sizeof(origin)));
    }
    if (tn_config_check(config, &err) == TN_OK) {
        say(d, GOOD, "settings", "all are within their bounds");
        return true;
    }
    d->worst = TOOL_EXIT_USAGE;
    say_lines(d, FAIL, "settings", err.message);
    return false;
}

static void say_directory(void *arg, const char *directory, bool exists)
{
    say(arg, exists ? GOOD : SKIP, "directory", "%s%s", directory, exists ? "" : " (not there)");
}

static bool check_driver(doctor *d)
{
    tn_driver_info info;
    const struct tn_driver_module *module;
    tn_error err = TN_ERROR_INIT;

    tn_driver_directories(say_directory, d);
    if (tn_driver_inspect(d->scheme, &info, &module, &err) != TN_OK) {
        fail_with(d, "driver", &err, TOOL_EXIT_USAGE);
        return false;
    }
    say(d, GOOD, "driver", "%s %s, ABI %u.%u, %s", info.name, info.version, info.abi_major,
        info.abi_minor, info.path[0] ? info.path : "built in");
    say(d, info.client[0] ? GOOD : SKIP, "client", "%s",
        info.client[0] ? info.client : "it uses no client library");
    return true;
}

/* What psql would call "SSL off" is fine where no network lies between. */
static void check_health(doctor *d, const tn_health *h)
{
    say(d, GOOD, "connection", "%s, answered in %" PRId64 ".%03d ms", h->endpoint,
        h->latency_us / 1000, (int)(h->latency_us % 1000));
    say(d, GOOD, "server", "%s, dialect %s", h->server, h->dialect);
    say(d, h->server_verified ? GOOD : WARN, "identity", "%s",
        h->server_verified ? "the server is the one that is meant, or no network lies between"
                           : "the server did not prove who it is; sslmode=verify-full would ask");
    say(d, h->encrypted || h->server_verified ? GOOD : WARN, "encryption", "%s",
        h->encrypted         ? "the connection is encrypted"
        : h->server_verified ? "none, and none is needed"
                             : "none: the connection can be read on its way");
    if (h->read_only)
        say(d, WARN, "read-only", "nothing can be written here (a standby, a read-only file)");
    if (h->note[0])
        say(d, WARN, "note", "%s", h->note);
}

static void check_clock(doctor *d, tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    tn_time theirs;
    tn_time before = tn_time_now();

    if (tn_get(db, "select now()", NULL, tn_into(&theirs), &err) != TN_OK) {
        say(d, SKIP, "clock", "the server does not tell its time");
        return;
    }
    /* The answer was made somewhere between the question and now. */
    tn_time after = tn_time_now();
    int64_t off = theirs.us < before.us  ? theirs.us - before.us
                  : theirs.us > after.us ? theirs.us - after.us
                                         : 0;
    int64_t size = off < 0 ? -off : off;
    if (size > CLOCK_TOLERANCE_US)
        say(d, WARN, "clock", "the server's is %" PRId64 ".%03d s %s ours", size / 1000000,
            (int)(size / 1000 % 1000), off < 0 ? "behind" : "ahead of");
    else
        say(d, GOOD, "clock", "the server's agrees with ours");
}

/* Two sessions that are held at the same time and are answered by one server process: somebody
 * between hands the process out by the transaction. */
static void check_pooler(doctor *d, tn_db *db)
{
    static const char sql[] = "select pg_backend_pid()";
    tn_db *first = NULL, *second = NULL;
    int32_t a = 0, b = 0;
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats pool;

    tn_db_pool_stats(db, &pool);
    if (pool.max < 2) {
        say(d, SKIP, "pooler", "could not be told with DB_MAX_CONNECTIONS=1");
        return;
    }
    if (tn_acquire(db, &first, &err) != TN_OK || tn_acquire(db, &second, &err) != TN_OK ||
        tn_get(first, sql, NULL, tn_into(&a), &err) != TN_OK ||
        tn_get(second, sql, NULL, tn_into(&b), &err) != TN_OK)
        say(d, SKIP, "pooler", "could not be told: %s", err.message);
    else if (a == b)
        say(d, WARN, "pooler",
            "a transaction pooler lies between: session state (SET, LISTEN, advisory locks) is "
            "not kept; add ?prepare=off if it does not track prepared statements");
    else
        say(d, GOOD, "pooler", "no transaction pooler lies between");
    tn_release(first);
    tn_release(second);
}

static void check_rights(doctor *d, tn_db *db)
{
    static const char sql[] = "select current_user::text, current_setting('is_superuser') = 'on', "
                              "coalesce(current_schema()::text, ''), "
                              "coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), "
                              "current_setting('max_connections')::integer";
    char *user = NULL, *schema = NULL;
    bool super, create;
    int32_t most;
    tn_error err = TN_ERROR_INIT;
    tn_pool_stats pool;

    if (tn_get(db, sql, NULL, tn_into(&user, &super, &schema, &create, &most), &err) != TN_OK) {
        say(d, SKIP, "rights", "could not be told: %s", err.message);
        return;
    }
    if (!schema[0])
        say(d, WARN, "rights", "user %s, but no schema of the search path exists", user);
    else
        say(d, create ? GOOD : WARN, "rights", "user %s%s, %s create tables in schema %s", user,
            super ? " (superuser)" : "", create ? "may" : "may not", schema);
    tn_db_pool_stats(db, &pool);
    say(d, pool.max > (uint32_t)most ? WARN : GOOD, "connections",
        "the server takes %" PRId32 ", this pool asks for at most %" PRIu32, most, pool.max);
    tn_free(user);
    tn_free(schema);
}

static void check_connection(doctor *d, tn_config *config)
{
    int64_t timeout_ms = d->t->timeout_ms ? d->t->timeout_ms : DEFAULT_TIMEOUT_MS;
    tn_error err = TN_ERROR_INIT;
    tn_db *db = NULL;

    if (settings_impatient(config, &err) == TN_OK &&
        settings_number(config, "connection_timeout", timeout_ms, &err) == TN_OK)
        db = tn_open(config, &err);
    if (!db) {
        int code = report_exit_code(&err);
        fail_with(d, "connection", &err,
                  code == TOOL_EXIT_USAGE ? TOOL_EXIT_USAGE : TOOL_EXIT_CONNECT);
        return;
    }
    tn_health h = tn_health_check(db, timeout_ms);
    if (h.status == TN_HEALTHY) {
        check_health(d, &h);
        check_clock(d, db);
        if (strcmp(h.dialect, "postgresql") == 0) {
            check_pooler(d, db);
            check_rights(d, db);
        }
    } else {
        fail_with(d, "health", &h.error, TOOL_EXIT_CONNECT);
    }
    tn_db_close(db, NULL);
}

static void examine(doctor *d)
{
    tn_error err = TN_ERROR_INIT;

    check_library(d);
    tn_config *config = settings_read(d->t, &err);
    if (!config) {
        fail_with(d, "settings", &err, TOOL_EXIT_USAGE);
        return;
    }
    settings_log(d->t, config);
    check_files(d, config);
    if (check_settings(d, config) && check_driver(d))
        check_connection(d, config);
    tn_config_free(config);
}

static int run(tool *t)
{
    static out o;
    doctor d = {.t = t, .o = &o};

    out_init(&o, STDOUT_FILENO);
    if (!t->json) {
        examine(&d);
        if (!t->quiet) {
            char text[80];
            snprintf(text, sizeof(text), "%s, %zu warning%s\n",
                     d.worst ? "something is wrong" : "nothing is wrong", d.warnings,
                     d.warnings == 1 ? "" : "s");
            out_puts(&o, text);
        }
        return report_finish(&o, d.worst);
    }
    /* "ok" comes first and is known last: the findings are the object's only other member. */
    json_init(&d.j, &o);
    json_object(&d.j, NULL);
    json_text(&d.j, "command", "doctor");
    json_array(&d.j, "checks");
    examine(&d);
    json_array_end(&d.j);
    json_bool(&d.j, "ok", d.worst == TOOL_EXIT_FINE);
    json_int(&d.j, "exit", d.worst);
    report_end(&d.j);
    return report_finish(&o, d.worst);
}

static const tool_exit exits[] = {
    {0, "nothing is wrong; there may be warnings"},
    {2, "a setting or the driver is wrong"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_doctor = {
    .noun = "doctor",
    .summary = "looks at everything between here and the database, a line each",
    .usage = "",
    .text = "Library, .env files, settings, driver and its client library, connection, server,\n"
            "its identity and encryption, clock, pooler, rights. Changes nothing. With -q only\n"
            "warnings and failures are shown.",
    .examples = {"tenon doctor", "tenon doctor --url postgresql://app@db.example.org/app",
                 "tenon doctor --json | jq '.checks[] | select(.result != \"ok\")'"},
    .exits = exits,
    .run = run,
};
