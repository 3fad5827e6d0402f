/* SPDX-License-Identifier: MIT */
/*
 * The frame of the tenon command: the table of commands, options anywhere on the line, exit codes,
 * messages. A command is one file with one tool_command in it; commands.c lists them.
 */
#ifndef TENON_TOOLS_TOOL_H
#define TENON_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/error.h>
#include <tenon/export.h>

/* What the process exits with; said in every --help. */
enum {
    TOOL_EXIT_FINE = 0,
    TOOL_EXIT_SQL = 1,       /* the SQL failed, or something at run time */
    TOOL_EXIT_USAGE = 2,     /* usage or configuration, a driver included */
    TOOL_EXIT_PENDING = 3,   /* work is pending, or something is out of date */
    TOOL_EXIT_INTEGRITY = 4, /* edited, missing, out of order, drift, unfinished, unsafe */
    TOOL_EXIT_LOCKED = 5,    /* a lock was not had in time: try again */
    TOOL_EXIT_CONNECT = 6,   /* no connection */
    TOOL_EXIT_REFUSED = 7,   /* it destroys: wants --confirm */
    TOOL_EXIT_INTERRUPTED = 130
};

typedef enum tool_option_id {
    TOOL_OPT_NONE = 0,
    /* everywhere */
    TOOL_OPT_URL,
    TOOL_OPT_ENV_FILE,
    TOOL_OPT_JSON,
    TOOL_OPT_QUIET,
    TOOL_OPT_VERBOSE,
    TOOL_OPT_NO_COLOR,
    TOOL_OPT_TIMEOUT,
    TOOL_OPT_HELP,
    TOOL_OPT_VERSION,
    /* of single commands */
    TOOL_OPT_WAIT,
    TOOL_OPT_OUTPUT,
    TOOL_OPT_FILE,
    TOOL_OPT_NULL,
    TOOL_OPT_EXAMPLE,
    TOOL_OPT_KEEP_LOG,
    TOOL_OPT_PG_BINDIR,
    TOOL_OPT_SET,
    TOOL_OPT_PASSWORD_ENV,
    TOOL_OPT_FORMAT,
    TOOL_OPT_COLUMNS,
    TOOL_OPT_ORDER,
    TOOL_OPT_NO_HEADER,
    TOOL_OPT_SEPARATOR,
    TOOL_OPT_ON_CONFLICT,
    TOOL_OPT_KEY,
    TOOL_OPT_CONFIRM,
    TOOL_OPT_DIR,
    TOOL_OPT_HISTORY,
    TOOL_OPT_TO,
    TOOL_OPT_FROM,
    TOOL_OPT_COUNT,
    TOOL_OPT_DRIVER,
    TOOL_OPT_LOCK_WAIT,
    TOOL_OPT_LOCK_TIMEOUT,
    TOOL_OPT_OUT_OF_ORDER,
    TOOL_OPT_ALL,
    TOOL_OPT_WATCH,
    TOOL_OPT_SCHEMA,
    TOOL_OPT_NO_SCHEMA,
    TOOL_OPT_ACCEPT_DRIFT,
    TOOL_OPT_NO_RUN,
    TOOL_OPT_STRICT,
    TOOL_OPT_EVENTS,
    TOOL_OPT_FORCE,
    TOOL_OPT_REPLACE,
    TOOL_OPT_NAME,
    TOOL_OPT_APPLIED,
    TOOL_OPT_ROLLED_BACK,
    TOOL_OPT_ACCEPT_CHECKSUM,
    TOOL_OPT_STEP_DONE,
    TOOL_OPT_STEP_AGAIN
} tool_option_id;

/* An option. Its name takes an argument on every command or on none. */
typedef struct tool_option {
    tool_option_id id;
    char letter;          /* 0: none */
    const char *name;     /* without the dashes; NULL ends a table */
    const char *argument; /* NULL: takes none */
    const char *choices;  /* for completion, separated by blanks; NULL: anything; "@file" a file */
    const char *help;
} tool_option;

typedef struct tool_exit {
    int code;
    const char *meaning; /* NULL ends a table */
} tool_exit;

typedef struct tool tool;

typedef struct tool_command {
    const char *noun;
    const char *verb;    /* NULL: the noun is all */
    bool is_default;     /* of its noun: the verb may be left out */
    const char *summary; /* one line, begins in lower case */
    const char *usage;   /* what follows the name, "" for nothing */
    const char *text;    /* more about it, wrapped by hand to 78 columns, or NULL */
    const tool_option *options;
    const char *examples[3];
    const tool_exit *exits;
    size_t least_words, most_words;
    const char *choices; /* of the first word, for completion; or NULL */
    bool rest;           /* the first word ends the options: the rest is another program's */
    int (*run)(tool *t);
} tool_command;

enum { TOOL_MAX_GIVEN = 64 };

typedef struct tool_given {
    const tool_option *option;
    const char *value;
} tool_given;

struct tool {
    const tool_command *command;
    tool_given given[TOOL_MAX_GIVEN];
    size_t n_given;
    char **all_words; /* the array that words is in */
    char **words;     /* what is neither option nor the command's name; ends with NULL */
    size_t n_words;
    char *url; /* a copy: the argument itself was wiped. A secret */
    const char *env_file;
    int64_t timeout_ms; /* 0: not given */
    bool json;
    bool quiet;
    bool verbose;
    bool help;
    bool version;
};

/* commands.c: in the order of the help, NULL-ended. */
extern const tool_command *const tool_commands[];
/* options.c: NULL-name-ended. */
extern const tool_option tool_global_options[];

/* Reads the line. TOOL_EXIT_FINE, or TOOL_EXIT_USAGE after saying what is wrong. */
int tool_parse(tool *t, int argc, char **argv);
void tool_free(tool *t);

/* The argument of an option as it was given last; NULL: not given. "" for one without argument. */
const char *tool_value(const tool *t, tool_option_id id);
/* "500", "500ms", "5s", "2min": milliseconds. false: none of these, or out of 1 ms .. 24 days. */
bool tool_parse_duration(const char *text, int64_t *ret_ms);

/* help.c */
void tool_help(void);
void tool_help_noun(const char *noun);
void tool_help_command(const tool_command *command);
/* "health", "drivers inspect"; buf is returned. */
const char *tool_command_name(const tool_command *command, char *buf, size_t size);
enum { TOOL_NAME_SIZE = 48 };

/* nearest.c: " (did you mean x or y?)" for a word that is not in the list, each name with prefix
 * before it; "" when none is near. buf is returned. */
const char *tool_nearest(const char *word, const char *prefix, const char *const *names, size_t n,
                         char *buf, size_t size);

/* report.c: all of these go to standard error, prefixed with the program's name. */
void tool_warn(const char *format, ...) TN_PRINTF(1, 2);
void tool_hint(const char *format, ...) TN_PRINTF(1, 2);
/* A fault of usage: the text and a pointer to the help, or with --json an object on standard
 * output. Returns TOOL_EXIT_USAGE. */
int tool_usage(const tool *t, const char *format, ...) TN_PRINTF(2, 3);

#endif
