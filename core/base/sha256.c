/* SPDX-License-Identifier: MIT */
/* After FIPS 180-4, sections 4.1.2, 4.2.2, 5 and 6.2; the names are the standard's. */
#include "base/sha256.h"

#include <string.h>

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The message schedule: the block's 16 words and 48 made of them. */
static void schedule(const uint8_t *block, uint32_t w[64])
{
    for (size_t t = 0; t < 16; t++)
        w[t] = big_endian(block + t * 4);
    for (size_t t = 16; t < 64; t++) {
        uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], v[8]; /* v: a to h */

    schedule(block, w);
    memcpy(v, state, sizeof(v));
    for (size_t t = 0; t < 64; t++) {
        uint32_t sum1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t t1 = v[7] + sum1 + choice + k[t] + w[t];
        uint32_t sum0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t1;
        v[0] = t1 + sum0 + majority;
    }
    for (size_t i = 0; i < 8; i++)
        state[i] += v[i];
}

void tn__sha256_init(tn__sha256 *sha)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    *sha = (tn__sha256){.length = 0};
    memcpy(sha->state, initial, sizeof(initial));
}

void tn__sha256_add(tn__sha256 *sha, const void *ptr, size_t len)
{
    const uint8_t *at = ptr;
    size_t used = (size_t)(sha->length % sizeof(sha->block));

    sha->length += len;
    while (len > 0) {
        size_t room = sizeof(sha->block) - used;
        size_t n = len < room ? len : room;
        memcpy(sha->block + used, at, n);
        at += n;
        len -= n;
        used += n;
        if (used == sizeof(sha->block)) {
            compress(sha->state, sha->block);
            used = 0;
        }
    }
}

void tn__sha256_end(tn__sha256 *sha, uint8_t ret[TN__SHA256_SIZE])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = sha->length * 8;
    size_t used = (size_t)(sha->length % 64);
    uint8_t length[8];

    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    tn__sha256_add(sha, padding, used < 56 ? 56 - used : 120 - used);
    tn__sha256_add(sha, length, sizeof(length));
    for (unsigned i = 0; i < TN__SHA256_SIZE; i++)
        ret[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

void tn__sha256_end_hex(tn__sha256 *sha, char ret[TN__SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t sum[TN__SHA256_SIZE];

    tn__sha256_end(sha, sum);
    for (size_t i = 0; i < TN__SHA256_SIZE; i++) {
        ret[i * 2] = digits[sum[i] >> 4];
        ret[i * 2 + 1] = digits[sum[i] & 15];
    }
    ret[TN__SHA256_HEX - 1] = '\0';
}

void tn__sha256_hex(tn_str text, char ret[TN__SHA256_HEX])
{
    tn__sha256 sha;

    tn__sha256_init(&sha);
    tn__sha256_add(&sha, text.ptr, text.len);
    tn__sha256_end_hex(&sha, ret);
}
