/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/str.h"

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the well-formed character at p (table 3-7 of the Unicode standard); 0 if it is not. */
static size_t sequence(const unsigned char *p, size_t len)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;
    } else if ((p[0] & 0xf0) == 0xe0) {
        n = 3;
        if (p[0] == 0xe0)
            low = 0xa0; /* shorter forms exist */
        else if (p[0] == 0xed)
            high = 0x9f; /* surrogates */
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        if (p[0] == 0xf0)
            low = 0x90;
        else if (p[0] == 0xf4)
            high = 0x8f; /* beyond U+10FFFF */
    } else {
        return 0;
    }
    if (len < n || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!is_continuation(p[i]))
            return 0;
    return n;
}

bool tn__utf8_valid(const char *ptr, size_t len)
{
    const unsigned char *p = (const unsigned char *)ptr;

    while (len) {
        uint64_t word;
        size_t n;

        if (len >= sizeof(word)) {
            memcpy(&word, p, sizeof(word));
            if (!(word & UINT64_C(0x8080808080808080))) {
                p += sizeof(word);
                len -= sizeof(word);
                continue;
            }
        }
        n = sequence(p, len);
        if (!n)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

size_t tn__utf8_cut(const char *ptr, size_t len, size_t max)
{
    size_t at = max;

    if (len <= max)
        return len;
    for (int back = 0; back < 4; back++, at--)
        if (!at || !is_continuation((unsigned char)ptr[at]))
            return at;
    return max; /* not UTF-8: any place is as good */
}

size_t tn__utf8_count(const char *ptr, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += !is_continuation((unsigned char)ptr[i]);
    return count;
}

size_t tn__utf8_printable(const char *ptr, size_t len)
{
    const unsigned char *p = (const unsigned char *)ptr;

    if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && len > 1 && p[1] < 0xa0))
        return 0;
    return sequence(p, len);
}
