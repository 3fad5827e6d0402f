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
    &tool_command_migrate_new,
    &tool_command_migrate_dev,
    &tool_command_migrate_deploy,
    &tool_command_migrate_status,
    &tool_command_migrate_plan,
    &tool_command_migrate_verify,
    &tool_command_migrate_lint,
    &tool_command_migrate_down,
    &tool_command_migrate_baseline,
    &tool_command_migrate_repair,
    &tool_command_migrate_squash,
    &tool_command_migrate_embed,
    &tool_command_db_create,
    &tool_command_db_drop,
    &tool_command_db_reset,
    &tool_command_db_clone,
    &tool_command_doctor,
    &tool_command_pg_run,
    &tool_command_completion,
    NULL,
};
