/* SPDX-License-Identifier: MIT */
/* The configuration that a command works with: --url and --timeout over the environment over .env.
 */
#ifndef TENON_TOOLS_SETTINGS_H
#define TENON_TOOLS_SETTINGS_H

#include <tenon/tenon.h>

#include "tool.h"

/* With faults kept back, for commands that show them. NULL: the file cannot be read. */
tn_config *settings_read(const tool *t, tn_error *err);
/* A person waits, for one command: no retries of the first connect that nobody asked for, and no
 * more connections than it uses. */
tn_status settings_impatient(tn_config *config, tn_error *err);
/* Checked, and impatient. Warnings about the .env files are shown, unless -q. */
tn_config *settings_load(const tool *t, tn_error *err);

/* Sets a number; the name and the bounds are known to be right. */
tn_status settings_number(tn_config *config, const char *name, int64_t value, tn_error *err);

/* The setting of that name. false: there is none. */
bool settings_find(const tn_config *config, const char *name, tn_config_entry *ret);
/* "environment", ".env:3", "default", "--url". buf is returned. */
const char *settings_origin(const tn_config_entry *entry, char *buf, size_t size);

/* Where the library's log goes: the server's notices, warnings; with -v everything. */
void settings_log(const tool *t, const tn_config *config);

#endif
