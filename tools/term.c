/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "term.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* One file's state: what the streams are does not change while the process runs. */
static struct {
    bool color[3];
    bool tty[3];
    bool progress;
    bool drawn;
} state;

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

void term_init(void)
{
    const char *kind = getenv("TERM");
    bool dumb = !kind || !*kind || strcmp(kind, "dumb") == 0;

    /* For wcwidth() alone: numbers and messages stay as they are. */
    setlocale(LC_CTYPE, "C.UTF-8");
    for (int fd = 0; fd < 3; fd++) {
        state.tty[fd] = isatty(fd);
        state.color[fd] = state.tty[fd] && !dumb && !is_set("NO_COLOR") && !is_set("CI");
    }
    state.progress = state.tty[2] && !dumb && !is_set("CI");
}

void term_no_color(void)
{
    memset(state.color, 0, sizeof(state.color));
}

const char *term(FILE *stream, term_style style)
{
    static const char *const codes[] = {
        [TERM_PLAIN] = "\033[0m", [TERM_BOLD] = "\033[1m",  [TERM_DIM] = "\033[2m",
        [TERM_GOOD] = "\033[32m", [TERM_WARN] = "\033[33m", [TERM_BAD] = "\033[31m"};

    return state.color[stream == stderr ? STDERR_FILENO : STDOUT_FILENO] ? codes[style] : "";
}

bool term_output(void)
{
    return state.tty[STDOUT_FILENO];
}

bool term_progress(void)
{
    return state.progress;
}

void term_show_line(const char *line)
{
    if (!state.progress)
        return;
    if (line)
        fprintf(stderr, "\r\033[K%s", line);
    else if (state.drawn)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    state.drawn = line != NULL;
}

void term_show_progress(const char *what, int seconds)
{
    char line[256];

    if (seconds < 0)
        snprintf(line, sizeof(line), "%s ...", what ? what : "");
    else
        snprintf(line, sizeof(line), "%s ... %d s", what ? what : "", seconds);
    term_show_line(what ? line : NULL);
}

unsigned term_decode(const char **at, const char *end)
{
    const unsigned char *s = (const unsigned char *)*at;
    size_t left = (size_t)(end - *at);
    unsigned c = s[0], least = 0;
    size_t more = 0;

    if (c >= 0xF0 && c < 0xF5) {
        more = 3, least = 0x10000, c &= 0x07;
    } else if (c >= 0xE0 && c < 0xF0) {
        more = 2, least = 0x800, c &= 0x0F;
    } else if (c >= 0xC2 && c < 0xE0) {
        more = 1, least = 0x80, c &= 0x1F;
    } else if (c >= 0x80) {
        *at += 1;
        return 0xFFFD;
    }
    for (size_t i = 1; i <= more; i++) {
        if (i >= left || (s[i] & 0xC0) != 0x80) {
            *at += 1;
            return 0xFFFD;
        }
        c = c << 6 | (s[i] & 0x3F);
    }
    if (c < least || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
        *at += 1;
        return 0xFFFD;
    }
    *at += more + 1;
    return c;
}

size_t term_width(const char *text, size_t len)
{
    const char *end = text + len;
    size_t width = 0;

    while (text < end) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c < 0x7F) {
            width++;
            text++;
            continue;
        }
        int columns = wcwidth((wchar_t)term_decode(&text, end));
        width += columns < 0 ? 1 : (size_t)columns;
    }
    return width;
}

static size_t escape_one(unsigned c, const char *raw, size_t raw_len, char *out)
{
    switch (c) {
    case '\n': memcpy(out, "\\n", 2); return 2;
    case '\r': memcpy(out, "\\r", 2); return 2;
    case '\t': memcpy(out, "\\t", 2); return 2;
    default: break;
    }
    if (c < 0x20 || c == 0x7F)
        return (size_t)snprintf(out, 8, "\\x%02x", c);
    /* C1 controls, and marks that turn the direction of what follows. */
    if ((c >= 0x80 && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069))
        return (size_t)snprintf(out, 8, "\\u%04x", c);
    if (c == 0xFFFD && raw_len == 1)
        return (size_t)snprintf(out, 8, "\\x%02x", (unsigned char)*raw);
    memcpy(out, raw, raw_len);
    return raw_len;
}

size_t term_escape(const char *text, size_t len, char *buf, size_t size)
{
    const char *end = text + len;
    size_t total = 0, written = 0;

    while (text < end) {
        char piece[8];
        const char *raw = text;
        unsigned c = term_decode(&text, end);
        size_t n = escape_one(c, raw, (size_t)(text - raw), piece);

        if (size > 0 && written == total && total + n < size) {
            memcpy(buf + total, piece, n);
            written = total + n;
        }
        total += n;
    }
    if (size > 0)
        buf[written] = '\0';
    return total;
}
