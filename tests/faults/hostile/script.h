/* SPDX-License-Identifier: MIT */
/*
 * What a hostile server says, written as text. Tokens with blanks between:
 *
 *   X(ITEMS)      a message of type X with a right length
 *   X@-1(ITEMS)   its length is one less than it should be; @+1 one more; @=5 is 5
 *   raw(ITEMS)    bytes without a message round them
 *   WORD          one of the messages that a good server sends, by name (see script.c)
 *   drip          from here on one byte at a time
 *   mute          say nothing more, until the client goes away
 *   close reset   end the connection: FIN, RST
 *   forever       what follows, again and again until the client goes away
 *                 (or many seconds have passed: then the test fails)
 *
 * Items:  'text'  'text'0 (with a NUL)  1:5 2:-1 4:42 8:7 (integers of so many bytes)
 *         00ff80 (hexadecimal)  *1000:41 (a byte so many times)
 *         [ITEMS] (four bytes of their length, and they)
 * In a text $N stands for the nonce that the client sent, "" if it sent none.
 */
#ifndef TENON_FAULTS_HOSTILE_SCRIPT_H
#define TENON_FAULTS_HOSTILE_SCRIPT_H

#include <stdbool.h>

typedef struct hostile_player {
    int fd;
    const char *nonce;
    bool drip; /* kept from one script to the next */
} hostile_player;

/* Plays a script; false when the connection is over. A script that cannot be read ends the process:
 * it is a fault of the test. */
bool hostile_play(hostile_player *player, const char *script);

#endif
