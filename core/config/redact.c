/* SPDX-License-Identifier: MIT */
/*
 * Hiding secrets. What is shown must be harmless however the text is read: by libpq's rules, by an
 * author who forgot to escape a password, or cut in the wrong place. So what is not plainly well
 * formed is hidden, and an '@' is always taken to close a password if it can.
 */
#include <string.h>

#include <tenon/config.h>

#include "base/buf.h"
#include "base/str.h"
#include "config/text.h"

#define HIDDEN "***"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static tn_str slice(tn_str s, size_t from, size_t to)
{
    return tn__str(s.ptr + from, to - from);
}

/* The first of c at or behind from; s.len if there is none. */
static size_t find(tn_str s, size_t from, char c)
{
    while (from < s.len && s.ptr[from] != c)
        from++;
    return from;
}

/* Behind the last c; 0 if there is none. */
static size_t behind_last(tn_str s, char c)
{
    size_t at = s.len;

    while (at && s.ptr[at - 1] != c)
        at--;
    return at;
}

static bool contains(tn_str s, const char *word)
{
    tn_str w = tn_str_from(word);

    for (size_t i = 0; i + w.len <= s.len; i++)
        if (tn__str_iequal(slice(s, i, i + w.len), w))
            return true;
    return false;
}

/* Percent-decoded as often as it takes until nothing changes, at most a few times: the caller asks
 * about words only, so a NUL or broken escapes stay as they are. buf has s.len bytes. */
static tn_str decode_all(tn_str s, char *buf)
{
    memcpy(buf, s.ptr, s.len);
    s.ptr = buf;
    for (int round = 0; round < 3; round++) {
        size_t len = 0;

        for (size_t i = 0; i < s.len; i++, len++) {
            int high = -1, low = -1;
            if (buf[i] == '%' && s.len - i > 2) {
                high = tn__hex_digit(buf[i + 1]);
                low = tn__hex_digit(buf[i + 2]);
            }
            buf[len] = buf[i];
            if (high >= 0 && low >= 0) {
                buf[len] = (char)(high << 4 | low);
                i += 2;
            }
        }
        if (len == s.len)
            break;
        s.len = len;
    }
    return s;
}

/* Does a name of this kind hold a secret, or a text such a name? */
static bool is_secret_word(tn_str s)
{
    static const char *const words[] = {"pass", "pwd", "secret", "token", "credential"};
    char room[256];

    if (find(s, 0, '%') < s.len) {
        if (s.len > sizeof(room))
            return true;
        s = decode_all(s, room);
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (contains(s, words[i]))
            return true;
    /* key=, hexkey=, apikey= of other drivers; libpq's sslkey is a path. */
    return tn__str_iequal(tn__str_trim(s), TN__STR("sslkey")) ? false : contains(s, "key");
}

static bool plain_name(char c)
{
    return is_letter(c) || is_digit(c) || (c && strchr("._~%+-", c)) || (unsigned char)c >= 0x80;
}

/* ---- what is well formed --------------------------------------------------------------------- */

/* host[:port],...: names, addresses, [::1], percent escapes; ports are digits. */
static bool plain_hosts(tn_str s)
{
    bool port = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == ',') {
            port = false;
        } else if (c == ':' && !port) {
            port = true;
        } else if (port) {
            if (!is_digit(c))
                return false;
        } else if (c == '[') {
            for (i++; i < s.len && s.ptr[i] != ']'; i++)
                if (tn__hex_digit(s.ptr[i]) < 0 && !strchr(":.%", s.ptr[i]) && !is_letter(s.ptr[i]))
                    return false;
            if (i == s.len)
                return false;
        } else if (!plain_name(c)) {
            return false;
        }
    }
    return true;
}

/* name=value&...: names of letters, digits, percent escapes. */
static bool plain_query(tn_str s)
{
    tn_str part, key;

    while (tn__str_split(&s, '&', &part)) {
        tn_str value = part;

        tn__str_split(&value, '=', &key);
        if (!value.ptr && key.len)
            return false;
        for (size_t i = 0; i < key.len; i++)
            if (!plain_name(key.ptr[i]))
                return false;
    }
    return true;
}

/* hosts[/path][?query] behind the user and password; an '@' only within values of the query. */
static bool plain_rest(tn_str s)
{
    size_t query = find(s, 0, '?'), path = find(s, 0, '/');

    if (path > query)
        path = query;
    if (find(s, 0, '@') < query || !plain_hosts(slice(s, 0, path)))
        return false;
    return query == s.len || plain_query(slice(s, query + 1, s.len));
}

/* ---- what is shown --------------------------------------------------------------------------- */

/* A value may hold an address with a password in it, or go on into another parameter. */
static bool secret_value(tn_str value)
{
    char room[256];
    bool coded = find(value, 0, '%') < value.len;

    if (coded && value.len > sizeof(room))
        return true;
    if (coded)
        value = decode_all(value, room);
    if (find(value, 0, '@') < value.len)
        return true;
    return (coded || find(value, 0, '=') < value.len || find(value, 0, '#') < value.len) &&
           is_secret_word(value);
}

static void put_query(tn__buf *out, tn_str s)
{
    char separator = '?';
    tn_str part, key;

    while (tn__str_split(&s, '&', &part)) {
        tn_str value = part;

        tn__buf_putc(out, separator);
        separator = '&';
        tn__str_split(&value, '=', &key);
        if (!value.ptr) {
            tn__buf_str(out, secret_value(key) || is_secret_word(key) ? TN__STR(HIDDEN) : key);
            continue;
        }
        tn__buf_str(out, find(key, 0, '@') < key.len ? TN__STR(HIDDEN) : key);
        tn__buf_putc(out, '=');
        tn__buf_str(out, is_secret_word(key) || secret_value(value) ? TN__STR(HIDDEN) : value);
    }
}

/* hosts/path?query, or nothing of it when it cannot be told apart. */
static void put_rest(tn__buf *out, tn_str s)
{
    size_t query = find(s, 0, '?');
    tn_str front = slice(s, 0, query);

    if (!plain_rest(s) || (find(front, 0, '=') < front.len && is_secret_word(front))) {
        tn__buf_puts(out, s.len ? HIDDEN : "");
        return;
    }
    tn__buf_str(out, front);
    if (query < s.len)
        put_query(out, slice(s, query + 1, s.len));
}

/* user:password, without the '@' behind it. */
static void put_user(tn__buf *out, tn_str s)
{
    size_t colon = find(s, 0, ':');
    bool plain = true;

    for (size_t i = 0; i < colon; i++)
        plain = plain && plain_name(s.ptr[i]);
    if (contains(slice(s, 0, colon), "%3a") || contains(slice(s, 0, colon), "%40"))
        plain = false;
    tn__buf_str(out, plain ? slice(s, 0, colon) : TN__STR(HIDDEN));
    if (colon < s.len)
        tn__buf_puts(out, ":" HIDDEN);
}

/* user:password where a host is missing: there is no '@', and no port is written like this. */
static bool looks_like_password(tn_str s)
{
    return !plain_rest(s) && find(s, 0, ':') < s.len;
}

/* Behind "://". libpq ends the password at the first '@' if no '/' comes before it. An author who
 * did not escape it meant the last one: all in front of that is hidden, and where both readings
 * make sense the rest as well, for it may be the wrong host. */
static void put_authority(tn__buf *out, tn_str s)
{
    size_t at = find(s, 0, '@'), last = behind_last(s, '@'), slash = find(s, 0, '/');
    bool user = at < slash, several = user ? last > at + 1 : last > 0;
    tn_str behind_first = slice(s, user ? at + 1 : 0, s.len);

    if (several && !user && find(s, 0, ':') > find(s, 0, '?') && plain_rest(s)) {
        put_rest(out, s); /* an '@' in a value, and no ':' for a password to stand behind */
    } else if (last) {
        put_user(out, slice(s, 0, last - 1));
        tn__buf_putc(out, '@');
        if (several && plain_rest(behind_first))
            tn__buf_puts(out, HIDDEN);
        else
            put_rest(out, slice(s, last, s.len));
    } else if (looks_like_password(s)) {
        put_user(out, slice(s, 0, slash));
    } else {
        put_rest(out, s);
    }
}

/* Behind "scheme:" without slashes: a path, or an author who forgot them. */
static void put_path(tn__buf *out, tn_str s)
{
    size_t query = find(s, 0, '?'), last = behind_last(s, '@'), colon = find(s, 0, ':');
    tn_str path = slice(s, 0, query);

    if (last > query) {
        tn__buf_puts(out, HIDDEN); /* a '?' within a password, or an '@' within a value */
        return;
    }
    if (last) {
        tn__buf_puts(out, HIDDEN "@");
        put_rest(out, slice(s, last, s.len));
        return;
    }
    if (colon < path.len && !contains(path, ":memory:")) {
        tn__buf_str(out, slice(s, 0, colon));
        tn__buf_puts(out, ":" HIDDEN);
    } else if (find(path, 0, '=') < path.len && is_secret_word(path)) {
        tn__buf_puts(out, HIDDEN);
    } else {
        tn__buf_str(out, path);
    }
    if (query < s.len)
        put_query(out, slice(s, query + 1, s.len));
}

/* ---- name=value name='value' -------------------------------------------------------------------
 */

static size_t skip_blanks(tn_str s, size_t i)
{
    while (i < s.len && (s.ptr[i] == ' ' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r')))
        i++;
    return i;
}

/* The end of a value that starts at i. s.len + 1: a quote is not closed. */
static size_t end_of_value(tn_str s, size_t i)
{
    bool quoted = i < s.len && s.ptr[i] == '\'';

    for (i += quoted; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (quoted ? s.ptr[i] == '\'' : skip_blanks(s, i) != i)
            return i + quoted;
    }
    return quoted ? s.len + 1 : s.len;
}

/* false when it is not of that form; what was appended then has no secret in it. */
static bool put_pairs(tn__buf *out, tn_str s)
{
    size_t i = 0;

    while ((i = skip_blanks(s, i)) < s.len) {
        size_t start = i, name_end, value, end;

        while (i < s.len && (is_letter(s.ptr[i]) || is_digit(s.ptr[i]) || s.ptr[i] == '_'))
            i++;
        name_end = i;
        i = skip_blanks(s, i);
        if (name_end == start || i == s.len || s.ptr[i] != '=')
            return false;
        value = skip_blanks(s, i + 1);
        end = end_of_value(s, value);
        if (end > s.len)
            return false;
        if (out->len)
            tn__buf_putc(out, ' ');
        tn__buf_str(out, slice(s, start, name_end));
        tn__buf_putc(out, '=');
        if (is_secret_word(slice(s, start, name_end)) || secret_value(slice(s, value, end)))
            tn__buf_puts(out, HIDDEN);
        else
            tn__buf_str(out, slice(s, value, end));
        i = end;
    }
    return true;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

/* Where "://" stands, or s.len. What is in front of it may be no scheme but must be harmless. */
static size_t find_slashes(tn_str s)
{
    size_t i = 0;

    while (i + 2 < s.len && memcmp(s.ptr + i, "://", 3) != 0)
        i++;
    if (i + 2 >= s.len)
        return s.len;
    for (size_t j = 0; j < i; j++)
        if (strchr("@=?# \t\r\n", s.ptr[j]))
            return s.len;
    return i;
}

static size_t find_scheme(tn_str s)
{
    size_t colon = find(s, 0, ':');

    if (colon == s.len || !colon || !is_letter(s.ptr[0]))
        return s.len;
    for (size_t i = 0; i < colon; i++)
        if (!is_letter(s.ptr[i]) && !is_digit(s.ptr[i]) && !strchr("+.-", s.ptr[i]))
            return s.len;
    return colon;
}

bool tn__url_redact(tn__buf *out, tn_str url)
{
    size_t slashes = find_slashes(url), colon = find_scheme(url), last;
    tn__buf pairs;

    if (slashes < url.len) {
        tn__buf_str(out, slice(url, 0, slashes + 3));
        put_authority(out, slice(url, slashes + 3, url.len));
        return !out->failed;
    }
    if (colon < url.len) {
        tn__buf_str(out, slice(url, 0, colon + 1));
        put_path(out, slice(url, colon + 1, url.len));
        return !out->failed;
    }
    last = behind_last(url, '@');
    if (!last && !is_secret_word(url))
        return tn__buf_str(out, url);
    tn__buf_init(&pairs, TN__BUF_MAX);
    if (put_pairs(&pairs, url))
        tn__buf_append(out, pairs.ptr, pairs.len);
    else
        tn__buf_puts(out, HIDDEN);
    tn__buf_free(&pairs);
    return !out->failed;
}

size_t tn_url_redact(const char *url, char *buf, size_t size)
{
    tn_str hidden = TN__STR(HIDDEN);
    tn__buf out;
    size_t len;

    tn__buf_init(&out, TN__BUF_MAX);
    if (tn__url_redact(&out, tn_str_from(url)))
        hidden = tn__str(out.ptr, out.len);
    len = hidden.len;
    if (size) {
        size_t n = len < size ? len : size - 1;
        if (n)
            memcpy(buf, hidden.ptr, n);
        buf[n] = '\0';
    }
    tn__buf_free(&out);
    return len;
}
