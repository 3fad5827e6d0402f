/* SPDX-License-Identifier: MIT */
/* Where log lines go. Callers ask tn__log_wanted() first, so that nothing is formatted in vain. */
#ifndef TENON_OBSERVE_LOG_H
#define TENON_OBSERVE_LOG_H

#include <stdbool.h>

#include <tenon/log.h>

bool tn__log_wanted(tn_log_level level);

/* Formats one line and sends it. Control characters are escaped, long lines cut at 2,000 bytes. */
void tn__log(tn_log_level level, const char *component, const char *format, ...) TN_PRINTF(3, 4);

/* The same with a text from outside, which is never a format. */
void tn__log_text(tn_log_level level, const char *component, tn_str text);

/* The level that a configuration asks for; tn_log_set_level() of the application wins over it. */
void tn__log_configure(tn_log_level level);

#endif
