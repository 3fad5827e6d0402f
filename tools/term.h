/* SPDX-License-Identifier: MIT */
/*
 * What is known of the terminal: colour, progress, the width of text. Nothing of it goes into a
 * pipe. NO_COLOR, TERM=dumb and CI are respected.
 */
#ifndef TENON_TOOLS_TERM_H
#define TENON_TOOLS_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum term_style {
    TERM_PLAIN = 0,
    TERM_BOLD,
    TERM_DIM,
    TERM_GOOD,
    TERM_WARN,
    TERM_BAD
} term_style;

/* Looks at the environment and the three standard streams, once. */
void term_init(void);
/* --no-color */
void term_no_color(void);

/* The sequence that begins a style on this stream, TERM_PLAIN ends it; "" without colour. */
const char *term(FILE *stream, term_style style);

/* Standard output is a terminal: nothing that could steer it may be written raw. */
bool term_output(void);
/* Standard error is a terminal whose lines may be redrawn. */
bool term_progress(void);

/* Draws a line of progress over the last one; NULL takes it away. seconds below 0 are not shown.
 * Does nothing without a terminal. */
void term_show_progress(const char *what, int seconds);
/* The same with the whole line. */
void term_show_line(const char *line);

/* The columns that text takes: wide characters two, combining ones none. */
size_t term_width(const char *text, size_t len);

/* The next character of UTF-8: its code point, or 0xFFFD for a byte that is none. *at moves on. */
unsigned term_decode(const char **at, const char *end);

/*
 * Copies text so that it cannot steer a terminal: control characters become \n, \t, \xNN or \u0085.
 * Returns the length of the whole, writes at most size bytes with the NUL.
 */
size_t term_escape(const char *text, size_t len, char *buf, size_t size);

#endif
