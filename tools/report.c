/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "term.h"

/* Several faults come in one message, a line each. */
static void say(const char *label, term_style style, const char *text)
{
    char safe[1200];

    for (const char *line = text; line;) {
        const char *end = strchr(line, '\n');
        term_escape(line, end ? (size_t)(end - line) : strlen(line), safe, sizeof(safe));
        fprintf(stderr, "%s%s%s%s\n", term(stderr, style), label, term(stderr, TERM_PLAIN), safe);
        line = end ? end + 1 : NULL;
    }
}

void report_label(const char *label, const char *text)
{
    say(label, TERM_DIM, text);
}

void tool_warn(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    say("tenon: ", TERM_BAD, text);
}

void tool_hint(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    say("  hint: ", TERM_DIM, text);
}

static const char *command_of(const tool *t, char *buf, size_t size)
{
    buf[0] = '\0';
    return t->command ? tool_command_name(t->command, buf, size) : buf;
}

int tool_usage(const tool *t, const char *format, ...)
{
    char text[512], name[TOOL_NAME_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (t->json) {
        static out o;
        json j;
        out_init(&o, STDOUT_FILENO);
        report_begin(&j, &o, t, false);
        json_object(&j, "error");
        json_text(&j, "code", "USAGE");
        json_int(&j, "exit", TOOL_EXIT_USAGE);
        json_text(&j, "message", text);
        json_object_end(&j);
        report_end(&j);
        return TOOL_EXIT_USAGE;
    }
    tool_warn("%s", text);
    command_of(t, name, sizeof(name));
    fprintf(stderr, "Try: tenon%s%s --help\n", name[0] ? " " : "", name);
    return TOOL_EXIT_USAGE;
}

int report_exit_code(const tn_error *err)
{
    switch (err->status) {
    case TN_OK: return TOOL_EXIT_FINE;
    case TN_CONFIG:
    case TN_DRIVER:
    case TN_MISUSE: return TOOL_EXIT_USAGE;
    case TN_AUTH:
    case TN_UNAVAILABLE:
    case TN_LOST: return TOOL_EXIT_CONNECT;
    case TN_TIMEOUT:
    case TN_PROTOCOL:
    case TN_RESOURCE:
        return err->phase == TN_PHASE_CONNECT || err->phase == TN_PHASE_ACQUIRE ? TOOL_EXIT_CONNECT
                                                                                : TOOL_EXIT_SQL;
    default: return TOOL_EXIT_SQL;
    }
}

/* "config", "driver" ...: a stable word for programs, from the class's name. */
static void error_code(const tn_error *err, char *buf, size_t size)
{
    snprintf(buf, size, "%s", tn_status_name(err->status));
    for (char *c = buf; *c; c++)
        *c = *c == ' ' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
}

void report_error_json(json *j, const tn_error *err, const report_place *place)
{
    static const char *const retries[] = {"no", "statement", "transaction"};
    char code[64];

    error_code(err, code, sizeof(code));
    json_text(j, "code", code);
    json_int(j, "exit", report_exit_code(err));
    json_text_opt(j, "sqlstate", err->sqlstate);
    json_text(j, "message", err->message);
    json_text_opt(j, "detail", err->detail);
    json_text_opt(j, "hint", err->hint);
    json_text_opt(j, "context", err->context);
    json_text_opt(j, "schema", err->schema);
    json_text_opt(j, "table", err->table);
    json_text_opt(j, "column_name", err->column);
    json_text_opt(j, "constraint", err->constraint);
    if (place && place->line) {
        json_text_opt(j, "file", place->file);
        json_int(j, "line", place->line);
        if (place->column)
            json_int(j, "column", place->column);
    }
    json_bool(j, "retryable", err->retry != TN_RETRY_NO);
    if (err->retry > TN_RETRY_NO && err->retry <= TN_RETRY_TRANSACTION)
        json_text(j, "retry", retries[err->retry]);
}

/* The line with a caret below the column; a long line is cut around it. */
static void show_place(const report_place *place)
{
    enum { BEFORE = 60, WIDTH = 76 };
    char safe[WIDTH * 8];
    const char *at = place->text.ptr, *end = at + place->text.len;
    const char *begin = at, *caret = at;
    size_t behind = 0;

    for (unsigned column = 1; column < place->column && caret < end; column++)
        term_decode(&caret, end);
    while (term_width(begin, (size_t)(caret - begin)) > BEFORE)
        term_decode(&begin, end);
    const char *stop = caret;
    while (stop < end && behind++ < WIDTH - BEFORE)
        term_decode(&stop, end);

    fprintf(stderr, "  %s%sline %u, column %u%s\n", place->file ? place->file : "",
            place->file ? ": " : "", place->line, place->column, "");
    term_escape(begin, (size_t)(stop - begin), safe, sizeof(safe));
    fprintf(stderr, "  %s|%s %s%s%s\n", term(stderr, TERM_DIM), term(stderr, TERM_PLAIN),
            begin > at ? "..." : "", safe, stop < end ? "..." : "");
    /* The escaped text before the caret is as wide as it is long but for wide characters. */
    term_escape(begin, (size_t)(caret - begin), safe, sizeof(safe));
    fprintf(stderr, "  %s|%s %*s%s^%s\n", term(stderr, TERM_DIM), term(stderr, TERM_PLAIN),
            (int)term_width(safe, strlen(safe)) + (begin > at ? 3 : 0), "", term(stderr, TERM_BAD),
            term(stderr, TERM_PLAIN));
}

int report_error(const tool *t, const tn_error *err, const report_place *place)
{
    if (t->json) {
        static out o;
        json j;
        out_init(&o, STDOUT_FILENO);
        report_begin(&j, &o, t, false);
        json_object(&j, "error");
        report_error_json(&j, err, place);
        json_object_end(&j);
        report_end(&j);
        return report_exit_code(err);
    }
    if (err->sqlstate[0])
        tool_warn("%s (SQLSTATE %s)", err->message, err->sqlstate);
    else
        tool_warn("%s", err->message);
    if (place && place->line && place->column)
        show_place(place);
    else if (place && place->line)
        fprintf(stderr, "  %s%sline %u\n", place->file ? place->file : "", place->file ? ": " : "",
                place->line);
    if (err->detail[0])
        say("  detail: ", TERM_DIM, err->detail);
    if (err->hint[0])
        say("  hint: ", TERM_DIM, err->hint);
    if (err->constraint[0])
        say("  constraint: ", TERM_DIM, err->constraint);
    if (err->context[0])
        say("  context: ", TERM_DIM, err->context);
    return report_exit_code(err);
}

void report_begin(json *j, out *o, const tool *t, bool ok)
{
    char name[TOOL_NAME_SIZE];

    json_init(j, o);
    json_object(j, NULL);
    json_bool(j, "ok", ok);
    json_text(j, "command", command_of(t, name, sizeof(name)));
}

bool report_end(json *j)
{
    json_object_end(j);
    out_putc(j->out, '\n');
    return out_flush(j->out) || j->out->error == EPIPE;
}

int report_finish(out *o, int exit_code)
{
    if (out_flush(o) || o->error == EPIPE)
        return exit_code;
    tool_warn("cannot write to standard output: %s", strerror(o->error));
    return exit_code == TOOL_EXIT_FINE ? TOOL_EXIT_SQL : exit_code;
}
