/* SPDX-License-Identifier: MIT */
/* A server that speaks PostgreSQL's protocol from a script: as a good one does, but for the moments
 * that the script takes over. Each connection is a thread. */
#ifndef TENON_FAULTS_HOSTILE_SERVER_H
#define TENON_FAULTS_HOSTILE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What is said at each moment (script.h). NULL: what a good server says. */
typedef struct hostile_script {
    const char *ssl;         /* in answer to SSLRequest; good: no */
    const char *startup;     /* to the start-up message; good: welcome */
    const char *later;       /* to the start-up message of all connections but the first */
    const char *password[3]; /* to the first, second and third answer of the client's that follow;
                                good: welcome */
    const char *probe;       /* to the question what stands here; good: a server, no numbers */
    const char *describe;    /* to Parse and Describe: one column, int4 */
    const char *execute;     /* to Bind and Execute: one row, 42 */
    const char *begin, *commit, *rollback;
    const char *query;    /* to any other simple query */
    unsigned connections; /* further ones are closed at once; 0: any number */
} hostile_script;

enum { HOSTILE_CONNECTIONS = 256 };

typedef struct hostile_server hostile_server;

struct hostile_peer {
    hostile_server *server;
    pthread_t thread;
    int fd;
    bool used, first;
};

struct hostile_server {
    const hostile_script *script;
    int listener, port;
    pthread_t thread;
    pthread_mutex_t lock;
    struct hostile_peer peers[HOSTILE_CONNECTIONS];
    unsigned accepted;
    bool stopping;
};

/* Ends the process when there is no port or thread to be had. The script is borrowed. */
void hostile_start(hostile_server *server, const hostile_script *script);
/* Cuts every connection and waits for every thread. */
void hostile_stop(hostile_server *server);
/* Connections that were accepted so far. */
unsigned hostile_accepted(hostile_server *server);

#endif
