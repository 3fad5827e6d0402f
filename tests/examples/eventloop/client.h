/* SPDX-License-Identifier: MIT */
/* A client whose calls wait on a loop. */
#ifndef EVENTLOOP_CLIENT_H
#define EVENTLOOP_CLIENT_H

#include <tenon/tenon.h>

#include "loop.h"

/* tn_open() with the process's configuration and at most so many connections ("50"). On a fiber
 * connecting lets the others run, too. Closed before the loop is freed. */
tn_db *client_open(struct loop *loop, const char *connections, tn_error *err);

/* Do its statements wait for a server? Those of an embedded database work on this very thread. */
bool client_waits(const tn_db *db);

#endif
