/* SPDX-License-Identifier: MIT */
/* From a configuration to how a client is watched. */
#ifndef TENON_CONFIG_OBSERVE_H
#define TENON_CONFIG_OBSERVE_H

#include <tenon/config.h>

#include "observe/settings.h"

/* Level and components of the process's log. */
void tn__observe_log(const tn_config *config);

/* Fills a client's settings, also while others read them. The client's name is that of the first
 * call: the application's, else url, which is redacted. */
void tn__observe_configure(tn__observe_settings *settings, const tn_config *config,
                           const char *url);

#endif
