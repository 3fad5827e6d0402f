/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4 */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "script.h"

enum {
    SSL_REQUEST = 80877103,
    GSS_REQUEST = 80877104,
    CANCEL_REQUEST = 80877102,
    MESSAGE_MAX = 1 << 20,
    NONCE_MAX = 128
};

typedef struct talk {
    hostile_player player;
    const hostile_script *script;
    char *message; /* the body of the last one, with a NUL behind it */
    uint32_t size;
    unsigned passwords;
    bool executing; /* since the last Sync */
    bool probing;   /* the driver's own question about the server */
    bool beginning; /* BEGIN came with it */
    bool in_transaction;
    bool first;
    char nonce[NONCE_MAX];
} talk;

static bool receive(int fd, void *data, size_t size)
{
    char *p = data;

    while (size) {
        ssize_t got = recv(fd, p, size, 0);
        if (got <= 0)
            return false;
        p += got;
        size -= (size_t)got;
    }
    return true;
}

/* Length and body. */
static bool receive_body(talk *t)
{
    uint32_t length;

    if (!receive(t->player.fd, &length, sizeof(length)))
        return false;
    length = ntohl(length);
    if (length < 4 || length > MESSAGE_MAX)
        return false;
    t->size = length - 4;
    free(t->message);
    t->message = malloc(t->size + 1);
    if (!t->message || !receive(t->player.fd, t->message, t->size))
        return false;
    t->message[t->size] = '\0';
    return true;
}

static bool say(talk *t, const char *script, const char *otherwise)
{
    return hostile_play(&t->player, script ? script : otherwise);
}

/* Until the start-up message, or the end. */
static bool meet(talk *t)
{
    uint32_t code;

    while (receive_body(t) && t->size >= sizeof(code)) {
        memcpy(&code, t->message, sizeof(code));
        code = ntohl(code);
        if (code == CANCEL_REQUEST)
            return false;
        if (code != SSL_REQUEST && code != GSS_REQUEST)
            return say(t, !t->first && t->script->later ? t->script->later : t->script->startup,
                       "welcome");
        if (!say(t, code == SSL_REQUEST ? t->script->ssl : NULL, "raw('N')"))
            return false;
    }
    return false;
}

/* "...,r=NONCE" of the client's first SCRAM message. */
static void take_nonce(talk *t)
{
    for (uint32_t i = 0; i + 2 < t->size && !t->nonce[0]; i++)
        if (memcmp(t->message + i, "r=", 2) == 0)
            snprintf(t->nonce, sizeof(t->nonce), "%.*s", NONCE_MAX - 1, t->message + i + 2);
}

static bool answer_password(talk *t)
{
    const char *script = NULL;

    take_nonce(t);
    if (t->passwords < sizeof(t->script->password) / sizeof(t->script->password[0]))
        script = t->script->password[t->passwords];
    t->passwords++;
    return say(t, script, "welcome");
}

static bool starts(const char *text, const char *word)
{
    return strncasecmp(text, word, strlen(word)) == 0;
}

static bool answer_query(talk *t)
{
    const char *sql = t->message;

    if (starts(sql, "begin")) {
        t->in_transaction = true;
        return say(t, t->script->begin, "begun ready-in");
    }
    if (starts(sql, "commit")) {
        t->in_transaction = false;
        return say(t, t->script->commit, "committed ready");
    }
    if (starts(sql, "rollback")) {
        t->in_transaction = false;
        return say(t, t->script->rollback, "rolled-back ready");
    }
    return say(t, t->script->query, "I() ready");
}

/* "statement", "text" */
static bool is_probe(const talk *t)
{
    size_t name = strlen(t->message);

    return name + 1 < t->size && strstr(t->message + name + 1, "pg_backend_pid()");
}

/* The session's number as in the cancel key, and that no transaction's number can be had. */
static const char probed[] = "bound T(2:3 'pid'0 4:0 2:0 4:23 2:4 4:-1 2:1"
                             " 'a'0 4:0 2:0 4:16 2:1 4:-1 2:1 'b'0 4:0 2:0 4:16 2:1 4:-1 2:1)"
                             " D(2:3 [4:4711] [00] [00]) selected ready";

/* "statement", "text" */
static bool is_begin(const talk *t)
{
    size_t name = strlen(t->message);

    return name + 1 < t->size && starts(t->message + name + 1, "begin");
}

/* BEGIN leaves with the first statement: one answer to both. */
static bool answer_begin(talk *t)
{
    char script[256];

    t->in_transaction = true;
    if (t->script->begin)
        snprintf(script, sizeof(script), "parsed bound %s", t->script->begin);
    else
        snprintf(script, sizeof(script), "parsed bound begun parsed %s",
                 t->script->execute ? t->script->execute : "bound binary row selected ready-in");
    return say(t, script, NULL);
}

static bool answer_sync(talk *t)
{
    const char *end = t->in_transaction ? " ready-in" : " ready";
    char script[256];

    if (t->executing && t->beginning)
        return answer_begin(t);
    if (t->executing && t->probing)
        return say(t, t->script->probe, probed);
    if (t->executing && t->script->execute)
        return say(t, t->script->execute, NULL);
    if (!t->executing && t->script->describe)
        return say(t, t->script->describe, NULL);
    snprintf(script, sizeof(script), "%s%s",
             t->executing ? "bound binary row selected" : "parsed no-parameters column", end);
    return say(t, script, NULL);
}

static bool answer(talk *t, char type)
{
    bool go_on = true;

    switch (type) {
    case 'p': return answer_password(t);
    case 'Q': return answer_query(t);
    case 'P':
        t->probing = is_probe(t);
        t->beginning = t->beginning || is_begin(t);
        break;
    case 'B': t->executing = true; break;
    case 'S':
        go_on = answer_sync(t);
        t->executing = t->probing = t->beginning = false;
        break;
    case 'X': return false;
    default: break; /* Parse, Describe, Execute, Close, Flush: answered at Sync */
    }
    return go_on;
}

static void *serve(void *arg)
{
    struct hostile_peer *peer = arg;
    talk t = {.player = {.fd = peer->fd}, .script = peer->server->script};
    char type;

    t.player.nonce = t.nonce;
    t.first = peer->first;
    bool go_on = meet(&t);
    while (go_on && receive(peer->fd, &type, 1) && receive_body(&t))
        go_on = answer(&t, type);
    free(t.message);
    /* Under the lock: hostile_stop() must not shut down a number that is another's by now. */
    pthread_mutex_lock(&peer->server->lock);
    close(peer->fd);
    peer->fd = -1;
    pthread_mutex_unlock(&peer->server->lock);
    return NULL;
}

static void take_in(hostile_server *server, int fd)
{
    static const int on = 1;

    pthread_mutex_lock(&server->lock);
    unsigned n = server->accepted;
    bool welcome = !server->stopping && n < HOSTILE_CONNECTIONS &&
                   (!server->script->connections || n < server->script->connections);
    server->accepted += n < HOSTILE_CONNECTIONS ? 1 : 0;
    if (welcome) {
        struct hostile_peer *peer = &server->peers[n];
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        *peer = (struct hostile_peer){.server = server, .fd = fd, .first = n == 0};
        peer->used = pthread_create(&peer->thread, NULL, serve, peer) == 0;
        welcome = peer->used;
    }
    pthread_mutex_unlock(&server->lock);
    if (!welcome)
        close(fd);
}

static void *accept_all(void *arg)
{
    hostile_server *server = arg;
    int fd;

    while ((fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        take_in(server, fd);
    return NULL;
}

void hostile_start(hostile_server *server, const hostile_script *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);

    *server = (hostile_server){.script = script, .lock = PTHREAD_MUTEX_INITIALIZER};
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(server->listener, 64) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&server->thread, NULL, accept_all, server) != 0) {
        perror("hostile server");
        exit(EXIT_FAILURE);
    }
    server->port = ntohs(address.sin_port);
}

void hostile_stop(hostile_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (unsigned i = 0; i < HOSTILE_CONNECTIONS; i++)
        if (server->peers[i].used && server->peers[i].fd >= 0)
            shutdown(server->peers[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (unsigned i = 0; i < HOSTILE_CONNECTIONS; i++)
        if (server->peers[i].used)
            pthread_join(server->peers[i].thread, NULL);
    pthread_mutex_destroy(&server->lock);
}

unsigned hostile_accepted(hostile_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned accepted = server->accepted;
    pthread_mutex_unlock(&server->lock);
    return accepted;
}
