/* SPDX-License-Identifier: MIT */
/* One definition a file, cmd_*.c. */
#ifndef TENON_TOOLS_COMMANDS_H
#define TENON_TOOLS_COMMANDS_H

#include "tool.h"

extern const tool_command tool_command_health;
extern const tool_command tool_command_sql;
extern const tool_command tool_command_sql_import;
extern const tool_command tool_command_sql_export;
extern const tool_command tool_command_env;
extern const tool_command tool_command_drivers_list;
extern const tool_command tool_command_drivers_inspect;
extern const tool_command tool_command_drivers_certify;
extern const tool_command tool_command_doctor;
extern const tool_command tool_command_db_create;
extern const tool_command tool_command_db_drop;
extern const tool_command tool_command_db_clone;
extern const tool_command tool_command_db_reset;
extern const tool_command tool_command_migrate_new;
extern const tool_command tool_command_migrate_deploy;
extern const tool_command tool_command_migrate_status;
extern const tool_command tool_command_migrate_down;
extern const tool_command tool_command_migrate_baseline;
extern const tool_command tool_command_migrate_repair;
extern const tool_command tool_command_migrate_embed;
extern const tool_command tool_command_migrate_dev;
extern const tool_command tool_command_migrate_squash;
extern const tool_command tool_command_migrate_verify;
extern const tool_command tool_command_migrate_plan;
extern const tool_command tool_command_migrate_lint;
extern const tool_command tool_command_pg_run;
extern const tool_command tool_command_completion;

#endif
