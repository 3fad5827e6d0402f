/* SPDX-License-Identifier: MIT */
/* Help, made from the table of commands. */
#include <stdio.h>
#include <string.h>

#include <tenon/version.h>

#include "term.h"
#include "tool.h"

const char *tool_command_name(const tool_command *command, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s%s", command->noun, command->verb ? " " : "",
             command->verb ? command->verb : "");
    return buf;
}

static void heading(const char *text)
{
    printf("\n%s%s%s\n", term(stdout, TERM_BOLD), text, term(stdout, TERM_PLAIN));
}

static void print_option(const tool_option *option)
{
    char left[64];

    snprintf(left, sizeof(left), "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
             option->letter ? option->letter : ' ', option->letter ? ", " : "  ", option->name,
             option->argument ? " " : "", option->argument ? option->argument : "");
    printf("  %-26s %s\n", left, option->help);
}

static void print_exits(const tool_exit *exits)
{
    heading("Exit codes:");
    for (; exits->meaning; exits++)
        printf("  %-4d %s\n", exits->code, exits->meaning);
}

void tool_help_command(const tool_command *command)
{
    char name[TOOL_NAME_SIZE];

    tool_command_name(command, name, sizeof(name));
    printf("%stenon %s%s: %s\n\n", term(stdout, TERM_BOLD), name, term(stdout, TERM_PLAIN),
           command->summary);
    printf("Usage: tenon %s%s%s\n", name, command->usage[0] ? " " : "", command->usage);
    if (command->text)
        printf("\n%s\n", command->text);
    if (command->options && command->options->name) {
        heading("Options:");
        for (const tool_option *o = command->options; o->name; o++)
            print_option(o);
    }
    printf(
        "\nEverywhere: --url URL, --env-file FILE, --json, --timeout TIME, -q, -v, --no-color\n");
    heading("Examples:");
    for (size_t i = 0; i < 3; i++)
        printf("  %s\n", command->examples[i]);
    print_exits(command->exits);
}

static void print_commands(const char *noun)
{
    for (size_t i = 0; tool_commands[i]; i++) {
        char name[TOOL_NAME_SIZE];
        if (noun && strcmp(tool_commands[i]->noun, noun) != 0)
            continue;
        printf("  %-18s %s\n", tool_command_name(tool_commands[i], name, sizeof(name)),
               tool_commands[i]->summary);
    }
}

void tool_help_noun(const char *noun)
{
    printf("Usage: tenon %s COMMAND\n", noun);
    heading("Commands:");
    print_commands(noun);
    printf("\n\"tenon %s COMMAND --help\" tells more about each.\n", noun);
}

void tool_help(void)
{
    static const tool_exit exits[] = {{0, "fine"},
                                      {1, "the SQL failed"},
                                      {2, "usage or configuration, a driver included"},
                                      {6, "no connection"},
                                      {130, "interrupted"},
                                      {0, NULL}};

    printf("%stenon %s%s: one program, any database that has a driver\n", term(stdout, TERM_BOLD),
           TN_VERSION_STRING, term(stdout, TERM_PLAIN));
    printf("\nUsage: tenon COMMAND [OPTIONS]\n");
    heading("Commands:");
    print_commands(NULL);
    heading("Options, anywhere on the line:");
    for (const tool_option *o = tool_global_options; o->name; o++)
        print_option(o);
    heading("Examples:");
    printf("  DATABASE_URL=sqlite:app.db tenon health\n"
           "  tenon sql 'select count(*) from users where created_at > $1' 2026-01-01\n"
           "  tenon pg run -- ctest --preset dev\n");
    print_exits(exits);
    printf("\n\"tenon COMMAND --help\" tells more about each.\n");
}
