/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C while a statement runs: the statement is cancelled on the server and the command exits
 * with 130. The handler only writes a byte; a thread of its own does the rest. A second one, and
 * one before anything runs, ends the process at once.
 */
#ifndef TENON_TOOLS_INTERRUPT_H
#define TENON_TOOLS_INTERRUPT_H

#include <stdbool.h>

#include <tenon/db.h>

/* From now on SIGINT cancels what runs on this session. false: as before, with errno. */
bool interrupt_begin(tn_db *session);
/* There was one. */
bool interrupt_seen(void);
void interrupt_end(void);

#endif
