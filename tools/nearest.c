/* SPDX-License-Identifier: MIT */
/* "Did you mean": the names that a word may have been meant to be. */
#include <stdio.h>
#include <string.h>

#include "tool.h"

enum { LONGEST = 40 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, changes and swaps of neighbours that make one word of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    size_t d[LONGEST + 1][LONGEST + 1];

    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= n; i++)
        for (size_t k = 0; k <= m; k++) {
            if (i == 0 || k == 0) {
                d[i][k] = i + k;
                continue;
            }
            size_t change = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
            d[i][k] = least(change, least(d[i - 1][k], d[i][k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                d[i][k] = least(d[i][k], d[i - 2][k - 2] + 1);
        }
    return d[n][m];
}

const char *tool_nearest(const char *word, const char *prefix, const char *const *names, size_t n,
                         char *buf, size_t size)
{
    enum { SHOWN = 3 };
    size_t len = strlen(word), shown = 0;
    size_t limit = len < 4 ? 1 : len < 8 ? 2 : 3;

    buf[0] = '\0';
    for (size_t far = 0; far <= limit && shown < SHOWN; far++)
        for (size_t i = 0; i < n && shown < SHOWN; i++) {
            bool begins = far == 0 && len >= 2 && strncmp(names[i], word, len) == 0;
            bool repeated = false;

            if (!begins && distance(word, names[i]) != far)
                continue;
            for (size_t k = 0; k < i; k++)
                repeated |= strcmp(names[k], names[i]) == 0;
            if (repeated || (far > 0 && len >= 2 && strncmp(names[i], word, len) == 0))
                continue;
            size_t used = strlen(buf);
            snprintf(buf + used, size - used, "%s%s%s", shown ? " or " : " (did you mean ", prefix,
                     names[i]);
            shown++;
        }
    if (shown) {
        size_t used = strlen(buf);
        snprintf(buf + used, size - used, "?)");
    }
    return buf;
}
