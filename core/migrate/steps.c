/* SPDX-License-Identifier: MIT */
#include "migrate/steps.h"

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"
#include "migrate/problem.h"

enum { STEPS_MAX = 1000000, WORDS = 6 };

typedef struct splitter {
    tn__arena *arena;
    const tn_migration *migration;
    tn_str text;
    const char *file;
    bool in_transaction;
    tn__dialect dialect;
    tn__steps *ret;
    size_t capacity;
    tn_migrate_problem *problem;
    tn_error *err;
} splitter;

/* ---- what a statement is --------------------------------------------------------------------- */

static bool is(tn__tok tok, const char *word)
{
    return tok.kind == TN__TOK_WORD && tn__str_iequal(tok.text, tn_str_from(word));
}

static bool is_one_of(tn__tok tok, const char *const *words)
{
    for (; *words; words++)
        if (is(tok, *words))
            return true;
    return false;
}

/* The first words of a statement. */
static size_t first_words(tn_str sql, tn__tok ret[WORDS])
{
    tn__lexer lexer;
    size_t n = 0;

    tn__lexer_init(&lexer, sql);
    while (n < WORDS) {
        ret[n] = tn__lexer_skip(&lexer);
        if (ret[n].kind == TN__TOK_END)
            break;
        n++;
    }
    for (size_t i = n; i < WORDS; i++)
        ret[i] = (tn__tok){.kind = TN__TOK_END, .text = {"", 0}};
    return n;
}

static bool has_word(tn_str sql, const char *word)
{
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, sql);
    do {
        tok = tn__lexer_skip(&lexer);
        if (is(tok, word))
            return true;
    } while (tok.kind != TN__TOK_END && tok.kind != TN__TOK_ERROR);
    return false;
}

/* CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name: the name, with its schema if there is
 * one before it. */
static tn_str concurrent_index(tn_str sql)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__tok tok = tn__lexer_skip(&lexer);
    if (!is(tok, "create"))
        return (tn_str){"", 0};
    tok = tn__lexer_skip(&lexer);
    if (is(tok, "unique"))
        tok = tn__lexer_skip(&lexer);
    if (!is(tok, "index") || !is(tn__lexer_skip(&lexer), "concurrently"))
        return (tn_str){"", 0};
    tok = tn__lexer_skip(&lexer);
    if (is(tok, "if")) {
        (void)tn__lexer_skip(&lexer); /* not */
        (void)tn__lexer_skip(&lexer); /* exists */
        tok = tn__lexer_skip(&lexer);
    }
    if (is(tok, "on") || (tok.kind != TN__TOK_WORD && tok.kind != TN__TOK_QUOTED))
        return (tn_str){"", 0}; /* the server makes a name up */
    return tok.text;
}

static tn__again again(const tn__tok *words)
{
    static const char *const repeatable[] = {
        "vacuum", "analyze", "reindex", "cluster", "refresh", "checkpoint", "pragma", "set",
        "reset",  "attach",  "detach",  "comment", "grant",   "revoke",     "load",   NULL};

    if (is_one_of(words[0], repeatable) || (is(words[0], "alter") && is(words[1], "system")))
        return TN__AGAIN_YES;
    if (is(words[0], "create"))
        return is(words[1], "or") ? TN__AGAIN_YES : TN__AGAIN_CREATE;
    return is(words[0], "drop") ? TN__AGAIN_DROP : TN__AGAIN_ASK;
}

static bool is_drop(tn_str sql)
{
    tn__tok words[WORDS];

    first_words(sql, words);
    return is(words[0], "drop") && is(words[1], "table");
}

static bool is_setting(tn_str sql)
{
    static const char *const setting[] = {"set",    "reset",  "discard", "pragma",
                                          "attach", "detach", "load",    NULL};
    tn__tok words[WORDS];

    first_words(sql, words);
    return is_one_of(words[0], setting) || has_word(sql, "set_config");
}

/* Or has code in it that may, which is not looked into. */
static bool may_set(tn_str sql)
{
    static const char *const code[] = {"do", "call", NULL};
    tn__tok words[WORDS];

    first_words(sql, words);
    return is_one_of(words[0], code) || is_setting(sql);
}

static void classify(const splitter *s, tn__step *step)
{
    static const char *const sqlite_alone[] = {"pragma", "vacuum", "attach", "detach", NULL};
    tn__tok words[WORDS];

    first_words(step->sql, words);
    step->again = again(words);
    step->sets = is_setting(step->sql);
    s->ret->sets |= may_set(step->sql);
    step->alone = s->dialect == TN__SQLITE && is_one_of(words[0], sqlite_alone);
    step->patient = has_word(step->sql, "concurrently");
    step->index = step->patient ? concurrent_index(step->sql) : (tn_str){"", 0};
    step->drops = is_drop(step->sql);
}

/* ---- the list -------------------------------------------------------------------------------- */

/* Without the comments before it: what a failure without a place points at is its first word. */
static tn_str without_comments(tn_str sql)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__tok tok = tn__lexer_skip(&lexer);
    return tn__str(tok.text.ptr, (size_t)(sql.ptr + sql.len - tok.text.ptr));
}

static tn_status push(splitter *s, tn_str sql, uint32_t line, tn__step **ret)
{
    tn__steps *steps = s->ret;

    if (steps->count >= STEPS_MAX)
        return tn_error_set(s->err, TN_LIMIT, NULL, "%s: more than %d statements", s->file,
                            STEPS_MAX);
    if (steps->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 8;
        tn__step *grown = tn__arena_array(s->arena, capacity, sizeof(*grown));
        if (!grown)
            return tn_error_set(s->err, TN_NOMEM, NULL, "out of memory");
        for (size_t i = 0; i < steps->count; i++)
            grown[i] = steps->items[i];
        steps->items = grown;
        s->capacity = capacity;
    }
    *ret = &steps->items[steps->count++];
    **ret = (tn__step){.sql = without_comments(sql), .line = line, .index = {"", 0}};
    return TN_OK;
}

static tn_status refuse(const splitter *s, tn_str sql, const char *text)
{
    tn_status status = tn__file_error(s->problem, s->err, s->file, s->text,
                                      without_comments(sql).ptr, "%s", text);

    if (s->problem)
        tn__copy_text(s->problem->version, sizeof(s->problem->version),
                      tn_str_from(s->migration->version));
    return status;
}

/* Of a block without transaction: all to COMMIT is one step. */
static tn_status push_group(splitter *s, tn__script *script, tn_str begin, uint32_t line)
{
    tn_str sql = begin;
    uint32_t at;
    tn__step *step;
    bool drops = false;

    while (tn__script_next(script, &sql, &at)) {
        switch (tn__sql_first_word(sql)) {
        case TN__STMT_COMMIT: {
            tn_str whole = tn__str(begin.ptr, (size_t)(sql.ptr + sql.len - begin.ptr));
            tn_status status = push(s, whole, line, &step);
            if (status != TN_OK)
                return status;
            step->group = true;
            step->drops = drops;
            return TN_OK;
        }
        case TN__STMT_BEGIN: return refuse(s, sql, "a BEGIN within BEGIN ... COMMIT");
        case TN__STMT_ROLLBACK: return refuse(s, sql, "a ROLLBACK would undo what is recorded");
        case TN__STMT_SAVEPOINT:
        case TN__STMT_RELEASE:
        case TN__STMT_ROLLBACK_TO: s->ret->savepoints = true; break;
        default:
            drops = drops || is_drop(sql);
            s->ret->sets |= may_set(sql);
            break;
        }
    }
    return refuse(s, begin, "this BEGIN has no COMMIT");
}

static tn_status push_outside(splitter *s, tn__script *script, tn_str sql, uint32_t line)
{
    tn__step *step;

    switch (tn__sql_first_word(sql)) {
    case TN__STMT_BEGIN: return push_group(s, script, sql, line);
    case TN__STMT_COMMIT:
    case TN__STMT_ROLLBACK:
    case TN__STMT_SAVEPOINT:
    case TN__STMT_RELEASE:
    case TN__STMT_ROLLBACK_TO: return refuse(s, sql, "there is no BEGIN before this");
    default: break;
    }
    tn_status status = push(s, sql, line, &step);
    if (status == TN_OK)
        classify(s, step);
    return status;
}

static tn_status split_outside(splitter *s)
{
    tn__script script = {s->text, 1};
    tn_status status = TN_OK;
    tn_str sql;
    uint32_t line;

    while (status == TN_OK && tn__script_next(&script, &sql, &line))
        status = push_outside(s, &script, sql, line);
    return status;
}

/* BEGIN first and COMMIT last, which the runner does itself. */
static void strip_enclosing(tn__steps *steps)
{
    if (steps->count < 2 || tn__sql_first_word(steps->items[0].sql) != TN__STMT_BEGIN ||
        tn__sql_first_word(steps->items[steps->count - 1].sql) != TN__STMT_COMMIT)
        return;
    steps->items++;
    steps->count -= 2;
}

static tn_status split_inside(splitter *s)
{
    tn__script script = {s->text, 1};
    tn_status status = TN_OK;
    tn__step *step;
    tn_str sql;
    uint32_t line;

    while (status == TN_OK && tn__script_next(&script, &sql, &line)) {
        status = push(s, sql, line, &step);
        if (status == TN_OK)
            classify(s, step);
    }
    if (status != TN_OK)
        return status;
    strip_enclosing(s->ret);
    for (size_t i = 0; i < s->ret->count; i++) {
        tn__stmt_word word = tn__sql_first_word(s->ret->items[i].sql);
        s->ret->savepoints |= word > TN__STMT_EMPTY;
        if (word == TN__STMT_BEGIN || word == TN__STMT_COMMIT || word == TN__STMT_ROLLBACK)
            return refuse(s, s->ret->items[i].sql,
                          "a migration is one transaction: leave this out, or put "
                          "transaction:false behind -- migrate:up");
    }
    return TN_OK;
}

tn_status tn__steps_split(tn__arena *arena, const tn_migration *migration, bool down,
                          tn__dialect dialect, tn__steps *ret, tn_migrate_problem *problem,
                          tn_error *err)
{
    const tn_migration_options *options = down ? &migration->down_options : &migration->up_options;
    splitter s = {
        .arena = arena,
        .migration = migration,
        .text = down ? migration->down : migration->up,
        .file = down && migration->down_file ? migration->down_file : migration->file,
        .in_transaction = !options->no_transaction,
        .dialect = dialect,
        .ret = ret,
        .problem = problem,
        .err = err,
    };

    *ret = (tn__steps){0};
    tn_status status = s.in_transaction ? split_inside(&s) : split_outside(&s);
    if (status != TN_OK)
        return status;
    for (size_t i = 0; i < ret->count; i++)
        ret->drops |= ret->items[i].drops;
    return TN_OK;
}
