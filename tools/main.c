/* SPDX-License-Identifier: MIT */
/* The tenon command. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <tenon/version.h>

#include "term.h"
#include "tool.h"

static int dispatch(tool *t)
{
    if (t->version) {
        printf("tenon %s\n", TN_VERSION_STRING);
        return TOOL_EXIT_FINE;
    }
    if (t->help && t->command)
        tool_help_command(t->command);
    else if (t->help && t->n_words > 0)
        tool_help_noun(t->words[0]);
    else if (t->help)
        tool_help();
    else if (!t->command)
        return tool_usage(t, "which command?");
    else
        return t->command->run(t);
    return TOOL_EXIT_FINE;
}

int main(int argc, char **argv)
{
    tool t = {0};

    term_init();
    /* A reader that has seen enough is told by EPIPE. */
    signal(SIGPIPE, SIG_IGN);
    int status = tool_parse(&t, argc, argv);
    if (status == TOOL_EXIT_FINE)
        status = dispatch(&t);
    if (fflush(stdout) != 0 && errno != EPIPE) {
        tool_warn("cannot write to standard output: %s", strerror(errno));
        if (status == TOOL_EXIT_FINE)
            status = TOOL_EXIT_SQL;
    }
    tool_free(&t);
    return status;
}
