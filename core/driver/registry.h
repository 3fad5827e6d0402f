/* SPDX-License-Identifier: MIT */
/* The drivers of this process: built-in ones and those loaded so far. */
#ifndef TENON_DRIVER_REGISTRY_H
#define TENON_DRIVER_REGISTRY_H

#include "driver/driver.h"

/* The driver for a scheme, loaded when it is wanted for the first time. Lives as long as the
 * process. TN_DRIVER: unknown, not installed, or refused: three different messages. Any thread. */
tn_status tn__registry_find(tn_str scheme, const tn__driver **ret, tn_error *err);

#endif
