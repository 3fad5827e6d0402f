/* SPDX-License-Identifier: MIT */
/*
 * What a statement's text tells before it is run. In doubt it says that session state is changed:
 * that costs a clean-up when the connection goes back, nothing else.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"
#include "postgres/pg.h"

static bool word_is(const tn__tok *tok, const char *word)
{
    return tok->kind == TN__TOK_WORD && tn__str_iequal(tok->text, tn_str_from(word));
}

static bool word_in(const tn__tok *tok, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (word_is(tok, words[i]))
            return true;
    return false;
}

/* Functions and words that leave something behind wherever they stand. */
static bool leaves_state(const tn__tok *tok)
{
    static const char *const words[] = {
        "temp",
        "temporary",
        "set_config",
        "pg_advisory_lock",
        "pg_advisory_lock_shared",
        "pg_try_advisory_lock",
        "pg_try_advisory_lock_shared",
    };

    return word_in(tok, words, TN__COUNT_OF(words)) ||
           (tok->kind == TN__TOK_WORD && tn__str_starts(tok->text, TN__STR("pg_temp")));
}

static bool anywhere(tn__lexer lexer, bool (*matches)(const tn__tok *tok))
{
    for (tn__tok tok = tn__lexer_skip(&lexer); tok.kind != TN__TOK_END;
         tok = tn__lexer_skip(&lexer))
        if (matches(&tok))
            return true;
    return false;
}

static bool is_all(const tn__tok *tok)
{
    return word_is(tok, "all");
}

static uint8_t changes_of_set(tn__lexer *lexer)
{
    static const char *const of_transaction[] = {"transaction", "constraints"};
    tn__tok next = tn__lexer_skip(lexer);

    if (word_is(&next, "local"))
        return PG_CHANGES_LOCALLY;
    return word_in(&next, of_transaction, TN__COUNT_OF(of_transaction)) ? 0 : PG_CHANGES_SESSION;
}

uint8_t pg_sql_changes(tn_str sql)
{
    static const char *const session[] = {"reset", "listen", "unlisten", "declare",
                                          "load",  "do",     "call"};
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__tok first = tn__lexer_skip(&lexer);
    if (word_is(&first, "set"))
        return changes_of_set(&lexer);
    if (word_is(&first, "prepare"))
        return PG_CHANGES_STATEMENTS;
    if (word_is(&first, "discard"))
        return anywhere(lexer, is_all) ? PG_CHANGES_SESSION | PG_FORGETS_STATEMENTS
                                       : PG_CHANGES_SESSION;
    if (word_is(&first, "deallocate"))
        return PG_FORGETS_STATEMENTS;
    if (word_in(&first, session, TN__COUNT_OF(session)))
        return PG_CHANGES_SESSION;
    return anywhere(lexer, leaves_state) ? PG_CHANGES_SESSION : 0;
}

/* COPY from or to the client. Files and programs are the server's own business. */
bool pg_sql_is_copy(tn_str sql)
{
    tn__lexer lexer;
    int depth = 0;
    bool client = false;

    tn__lexer_init(&lexer, sql);
    tn__tok tok = tn__lexer_skip(&lexer);
    if (!word_is(&tok, "copy"))
        return false;
    for (tok = tn__lexer_skip(&lexer); tok.kind != TN__TOK_END; tok = tn__lexer_skip(&lexer)) {
        if (tok.kind == TN__TOK_PUNCT)
            depth += tok.text.ptr[0] == '(' ? 1 : tok.text.ptr[0] == ')' ? -1 : 0;
        if (depth == 0 && (word_is(&tok, "from") || word_is(&tok, "to"))) {
            tok = tn__lexer_skip(&lexer);
            client = word_is(&tok, "stdin") || word_is(&tok, "stdout");
        }
    }
    return client;
}

bool pg_sql_commits(tn_str sql)
{
    tn__lexer lexer;

    if (tn__sql_first_word(sql) == TN__STMT_COMMIT)
        return true;
    tn__lexer_init(&lexer, sql);
    tn__tok first = tn__lexer_skip(&lexer), second = tn__lexer_skip(&lexer);
    return (word_is(&first, "commit") && word_is(&second, "prepared")) ||
           (word_is(&first, "prepare") && word_is(&second, "transaction"));
}

bool pg_sql_reads_only(tn_str sql)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__tok first = tn__lexer_skip(&lexer);
    return word_is(&first, "show");
}

static bool is_param(const tn__tok *tok)
{
    return tok->kind == TN__TOK_PARAM || tok->kind == TN__TOK_ERROR;
}

bool pg_sql_defines(tn_str sql)
{
    static const char *const words[] = {"create", "alter",    "drop",    "comment", "grant",
                                        "revoke", "truncate", "reindex", "refresh", "reset"};
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__tok first = tn__lexer_skip(&lexer);
    return word_in(&first, words, TN__COUNT_OF(words)) && !anywhere(lexer, is_param);
}

/* Words that a parenthesis follows without a call, and functions of the server's own that only
 * compute. One of the same name in somebody's own schema would be missed: then nobody knows the
 * transaction's number, no more. */
static bool only_computes(const tn__tok *tok)
{
    static const char *const words[] = {
        "in",
        "values",
        "exists",
        "any",
        "all",
        "some",
        "over",
        "as",
        "from",
        "join",
        "on",
        "using",
        "where",
        "and",
        "or",
        "not",
        "select",
        "by",
        "union",
        "except",
        "intersect",
        "case",
        "when",
        "then",
        "else",
        "is",
        "like",
        "ilike",
        "between",
        "limit",
        "offset",
        "filter",
        "distinct",
        "lateral",
        "array",
        "row",
        "materialized",
        "having",
        "group",
        "sets",
        "with",
        "cast",
        "count",
        "sum",
        "min",
        "max",
        "avg",
        "coalesce",
        "nullif",
        "greatest",
        "least",
        "lower",
        "upper",
        "length",
        "now",
        "abs",
        "round",
        "floor",
        "ceil",
        "substr",
        "substring",
        "trim",
        "replace",
        "concat",
        "position",
        "extract",
        "date_trunc",
        "to_char",
        "array_agg",
        "string_agg",
        "json_agg",
        "jsonb_agg",
        "row_number",
        "rank",
        "dense_rank",
        "lag",
        "lead",
        "unnest",
        "varchar",
        "char",
        "numeric",
        "decimal",
        "timestamp",
        "timestamptz",
        "time",
        "interval",
        "bit",
        "bool_or",
        "bool_and",
        "random",
        "generate_series",
        "json_build_object",
        "jsonb_build_object",
    };

    return word_in(tok, words, TN__COUNT_OF(words));
}

/* FOR UPDATE gives its transaction a number, INTO makes a table. */
static bool query_writes(tn__lexer lexer)
{
    static const char *const writing[] = {"insert", "update", "delete", "merge", "into", "share"};
    tn__tok before = {.kind = TN__TOK_END}, tok = tn__lexer_skip(&lexer);
    bool qualified = false;

    for (; tok.kind != TN__TOK_END; tok = tn__lexer_skip(&lexer)) {
        bool name = before.kind == TN__TOK_WORD || before.kind == TN__TOK_QUOTED;
        if (tok.kind == TN__TOK_ERROR || word_in(&tok, writing, TN__COUNT_OF(writing)))
            return true;
        if (name && tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == '(' &&
            (qualified || !only_computes(&before)))
            return true;
        if (tok.kind == TN__TOK_WORD || tok.kind == TN__TOK_QUOTED)
            qualified = before.kind == TN__TOK_PUNCT && before.text.ptr[0] == '.';
        before = tok;
    }
    return false;
}

static bool is_change(const tn__tok *tok)
{
    static const char *const changes[] = {"insert", "update", "delete", "merge"};

    return word_in(tok, changes, TN__COUNT_OF(changes));
}

pg_writes pg_sql_writes(tn_str sql)
{
    static const char *const queries[] = {"select", "values", "table", "with"};
    static const char *const reads[] = {
        "show",   "set",      "reset",    "close",      "begin",   "start",
        "commit", "end",      "rollback", "abort",      "release", "savepoint",
        "listen", "unlisten", "discard",  "deallocate", "lock",    "notify",
    };
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__tok first = tn__lexer_skip(&lexer);
    while (first.kind == TN__TOK_PUNCT && first.text.ptr[0] == '(')
        first = tn__lexer_skip(&lexer);
    if (is_change(&first) || (word_is(&first, "with") && anywhere(lexer, is_change)))
        return PG_WRITES;
    if (first.kind == TN__TOK_END || word_in(&first, reads, TN__COUNT_OF(reads)))
        return PG_READS;
    if (word_in(&first, queries, TN__COUNT_OF(queries)) && !query_writes(lexer))
        return PG_READS;
    return PG_MAY_WRITE;
}

/* FNV-1a, from the end: independent of tn__hash(), which gives the other half. */
static uint64_t second_hash(tn_str sql)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = sql.len; i > 0; i--)
        hash = (hash ^ (unsigned char)sql.ptr[i - 1]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Derived from the text, never counted: behind a pooler another client's statement of the same name
 * must be the same statement. */
void pg_statement_name(tn_str sql, char name[PG_NAME_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t halves[2] = {tn__hash(sql.ptr, sql.len), second_hash(sql)};
    char *at = name;

    memcpy(at, "tn_", 3);
    at += 3;
    for (size_t i = 0; i < 32; i++)
        *at++ = digits[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
    *at = '\0';
}
