/* SPDX-License-Identifier: MIT */
#include "base/sha256.h"
#include "base/str.h"

#include <tenon/migrate.h>

/* An editor, a formatter and git change what is left out here, without anybody's meaning it. */
void tn_migration_checksum(tn_str text, char ret_hex[65])
{
    static const char bom[] = "\xef\xbb\xbf";
    const char *at = text.ptr, *end = text.ptr + text.len;
    tn__sha256 sha;

    tn__sha256_init(&sha);
    if (tn__str_starts(text, tn__str(bom, 3)))
        at += 3;
    while (end > at && (end[-1] == ' ' || (end[-1] >= '\t' && end[-1] <= '\r')))
        end--;
    for (const char *from = at; at < end; from = at) {
        while (at < end && !(*at == '\r' && at + 1 < end && at[1] == '\n'))
            at++;
        tn__sha256_add(&sha, from, (size_t)(at - from));
        if (at < end)
            at++;
    }
    tn__sha256_end_hex(&sha, ret_hex);
}
