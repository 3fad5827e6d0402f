/* SPDX-License-Identifier: MIT */
/* What can be seen of a client's work, written once against the API and run on each engine. */
#ifndef TENON_TEST_WATCHING_H
#define TENON_TEST_WATCHING_H

#include <stdbool.h>

#include <tenon/tenon.h>

#define WATCHING_TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define WATCHING_PARENT "00-" WATCHING_TRACE "-00f067aa0ba902b7-01"

/* A client with these settings, "name=value ..."; fails the test when it cannot be opened. */
tn_db *watching_open(const char *url, const char *settings);
void watching_close(tn_db *db);

/* Sends WATCHING_PARENT with each statement, or no longer. */
void watching_send_context(bool on);

/* The cases. */
void watching_events_come_in_pairs(const char *url);
void watching_a_context_changes_nothing_else(const char *url);
void watching_positions_stay(const char *url);
void watching_no_value_is_logged(const char *url);
void watching_figures_are_true(const char *url);

#endif
