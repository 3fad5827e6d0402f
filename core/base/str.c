/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <endian.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

tn_str tn__str_trim(tn_str s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool tn__str_iequal(tn_str a, tn_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    return true;
}

bool tn__str_starts(tn_str s, tn_str prefix)
{
    return s.len >= prefix.len && (!prefix.len || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool tn__str_ends(tn_str s, tn_str suffix)
{
    return s.len >= suffix.len &&
           (!suffix.len || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

bool tn__str_split(tn_str *rest, char separator, tn_str *ret_head)
{
    const char *found;

    if (!rest->ptr)
        return false;
    found = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (!found) {
        *ret_head = *rest;
        *rest = (tn_str){NULL, 0}; /* NULL, not empty: "a," has an empty second part */
        return true;
    }
    *ret_head = tn__str(rest->ptr, (size_t)(found - rest->ptr));
    *rest = tn__str(found + 1, rest->len - ret_head->len - 1);
    return true;
}

bool tn__str_among(const char *words, char separator, tn_str word)
{
    tn_str rest = tn_str_from(words), one;

    while (tn__str_split(&rest, separator, &one))
        if (tn_str_equal(one, word))
            return true;
    return false;
}

static uint64_t fold_product(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load64(const unsigned char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

/* Eight bytes a step, each mixed by a widening multiplication. Not for hostile keys: whoever looks
 * something up by it compares the text as well. */
uint64_t tn__hash(const void *ptr, size_t len)
{
    const uint64_t k1 = UINT64_C(0x9e3779b97f4a7c15), k2 = UINT64_C(0xc2b2ae3d27d4eb4f);
    const unsigned char *at = ptr;
    uint64_t hash = k1 ^ (len * k2), tail = 0;

    for (; len >= 8; len -= 8, at += 8)
        hash = fold_product(hash ^ load64(at), k1) + k2;
    for (size_t i = 0; i < len; i++)
        tail |= (uint64_t)at[i] << (8 * i);
    hash = fold_product(hash ^ tail, k2);
    return fold_product(hash ^ k1, UINT64_C(0xd6e8feb86659fd93));
}

int tn__hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void tn__copy_text(char *dst, size_t size, tn_str src)
{
    size_t len = src.len;

    if (!size)
        return;
    if (len >= size)
        len = tn__utf8_cut(src.ptr, src.len, size > 4 ? size - 4 : 0);
    if (len)
        memcpy(dst, src.ptr, len);
    if (len < src.len && size > 4) {
        memcpy(dst + len, "...", 3);
        len += 3;
    }
    dst[len] = '\0';
}

void tn__wipe(void *ptr, size_t len)
{
    if (ptr)
        explicit_bzero(ptr, len);
}
