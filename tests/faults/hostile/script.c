/* SPDX-License-Identifier: MIT */
#include "script.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What goes on for so long has not been ended by the client's deadline. */
enum { FLOOD_S = 12 };

typedef struct bytes {
    unsigned char *data;
    size_t size, room;
} bytes;

/* What a good server says. */
static const struct word {
    const char *name, *script;
} words[] = {
    {"auth-ok", "R(4:0)"},
    {"ask-md5", "R(4:5 01020304)"},
    {"ask-scram", "R(4:10 'SCRAM-SHA-256'0 00)"},
    {"parameters",
     "S('server_version'0 '15.0'0) S('client_encoding'0 'UTF8'0) S('DateStyle'0 'ISO, MDY'0)"
     " S('IntervalStyle'0 'postgres'0) S('integer_datetimes'0 'on'0)"
     " S('standard_conforming_strings'0 'on'0)"},
    {"key", "K(4:4711 4:815)"},
    {"ready", "Z('I')"},
    {"ready-in", "Z('T')"},
    {"ready-failed", "Z('E')"},
    {"welcome", "auth-ok parameters key ready"},
    {"parsed", "1()"},
    {"bound", "2()"},
    {"no-parameters", "t(2:0)"},
    {"no-columns", "n()"},
    {"column", "T(2:1 'n'0 4:0 2:0 4:23 2:4 4:-1 2:0)"}, /* int4, as it is described */
    {"binary", "T(2:1 'n'0 4:0 2:0 4:23 2:4 4:-1 2:1)"}, /* and as it comes */
    {"row", "D(2:1 4:4 4:42)"},
    {"selected", "C('SELECT 1'0)"},
    {"begun", "C('BEGIN'0)"},
    {"committed", "C('COMMIT'0)"},
    {"rolled-back", "C('ROLLBACK'0)"},
};

_Noreturn static void bad_script(const char *at, const char *why)
{
    fprintf(stderr, "hostile script: %s at: %.60s\n", why, at);
    exit(EXIT_FAILURE);
}

static void put(bytes *b, const void *data, size_t size)
{
    if (!size)
        return;
    if (b->size + size > b->room) {
        b->room = (b->size + size) * 2 + 64;
        b->data = realloc(b->data, b->room);
        if (!b->data)
            bad_script("", "out of memory");
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_integer(bytes *b, unsigned width, int64_t value)
{
    unsigned char big[8];

    for (unsigned i = 0; i < width; i++)
        big[i] = (unsigned char)((uint64_t)value >> 8 * (width - 1 - i));
    put(b, big, width);
}

/* ---- items ---------------------------------------------------------------------------------- */

static const char *put_text(bytes *b, const char *p, const char *nonce)
{
    for (p++; *p && *p != '\''; p++) {
        if (p[0] == '$' && p[1] == 'N') {
            put(b, nonce, strlen(nonce));
            p++;
        } else {
            put(b, p, 1);
        }
    }
    if (!*p)
        bad_script(p, "a text without an end");
    p++;
    if (*p == '0') {
        put(b, "", 1);
        p++;
    }
    return p;
}

static unsigned nibble(const char *p)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = *p ? strchr(digits, *p) : NULL;

    if (!found)
        bad_script(p, "a hexadecimal digit is missing");
    return (unsigned)(found - digits);
}

static unsigned char hex_byte(const char *p)
{
    unsigned high = nibble(p);

    return (unsigned char)(high << 4 | nibble(p + 1));
}

static const char *put_repeated(bytes *b, const char *p)
{
    char *end;
    unsigned long count = strtoul(p + 1, &end, 10);

    if (*end != ':')
        bad_script(p, "a colon is missing");
    unsigned char byte = hex_byte(end + 1);
    for (unsigned long i = 0; i < count; i++)
        put(b, &byte, 1);
    return end + 3;
}

static const char *put_items(bytes *b, const char *p, char bracket, const char *nonce);

/* [ITEMS]: with their length before them. */
static const char *put_group(bytes *b, const char *p, const char *nonce)
{
    bytes group = {0};

    p = put_items(&group, p + 1, ']', nonce);
    put_integer(b, 4, (int64_t)group.size);
    put(b, group.data, group.size);
    free(group.data);
    return p;
}

/* Returns what stands behind the closing bracket. */
static const char *put_items(bytes *b, const char *p, char bracket, const char *nonce)
{
    while (*p != bracket) {
        char *end = NULL;
        if (*p == ' ') {
            p++;
        } else if (*p == '[') {
            p = put_group(b, p, nonce);
        } else if (*p == '\'') {
            p = put_text(b, p, nonce);
        } else if (*p == '*') {
            p = put_repeated(b, p);
        } else if (p[0] >= '1' && p[0] <= '8' && p[1] == ':') {
            put_integer(b, (unsigned)(*p - '0'), strtoll(p + 2, &end, 10));
            p = end;
        } else {
            unsigned char byte = hex_byte(p);
            put(b, &byte, 1);
            p += 2;
        }
    }
    return p + 1;
}

static int64_t told_length(const char **p, int64_t true_length)
{
    char *end;
    const char *at = *p;

    if (*at != '@')
        return true_length;
    bool absolute = at[1] == '=';
    int64_t number = strtoll(at + (absolute ? 2 : 1), &end, 10);
    *p = end;
    return absolute ? number : true_length + number;
}

/* X[@LENGTH](ITEMS) or raw(ITEMS) */
static const char *put_message(bytes *out, const char *p, const char *nonce)
{
    bytes body = {0};
    bool raw = strncmp(p, "raw(", 4) == 0;
    char type = *p;

    p += raw ? 3 : 1;
    const char *spec = p;
    (void)told_length(&p, 0);
    if (*p != '(')
        bad_script(p, "a bracket is missing");
    p = put_items(&body, p + 1, ')', nonce);
    if (!raw) {
        put(out, &type, 1);
        put_integer(out, 4, told_length(&spec, (int64_t)body.size + 4));
    }
    put(out, body.data, body.size);
    free(body.data);
    return p;
}

/* ---- sending -------------------------------------------------------------------------------- */

static bool send_all(int fd, const unsigned char *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool flush(hostile_player *player, bytes *out)
{
    static const struct timespec pause = {.tv_nsec = 20000};
    bool good = true;

    if (!player->drip)
        good = send_all(player->fd, out->data, out->size);
    for (size_t i = 0; player->drip && good && i < out->size; i++) {
        good = send_all(player->fd, out->data + i, 1);
        nanosleep(&pause, NULL);
    }
    out->size = 0;
    return good;
}

static void stay_mute(int fd)
{
    char scrap[4096];

    while (recv(fd, scrap, sizeof(scrap), 0) > 0)
        continue;
}

static void reset_connection(int fd)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static const struct word *find_word(const char *p, size_t length)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i].name) == length && strncmp(words[i].name, p, length) == 0)
            return &words[i];
    return NULL;
}

static void put_script(bytes *out, const char *p, const char *nonce);

static void put_word(bytes *out, const char *p, size_t length, const char *nonce)
{
    const struct word *word = find_word(p, length);

    if (!word)
        bad_script(p, "an unknown word");
    put_script(out, word->script, nonce);
}

static size_t word_length(const char *p)
{
    return strcspn(p, " (@");
}

static bool is_message(const char *p, size_t length)
{
    return p[length] == '(' || p[length] == '@';
}

/* Messages and words only. */
static void put_script(bytes *out, const char *p, const char *nonce)
{
    while (*p) {
        size_t length = word_length(p);
        if (*p == ' ') {
            p++;
        } else if (is_message(p, length)) {
            p = put_message(out, p, nonce);
        } else {
            put_word(out, p, length, nonce);
            p += length;
        }
    }
}

static bool is(const char *p, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(p, word, length) == 0;
}

static void repeat(hostile_player *player, const char *p)
{
    bytes out = {0};

    /* Some kilobytes at a time: a flood is no flood when it comes in single sends. */
    while (out.size < 16384)
        put_script(&out, p, player->nonce);
    for (time_t end = time(NULL) + FLOOD_S; time(NULL) < end;)
        if (!send_all(player->fd, out.data, out.size))
            break;
    free(out.data);
}

/* Commands that end a connection: true when it was one. */
static bool obey(hostile_player *player, bytes *out, const char *p, size_t length)
{
    if (is(p, length, "mute")) {
        if (flush(player, out))
            stay_mute(player->fd);
    } else if (is(p, length, "close")) {
        (void)flush(player, out);
    } else if (is(p, length, "reset")) {
        (void)flush(player, out);
        reset_connection(player->fd);
    } else if (is(p, length, "forever")) {
        if (flush(player, out))
            repeat(player, p + length);
    } else {
        return false;
    }
    return true;
}

bool hostile_play(hostile_player *player, const char *p)
{
    bytes out = {0};
    bool open = true;

    while (open && *p) {
        size_t length = word_length(p);
        if (*p == ' ') {
            p++;
        } else if (is_message(p, length)) {
            p = put_message(&out, p, player->nonce);
        } else if (is(p, length, "drip")) {
            open = flush(player, &out);
            player->drip = true;
            p += length;
        } else if (obey(player, &out, p, length)) {
            open = false;
        } else {
            put_word(&out, p, length, player->nonce);
            p += length;
        }
    }
    if (open)
        open = flush(player, &out);
    free(out.data);
    return open;
}
