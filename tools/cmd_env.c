/* SPDX-License-Identifier: MIT */
/* tenon env: every setting, its value, where it came from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "commands.h"
#include "report.h"
#include "settings.h"
#include "term.h"

static int print_example(void)
{
    size_t len = tn_config_example(NULL, 0);
    char *text = malloc(len + 1);

    if (!text) {
        tool_warn("out of memory");
        return TOOL_EXIT_SQL;
    }
    tn_config_example(text, len + 1);
    fputs(text, stdout);
    free(text);
    return TOOL_EXIT_FINE;
}

static void shown_value(const tn_config_entry *e, char *buf, size_t size)
{
    const char *unit = e->option->unit;
    char safe[400];

    if (!e->value) {
        snprintf(buf, size, "-");
        return;
    }
    term_escape(e->value, strlen(e->value), safe, sizeof(safe));
    snprintf(buf, size, "%s%s%s", safe, unit && *unit ? " " : "", unit ? unit : "");
}

static void show_text(out *o, const tn_config *config)
{
    size_t name_width = 0, value_width = 0;
    tn_config_entry e;
    char value[480], origin[300];

    for (size_t i = 0; tn_config_entry_at(config, i, &e); i++) {
        size_t width = strlen(e.option->environment);
        name_width = width > name_width ? width : name_width;
        shown_value(&e, value, sizeof(value));
        width = term_width(value, strlen(value));
        value_width = width > value_width && width <= 50 ? width : value_width;
    }
    for (size_t i = 0; tn_config_entry_at(config, i, &e); i++) {
        shown_value(&e, value, sizeof(value));
        size_t width = term_width(value, strlen(value));
        bool dim = e.source <= TN_SOURCE_DEFAULT;

        out_puts(o, e.option->environment);
        out_fill(o, ' ', name_width - strlen(e.option->environment) + 2);
        out_puts(o, value);
        out_fill(o, ' ', width < value_width ? value_width - width + 2 : 2);
        out_puts(o, dim ? term(stdout, TERM_DIM) : "");
        out_puts(o, settings_origin(&e, origin, sizeof(origin)));
        out_puts(o, dim ? term(stdout, TERM_PLAIN) : "");
        out_putc(o, '\n');
    }
}

static void lines_json(json *j, const char *key, const char *lines)
{
    json_array(j, key);
    while (*lines) {
        char text[600];
        size_t len = strcspn(lines, "\n");
        snprintf(text, sizeof(text), "%.*s", (int)len, lines);
        json_text(j, NULL, text);
        lines += len + (lines[len] == '\n');
    }
    json_array_end(j);
}

static void show_json(out *o, const tool *t, const tn_config *config, const tn_error *fault)
{
    static const char *const sources[] = {"none", "default", "file", "environment", "command line"};
    tn_config_entry e;
    json j;

    report_begin(&j, o, t, fault->status == TN_OK);
    json_array(&j, "settings");
    for (size_t i = 0; tn_config_entry_at(config, i, &e); i++) {
        json_object(&j, NULL);
        json_text(&j, "name", e.option->environment);
        json_text(&j, "value", e.value);
        json_text_opt(&j, "unit", e.option->unit);
        json_text(&j, "source", sources[e.source]);
        if (e.source == TN_SOURCE_ENV_FILE) {
            json_text(&j, "file", e.file);
            json_int(&j, "line", e.line);
        }
        json_text(&j, "default", e.option->default_value);
        json_text(&j, "help", e.option->help);
        json_object_end(&j);
    }
    json_array_end(&j);
    lines_json(&j, "warnings", tn_config_warnings(config));
    if (fault->status != TN_OK) {
        json_object(&j, "error");
        report_error_json(&j, fault, NULL);
        json_object_end(&j);
        lines_json(&j, "faults", fault->message);
    }
    report_end(&j);
}

static void warn_lines(const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        tool_warn("%.*s", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

static int run(tool *t)
{
    static out o;
    tn_error err = TN_ERROR_INIT;

    if (tool_value(t, TOOL_OPT_EXAMPLE))
        return print_example();
    tn_config *config = settings_read(t, &err);
    if (!config)
        return report_error(t, &err, NULL);
    tn_status status = tn_config_check(config, &err);

    out_init(&o, STDOUT_FILENO);
    if (t->json)
        show_json(&o, t, config, &err);
    else
        show_text(&o, config);
    int result = report_finish(&o, status == TN_OK ? TOOL_EXIT_FINE : TOOL_EXIT_USAGE);
    if (!t->json) {
        warn_lines(tn_config_warnings(config));
        if (status != TN_OK)
            warn_lines(err.message);
        if (status != TN_OK && err.hint[0])
            tool_hint("%s", err.hint);
    }
    tn_config_free(config);
    return result;
}

static const tool_option options[] = {
    {TOOL_OPT_EXAMPLE, 0, "example", NULL, NULL, "print a commented example.env instead"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "all settings are fine"},
    {2, "usage, or a fault in a setting: all faults are listed"},
    {0, NULL},
};

const tool_command tool_command_env = {
    .noun = "env",
    .summary = "every setting, its value without secrets, where it came from",
    .usage = "[--example]",
    .text = "The environment beats .env.local, which beats .env, which beats the default.\n"
            "Nothing is connected to. TENON_NO_ENV=1 leaves the files alone.",
    .options = options,
    .examples = {"tenon env", "tenon env --env-file deploy/production.env",
                 "tenon env --example > .env"},
    .exits = exits,
    .run = run,
};
