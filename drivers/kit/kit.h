/* SPDX-License-Identifier: MIT */
/* What driver authors share: reading settings, filling errors. Linked into each driver, hidden. */
#ifndef TENON_DRIVERS_KIT_H
#define TENON_DRIVERS_KIT_H

#include <stdbool.h>

#include <tenon/driver.h>

/* The value of a claimed URL parameter; {NULL, 0} when it has none. */
tn_str kit_setting(const tn_source_config *config, const char *name);

/* kit_setting() as a number or boolean, with a refusal that names the parameter (TN_CONFIG). */
tn_status kit_setting_int(const tn_host *host, const tn_source_config *config, const char *name,
                          int64_t least, int64_t most, int64_t *ret, tn_error *err);
tn_status kit_setting_bool(const tn_host *host, const tn_source_config *config, const char *name,
                           bool *ret, tn_error *err);

/* Fills err by the host with a message of ours. sqlstate may be NULL. Returns the status. */
tn_status kit_fail(const tn_host *host, tn_error *err, tn_status status, tn_phase phase,
                   const char *sqlstate, const char *format, ...) TN_PRINTF(6, 7);
tn_status kit_nomem(const tn_host *host, tn_error *err, tn_phase phase);

/* The error for a wait that did not end in TN_WAIT_READY: TN_TIMEOUT or TN_CANCELLED with 57014, or
 * TN_LOST with errno. */
tn_status kit_wait_failed(const tn_host *host, tn_error *err, tn_phase phase,
                          tn_wait_result result);

/* tn_str of a C string that may be NULL. */
tn_str kit_str(const char *text);

#endif
