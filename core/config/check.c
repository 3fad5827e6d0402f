/* SPDX-License-Identifier: MIT */
/* What is wrong with settings, all of it at once. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "config/config.h"
#include "config/state.h"
#include "config/text.h"
#include "config/url.h"
#include "observe/component.h"

#define MOST_URL 65536 /* bytes */

static void put_quoted(tn__buf *out, const tn_option *option, const char *value)
{
    tn__buf_printf(out, "%s: \"", option->environment);
    (void)tn__config_quote(out, value);
    tn__buf_puts(out, "\" ");
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static void check_url(tn__buf *out, const tn_option *option, const char *value)
{
    tn_error err = TN_ERROR_INIT;
    tn_str scheme;

    if (strlen(value) > MOST_URL)
        tn__buf_printf(out, "%s: longer than %d bytes", option->environment, MOST_URL);
    else if (tn__url_scheme(value, &scheme, &err)) {
        tn__config_blame(&err, option->environment);
        tn__buf_puts(out, err.message);
    } else if (has_control(value))
        tn__buf_printf(out, "%s: a line break or another control character stands in it",
                       option->environment);
}

static void check_components(tn__buf *out, const tn_option *option, const char *value)
{
    uint32_t wanted;
    tn_str bad;

    if (tn__components_parse(tn_str_from(value), &wanted, &bad))
        return;
    put_quoted(out, option, value);
    tn__buf_printf(out, "has a name that is none of all, %s", tn__component_names);
}

void tn__config_check_value(tn__buf *out, const tn_option *option, const char *value)
{
    int64_t number;
    bool truth;

    switch (option->kind) {
    case TN_OPTION_INTEGER:
        if (tn__parse_int64(tn_str_from(value), &number) && number >= option->least &&
            number <= option->most)
            return;
        put_quoted(out, option, value);
        tn__buf_printf(out, "is not a whole number from %" PRId64 " to %" PRId64, option->least,
                       option->most);
        return;
    case TN_OPTION_BOOLEAN:
        if (tn__parse_bool(tn_str_from(value), &truth))
            return;
        put_quoted(out, option, value);
        tn__buf_puts(out, "is neither on nor off");
        return;
    case TN_OPTION_CHOICE:
        if (tn__str_among(option->choices, '|', tn_str_from(value)))
            return;
        put_quoted(out, option, value);
        tn__buf_printf(out, "is not one of %s", option->choices);
        return;
    case TN_OPTION_TEXT:
        if (option->most && strlen(value) > (size_t)option->most)
            tn__buf_printf(out, "%s: longer than %" PRId64 " bytes", option->environment,
                           option->most);
        else if (has_control(value) || !tn__utf8_valid(value, strlen(value)))
            tn__buf_printf(out, "%s: a control character stands in it, or it is not UTF-8",
                           option->environment);
        else if (option == &tn__options[TN__OPT_LOG_COMPONENTS])
            check_components(out, option, value);
        return;
    case TN_OPTION_URL: check_url(out, option, value); return;
    case TN_OPTION_FILE: return;
    }
}

static void put_origin(tn__buf *out, const tn__config_setting *setting)
{
    switch (setting->rank) {
    case TN__RANK_DEFAULT: break;
    case TN__RANK_ENV_FILE:
    case TN__RANK_ENV_LOCAL: tn__buf_printf(out, " (%s:%d)", setting->file, setting->line); break;
    case TN__RANK_ENVIRONMENT: tn__buf_puts(out, " (environment)"); break;
    case TN__RANK_SET: tn__buf_puts(out, " (set by the program)"); break;
    }
}

/* Ends the line when something was written since start. */
static bool end_fault(tn__buf *out, size_t start, const tn__config_setting *setting)
{
    if (out->len == start)
        return false;
    if (setting)
        put_origin(out, setting);
    tn__buf_putc(out, '\n');
    return true;
}

/* The pair of which one is required. */
static void check_location(const tn_config *config, tn__buf *out)
{
    const tn__config_setting *url = &config->settings[TN__OPT_URL];
    const tn__config_setting *file = &config->settings[TN__OPT_URL_FILE];
    size_t start = out->len;

    if (url->value && file->value) {
        tn__buf_puts(out, "DATABASE_URL and DATABASE_URL_FILE are both set; set one of them");
        end_fault(out, start, file);
    } else if (config->file_fault) {
        tn__buf_printf(out, "DATABASE_URL_FILE: %s %s", file->shown, config->file_fault);
        end_fault(out, start, file);
    } else if (config->file_url) {
        tn__config_check_value(out, &tn__options[TN__OPT_URL], config->file_url);
        if (out->len > start)
            tn__buf_printf(out, " (%s)\n", file->shown);
    } else if (!url->value && !out->len) {
        /* Where another fault was found the cause may be there: a bad line, a refused file. */
        tn__buf_puts(out, "DATABASE_URL is not set; e.g. DATABASE_URL=sqlite::memory: or "
                          "DATABASE_URL=postgresql://user@host/db, or "
                          "DATABASE_URL_FILE=/run/secrets/database_url\n");
    } else if (!url->value) {
        tn__buf_puts(out, "DATABASE_URL is not set\n");
    }
}

static void check_minimum(const tn_config *config, tn__buf *out)
{
    const tn__config_setting *min = &config->settings[TN__OPT_MIN_CONNECTIONS];
    const tn__config_setting *max = &config->settings[TN__OPT_MAX_CONNECTIONS];
    int64_t least = tn__config_number(config, TN__OPT_MIN_CONNECTIONS);
    int64_t most = tn__config_number(config, TN__OPT_MAX_CONNECTIONS);
    size_t start = out->len;

    if (!min->value || least <= most)
        return;
    tn__buf_printf(out, "DB_MIN_CONNECTIONS: %" PRId64, least);
    put_origin(out, min);
    tn__buf_printf(out, " is more than DB_MAX_CONNECTIONS, %" PRId64, most);
    end_fault(out, start, max);
}

static void check_all(const tn_config *config, tn__buf *out)
{
    bool numbers = true;

    tn__buf_append(out, config->faults.ptr, config->faults.len);
    for (int id = 0; id < TN__OPT_COUNT; id++) {
        const tn__config_setting *setting = &config->settings[id];
        size_t start = out->len;

        if (!setting->value)
            continue;
        tn__config_check_value(out, &tn__options[id], setting->value);
        if (end_fault(out, start, setting) && tn__options[id].kind == TN_OPTION_INTEGER)
            numbers = false;
    }
    if (numbers)
        check_minimum(config, out);
    check_location(config, out);
}

/* As many whole lines as a message holds; how many more there are is said. */
static void fit_lines(tn_str text, char *message, size_t size)
{
    size_t room = size - sizeof("\nand 1000000 more"), used = 0;
    size_t more = 0;
    tn_str line;

    message[0] = '\0';
    while (text.len && tn__str_split(&text, '\n', &line)) {
        if (more || (used && used + 1 + line.len > room)) {
            more++;
            continue;
        }
        if (used)
            message[used++] = '\n';
        tn__copy_text(message + used, size - used, line);
        used += strlen(message + used);
    }
    if (more)
        snprintf(message + used, size - used, "\nand %zu more", more);
}

tn_status tn_config_check(const tn_config *config, tn_error *err)
{
    char message[sizeof(err->message)];
    tn_status status = TN_OK;
    tn__buf faults;

    tn__buf_init(&faults, TN__BUF_MAX);
    check_all(config, &faults);
    if (faults.failed) {
        status = tn_error_set(err, TN_NOMEM, NULL, "configuration: out of memory");
    } else if (faults.len) {
        fit_lines(tn__str(faults.ptr, faults.len), message, sizeof(message));
        status = tn_error_set(err, TN_CONFIG, NULL, "%s", message);
        if (err)
            err->phase = TN_PHASE_CONFIG;
    }
    tn__buf_free(&faults);
    return status;
}
