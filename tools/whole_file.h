/* SPDX-License-Identifier: MIT */
/*
 * A file that is there when it is whole: it is written beside its place, under another name, and
 * takes the place when everything is in it. Until then an older file of that name stays, and it
 * does so after every failure. One at a time in a process, of the main thread.
 *
 * Symbolic links are followed: the file that they lead to is replaced. An old file gives the new
 * one its mode, and its owner and group where that is permitted; hard links and access control
 * lists are not kept. What is no regular file (a device, a FIFO, /dev/fd/3) is written into.
 */
#ifndef TENON_TOOLS_WHOLE_FILE_H
#define TENON_TOOLS_WHOLE_FILE_H

#include <limits.h>
#include <stdbool.h>

typedef struct whole_file {
    int fd;                /* to write to; -1: none */
    bool straight;         /* there is no file beside */
    char place[PATH_MAX];  /* behind the links */
    char beside[PATH_MAX]; /* the name until it is whole */
} whole_file;

/* false: errno, and there is nothing to drop. An old file must be one that may be written. Until
 * the end, SIGINT, SIGTERM and SIGHUP take the file beside away before they end the process, where
 * nobody else handles them; a file that is larger than the limit is an error, not a signal. */
bool whole_file_open(whole_file *f, const char *path);
/* Everything is in it: it takes its place. false: errno, and it is gone. */
bool whole_file_keep(whole_file *f);
/* It is gone. Does nothing when there is none, and keeps errno. */
void whole_file_drop(whole_file *f);
/* For a signal's handler that ends the process: the file beside is gone. */
void whole_file_abandon(void);

/* A text as a whole file. false: errno. */
bool whole_file_put(const char *path, const char *text);

#endif
