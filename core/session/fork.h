/* SPDX-License-Identifier: MIT */
/* Telling a child of fork() from its parent without a system call: a count of forks. */
#ifndef TENON_SESSION_FORK_H
#define TENON_SESSION_FORK_H

/* Changes in the child each time this process is forked. Installs the handler on first use. */
unsigned tn__fork_generation(void);

#endif
