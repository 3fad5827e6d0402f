/* SPDX-License-Identifier: MIT */
/*
 * The command line. Options may stand anywhere, so the first pass cannot know the command yet: it
 * learns from all tables together whether an option takes an argument. The second looks whether the
 * command has it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/config.h>

#include "term.h"
#include "tool.h"

/* clang-format off */
const tool_option tool_global_options[] = {
    {TOOL_OPT_URL, 0, "url", "URL", NULL, "this database instead of DATABASE_URL"},
    {TOOL_OPT_ENV_FILE, 0, "env-file", "FILE", "@file", "this file instead of .env.local and .env"},
    {TOOL_OPT_JSON, 0, "json", NULL, NULL, "answers and errors as JSON on standard output"},
    {TOOL_OPT_TIMEOUT, 0, "timeout", "TIME", NULL, "for connecting and for each statement: 500ms, 5s, 2min"},
    {TOOL_OPT_QUIET, 'q', "quiet", NULL, NULL, "only what was asked for"},
    {TOOL_OPT_VERBOSE, 'v', "verbose", NULL, NULL, "what the library does, on standard error"},
    {TOOL_OPT_NO_COLOR, 0, "no-color", NULL, NULL, "no colour (also NO_COLOR, TERM=dumb, CI)"},
    {TOOL_OPT_HELP, 'h', "help", NULL, NULL, "help on a command"},
    {TOOL_OPT_VERSION, 0, "version", NULL, NULL, "the version"},
    {.name = NULL},
};
/* clang-format on */

static bool matches(const tool_option *option, const char *name, size_t len, char letter)
{
    if (letter)
        return option->letter == letter;
    return strlen(option->name) == len && memcmp(option->name, name, len) == 0;
}

static const tool_option *find_in(const tool_option *table, const char *name, size_t len,
                                  char letter)
{
    for (; table && table->name; table++)
        if (matches(table, name, len, letter))
            return table;
    return NULL;
}

static const tool_option *find_anywhere(const char *name, size_t len, char letter)
{
    const tool_option *option = find_in(tool_global_options, name, len, letter);

    for (size_t i = 0; !option && tool_commands[i]; i++)
        option = find_in(tool_commands[i]->options, name, len, letter);
    return option;
}

static const tool_command *find_command(const char *noun, const char *verb)
{
    for (size_t i = 0; tool_commands[i]; i++) {
        const tool_command *c = tool_commands[i];
        if (strcmp(c->noun, noun) != 0)
            continue;
        if (verb ? c->verb && strcmp(c->verb, verb) == 0 : !c->verb || c->is_default)
            return c;
    }
    return NULL;
}

static bool noun_exists(const char *noun)
{
    for (size_t i = 0; tool_commands[i]; i++)
        if (strcmp(tool_commands[i]->noun, noun) == 0)
            return true;
    return false;
}

/* What somebody typed, for a message: it may be a URL in the wrong place. */
static const char *shown(const char *word, char *buf, size_t size)
{
    tn_url_redact(word, buf, size);
    return buf;
}

static int unknown_option(const tool *t, const char *argument)
{
    const char *names[128];
    char hint[160];
    size_t n = 0, len = strcspn(argument, "=");
    char name[64];

    for (const tool_option *o = tool_global_options; o->name && n < 128; o++)
        names[n++] = o->name;
    for (size_t i = 0; tool_commands[i]; i++)
        for (const tool_option *o = tool_commands[i]->options; o && o->name && n < 128; o++)
            names[n++] = o->name;
    snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), argument);
    tool_nearest(name[1] == '-' ? name + 2 : name + 1, "--", names, n, hint, sizeof(hint));
    char safe[128];
    return tool_usage(t, "unknown option %s%s", shown(name, safe, sizeof(safe)), hint);
}

static int unknown_command(const tool *t)
{
    const char *names[64];
    char hint[160];
    size_t n = 0;
    bool known = noun_exists(t->words[0]);

    for (size_t i = 0; tool_commands[i] && n < 64; i++) {
        const tool_command *c = tool_commands[i];
        if (known ? c->verb && strcmp(c->noun, t->words[0]) == 0
                  : i == 0 || strcmp(c->noun, tool_commands[i - 1]->noun) != 0)
            names[n++] = known ? c->verb : c->noun;
    }
    if (known && t->n_words < 2) {
        char list[160] = "";
        for (size_t i = 0; i < n; i++)
            snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
                     names[i]);
        return tool_usage(t, "%s wants one of: %s", t->words[0], list);
    }
    const char *word = known ? t->words[1] : t->words[0];
    char safe[256];
    tool_nearest(word, "", names, n, hint, sizeof(hint));
    return tool_usage(t, "unknown command %s%s%s%s", known ? t->words[0] : "", known ? " " : "",
                      shown(word, safe, sizeof(safe)), hint);
}

/* Wipes the argument where ps reads it. */
static void hide(char *argument)
{
    memset(argument, '*', strlen(argument));
}

static int take_option(tool *t, const tool_option *option, char *value)
{
    /* Refused here, so that no message about a wrong value shows what is in the URL. */
    if (value && strstr(value, "://") && option->id != TOOL_OPT_URL &&
        option->id != TOOL_OPT_NULL && option->id != TOOL_OPT_SET)
        return tool_usage(t, "--%s wants %s, not a URL", option->name, option->argument);
    if (t->n_given == TOOL_MAX_GIVEN)
        return tool_usage(t, "more than %d options", TOOL_MAX_GIVEN);
    t->given[t->n_given++] = (tool_given){.option = option, .value = value ? value : ""};
    switch (option->id) {
    case TOOL_OPT_URL:
        free(t->url);
        t->url = strdup(value);
        hide(value);
        t->given[t->n_given - 1].value = "";
        return t->url ? TOOL_EXIT_FINE : tool_usage(t, "out of memory");
    case TOOL_OPT_ENV_FILE: t->env_file = value; break;
    case TOOL_OPT_JSON: t->json = true; break;
    case TOOL_OPT_QUIET: t->quiet = true; break;
    case TOOL_OPT_VERBOSE: t->verbose = true; break;
    case TOOL_OPT_NO_COLOR: term_no_color(); break;
    case TOOL_OPT_HELP: t->help = true; break;
    case TOOL_OPT_VERSION: t->version = true; break;
    case TOOL_OPT_TIMEOUT:
        if (!tool_parse_duration(value, &t->timeout_ms))
            return tool_usage(t, "--timeout %s: not a time; write 500ms, 5s or 2min", value);
        break;
    default: break;
    }
    return TOOL_EXIT_FINE;
}

/* One argument that begins with a dash, with its value from the next one where it takes one. */
static int parse_option(tool *t, char **argv, int argc, int *at)
{
    char *argument = argv[*at];
    bool is_long = argument[1] == '-';
    char *name = argument + (is_long ? 2 : 1);
    size_t len = is_long ? strcspn(name, "=") : 1;
    const tool_option *option = find_anywhere(name, len, is_long ? '\0' : *name);
    char *value = NULL;

    if (!option)
        return unknown_option(t, argument);
    if (is_long && name[len] == '=')
        value = name + len + 1;
    else if (!is_long && name[1] != '\0')
        value = name + 1; /* -ocsv */
    if (value && !option->argument) {
        if (is_long)
            return tool_usage(t, "--%s takes no argument", option->name);
        /* -qv: the first is done, the rest is looked at as if it stood alone. */
        int status = take_option(t, option, NULL);
        if (status != TOOL_EXIT_FINE)
            return status;
        argument[1] = '-';
        argv[*at] = argument + 1;
        return parse_option(t, argv, argc, at);
    }
    if (option->argument && !value) {
        if (*at + 1 >= argc)
            return tool_usage(t, "--%s wants %s", option->name, option->argument);
        value = argv[++*at];
    }
    return take_option(t, option, value);
}

/* -5 is a parameter of sql, not an option; so is what has a blank where a name should be, such as
 * SQL that begins with a comment. - is standard input. */
static bool is_option(const char *argument)
{
    size_t name = strcspn(argument, "=");

    if (strcspn(argument, " \t\n") < name)
        return false;
    return argument[0] == '-' && argument[1] != '\0' && !(argument[1] >= '0' && argument[1] <= '9');
}

/* The words seen so far name a command whose first own word ends the options. */
static bool rest_begins(const tool *t)
{
    if (t->n_words < 2)
        return false;
    const tool_command *c = find_command(t->words[0], t->words[1]);
    return c && c->rest;
}

static int first_pass(tool *t, int argc, char **argv)
{
    bool words_only = false;

    for (int i = 1; i < argc; i++) {
        if (!words_only && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (!words_only && is_option(argv[i])) {
            int status = parse_option(t, argv, argc, &i);
            if (status != TOOL_EXIT_FINE)
                return status;
        } else {
            words_only |= rest_begins(t);
            t->words[t->n_words++] = argv[i];
        }
    }
    return TOOL_EXIT_FINE;
}

/* "help X" is "X --help". */
static void take_help_word(tool *t)
{
    if (t->n_words == 0 || strcmp(t->words[0], "help") != 0)
        return;
    t->help = true;
    t->words++;
    t->n_words--;
}

static int find_own_command(tool *t)
{
    const tool_command *c = NULL;
    size_t used = 1;

    if (t->n_words > 1) {
        c = find_command(t->words[0], t->words[1]);
        used = c ? 2 : 1;
    }
    if (!c)
        c = find_command(t->words[0], NULL);
    /* A default verb takes no words of its own: what stands there is a verb misspelt. */
    if (c && used == 1 && c->verb && t->n_words > 1 && c->most_words == 0)
        c = NULL;
    if (!c) {
        if (t->help && t->n_words == 1 && noun_exists(t->words[0]))
            return TOOL_EXIT_FINE;
        return unknown_command(t);
    }
    t->command = c;
    t->words += used;
    t->n_words -= used;
    return TOOL_EXIT_FINE;
}

static int check_options(const tool *t)
{
    char name[TOOL_NAME_SIZE], other[TOOL_NAME_SIZE];

    for (size_t i = 0; i < t->n_given; i++) {
        const tool_option *given = t->given[i].option;
        size_t len = strlen(given->name);

        if (find_in(tool_global_options, given->name, len, '\0') ||
            find_in(t->command->options, given->name, len, '\0'))
            continue;
        for (size_t k = 0; tool_commands[k]; k++)
            if (find_in(tool_commands[k]->options, given->name, len, '\0'))
                return tool_usage(t, "--%s is an option of \"tenon %s\", not of \"tenon %s\"",
                                  given->name,
                                  tool_command_name(tool_commands[k], other, sizeof(other)),
                                  tool_command_name(t->command, name, sizeof(name)));
    }
    return TOOL_EXIT_FINE;
}

/* The word is one of those that the command takes, separated by blanks. */
static bool is_choice(const char *choices, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = choices; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == len && memcmp(at, word, len) == 0)
            return true;
        at += n;
    }
    return false;
}

static int check_words(const tool *t)
{
    char name[TOOL_NAME_SIZE], safe[256];

    tool_command_name(t->command, name, sizeof(name));
    if (t->n_words < t->command->least_words)
        return tool_usage(t, "something is missing: tenon %s %s", name, t->command->usage);
    if (t->n_words > t->command->most_words)
        return tool_usage(t, "\"%s\" is one word too many for \"tenon %s\"",
                          shown(t->words[t->command->most_words], safe, sizeof(safe)), name);
    if (t->command->choices && t->n_words > 0 && !is_choice(t->command->choices, t->words[0]))
        return tool_usage(t, "%s %s: not one of %s", name, shown(t->words[0], safe, sizeof(safe)),
                          t->command->choices);
    return TOOL_EXIT_FINE;
}

int tool_parse(tool *t, int argc, char **argv)
{
    /* In place: words move towards the front of an array that has room for all of them. */
    t->words = calloc((size_t)argc + 1, sizeof(*t->words));
    t->all_words = t->words;
    if (!t->words)
        return tool_usage(t, "out of memory");
    int status = first_pass(t, argc, argv);
    if (status != TOOL_EXIT_FINE)
        return status;
    take_help_word(t);
    if (t->n_words == 0)
        return TOOL_EXIT_FINE;
    status = find_own_command(t);
    if (status != TOOL_EXIT_FINE || t->help || t->version)
        return status;
    status = check_options(t);
    return status == TOOL_EXIT_FINE ? check_words(t) : status;
}

void tool_free(tool *t)
{
    if (t->url)
        explicit_bzero(t->url, strlen(t->url));
    free(t->url);
    free(t->all_words);
}

const char *tool_value(const tool *t, tool_option_id id)
{
    const char *value = NULL;

    for (size_t i = 0; i < t->n_given; i++)
        if (t->given[i].option->id == id)
            value = t->given[i].value;
    return value;
}

bool tool_parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}};
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; errno == 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].suffix) != 0)
            continue;
        if (number < 1 || number > INT32_MAX / units[i].ms)
            return false;
        *ret_ms = number * units[i].ms;
        return true;
    }
    return false;
}
