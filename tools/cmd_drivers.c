/* SPDX-License-Identifier: MIT */
/* tenon drivers: which there are, what one can do, whether one may be called a driver. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/driver.h>
#include <tenon/tenon.h>

#include "commands.h"
#include "report.h"
#include "settings.h"
#include "term.h"

static const struct {
    uint64_t bit;
    const char *name;
} capabilities[] = {
    {TN_CAP_SQL, "sql"},
    {TN_CAP_SAVEPOINTS, "savepoints"},
    {TN_CAP_STREAM, "stream"},
    {TN_CAP_CANCEL, "cancel"},
    {TN_CAP_PARAM_TYPES, "param-types"},
    {TN_CAP_COLUMN_TYPES, "column-types"},
    {TN_CAP_NUMERIC_EXACT, "numeric-exact"},
    {TN_CAP_ARRAYS, "arrays"},
    {TN_CAP_CONCURRENT_WRITES, "concurrent-writes"},
    {TN_CAP_SCHEMAS, "schemas"},
    {TN_CAP_PERSISTENT, "persistent"},
    {TN_CAP_CONSTRAINT_NAMES, "constraint-names"},
    {TN_CAP_TRANSACTIONS, "transactions"},
    {TN_CAP_REMOTE, "remote"},
};
enum { N_CAPABILITIES = sizeof(capabilities) / sizeof(capabilities[0]) };

static const char *capability_words(uint64_t bits, char *buf, size_t size)
{
    buf[0] = '\0';
    for (size_t i = 0; i < N_CAPABILITIES; i++)
        if (bits & capabilities[i].bit) {
            size_t used = strlen(buf);
            snprintf(buf + used, size - used, "%s%s", used ? " " : "", capabilities[i].name);
        }
    return buf;
}

static void capability_json(json *j, uint64_t bits)
{
    json_array(j, "capabilities");
    for (size_t i = 0; i < N_CAPABILITIES; i++)
        if (bits & capabilities[i].bit)
            json_text(j, NULL, capabilities[i].name);
    json_array_end(j);
}

static void line(out *o, const char *name, const char *text)
{
    char safe[1200];

    if (!text[0])
        return;
    term_escape(text, strlen(text), safe, sizeof(safe));
    out_puts(o, "  ");
    out_puts(o, name);
    out_fill(o, ' ', 14 - strlen(name));
    out_puts(o, safe);
    out_putc(o, '\n');
}

/* A refused file tells no name that could be believed. */
static const char *name_of(const tn_driver_info *info)
{
    const char *slash = strrchr(info->path, '/');

    return info->name[0] || !slash ? info->name : slash + 1;
}

static void show_info(out *o, const tn_driver_info *info)
{
    char text[600];

    out_puts(o, term(stdout, TERM_BOLD));
    out_puts(o, name_of(info));
    out_puts(o, term(stdout, TERM_PLAIN));
    out_puts(o, info->usable ? "" : term(stdout, TERM_BAD));
    out_puts(o, info->usable ? "\n" : "  refused\n");
    out_puts(o, info->usable ? "" : term(stdout, TERM_PLAIN));
    line(o, "version", info->version);
    line(o, "client", info->client);
    line(o, "schemes", info->schemes);
    if (info->abi_major) {
        snprintf(text, sizeof(text), "%u.%u", info->abi_major, info->abi_minor);
        line(o, "ABI", text);
    }
    line(o, "can", capability_words(info->capabilities, text, sizeof(text)));
    line(o, "file", info->path[0] ? info->path : "(built in)");
    if (info->link[0]) {
        snprintf(text, sizeof(text), "link to %s", info->link);
        line(o, "", text);
    }
    if (!info->usable)
        line(o, "why", info->error.message);
    if (!info->usable)
        line(o, "hint", info->error.hint);
}

static void info_json(json *j, const tn_driver_info *info)
{
    json_text(j, "name", name_of(info));
    json_bool(j, "usable", info->usable);
    json_text_opt(j, "version", info->version);
    json_text_opt(j, "client", info->client);
    json_text_opt(j, "schemes", info->schemes);
    if (info->abi_major) {
        json_int(j, "abi_major", info->abi_major);
        json_int(j, "abi_minor", info->abi_minor);
    }
    capability_json(j, info->capabilities);
    json_text(j, "path", info->path[0] ? info->path : NULL);
    json_text_opt(j, "link", info->link);
    if (!info->usable) {
        json_object(j, "error");
        report_error_json(j, &info->error, NULL);
        json_object_end(j);
    }
}

/* ---- list --------------------------------------------------------------------------------------
 */

typedef struct listing {
    out *o;
    json j;
    bool json;
    size_t directories, found;
} listing;

static void list_directory(void *arg, const char *directory, bool exists)
{
    listing *l = arg;

    if (l->json) {
        json_object(&l->j, NULL);
        json_text(&l->j, "path", directory);
        json_bool(&l->j, "exists", exists);
        json_object_end(&l->j);
        return;
    }
    out_puts(l->o, l->directories++ ? "             " : "directories: ");
    out_puts(l->o, directory);
    out_puts(l->o, exists ? "\n" : " (not there)\n");
}

static void list_driver(void *arg, const tn_driver_info *info)
{
    listing *l = arg;

    l->found++;
    if (l->json) {
        json_object(&l->j, NULL);
        info_json(&l->j, info);
        json_object_end(&l->j);
        return;
    }
    out_putc(l->o, '\n');
    show_info(l->o, info);
}

static int run_list(tool *t)
{
    static out o;
    listing l = {.o = &o, .json = t->json};

    out_init(&o, STDOUT_FILENO);
    if (t->json) {
        report_begin(&l.j, &o, t, true);
        json_array(&l.j, "directories");
        tn_driver_directories(list_directory, &l);
        json_array_end(&l.j);
        json_array(&l.j, "drivers");
        tn_driver_list(list_driver, &l);
        json_array_end(&l.j);
        report_end(&l.j);
        return report_finish(&o, TOOL_EXIT_FINE);
    }
    tn_driver_directories(list_directory, &l);
    tn_driver_list(list_driver, &l);
    if (l.found == 0)
        out_puts(&o, "\nno driver is installed\n");
    return report_finish(&o, TOOL_EXIT_FINE);
}

/* ---- inspect -----------------------------------------------------------------------------------
 */

typedef struct ops_table {
    const char *name;
    bool required;
    const void *table; /* begins with its size */
    size_t host_size;
} ops_table;

enum { N_TABLES = 8 };

static void tables_of(const tn_module *m, ops_table *ret)
{
    const ops_table tables[N_TABLES] = {
        {"conn", true, m->conn, sizeof(tn_conn_ops)},
        {"stmt", true, m->stmt, sizeof(tn_stmt_ops)},
        {"cursor", true, m->cursor, sizeof(tn_cursor_ops)},
        {"txn", true, m->txn, sizeof(tn_txn_ops)},
        {"batch", false, m->batch, sizeof(tn_batch_ops)},
        {"bulk", false, m->bulk, sizeof(tn_bulk_ops)},
        {"notify", false, m->notify, sizeof(tn_notify_ops)},
        {"catalog", false, m->catalog, sizeof(tn_catalog_ops)},
    };

    memcpy(ret, tables, sizeof(tables));
}

static size_t size_of(const ops_table *table)
{
    size_t size = 0;

    if (table->table)
        memcpy(&size, table->table, sizeof(size));
    return size;
}

static void show_module(out *o, const tn_module *m)
{
    ops_table tables[N_TABLES];
    char text[300];

    snprintf(text, sizeof(text), "%" PRIu32 " bytes (this library's: %zu), least host minor %u",
             m->size, sizeof(*m), m->least_host_minor);
    line(o, "module", text);
    tables_of(m, tables);
    for (size_t i = 0; i < N_TABLES; i++) {
        snprintf(text, sizeof(text), "%-8s %-8s  ", tables[i].name,
                 tables[i].required ? "required" : "optional");
        size_t used = strlen(text);
        if (tables[i].table)
            snprintf(text + used, sizeof(text) - used, "%zu bytes (this library's: %zu)",
                     size_of(&tables[i]), tables[i].host_size);
        else
            snprintf(text + used, sizeof(text) - used, "-");
        line(o, i == 0 ? "operations" : " ", text);
    }
    if (!m->options || !m->options->name)
        return;
    out_puts(o, "  URL parameters of its own:\n");
    for (const tn_driver_option *option = m->options; option->name; option++) {
        snprintf(text, sizeof(text), "    %-20s %s", option->name,
                 option->help ? option->help : "");
        out_puts(o, text);
        if (option->choices || option->default_value) {
            snprintf(text, sizeof(text), " (%s%s%s%s)", option->choices ? option->choices : "",
                     option->choices && option->default_value ? "; " : "",
                     option->default_value ? "default " : "",
                     option->default_value ? option->default_value : "");
            out_puts(o, text);
        }
        out_putc(o, '\n');
    }
}

static void module_json(json *j, const tn_module *m)
{
    ops_table tables[N_TABLES];

    json_int(j, "size", m->size);
    json_int(j, "least_host_minor", m->least_host_minor);
    tables_of(m, tables);
    json_array(j, "operations");
    for (size_t i = 0; i < N_TABLES; i++) {
        json_object(j, NULL);
        json_text(j, "table", tables[i].name);
        json_bool(j, "required", tables[i].required);
        json_bool(j, "present", tables[i].table != NULL);
        if (tables[i].table)
            json_int(j, "size", (int64_t)size_of(&tables[i]));
        json_int(j, "host_size", (int64_t)tables[i].host_size);
        json_object_end(j);
    }
    json_array_end(j);
    json_array(j, "options");
    for (const tn_driver_option *option = m->options; option && option->name; option++) {
        json_object(j, NULL);
        json_text(j, "name", option->name);
        json_text(j, "default", option->default_value);
        json_text_opt(j, "choices", option->choices);
        json_text_opt(j, "help", option->help);
        json_object_end(j);
    }
    json_array_end(j);
}

static int run_inspect(tool *t)
{
    static out o;
    const char *name = t->words[0];
    char path[PATH_MAX];
    tn_driver_info info = {0};
    const tn_module *module = NULL;
    tn_error err = TN_ERROR_INIT;

    if (strstr(name, "://"))
        return tool_usage(t, "inspect wants a scheme or a file, not a URL");
    /* The library takes absolute paths alone; whoever types one here means the working directory.
     */
    if (strchr(name, '/') && name[0] != '/') {
        char here[PATH_MAX];
        int len = getcwd(here, sizeof(here)) ? snprintf(path, sizeof(path), "%s/%s", here, name)
                                             : -1;
        if (len < 0 || (size_t)len >= sizeof(path))
            return tool_usage(t, "%s: path too long", name);
        name = path;
    }
    if (tn_driver_inspect(name, &info, &module, &err) != TN_OK)
        return report_error(t, &err, NULL);

    out_init(&o, STDOUT_FILENO);
    if (t->json) {
        json j;
        report_begin(&j, &o, t, true);
        info_json(&j, &info);
        module_json(&j, module);
        report_end(&j);
    } else {
        show_info(&o, &info);
        show_module(&o, module);
    }
    return report_finish(&o, TOOL_EXIT_FINE);
}

/* ---- certify -----------------------------------------------------------------------------------
 */

/* The installed suite, or that of the build tree; both are found from where this program stands. */
static bool find_suite(char *ret, size_t size)
{
    static const char *const places[] = {"tenon-conformance", "../libexec/tenon/tenon-conformance"};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len <= 0)
        return false;
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int n = snprintf(ret, size, "%s/%s", self, places[i]);
        if (n > 0 && (size_t)n < size && access(ret, X_OK) == 0)
            return true;
    }
    return false;
}

static int run_certify(tool *t)
{
    char suite[PATH_MAX];
    tn_error err = TN_ERROR_INIT;

    if (!t->url && t->n_words > 0) {
        t->url = strdup(t->words[0]);
        memset(t->words[0], '*', strlen(t->words[0]));
    }
    if (!t->url)
        return tool_usage(t, "certify wants the URL of an empty database that the suite may fill");
    /* A URL that is none is said here, before the suite begins. */
    tn_config *config = tn_config_from_url(t->url, &err);
    if (!config)
        return report_error(t, &err, NULL);
    tn_config_free(config);
    if (!find_suite(suite, sizeof(suite)))
        return tool_usage(t, "the conformance suite (tenon-conformance) is not installed beside "
                             "this command or in ../libexec/tenon");
    /* By the environment: arguments are seen by everybody. */
    setenv("DATABASE_URL", t->url, 1);
    setenv("TENON_NO_ENV", "1", 1);
    char *arguments[] = {suite, (char[]){"--env"}, (char[]){"DATABASE_URL"}, NULL};
    execv(suite, arguments);
    return tool_usage(t, "%s: %s", suite, strerror(errno));
}

static const tool_exit exits_of_list[] = {
    {0, "listed, refused ones too"},
    {2, "usage"},
    {0, NULL},
};

static const tool_exit exits_of_inspect[] = {
    {0, "it can be used"},
    {2, "usage, or it cannot be used: the message says why"},
    {0, NULL},
};

static const tool_exit exits_of_certify[] = {
    {0, "every case passed"},
    {1, "a case failed"},
    {2, "usage or configuration, or the suite is not installed"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_drivers_list = {
    .noun = "drivers",
    .verb = "list",
    .is_default = true,
    .summary = "the drivers that are installed, and those that are refused",
    .usage = "",
    .text = "A driver is the file <scheme>.so in one of the directories: those of\n"
            "TENON_DRIVER_PATH, then tenon/drivers beside the library.",
    .examples = {"tenon drivers", "tenon drivers list --json",
                 "TENON_DRIVER_PATH=$PWD/build/lib/tenon/drivers tenon drivers"},
    .exits = exits_of_list,
    .run = run_list,
};

const tool_command tool_command_drivers_inspect = {
    .noun = "drivers",
    .verb = "inspect",
    .summary = "one driver: versions, operations, URL parameters, or why it is refused",
    .usage = "SCHEME|PATH",
    .text = "Makes every check that opening a database makes, and shows what the module says\n"
            "of itself.",
    .examples = {"tenon drivers inspect postgresql", "tenon drivers inspect ./mine.so",
                 "tenon drivers inspect sqlite --json"},
    .exits = exits_of_inspect,
    .least_words = 1,
    .most_words = 1,
    .run = run_inspect,
};

const tool_command tool_command_drivers_certify = {
    .noun = "drivers",
    .verb = "certify",
    .summary = "runs the conformance suite on the driver of a URL",
    .usage = "--url URL",
    .text = "The suite creates and drops tables: give it a database that nothing else needs.",
    .examples = {"tenon drivers certify --url sqlite::memory:",
                 "tenon drivers certify --url mine://host/scratch",
                 "tenon pg run -- sh -c 'tenon drivers certify --url \"$DATABASE_URL\"'"},
    .exits = exits_of_certify,
    .most_words = 1,
    .run = run_certify,
};
