/* SPDX-License-Identifier: MIT */
/*
 * Where log lines go. Callers ask tn__log_wanted_in() first where making the arguments of a line
 * costs something; tn__log() itself formats nothing that is not wanted. The names of components are
 * those of component.h.
 */
#ifndef TENON_OBSERVE_LOG_H
#define TENON_OBSERVE_LOG_H

#include <stdbool.h>

#include <tenon/log.h>

/* Two relaxed loads at most; the first, of the level, says no for most lines. */
bool tn__log_wanted(tn_log_level level);
bool tn__log_wanted_in(tn_log_level level, const char *component);

/* Formats one line and sends it. Control characters are escaped, long lines cut at 2,000 bytes. */
void tn__log(tn_log_level level, const char *component, const char *format, ...) TN_PRINTF(3, 4);

/* The same with a text from outside, which is never a format. */
void tn__log_text(tn_log_level level, const char *component, tn_str text);

/* What a configuration asks for; what the application said by tn_log_set_level() and
 * tn_log_set_components() wins over it. Components with an unknown name change nothing: checking
 * the configuration reports them. */
void tn__log_configure(tn_log_level level, const char *components);

#endif
