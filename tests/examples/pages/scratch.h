/* SPDX-License-Identifier: MIT */
/* A PostgreSQL schema of this process's own, for tests that run on a server. */
#ifndef PAGES_SCRATCH_H
#define PAGES_SCRATCH_H

#include <stdbool.h>

/*
 * Makes a schema in the database of TENON_TEST_POSTGRES_URL and lets DATABASE_URL name it. Without
 * that variable there is nothing to test with: it says so and ends the process with 77, which CTest
 * takes as skipped. Ends it with 1 when the server does not do as told.
 */
void scratch_schema_open(void);

/* Drops the schema. true if that worked, and when there was none. */
bool scratch_schema_close(void);

/* Runs a program with the same environment. 0 if it ended well, 1 if not. */
int scratch_run(const char *program);

#endif
