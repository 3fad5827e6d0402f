/* SPDX-License-Identifier: MIT */
/* example.env, from the option table. */
#include <string.h>

#include "base/buf.h"
#include "config/options.h"

#define TEXT_WIDTH 78

static const char head[] =
    "# Settings of a program that uses tenon. Copy this file to .env and change what\n"
    "# should not be as it stands; what is commented out is the default.\n"
    "#\n"
    "# The environment beats .env.local, which beats .env. An empty value means: not\n"
    "# set. Generated from the option table: do not edit.\n";

/* A comment, broken between words. */
static void put_comment(tn__buf *out, const char *text)
{
    size_t column = TEXT_WIDTH + 1; /* nothing written yet */

    while (*text) {
        size_t word = strcspn(text, " ");

        if (column + 1 + word > TEXT_WIDTH) {
            tn__buf_puts(out, column > TEXT_WIDTH ? "#" : "\n#");
            column = 1;
        }
        tn__buf_putc(out, ' ');
        tn__buf_append(out, text, word);
        column += 1 + word;
        text += word + (text[word] == ' ');
    }
    tn__buf_putc(out, '\n');
}

static void put_rule(tn__buf *out, const tn_option *option)
{
    if (option->kind == TN_OPTION_INTEGER)
        tn__buf_printf(out, "# From %lld to %lld%s%s.\n", (long long)option->least,
                       (long long)option->most, option->unit[0] ? " " : "", option->unit);
    else if (option->kind == TN_OPTION_CHOICE)
        tn__buf_printf(out, "# One of %s.\n", option->choices);
    else if (option->kind == TN_OPTION_TEXT && option->most)
        tn__buf_printf(out, "# At most %lld bytes.\n", (long long)option->most);
}

static const char *sample(tn__option_id id)
{
    switch (id) {
    case TN__OPT_URL: return "sqlite::memory:";
    case TN__OPT_URL_FILE: return "/run/secrets/database_url";
    case TN__OPT_REPLICA_URL: return "postgresql://reader@replica/db";
    case TN__OPT_LOG_LEVEL: return "error";
    default: return tn__options[id].default_value ? tn__options[id].default_value : "";
    }
}

size_t tn_config_example(char *buf, size_t size)
{
    tn__buf out;
    size_t len;

    tn__buf_init(&out, TN__BUF_MAX);
    tn__buf_puts(&out, head);
    for (int id = 0; id < TN__OPT_COUNT; id++) {
        const tn_option *option = &tn__options[id];

        tn__buf_putc(&out, '\n');
        put_comment(&out, option->help);
        put_rule(&out, option);
        tn__buf_printf(&out, "%s%s=%s\n", id == TN__OPT_URL ? "" : "#", option->environment,
                       sample((tn__option_id)id));
    }
    len = out.failed ? 0 : out.len;
    if (size) {
        size_t n = len < size ? len : size - 1;
        if (n)
            memcpy(buf, out.ptr, n);
        buf[n] = '\0';
    }
    tn__buf_free(&out);
    return len;
}
