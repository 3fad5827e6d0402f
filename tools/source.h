/* SPDX-License-Identifier: MIT */
/*
 * A file or standard input, read through one buffer that holds whole records: what was not used up
 * moves to the front, and a record that is larger makes it grow, up to a limit.
 */
#ifndef TENON_TOOLS_SOURCE_H
#define TENON_TOOLS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum source_status {
    SOURCE_OK = 0,
    SOURCE_END,
    SOURCE_FAILED, /* errno */
    SOURCE_WRONG   /* the text is not what it should be */
} source_status;

enum { SOURCE_RECORD_MAX = 1 << 30 };

typedef struct source {
    int fd;
    char *buf;
    size_t from, to, size; /* what is there and not used up */
    uint64_t taken;        /* bytes read from fd */
    uint64_t whole;        /* bytes that there are; 0: not known */
    bool ended;            /* all was read */
} source;

/* path "-": standard input. false: errno. */
bool source_open(source *s, const char *path);
/* From the beginning again; false: it cannot be, a pipe. */
bool source_rewind(source *s);
void source_close(source *s);
/* Reads more behind what is there. SOURCE_END: there is no more. SOURCE_FAILED with EFBIG: one
 * record is larger than SOURCE_RECORD_MAX. The buffer may move. */
source_status source_more(source *s);
/* Reads until so many bytes are there, or all. false: errno. */
bool source_fill(source *s, size_t least);
/* At the beginning: passes over the mark that some put before UTF-8. false: errno. */
bool source_skip_mark(source *s);

#endif
