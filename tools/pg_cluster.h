/* SPDX-License-Identifier: MIT */
/*
 * An ephemeral PostgreSQL server: a cluster in a private directory, reached by a Unix socket in it,
 * gone without a trace when it is stopped or when this process dies, however it dies.
 *
 * A supervisor, a child in a session of its own, owns the server and the directory. It holds the
 * other end of a pipe: when that closes, on purpose or by our death, it stops the server and
 * removes the directory. Should the supervisor be killed, the kernel stops the server.
 */
#ifndef TENON_TOOLS_PG_CLUSTER_H
#define TENON_TOOLS_PG_CLUSTER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PG_SUPERUSER "postgres"
#define PG_DATABASE  "tenon"

/* Why something did not work. */
typedef struct pg_failure {
    int exit; /* what the command should exit with */
    char message[512];
    char hint[512];
} pg_failure;

/* The programs of one PostgreSQL installation. */
typedef struct pg_programs {
    char initdb[PATH_MAX];
    char postgres[PATH_MAX];
} pg_programs;

/* bindir: where to look, or NULL for PATH, pg_config and the usual directories, newest first. */
bool pg_programs_find(const char *bindir, pg_programs *ret, pg_failure *failure);

/* Who runs the server: the caller, or an unprivileged user where the caller is root. */
typedef struct pg_owner {
    bool change; /* false: stay who we are */
    uid_t uid;
    gid_t gid;
    char name[64];
} pg_owner;

bool pg_owner_find(pg_owner *ret, pg_failure *failure);
/* In a child: gives up root for good. false with errno. */
bool pg_owner_become(const pg_owner *owner);

/* A directory of 0700 that the owner can reach, with a path short enough for sockets. */
bool pg_directory_make(const pg_owner *owner, char *ret, size_t size, pg_failure *failure);
/* Removes it with all that is in it; what was already gone is fine. */
bool pg_directory_remove(const char *directory);

typedef struct pg_options {
    const char *bindir;          /* NULL: searched for */
    const char *log_file;        /* NULL: in the directory */
    const char *password;        /* NULL: the socket is trusted */
    const char *const *settings; /* name=value */
    size_t n_settings;
    int signals; /* a descriptor: readable when the start is to be given up */
    void (*progress)(const char *what, int seconds); /* now and then while it takes; NULL: never */
} pg_options;

typedef struct pg_cluster {
    char directory[100]; /* "" : there is none */
    char port[8];
    pid_t supervisor;
    int control; /* closing it stops the server */
    int status;  /* what the supervisor says; readable when the server ended by itself */
    int log;     /* the server's log, open for reading */
} pg_cluster;

#define PG_CLUSTER_INIT                                          \
    {                                                            \
        .supervisor = -1, .control = -1, .status = -1, .log = -1 \
    }

/* Starts one and creates the database. On failure nothing is left but the log (see below). */
bool pg_cluster_start(const pg_options *options, pg_cluster *ret, pg_failure *failure);
/* Stops the server, waits until it and its children are gone, removes the directory. Safe on one
 * that never started. */
void pg_cluster_stop(pg_cluster *cluster);
/* Shows the last lines of the log on standard error. Also after a failed start and after stop. */
void pg_cluster_show_log(const pg_cluster *cluster);
void pg_cluster_close_log(pg_cluster *cluster);

/* The supervisor's life, in the child; never returns. */
typedef struct pg_server_task {
    pg_programs programs;
    pg_owner owner;
    const char *directory;
    const char *password;
    const char *const *settings;
    size_t n_settings;
    int control;
    int status;
    int log;
} pg_server_task;
_Noreturn void pg_server_supervise(const pg_server_task *task);

/* What the supervisor writes into its status pipe. */
#define PG_SAYS_INITDB   'i'
#define PG_SAYS_STARTING 's'
#define PG_SAYS_READY    'R'
#define PG_SAYS_FAILED   'E' /* the message follows up to the end */
#define PG_SAYS_ENDED    'X' /* the server ended by itself */

#endif
