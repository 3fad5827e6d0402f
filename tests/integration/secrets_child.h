/* SPDX-License-Identifier: MIT */
#ifndef TENON_TEST_SECRETS_CHILD_H
#define TENON_TEST_SECRETS_CHILD_H

#define CHILD_DONE    "child: done"
#define CHILD_OPENED  "child: opened"
#define CHILD_REFUSED "child: refused"

/* Calls everything that reads DATABASE_URL or can fail because of it, and writes to standard output
 * whatever comes back, texts and the bytes of whole structs. */
int secrets_child(void);

/* The control: shows what it must not. */
int secrets_leak(void);

#endif
