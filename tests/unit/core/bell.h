/* SPDX-License-Identifier: MIT */
/*
 * The mock driver with notifications: what a test rings, all connections hear that listen to it.
 * Any thread.
 */
#ifndef TENON_TESTS_UNIT_CORE_BELL_H
#define TENON_TESTS_UNIT_CORE_BELL_H

#include "support/mock_client.h"

/* Registers the scheme "bell", whose connections are those of m, a remote mock. */
void bell_register(mock *m);
void bell_reset(void);

/* Ring one channel. Returns how many connections heard it. */
unsigned bell_ring(const char *channel, const char *payload);
/* How many connections listen to it now. */
unsigned bell_listeners(const char *channel);
/* All connections that are open now are lost, behind what they have heard. */
void bell_cut(void);
/* From now on nothing is said on the connections that are open: signs of life do not come. */
void bell_mute(void);
/* Signs of life that were asked for so far; how often one waits now for a ring. */
unsigned bell_probes(void);
unsigned bell_waiting(void);
/* What the next listen() answers with, once; TN_OK: it goes well. */
void bell_refuse(tn_status status, const char *sqlstate);

#endif
