/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem, pipe2 */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int on_loopback(int port, struct sockaddr_in *address)
{
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        perror("relay");
        exit(EXIT_FAILURE);
    }
    return fd;
}

static void end_pair(relay *r, int i, bool abruptly)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    if (abruptly)
        setsockopt(r->client[i], SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    close(r->client[i]);
    close(r->server[i]);
    r->client[i] = r->server[i] = -1;
    r->doomed[i] = false;
}

static void take_client(relay *r)
{
    struct sockaddr_in address;
    int client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = on_loopback(r->target, &address);

    for (int i = 0; client >= 0 && i < RELAY_PAIRS; i++) {
        if (r->client[i] >= 0)
            continue;
        if (connect(server, (struct sockaddr *)&address, sizeof(address)) != 0)
            break;
        r->client[i] = client;
        r->server[i] = server;
        return;
    }
    if (client >= 0)
        close(client);
    close(server);
}

static void pass(int fd, const char *bytes, size_t count)
{
    while (count) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        count -= (size_t)sent;
    }
}

static void from_client(relay *r, int i)
{
    char bytes[65536];
    ssize_t got = recv(r->client[i], bytes, sizeof(bytes), 0);

    if (got <= 0) {
        end_pair(r, i, false);
        return;
    }
    bool waits = !r->happened && (r->fault == RELAY_SWALLOW || r->fault == RELAY_WITHHOLD);
    bool hit = waits && memmem(bytes, (size_t)got, r->text, strlen(r->text));
    if (hit) {
        r->happened = true;
        r->doomed[i] = r->fault == RELAY_SWALLOW;
    }
    if (hit && r->fault == RELAY_WITHHOLD)
        end_pair(r, i, true);
    else
        pass(r->server[i], bytes, (size_t)got);
}

static void from_server(relay *r, int i)
{
    char bytes[65536];
    ssize_t got = recv(r->server[i], bytes, sizeof(bytes), 0);

    if (got <= 0 || r->doomed[i]) {
        end_pair(r, i, r->doomed[i]);
        return;
    }
    size_t count = (size_t)got;
    bool here = !r->happened && (r->fault == RELAY_CUT || r->fault == RELAY_FLIP);
    if (!here || r->at >= count) {
        pass(r->client[i], bytes, count);
        r->at -= here ? count : 0;
        return;
    }
    r->happened = true;
    if (r->fault == RELAY_FLIP)
        bytes[r->at] = (char)~bytes[r->at];
    else
        count = r->at;
    pass(r->client[i], bytes, count);
    if (r->fault == RELAY_CUT)
        end_pair(r, i, false);
}

static void *run(void *arg)
{
    relay *r = arg;
    struct pollfd fds[2 + 2 * RELAY_PAIRS];

    for (;;) {
        fds[0] = (struct pollfd){.fd = r->wake[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = r->listener, .events = POLLIN};
        for (int i = 0; i < RELAY_PAIRS; i++) {
            fds[2 + 2 * i] = (struct pollfd){.fd = r->client[i], .events = POLLIN};
            fds[3 + 2 * i] = (struct pollfd){.fd = r->server[i], .events = POLLIN};
        }
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[0].revents)
            return NULL;
        pthread_mutex_lock(&r->lock);
        if (fds[1].revents)
            take_client(r);
        for (int i = 0; i < RELAY_PAIRS; i++) {
            if (fds[2 + 2 * i].revents && fds[2 + 2 * i].fd == r->client[i])
                from_client(r, i);
            if (fds[3 + 2 * i].revents && fds[3 + 2 * i].fd == r->server[i])
                from_server(r, i);
        }
        pthread_mutex_unlock(&r->lock);
    }
}

void relay_start(relay *r, int target)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    *r = (relay){.target = target};
    for (int i = 0; i < RELAY_PAIRS; i++)
        r->client[i] = r->server[i] = -1;
    r->listener = on_loopback(0, &address);
    if (bind(r->listener, (struct sockaddr *)&address, size) != 0 || listen(r->listener, 16) != 0 ||
        getsockname(r->listener, (struct sockaddr *)&address, &size) != 0 ||
        pipe2(r->wake, O_CLOEXEC) != 0 || pthread_mutex_init(&r->lock, NULL) != 0 ||
        pthread_create(&r->thread, NULL, run, r) != 0) {
        perror("relay");
        exit(EXIT_FAILURE);
    }
    r->port = ntohs(address.sin_port);
}

void relay_stop(relay *r)
{
    close(r->wake[1]);
    pthread_join(r->thread, NULL);
    for (int i = 0; i < RELAY_PAIRS; i++)
        if (r->client[i] >= 0)
            end_pair(r, i, false);
    close(r->listener);
    close(r->wake[0]);
    pthread_mutex_destroy(&r->lock);
}

void relay_set(relay *r, relay_fault fault, size_t at, const char *text)
{
    pthread_mutex_lock(&r->lock);
    r->fault = fault;
    r->at = at;
    r->text = text;
    r->happened = false;
    pthread_mutex_unlock(&r->lock);
}

bool relay_happened(relay *r)
{
    pthread_mutex_lock(&r->lock);
    bool happened = r->happened;
    pthread_mutex_unlock(&r->lock);
    return happened;
}
