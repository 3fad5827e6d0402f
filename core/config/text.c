/* SPDX-License-Identifier: MIT */
#include "config/text.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MOST_SHOWN 60 /* bytes */
#define MOST_WORD  40

bool tn__may_be_url(const char *value)
{
    return strpbrk(value, ":@=") != NULL;
}

bool tn__config_quote(tn__buf *out, const char *value)
{
    tn__buf plain;
    tn_str text;
    size_t shown;
    bool ok;

    tn__buf_init(&plain, TN__BUF_MAX);
    ok = tn__url_redact(&plain, tn_str_from(value));
    text = tn__str(plain.ptr, plain.len);
    shown = ok ? tn__utf8_cut(text.ptr, text.len, MOST_SHOWN) : 0;
    for (size_t i = 0; i < shown;) {
        size_t n = tn__utf8_printable(text.ptr + i, text.len - i);

        if (n)
            tn__buf_append(out, text.ptr + i, n);
        else
            tn__buf_printf(out, "\\x%02x", (unsigned)(unsigned char)text.ptr[i]);
        i += n ? n : 1;
    }
    if (shown < text.len)
        tn__buf_puts(out, "...");
    tn__buf_free(&plain);
    return ok && !out->failed;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, taken out or changed. */
static size_t distance(tn_str a, tn_str b)
{
    size_t row[MOST_WORD + 1];

    for (size_t i = 0; i <= b.len; i++)
        row[i] = i;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = tn__str_iequal(tn__str(a.ptr + i - 1, 1), tn__str(b.ptr + j - 1, 1));
            size_t changed = diagonal + !same;
            diagonal = row[j];
            row[j] = least(changed, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

const char *tn__nearest_word(const char *word, const char *const *words, size_t n_words)
{
    tn_str a = tn_str_from(word);
    size_t best = a.len / 3 + 1; /* more would be another word */
    const char *found = NULL;

    if (a.len > MOST_WORD)
        return NULL;
    for (size_t i = 0; i < n_words; i++) {
        tn_str b = tn_str_from(words[i]);
        size_t apart = b.len > MOST_WORD ? best : distance(a, b);
        if (apart < best) {
            best = apart;
            found = words[i];
        }
    }
    return found;
}

void tn__config_blame(tn_error *err, const char *environment)
{
    static const char usual[] = "DATABASE_URL: ";
    char message[sizeof(err->message)];

    if (!err)
        return;
    if (strncmp(err->message, usual, sizeof(usual) - 1) != 0) {
        tn_error_prepend(err, "%s", environment);
        return;
    }
    snprintf(message, sizeof(message), "%s: %s", environment, err->message + sizeof(usual) - 1);
    tn__copy_text(err->message, sizeof(err->message), tn_str_from(message));
}
