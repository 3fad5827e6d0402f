/* SPDX-License-Identifier: MIT */
/* tenon completion: scripts for shells, and the manual page, made from the table of commands. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <tenon/version.h>

#include "commands.h"

static bool is_first_of_noun(size_t i)
{
    return i == 0 || strcmp(tool_commands[i]->noun, tool_commands[i - 1]->noun) != 0;
}

static bool has_verbs(const char *noun)
{
    for (size_t i = 0; tool_commands[i]; i++)
        if (tool_commands[i]->verb && strcmp(tool_commands[i]->noun, noun) == 0)
            return true;
    return false;
}

static void print_nouns(const char *separator)
{
    const char *between = "";

    for (size_t i = 0; tool_commands[i]; i++)
        if (is_first_of_noun(i)) {
            printf("%s%s", between, tool_commands[i]->noun);
            between = separator;
        }
}

static void print_verbs(const char *noun)
{
    const char *between = "";

    for (size_t i = 0; tool_commands[i]; i++)
        if (tool_commands[i]->verb && strcmp(tool_commands[i]->noun, noun) == 0) {
            printf("%s%s", between, tool_commands[i]->verb);
            between = " ";
        }
}

static void print_option_names(const tool_option *options)
{
    for (; options && options->name; options++)
        printf(" --%s", options->name);
}

/* ---- bash --------------------------------------------------------------------------------------
 */

static void bash_arguments(const tool_option *options)
{
    for (; options && options->name; options++) {
        if (!options->argument)
            continue;
        if (options->letter)
            printf("    -%c|--%s) ", options->letter, options->name);
        else
            printf("    --%s) ", options->name);
        if (options->choices && options->choices[0] != '@')
            printf("COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", options->choices);
        else if (options->choices)
            printf("COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
        else
            printf("return ;;\n");
    }
}

static void print_bash(void)
{
    printf("# bash completion for tenon: source <(tenon completion bash)\n"
           "_tenon() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local noun= verb= word i\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        word=${COMP_WORDS[i]}\n"
           "        [[ $word == -- ]] && { COMPREPLY=($(compgen -c -f -- \"$cur\")); return; }\n"
           "        [[ $word == -* ]] && continue\n"
           "        if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then verb=$word; fi\n"
           "    done\n"
           "    case $prev in\n");
    bash_arguments(tool_global_options);
    for (size_t i = 0; tool_commands[i]; i++)
        bash_arguments(tool_commands[i]->options);
    printf("    esac\n    if [[ $cur == -* ]]; then\n        local options='");
    print_option_names(tool_global_options);
    printf("'\n        case \"$noun $verb\" in\n");
    for (size_t i = 0; tool_commands[i]; i++) {
        const tool_command *c = tool_commands[i];
        if (!c->options || !c->options->name)
            continue;
        printf("        \"%s %s\"*) options+='", c->noun, c->verb ? c->verb : "");
        print_option_names(c->options);
        printf("' ;;\n");
    }
    printf("        esac\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
           "        return\n"
           "    fi\n"
           "    if [[ -z $noun ]]; then\n"
           "        COMPREPLY=($(compgen -W '");
    print_nouns(" ");
    printf("' -- \"$cur\"))\n        return\n    fi\n    [[ -n $verb ]] && return\n"
           "    case $noun in\n");
    for (size_t i = 0; tool_commands[i]; i++) {
        const tool_command *c = tool_commands[i];
        if (!is_first_of_noun(i) || (!has_verbs(c->noun) && !c->choices))
            continue;
        printf("    %s) COMPREPLY=($(compgen -W '", c->noun);
        if (has_verbs(c->noun))
            print_verbs(c->noun);
        else
            printf("%s", c->choices);
        printf("' -- \"$cur\")) ;;\n");
    }
    printf("    esac\n}\ncomplete -F _tenon tenon\n");
}

/* ---- zsh ---------------------------------------------------------------------------------------
 */

/* Within '...': a quote ends and begins again; brackets and colons mean something to _arguments. */
static void print_zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\''");
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_options(const tool_option *options)
{
    for (; options && options->name; options++) {
        for (int pass = options->letter ? 0 : 1; pass < 2; pass++) {
            if (pass == 0)
                printf(" \\\n        '*-%c[", options->letter);
            else
                printf(" \\\n        '*--%s[", options->name);
            print_zsh_text(options->help);
            putchar(']');
            if (options->argument) {
                printf(":%s:", options->argument[0] == '"' ? "" : "value");
                if (options->choices && options->choices[0] == '@')
                    printf("_files");
                else if (options->choices)
                    printf("(%s)", options->choices);
            }
            putchar('\'');
        }
    }
}

static void print_zsh(void)
{
    printf("#compdef tenon\n# zsh completion for tenon: save as _tenon in a directory of $fpath\n"
           "_tenon() {\n"
           "    local noun= verb= word i\n"
           "    for ((i = 2; i < CURRENT; i++)); do\n"
           "        word=${words[i]}\n"
           "        [[ $word == -- ]] && { _command_names -e; return }\n"
           "        [[ $word == -* ]] && continue\n"
           "        if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then verb=$word; fi\n"
           "    done\n"
           "    local -a nouns verbs\n"
           "    nouns=(");
    for (size_t i = 0; tool_commands[i]; i++) {
        if (!is_first_of_noun(i))
            continue;
        printf("\n        '%s:", tool_commands[i]->noun);
        print_zsh_text(has_verbs(tool_commands[i]->noun) ? "has commands of its own"
                                                         : tool_commands[i]->summary);
        putchar('\'');
    }
    printf(")\n    case \"$noun\" in\n");
    for (size_t i = 0; tool_commands[i]; i++) {
        if (!is_first_of_noun(i) || !has_verbs(tool_commands[i]->noun))
            continue;
        printf("    %s) verbs=(", tool_commands[i]->noun);
        print_verbs(tool_commands[i]->noun);
        printf(") ;;\n");
    }
    printf("    esac\n"
           "    if [[ ${words[CURRENT]} != -* ]]; then\n"
           "        [[ -z $noun ]] && { _describe command nouns; return }\n"
           "        [[ -z $verb && ${#verbs} -gt 0 ]] && { compadd -a verbs; return }\n"
           "    fi\n"
           "    case \"$noun $verb\" in\n");
    for (size_t i = 0; tool_commands[i]; i++) {
        const tool_command *c = tool_commands[i];
        if (c->options && c->options->name) {
            printf("    '%s %s'*) _arguments", c->noun, c->verb ? c->verb : "");
            zsh_options(tool_global_options);
            zsh_options(c->options);
            printf(" \\\n        '*: :_files' ;;\n");
        } else if (c->choices) {
            printf("    '%s '*) compadd %s ;;\n", c->noun, c->choices);
        }
    }
    printf("    *) _arguments");
    zsh_options(tool_global_options);
    printf(" ;;\n    esac\n}\n_tenon \"$@\"\n");
}

/* ---- fish --------------------------------------------------------------------------------------
 */

static void print_fish_text(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void fish_options(const tool_option *options, const char *condition)
{
    for (; options && options->name; options++) {
        printf("complete -c tenon%s -l %s", condition, options->name);
        if (options->letter)
            printf(" -s %c", options->letter);
        if (options->argument && options->choices && options->choices[0] == '@')
            printf(" -r -F");
        else if (options->argument && options->choices)
            printf(" -x -a '%s'", options->choices);
        else if (options->argument)
            printf(" -x");
        printf(" -d ");
        print_fish_text(options->help);
        putchar('\n');
    }
}

static void print_fish(void)
{
    printf("# fish completion for tenon: tenon completion fish | source\ncomplete -c tenon -f\n");
    for (size_t i = 0; tool_commands[i]; i++) {
        const tool_command *c = tool_commands[i];
        char condition[160];

        if (is_first_of_noun(i)) {
            printf("complete -c tenon -n __fish_use_subcommand -a %s -d ", c->noun);
            print_fish_text(has_verbs(c->noun) ? "has commands of its own" : c->summary);
            putchar('\n');
        }
        if (c->verb) {
            printf("complete -c tenon -n '__fish_seen_subcommand_from %s; and not "
                   "__fish_seen_subcommand_from ",
                   c->noun);
            print_verbs(c->noun);
            printf("' -a %s -d ", c->verb);
            print_fish_text(c->summary);
            putchar('\n');
        } else if (c->choices) {
            printf("complete -c tenon -n '__fish_seen_subcommand_from %s' -a '%s'\n", c->noun,
                   c->choices);
        }
        snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s%s%s'", c->noun,
                 c->verb ? "; and __fish_seen_subcommand_from " : "", c->verb ? c->verb : "");
        fish_options(c->options, condition);
    }
    fish_options(tool_global_options, "");
}

/* ---- the manual page ---------------------------------------------------------------------------
 */

/* roff takes '-' for a hyphen, a backslash and a leading dot or quote for its own. */
static void print_roff(const char *text)
{
    bool line_begins = true;

    for (; *text; text++) {
        if (line_begins && (*text == '.' || *text == '\''))
            printf("\\&");
        line_begins = *text == '\n';
        if (*text == '-')
            printf("\\-");
        else if (*text == '\\')
            printf("\\e");
        else
            putchar(*text);
    }
}

static void man_options(const tool_option *options)
{
    for (; options && options->name; options++) {
        printf(".TP\n");
        if (options->letter)
            printf("\\fB\\-%c\\fR, ", options->letter);
        printf("\\fB\\-\\-");
        print_roff(options->name);
        printf("\\fR");
        if (options->argument)
            printf(" \\fI%s\\fR", options->argument);
        putchar('\n');
        print_roff(options->help);
        putchar('\n');
    }
}

static void man_command(const tool_command *c)
{
    char name[TOOL_NAME_SIZE];

    printf(".SS tenon %s%s", tool_command_name(c, name, sizeof(name)), c->usage[0] ? " " : "");
    print_roff(c->usage);
    printf("\n%c", toupper((unsigned char)c->summary[0]));
    print_roff(c->summary + 1);
    printf(".\n");
    if (c->text) {
        printf(".PP\n");
        print_roff(c->text);
        putchar('\n');
    }
    man_options(c->options);
    printf(".PP\nExamples:\n.PP\n.nf\n");
    for (size_t i = 0; i < 3; i++) {
        printf("    ");
        print_roff(c->examples[i]);
        putchar('\n');
    }
    printf(".fi\n.PP\nExit codes:\n");
    for (const tool_exit *e = c->exits; e->meaning; e++) {
        printf(".TP\n%d\n", e->code);
        print_roff(e->meaning);
        putchar('\n');
    }
}

static void print_man(void)
{
    printf(".\\\" SPDX-License-Identifier: MIT\n"
           ".\\\" Made by: tenon completion man\n"
           ".TH TENON 1 \"\" \"tenon %s\" \"User Commands\"\n"
           ".SH NAME\ntenon \\- one program, any database that has a driver\n"
           ".SH SYNOPSIS\n.B tenon\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
           ".SH DESCRIPTION\n"
           "Looks at, checks and queries the database that \\fBDATABASE_URL\\fR names, through\n"
           "the driver of its scheme. Standard output carries data, standard error everything\n"
           "else. Colour and progress are for terminals only.\n"
           ".SH OPTIONS\nThese may stand anywhere on the line.\n",
           TN_VERSION_STRING);
    man_options(tool_global_options);
    printf(".SH COMMANDS\n");
    for (size_t i = 0; tool_commands[i]; i++)
        man_command(tool_commands[i]);
    printf(
        ".SH ENVIRONMENT\n"
        "\\fBDATABASE_URL\\fR or \\fBDATABASE_URL_FILE\\fR, and the settings that \\fBtenon "
        "env\\fR\n"
        "lists. \\fBTENON_NO_ENV\\fR=1 leaves .env files alone. \\fBTENON_DRIVER_PATH\\fR names\n"
        "more directories of drivers. \\fBNO_COLOR\\fR, \\fBTERM\\fR=dumb and \\fBCI\\fR switch\n"
        "colour and progress off.\n");
}

static int run(tool *t)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {
        {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}, {"man", print_man}};

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(t->words[0], shells[i].name) == 0) {
            shells[i].print();
            return TOOL_EXIT_FINE;
        }
    return tool_usage(t, "which shell?"); /* not reached: the words were checked by the table */
}

static const tool_exit exits[] = {
    {0, "printed"},
    {2, "usage"},
    {0, NULL},
};

const tool_command tool_command_completion = {
    .noun = "completion",
    .summary = "prints a completion script for a shell, or the manual page",
    .usage = "bash|zsh|fish|man",
    .text = "The scripts are made from the table of commands of this very program.",
    .examples = {"source <(tenon completion bash)", "tenon completion zsh > ~/.zfunc/_tenon",
                 "tenon completion fish > ~/.config/fish/completions/tenon.fish"},
    .exits = exits,
    .least_words = 1,
    .most_words = 1,
    .choices = "bash zsh fish man",
    .run = run,
};
