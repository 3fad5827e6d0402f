/* SPDX-License-Identifier: MIT */
/* A bar for long work: how much, how fast, how long still. On a terminal only, ten times a second.
 */
#ifndef TENON_TOOLS_PROGRESS_H
#define TENON_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    const char *what;
    uint64_t whole; /* bytes; 0: not known */
    int64_t begun_ns, drawn_ns;
    bool wanted;
} progress;

void progress_begin(progress *p, const char *what, uint64_t whole, bool quiet);
/* Cheap where there is no terminal. */
void progress_at(progress *p, uint64_t bytes, uint64_t rows);
/* Takes the bar away. Returns the seconds since it was begun. */
double progress_end(progress *p);

/* Pure: the line as it is shown, at most size bytes. */
void progress_line(const progress *p, uint64_t bytes, uint64_t rows, double seconds, char *buf,
                   int size);

#endif
