/* SPDX-License-Identifier: MIT */
/* The commands, in the order of the help. */
#include "commands.h"

#include <stddef.h>

const tool_command *const tool_commands[] = {
    &tool_command_pg_run,
    NULL,
};
