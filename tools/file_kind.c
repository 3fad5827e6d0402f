/* SPDX-License-Identifier: MIT */
#include "file_kind.h"

#include <string.h>

typedef struct magic {
    const char *bytes;
    size_t len;
    file_kind kind;
} magic;
#define MAGIC(bytes) (bytes), sizeof(bytes) - 1

/* A longer one before the one that it begins with. */
static const magic magics[] = {
    {MAGIC("\x1f\x8b"), {"compressed by gzip", "zcat", NULL}},
    {MAGIC("\x28\xb5\x2f\xfd"), {"compressed by zstd", "zstdcat", NULL}},
    {MAGIC("\xfd"
           "7zXZ"),
     {"compressed by xz", "xzcat", NULL}},
    {MAGIC("\x04\x22\x4d\x18"), {"compressed by lz4", "lz4cat", NULL}},
    {MAGIC("PK\x03\x04"),
     {"a zip archive or a spreadsheet", NULL,
      "take the file out of the archive, or save the spreadsheet as CSV"}},
    {MAGIC("SQLite format 3"),
     {"a database of SQLite", NULL,
      "export its table: tenon sql --url sqlite:FILE export TABLE rows.csv"}},
    {MAGIC("PGDMP"), {"a dump of pg_dump", NULL, "pg_restore reads it"}},
    {MAGIC("\xff\xfe\0\0"), {"text in UTF-32", "iconv -f UTF-32 -t UTF-8", NULL}},
    {MAGIC("\0\0\xfe\xff"), {"text in UTF-32", "iconv -f UTF-32 -t UTF-8", NULL}},
    {MAGIC("\xff\xfe"), {"text in UTF-16", "iconv -f UTF-16 -t UTF-8", NULL}},
    {MAGIC("\xfe\xff"), {"text in UTF-16", "iconv -f UTF-16 -t UTF-8", NULL}},
};

/* The fourth byte is how hard it was compressed. */
static const file_kind bzip2 = {"compressed by bzip2", "bzcat", NULL};

/* Without a mark: a text begins with a letter, a digit, a quote or a bracket, of one byte. */
static const file_kind little = {"text in UTF-16", "iconv -f UTF-16LE -t UTF-8", NULL};
static const file_kind big = {"text in UTF-16", "iconv -f UTF-16BE -t UTF-8", NULL};

const file_kind *file_kind_find(const char *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (len >= magics[i].len && memcmp(bytes, magics[i].bytes, magics[i].len) == 0)
            return &magics[i].kind;
    if (len >= 10 && memcmp(bytes, "BZh", 3) == 0 && memcmp(bytes + 4, "1AY&SY", 6) == 0)
        return &bzip2;
    if (len >= 4 && bytes[0] && !bytes[1] && bytes[2] && !bytes[3])
        return &little;
    if (len >= 4 && !bytes[0] && bytes[1] && !bytes[2] && bytes[3])
        return &big;
    return NULL;
}

/* Behind white space, from *at on. */
static char next(const char *bytes, size_t len, size_t *at)
{
    while (*at < len && bytes[*at] && strchr(" \t\r\n", bytes[*at]))
        ++*at;
    return *at < len ? bytes[(*at)++] : '\0';
}

/* Their quote is what CSV cannot have there. */
bool file_kind_is_object(const char *bytes, size_t len)
{
    size_t at = 0;

    return next(bytes, len, &at) == '{' && next(bytes, len, &at) == '"';
}

bool file_kind_is_array(const char *bytes, size_t len)
{
    size_t at = 0;

    return next(bytes, len, &at) == '[' && file_kind_is_object(bytes + at, len - at);
}
