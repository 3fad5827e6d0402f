/* SPDX-License-Identifier: MIT */
/* The commands, in the order of the help. */
#include "commands.h"

#include <stddef.h>

const tool_command *const tool_commands[] = {
    &tool_command_health,
    &tool_command_sql,
    &tool_command_sql_import,
    &tool_command_sql_export,
    &tool_command_env,
    &tool_command_drivers_list,
    &tool_command_drivers_inspect,
    &tool_command_drivers_certify,
    &tool_command_doctor,
    &tool_command_pg_run,
    &tool_command_completion,
    NULL,
};
