/* SPDX-License-Identifier: MIT */
/* The library's side of tn_config: typed access by option, and the wait hook. */
#ifndef TENON_CONFIG_CONFIG_H
#define TENON_CONFIG_CONFIG_H

#include <tenon/config.h>
#include <tenon/log.h>
#include <tenon/wait.h>

#include "config/options.h"

/* The value in force (set, environment, file, default), not redacted; NULL: none. For TN__OPT_URL
 * the contents of the secret file are in, when that is where the URL comes from. */
const char *tn__config_text(const tn_config *config, tn__option_id id);
/* Of an integer or boolean option that was checked. */
int64_t tn__config_number(const tn_config *config, tn__option_id id);
/* The level that DB_LOG_LEVEL, else APP_ENV asks for. */
tn_log_level tn__config_log_level(const tn_config *config);
/* NULL when the application gave none. */
tn_wait_fn *tn__config_wait(const tn_config *config, void **ret_arg);

#endif
