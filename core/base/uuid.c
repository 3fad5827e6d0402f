/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <tenon/types.h>

#include "base/str.h"

/* As PostgreSQL reads it: a hyphen may stand behind each group of four digits. */
bool tn_uuid_parse(tn_str text, tn_uuid *ret)
{
    tn_str s = tn__str_trim(text);
    tn_uuid uuid;
    size_t at = 0;

    if (s.len >= 2 && s.ptr[0] == '{') {
        if (s.ptr[s.len - 1] != '}')
            return false;
        s = tn__str(s.ptr + 1, s.len - 2);
    }
    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        int high, low;

        if (i && i % 2 == 0 && at < s.len && s.ptr[at] == '-')
            at++;
        if (s.len - at < 2)
            return false;
        high = tn__hex_digit(s.ptr[at]);
        low = tn__hex_digit(s.ptr[at + 1]);
        if (high < 0 || low < 0)
            return false;
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    if (at != s.len)
        return false;
    *ret = uuid;
    return true;
}

char *tn_uuid_format(tn_uuid uuid, char *buf)
{
    static const char hex[] = "0123456789abcdef";
    char *at = buf;

    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[uuid.bytes[i] >> 4];
        *at++ = hex[uuid.bytes[i] & 15];
    }
    *at = '\0';
    return buf;
}

tn_uuid tn_uuid_random(void)
{
    tn_uuid uuid;
    size_t have = 0;

    while (have < sizeof(uuid.bytes)) {
        ssize_t got = getrandom(uuid.bytes + have, sizeof(uuid.bytes) - have, 0);
        if (got > 0)
            have += (size_t)got;
        else if (errno != EINTR)
            /* A kernel that refuses: the nil uuid, which the second insert finds out, rather than
             * one that can be guessed, which nobody would. */
            return (tn_uuid){{0}};
    }
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}
