/* SPDX-License-Identifier: MIT */
/* The suite on a driver by way of the fault wrapper without a rule: nothing may change. */
#ifndef TENON_CONFORMANCE_THROUGH_FAULT_H
#define TENON_CONFORMANCE_THROUGH_FAULT_H

#include "suite.h"

/* Wraps the driver of options->url and has the options name the wrapper: the URL, and the URLs in
 * the answers, which are otherwise those of the driver. What they point to lives as long as the
 * process. */
tn_status through_fault(suite_options *options, tn_error *err);

#endif
