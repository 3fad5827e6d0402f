/* SPDX-License-Identifier: MIT */
/*
 * Why a connection failed. libpq gives one text for all hosts that it tried, and no SQLSTATE; with
 * its verbosity turned up the text holds the server's: "FATAL:  28P01: ...". What the server did
 * not say is judged by how far the attempt had come, not by words, which may be translated.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { SECRET_LEAST = 3 };

/* A secret of one or two characters would be found in every other word, and so be given away. */
void pg_scrub(char *text, size_t size, const char *secret)
{
    size_t length = secret ? strlen(secret) : 0;
    char *at = text;

    if (length < SECRET_LEAST || !size)
        return;
    while ((at = strstr(at, secret)) != NULL) {
        size_t tail = strlen(at + length), room = size - (size_t)(at - text) - 1;
        size_t stars = room < 3 ? room : 3;
        if (tail > room - stars)
            tail = room - stars;
        memmove(at + stars, at + length, tail);
        memset(at, '*', stars);
        at += stars;
        at[tail] = '\0';
    }
}

static bool is_code(const char *p)
{
    for (int i = 0; i < 5; i++)
        if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'A' && p[i] <= 'Z'))
            return false;
    return p[5] == ':' && p[6] == ' ';
}

/* The first "severity:  CODE: text" of the last line that has one: what follows it in the line is
 * the server's text, which may look the same. The severity may be translated, so it is known by the
 * two blanks behind it. */
static const char *find_code(const char *message)
{
    const char *found = NULL;

    for (const char *p = strstr(message, ":  "); p; p = strstr(p + 1, ":  ")) {
        if (!is_code(p + 3))
            continue;
        found = p + 3;
        p += strcspn(p, "\n");
    }
    return found;
}

/* Of several hosts the last one that said why: lines that are indented are advice. */
static tn_str last_cause(const char *message)
{
    tn_str rest = kit_str(message), line, cause = {"", 0};

    while (tn__str_split(&rest, '\n', &line))
        if (line.len && line.ptr[0] != '\t' && line.ptr[0] != ' ')
            cause = line;
    return tn__str_trim(cause);
}

/* "connection to server at "h" (a), port p failed: " of the line that holds the text. */
static tn_str where_of(const char *message, const char *at)
{
    const char *start = at;

    while (start > message && start[-1] != '\n')
        start--;
    return tn__str(start, (size_t)(at - start));
}

typedef struct verdict {
    tn_status status;
    char sqlstate[6];
} verdict;

static verdict judge_code(const char *code)
{
    verdict v = {.status = TN_UNAVAILABLE};

    memcpy(v.sqlstate, code, 5);
    v.sqlstate[5] = '\0';
    if (strncmp(code, "28", 2) == 0 || strncmp(code, "3D000", 5) == 0)
        v.status = TN_AUTH;
    else if (strncmp(code, "53", 2) == 0 || strncmp(code, "57P", 3) == 0 ||
             strncmp(code, "08", 2) == 0)
        v.status = TN_UNAVAILABLE;
    else if (strncmp(code, "22", 2) == 0 || strncmp(code, "42", 2) == 0)
        v.status = TN_CONFIG; /* a setting in the URL that the server does not take */
    else
        v.status = TN_OK; /* its class */
    return v;
}

/* Without the server's word: a peer that went away may be back; one that was refused here (no TLS,
 * a bad certificate, a method that is not allowed) will be refused again. */
static verdict judge_stage(const pg_connect_failure *failure)
{
    verdict unavailable = {TN_UNAVAILABLE, "08001"}, refused = {TN_AUTH, "08004"};

    if (failure->needs_password)
        return (verdict){TN_AUTH, "28P01"};
    if (failure->peer_closed)
        return unavailable;
    /* Who is a standby now may be the primary soon. */
    if (failure->choosy && failure->stage != CONNECTION_SSL_STARTUP)
        return unavailable;
    switch (failure->stage) {
    case CONNECTION_SSL_STARTUP:
    case CONNECTION_AWAITING_RESPONSE:
    case CONNECTION_AUTH_OK:
    case CONNECTION_SETENV: return refused;
    default: return unavailable;
    }
}

tn_status pg_connect_diagnose(const tn_driver_source *source, const char *message,
                              const pg_connect_failure *failure, tn_error *err)
{
    const char *code = find_code(message);
    char text[512];
    verdict v;

    if (code) {
        v = judge_code(code);
        tn_str where = where_of(message, code);
        const char *said = code + 7;
        snprintf(text, sizeof(text), "%.*s%.*s", where.len > 250 ? 250 : (int)where.len, where.ptr,
                 (int)strcspn(said, "\n"), said);
    } else {
        v = judge_stage(failure);
        tn_str cause = last_cause(message);
        if (tn__str_ends(cause, TN__STR("out of memory")))
            return kit_nomem(source->host, err, TN_PHASE_CONNECT);
        if (failure->needs_password)
            cause = TN__STR("the server wants a password and the URL has none");
        tn__copy_text(text, sizeof(text), cause.len ? cause : TN__STR("no reason given"));
    }
    pg_scrub(text, sizeof(text), source->password);
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = v.status,
        .phase = TN_PHASE_CONNECT,
        .outcome = TN_OUTCOME_NOT_APPLIED,
        .sqlstate = kit_str(v.sqlstate),
        .message = kit_str(text),
    };
    return source->host->fail(err, &diagnostic);
}
