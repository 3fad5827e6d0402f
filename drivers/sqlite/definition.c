/* SPDX-License-Identifier: MIT */
/*
 * The constraints of a table, out of the text that created it: SQLite keeps that text but tells the
 * names of constraints nowhere else. Tokens only; what is not understood is passed over.
 */
#include "sqlite/lite.h"

#include <string.h>

#include "base/lexer.h"
#include "base/str.h"

typedef struct reader {
    tn__lexer lexer;
    tn__tok tok;
    bool (*fn)(void *arg, const lite_constraint *constraint);
    void *arg;
    bool stop;
} reader;

static void next(reader *r)
{
    r->tok = tn__lexer_skip(&r->lexer);
    r->stop |= r->tok.kind == TN__TOK_END || r->tok.kind == TN__TOK_ERROR;
}

static bool at_word(const reader *r, const char *word)
{
    return r->tok.kind == TN__TOK_WORD && tn__str_iequal(r->tok.text, kit_str(word));
}

static bool at_punct(const reader *r, char c)
{
    return r->tok.kind == TN__TOK_PUNCT && r->tok.text.ptr[0] == c;
}

static bool at_name(const reader *r)
{
    return r->tok.kind == TN__TOK_WORD || r->tok.kind == TN__TOK_QUOTED;
}

static void emit(reader *r, const lite_constraint *constraint)
{
    if (!r->stop && !r->fn(r->arg, constraint))
        r->stop = true;
}

/* From an opening parenthesis to behind its closing one; what stands between. */
static tn_str skip_parentheses(reader *r)
{
    const char *from = r->tok.text.ptr + 1;
    const char *to = from;
    int depth = 0;

    do {
        depth += at_punct(r, '(') - at_punct(r, ')');
        to = r->tok.text.ptr;
        next(r);
    } while (depth > 0 && !r->stop);
    return tn__str_trim(tn__str(from, to > from ? (size_t)(to - from) : 0));
}

static void add_column(lite_constraint *constraint, tn_str token)
{
    if (constraint->n_columns < LITE_KEY_COLUMNS)
        lite_identifier(token, constraint->columns[constraint->n_columns],
                        sizeof constraint->columns[0]);
    constraint->n_columns++;
}

/* (a, b COLLATE x DESC, ...): the first word of each. */
static void read_columns(reader *r, lite_constraint *constraint)
{
    int depth = 0;
    bool first = false;

    constraint->n_columns = 0;
    do {
        if (first && at_name(r))
            add_column(constraint, r->tok.text);
        depth += at_punct(r, '(') - at_punct(r, ')');
        first = depth == 1 && (at_punct(r, '(') || at_punct(r, ','));
        next(r);
    } while (depth > 0 && !r->stop);
}

/* PRIMARY KEY, UNIQUE: of the column it stands at, or of a list. */
static void read_key(reader *r, lite_constraint *c, lite_constraint_kind kind)
{
    c->kind = kind;
    next(r);
    if (kind == LITE_PRIMARY_KEY && at_word(r, "key"))
        next(r);
    if (at_punct(r, '('))
        read_columns(r, c);
    emit(r, c);
}

static void read_check(reader *r, lite_constraint *c)
{
    c->kind = LITE_CHECK;
    next(r);
    if (!at_punct(r, '('))
        return;
    c->expression = skip_parentheses(r);
    emit(r, c);
}

/* [FOREIGN KEY (a, b)] REFERENCES t ... : told at the second word, the columns are known then. */
static void read_foreign(reader *r, lite_constraint *c)
{
    c->kind = LITE_FOREIGN_KEY;
    if (at_word(r, "foreign")) {
        next(r);
        if (at_word(r, "key"))
            next(r);
        if (at_punct(r, '('))
            read_columns(r, c);
        if (!at_word(r, "references"))
            return;
    }
    next(r); /* REFERENCES */
    next(r); /* the table */
    emit(r, c);
}

/* A column or a table constraint, up to its comma or the end. */
static void read_item(reader *r)
{
    static const char *const others[] = {"not", "null", "default", "collate", "generated"};
    lite_constraint column = {.n_columns = 0};
    lite_constraint c;
    char name[64] = "";

    if (at_name(r) && !at_word(r, "constraint") && !at_word(r, "primary") &&
        !at_word(r, "unique") && !at_word(r, "check") && !at_word(r, "foreign")) {
        add_column(&column, r->tok.text);
        next(r);
    }
    while (!r->stop && !at_punct(r, ',') && !at_punct(r, ')')) {
        bool key = at_word(r, "primary") || at_word(r, "unique");
        c = column;
        memcpy(c.name, name, sizeof name);
        if (at_word(r, "constraint")) {
            next(r);
            if (at_name(r))
                lite_identifier(r->tok.text, name, sizeof name);
            next(r);
            continue;
        }
        if (key)
            read_key(r, &c, at_word(r, "primary") ? LITE_PRIMARY_KEY : LITE_UNIQUE);
        else if (at_word(r, "check"))
            read_check(r, &c);
        else if (at_word(r, "foreign") || at_word(r, "references"))
            read_foreign(r, &c);
        else if (at_punct(r, '('))
            (void)skip_parentheses(r);
        else {
            bool other = false;
            for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
                other |= at_word(r, others[i]);
            next(r);
            if (!other)
                continue;
        }
        name[0] = '\0'; /* it named what was just read */
    }
}

void lite_definition_read(tn_str create, bool (*fn)(void *arg, const lite_constraint *constraint),
                          void *arg)
{
    reader r = {.fn = fn, .arg = arg};

    tn__lexer_init(&r.lexer, create);
    do
        next(&r);
    while (!r.stop && !at_punct(&r, '('));
    while (!r.stop && !at_punct(&r, ')')) {
        next(&r);
        read_item(&r);
    }
}
