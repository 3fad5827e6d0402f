/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), piece by piece or at once. No state but the struct. */
#ifndef TENON_BASE_SHA256_H
#define TENON_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/types.h>

typedef struct tn__sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
} tn__sha256;

enum { TN__SHA256_SIZE = 32, TN__SHA256_HEX = 65 };

void tn__sha256_init(tn__sha256 *sha);
void tn__sha256_add(tn__sha256 *sha, const void *ptr, size_t len);
void tn__sha256_end(tn__sha256 *sha, uint8_t ret[TN__SHA256_SIZE]);

/* 64 hexadecimal digits, lower case, and a NUL. */
void tn__sha256_end_hex(tn__sha256 *sha, char ret[TN__SHA256_HEX]);
void tn__sha256_hex(tn_str text, char ret[TN__SHA256_HEX]);

#endif
