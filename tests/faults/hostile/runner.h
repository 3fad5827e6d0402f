/* SPDX-License-Identifier: MIT */
/* Runs one scenario in a client and a server of its own and judges what came of it. */
#ifndef TENON_FAULTS_HOSTILE_RUNNER_H
#define TENON_FAULTS_HOSTILE_RUNNER_H

#include "cases.h"

/* cmocka's test functions: *state is the hostile_case, the hostile_value. */
void hostile_run_case(void **state);
void hostile_run_value(void **state);

#endif
