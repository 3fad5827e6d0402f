/* SPDX-License-Identifier: MIT */
/*
 * The native dialect: SQLite's own SQL. Translated is what SQLite would misread: $n (it numbers
 * $names by first appearance and takes $1::int for one name) becomes ?n, or ? where that is the
 * same; dollar quotes become string literals; comments that nest become a blank; CAST to a type of
 * PostgreSQL that SQLite does not know, which would make a number of it, becomes a conversion.
 * Refused are SQLite's own placeholders and the few forms of PostgreSQL that would pass with
 * another meaning.
 */
#include "sqlite/lite.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/lexer.h"
#include "base/str.h"

#define MAX_PARAM      65535 /* as on the wire of PostgreSQL */
#define MAX_CAST_DEPTH 200

typedef enum cast_mode {
    CAST_KEPT = 0, /* SQLite's own */
    CAST_STORED,   /* to what the type is stored as */
    CAST_CONVERTED /* becomes tn_cast(...) */
} cast_mode;

/* A CAST that the translation stands in: from as_at to the closing parenthesis is its type. */
typedef struct open_cast {
    const char *as_at; /* NULL: it has none, which SQLite will tell */
    const char *close_at;
    cast_mode mode;
    lite_type type;
} open_cast;

typedef struct translation {
    tn_driver_conn *conn;
    tn_str sql;
    tn__arena *arena;
    lite_statement *ret;
    tn__buf *out;
    lite_edit *edits;
    uint32_t cap_edits;
    bool changed;
    bool unbalanced; /* some parenthesis is never closed: no cast is looked for any more */
    open_cast casts[MAX_CAST_DEPTH];
    uint32_t n_casts;
    uint8_t seen[MAX_PARAM / 8 + 1];
} translation;

/* An error that points at a place of the caller's text. */
static tn_status refuse(const translation *t, const char *at, const char *sqlstate, tn_error *err,
                        const char *message, tn_str word)
{
    size_t offset = (size_t)(at - t->sql.ptr);
    char text[320];
    tn_diagnostic diagnostic = {
        .size = sizeof diagnostic,
        .phase = TN_PHASE_PREPARE,
        .outcome = TN_OUTCOME_NOT_APPLIED,
        .sqlstate = kit_str(sqlstate),
        .position = (int32_t)tn__utf8_count(t->sql.ptr, offset) + 1,
    };

    word.len = tn__utf8_cut(word.ptr, word.len, 64);
    (void)snprintf(text, sizeof text, "%s%s%.*s%s", message, word.len ? " \"" : "", (int)word.len,
                   word.ptr ? word.ptr : "", word.len ? "\"" : "");
    diagnostic.message = kit_str(text);
    return t->conn->host->fail(err, &diagnostic);
}

/* Says that what is appended next stands for the caller's text from here on. */
static bool mark(translation *t, const char *in)
{
    lite_edit edit = {(uint32_t)t->out->len, (uint32_t)(in - t->sql.ptr)};

    t->changed = true;
    if (t->ret->n_edits == t->cap_edits) {
        uint32_t cap = t->cap_edits ? t->cap_edits * 2 : 16;
        lite_edit *edits = tn__arena_array(t->arena, cap, sizeof *edits);
        if (!edits)
            return false;
        if (t->ret->n_edits)
            memcpy(edits, t->edits, t->ret->n_edits * sizeof *edits);
        t->edits = edits;
        t->ret->edits = edits;
        t->cap_edits = cap;
    }
    t->edits[t->ret->n_edits++] = edit;
    return true;
}

/* Puts text in the place of a token; false: no memory. */
static bool replace(translation *t, tn_str token, const char *text)
{
    return tn__buf_puts(t->out, text) && mark(t, token.ptr + token.len);
}

/* ---- tokens --------------------------------------------------------------------------------- */

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (c & 0x80);
}

/* Its bit; what is above the highest one so far was never cleared. */
static void note_param(translation *t, uint32_t number)
{
    uint32_t highest = t->ret->n_params;

    if (number > highest) {
        memset(t->seen + highest / 8 + 1, 0, number / 8 - highest / 8);
        t->ret->n_params = number;
    }
    t->seen[number / 8] |= (uint8_t)(1u << number % 8);
}

/* $1 becomes ?1, or ? and blanks: of the same length, so that positions stay. SQLite numbers a bare
 * ? one above the highest before it, so that it means ?n for placeholders that come in their order.
 * It keeps the name of each ?n in a list and goes through that list for every one of them, which
 * takes seconds for the many placeholders of a long INSERT. */
static tn_status take_param(translation *t, tn__tok tok, tn_error *err)
{
    bool bare = tok.number == t->ret->n_params + 1;

    if (tok.number == 0)
        return refuse(t, tok.text.ptr, "42P02", err, "there is no parameter", tok.text);
    note_param(t, tok.number);
    t->changed = true;
    (void)tn__buf_putc(t->out, '?');
    for (size_t i = 1; i < tok.text.len; i++)
        (void)tn__buf_putc(t->out, bare ? ' ' : tok.text.ptr[i]);
    return TN_OK;
}

/* $tag$body$tag$ becomes 'body'. */
static bool take_dollar(translation *t, tn__tok tok)
{
    const char *body = memchr(tok.text.ptr + 1, '$', tok.text.len - 1);
    size_t tag = body ? (size_t)(body - tok.text.ptr) + 1 : 0;
    const char *end = tok.text.ptr + tok.text.len - tag;

    (void)tn__buf_putc(t->out, '\'');
    for (const char *p = tok.text.ptr + tag; p < end; p++) {
        if (*p == '\'')
            (void)tn__buf_putc(t->out, '\'');
        (void)tn__buf_putc(t->out, *p);
    }
    return replace(t, tok.text, "'");
}

static tn_status take_string(translation *t, tn__tok tok, tn_error *err)
{
    char c = tok.text.ptr[0];

    if (c != '\'' && c != '"' && c != 'x' && c != 'X')
        return refuse(t, tok.text.ptr, "0A000", err,
                      "the sqlite driver does not know this kind of quotes (write '...' or pass a "
                      "parameter):",
                      tok.text);
    (void)tn__buf_str(t->out, tok.text);
    return TN_OK;
}

/* PostgreSQL's comments nest, SQLite's end at the first mark. */
static bool take_comment(translation *t, tn__tok tok)
{
    for (size_t i = 2; tok.text.ptr[0] == '/' && i + 1 < tok.text.len; i++)
        if (tok.text.ptr[i] == '/' && tok.text.ptr[i + 1] == '*')
            return replace(t, tok.text, " ");
    return tn__buf_str(t->out, tok.text);
}

/* SQLite's `name` and [name] are one token of its own: whatever stands between is passed over. */
static tn_status take_quoted(translation *t, tn__lexer *lexer, const char *at, char close,
                             tn_error *err)
{
    const char *p = at + 1;

    while (p < lexer->end && (*p != close || (close == '`' && p + 1 < lexer->end && p[1] == '`')))
        p += *p == close ? 2 : 1;
    if (p >= lexer->end)
        return refuse(t, at, "42601", err, "unterminated quoted identifier", (tn_str){NULL, 0});
    (void)tn__buf_append(t->out, at, (size_t)(p + 1 - at));
    lexer->at = p + 1;
    return TN_OK;
}

static tn_status take_operator(translation *t, tn__lexer *lexer, tn__tok tok, tn_error *err)
{
    for (size_t i = 0; i < tok.text.len; i++) {
        const char *p = tok.text.ptr + i;
        bool name_follows = p + 1 < lexer->end && id_char(p[1]);
        if (*p == '`') {
            (void)tn__buf_append(t->out, tok.text.ptr, i);
            return take_quoted(t, lexer, p, '`', err);
        }
        if (*p == '?' || ((*p == '@' || *p == '#') && name_follows))
            return refuse(t, p, "42601", err, "placeholders are written $1, $2 ..., not",
                          tn__str(p, 1));
        if (*p == ':' && i + 1 < tok.text.len && p[1] == ':')
            return refuse(t, p, "0A000", err,
                          "SQLite's SQL has no :: cast; write cast(... as type)",
                          (tn_str){NULL, 0});
    }
    (void)tn__buf_str(t->out, tok.text);
    return TN_OK;
}

static tn_status take_punct(translation *t, tn__lexer *lexer, tn__tok tok, tn_error *err)
{
    if (tok.text.ptr[0] == ':' && lexer->at < lexer->end && id_char(*lexer->at))
        return refuse(t, tok.text.ptr, "42601", err, "placeholders are written $1, $2 ..., not",
                      tok.text);
    if (tok.text.ptr[0] == '[')
        return take_quoted(t, lexer, tok.text.ptr, ']', err);
    if (t->n_casts && t->casts[t->n_casts - 1].close_at == tok.text.ptr)
        t->n_casts--;
    (void)tn__buf_str(t->out, tok.text);
    return TN_OK;
}

static tn_status take_error(const translation *t, tn__tok tok, tn_error *err)
{
    const char *message = "syntax error at or near";
    tn_str shown = tok.text;

    switch (tok.text.len ? tok.text.ptr[0] : '\0') {
    case '\'': message = "unterminated quoted string at or near"; break;
    case '"': message = "unterminated quoted identifier at or near"; break;
    case '$': message = "unterminated dollar-quoted string at or near"; break;
    case '/': message = "unterminated /* comment at or near"; break;
    default: break;
    }
    return refuse(t, tok.text.ptr, "42601", err, message, shown);
}

/* ---- casts ---------------------------------------------------------------------------------- */

/* Types that SQLite's CAST would turn into numbers: what they are stored as, NULL for the others.
 */
static const char *stored_as(const lite_type *type)
{
    switch (type->type) {
    case TN_TYPE_BOOL: return "integer";
    case TN_TYPE_BYTES: return strcmp(type->name, "blob") == 0 ? NULL : "blob";
    case TN_TYPE_UUID:
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME:
    case TN_TYPE_INTERVAL:
    case TN_TYPE_JSON:
    case TN_TYPE_ARRAY: return "text";
    default: return NULL;
    }
}

/* Looks ahead behind the word CAST: (expression [AS type]). false: it is none. */
static bool find_cast(translation *t, tn__lexer lexer, open_cast *ret)
{
    tn__tok tok = tn__lexer_skip(&lexer);
    const char *type_at = NULL;
    int depth = 1;

    if (tok.kind != TN__TOK_PUNCT || tok.text.ptr[0] != '(')
        return false;
    *ret = (open_cast){.as_at = NULL};
    while (depth > 0) {
        tok = tn__lexer_skip(&lexer);
        if (tok.kind == TN__TOK_END || tok.kind == TN__TOK_ERROR) {
            t->unbalanced = true;
            return false;
        }
        if (tok.kind == TN__TOK_PUNCT)
            depth += (tok.text.ptr[0] == '(') - (tok.text.ptr[0] == ')');
        if (depth == 1 && tok.kind == TN__TOK_WORD && tn__str_iequal(tok.text, TN__STR("as"))) {
            ret->as_at = tok.text.ptr;
            type_at = tok.text.ptr + tok.text.len;
        }
    }
    ret->close_at = tok.text.ptr;
    if (type_at)
        (void)lite_decltype(tn__str(type_at, (size_t)(ret->close_at - type_at)), &ret->type);
    return true;
}

/* cast($n as type) */
typedef struct typed_param {
    struct typed_param *next;
    uint32_t number;
    lite_type type;
} typed_param;

#define MAX_TYPE_TOKENS 16

/* Is it cast($n as type)? The lexer stands behind CAST. */
static bool find_typed_param(tn__lexer lexer, uint32_t *ret_number, lite_type *ret_type)
{
    tn__tok open = tn__lexer_skip(&lexer);
    tn__tok param = tn__lexer_skip(&lexer);
    tn__tok as = tn__lexer_skip(&lexer);
    const char *type_at = as.text.ptr + as.text.len;
    int depth = 1;

    if (open.kind != TN__TOK_PUNCT || open.text.ptr[0] != '(' || param.kind != TN__TOK_PARAM ||
        param.number == 0 || as.kind != TN__TOK_WORD || !tn__str_iequal(as.text, TN__STR("as")))
        return false;
    for (int i = 0; i < MAX_TYPE_TOKENS; i++) {
        tn__tok tok = tn__lexer_skip(&lexer);
        if (tok.kind == TN__TOK_PUNCT)
            depth += (tok.text.ptr[0] == '(') - (tok.text.ptr[0] == ')');
        if (depth == 0) {
            *ret_number = param.number;
            return lite_decltype(tn__str(type_at, (size_t)(tok.text.ptr - type_at)), ret_type);
        }
    }
    return false;
}

static bool same_type(const lite_type *a, const lite_type *b)
{
    return a->type == b->type && a->element == b->element;
}

/* Casts that disagree about a placeholder say nothing of it. */
static bool set_param_types(translation *t, const typed_param *list, uint32_t highest)
{
    const lite_type **types = tn__arena_array(t->arena, highest, sizeof *types);
    bool *conflicts = tn__arena_array(t->arena, highest, sizeof *conflicts);

    if (!types || !conflicts)
        return false;
    for (uint32_t i = 0; i < highest; i++) {
        types[i] = NULL;
        conflicts[i] = false;
    }
    for (; list; list = list->next) {
        const lite_type **type = &types[list->number - 1];
        conflicts[list->number - 1] |= *type && !same_type(*type, &list->type);
        *type = &list->type;
    }
    for (uint32_t i = 0; i < highest; i++)
        if (conflicts[i])
            types[i] = NULL;
    t->ret->param_types = types;
    return true;
}

/* Most texts hold no such letters, wherever they stand; then there is no such word either. */
static bool may_cast(tn_str sql)
{
    static const char word[] = "cast";

    for (size_t i = 0, n = sql.len; i + sizeof word <= n; i++) {
        size_t same = 0;
        while (same < sizeof word - 1 && (sql.ptr[i + same] | 0x20) == word[same])
            same++;
        if (same == sizeof word - 1)
            return true;
    }
    return false;
}

/* Looks through the text for casts of placeholders, before anything is written. */
static bool read_param_types(translation *t)
{
    typed_param *list = NULL;
    uint32_t highest = 0;
    tn__lexer lexer;

    if (!may_cast(t->sql))
        return true;

    tn__lexer_init(&lexer, t->sql);
    for (;;) {
        tn__tok tok = tn__lexer_skip(&lexer);
        uint32_t number;
        lite_type type;
        typed_param *added;
        if (tok.kind == TN__TOK_END || tok.kind == TN__TOK_ERROR)
            break;
        if (tok.kind == TN__TOK_PARAM && tok.number > highest)
            highest = tok.number;
        if (tok.kind != TN__TOK_WORD || !tn__str_iequal(tok.text, TN__STR("cast")) ||
            !find_typed_param(lexer, &number, &type))
            continue;
        added = tn__arena_alloc(t->arena, sizeof *added);
        if (!added)
            return false;
        *added = (typed_param){.next = list, .number = number, .type = type};
        list = added;
    }
    return !list || set_param_types(t, list, highest);
}

/* The schema's text must be readable without this driver, and a placeholder is converted when it is
 * bound. */
static cast_mode choose_mode(const translation *t, tn__lexer lexer, const open_cast *cast)
{
    uint32_t number;
    lite_type type;

    if (!cast->as_at || !stored_as(&cast->type))
        return CAST_KEPT;
    if (t->ret->kind == LITE_KIND_SCHEMA)
        return CAST_STORED;
    return t->ret->param_types && find_typed_param(lexer, &number, &type) &&
                   t->ret->param_types[number - 1]
               ? CAST_STORED
               : CAST_CONVERTED;
}

static tn_status take_cast(translation *t, const tn__lexer *lexer, tn__tok tok, tn_error *err)
{
    open_cast cast;
    bool ok = true;

    if (t->unbalanced || !find_cast(t, *lexer, &cast)) {
        (void)tn__buf_str(t->out, tok.text);
        return TN_OK;
    }
    if (t->n_casts == MAX_CAST_DEPTH)
        return refuse(t, tok.text.ptr, "54001", err, "casts are nested too deeply",
                      (tn_str){NULL, 0});
    cast.mode = choose_mode(t, *lexer, &cast);
    t->casts[t->n_casts++] = cast;
    if (cast.mode == CAST_CONVERTED)
        ok = replace(t, tok.text, "tn_cast");
    else
        (void)tn__buf_str(t->out, tok.text);
    return ok ? TN_OK : kit_nomem(t->conn->host, err, TN_PHASE_PREPARE);
}

/* At the AS of the innermost open cast: writes the type and goes on at the parenthesis. */
static bool write_type(translation *t, tn__lexer *lexer)
{
    const open_cast *cast = &t->casts[t->n_casts - 1];

    if (cast->mode == CAST_STORED) {
        (void)tn__buf_puts(t->out, "as ");
        (void)tn__buf_puts(t->out, stored_as(&cast->type));
    } else {
        (void)tn__buf_printf(t->out, ", '%s%s'", cast->type.name,
                             cast->type.type == TN_TYPE_ARRAY ? "[]" : "");
    }
    lexer->at = cast->close_at;
    return mark(t, cast->close_at);
}

static tn_status take_word(translation *t, tn__lexer *lexer, tn__tok tok, tn_error *err)
{
    const open_cast *cast = t->n_casts ? &t->casts[t->n_casts - 1] : NULL;

    if (cast && cast->as_at == tok.text.ptr && cast->mode != CAST_KEPT)
        return write_type(t, lexer) ? TN_OK : kit_nomem(t->conn->host, err, TN_PHASE_PREPARE);
    if (tn__str_iequal(tok.text, TN__STR("cast")))
        return take_cast(t, lexer, tok, err);
    (void)tn__buf_str(t->out, tok.text);
    return TN_OK;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static tn_status take(translation *t, tn__lexer *lexer, tn__tok tok, tn_error *err)
{
    bool ok = true;

    switch (tok.kind) {
    case TN__TOK_PARAM: return take_param(t, tok, err);
    case TN__TOK_STRING:
    case TN__TOK_QUOTED: return take_string(t, tok, err);
    case TN__TOK_OPERATOR: return take_operator(t, lexer, tok, err);
    case TN__TOK_PUNCT: return take_punct(t, lexer, tok, err);
    case TN__TOK_ERROR: return take_error(t, tok, err);
    case TN__TOK_WORD: return take_word(t, lexer, tok, err);
    case TN__TOK_DOLLAR: ok = take_dollar(t, tok); break;
    case TN__TOK_COMMENT: ok = take_comment(t, tok); break;
    default: (void)tn__buf_str(t->out, tok.text); break;
    }
    return ok ? TN_OK : kit_nomem(t->conn->host, err, TN_PHASE_PREPARE);
}

/* Parameters must be there from $1 to the highest, as PostgreSQL demands. */
static tn_status check_gaps(const translation *t, tn_error *err)
{
    for (uint32_t i = 1; i <= t->ret->n_params; i++)
        if (!(t->seen[i / 8] & (1u << i % 8)))
            return lite_fail(t->conn, TN_PHASE_PREPARE, "42P18", err,
                             "could not determine data type of parameter $%u", i);
    return TN_OK;
}

static tn_status translate(translation *t, tn_error *err)
{
    tn__lexer lexer;

    tn__buf_reset(t->out);
    tn__lexer_init(&lexer, t->sql);
    for (;;) {
        tn__tok tok = tn__lexer_next(&lexer);
        tn_status status;
        if (tok.kind == TN__TOK_END)
            break;
        status = take(t, &lexer, tok, err);
        if (status != TN_OK)
            return status;
    }
    if (t->out->failed)
        return kit_nomem(t->conn->host, err, TN_PHASE_PREPARE);
    if (t->changed)
        t->ret->sql = tn__str(t->out->ptr, t->out->len);
    return check_gaps(t, err);
}

tn_status lite_dialect_translate(tn_driver_conn *conn, tn_str sql, tn__arena *arena,
                                 lite_statement *ret, tn_error *err)
{
    lite_statement statement = {.sql = sql};
    translation t;
    tn_status status;

    if (sql.len && memchr(sql.ptr, '\0', sql.len))
        return lite_fail(conn, TN_PHASE_PREPARE, "42601", err, "the statement holds a NUL byte");
    if (tn__sql_first_word(sql) >= TN__STMT_BEGIN) {
        statement.kind = LITE_KIND_TRANSACTION;
        status = lite_command_parse(conn, sql, &statement.command, err);
        if (status == TN_OK)
            *ret = statement;
        return status;
    }
    lite_classify(sql, &statement);
    /* Not zeroed as a whole: most of it is room for casts. */
    t.conn = conn;
    t.sql = sql;
    t.arena = arena;
    t.ret = &statement;
    t.out = &conn->scratch;
    t.edits = NULL;
    t.cap_edits = 0;
    t.changed = false;
    t.unbalanced = false;
    t.n_casts = 0;
    t.seen[0] = 0;
    status = read_param_types(&t) ? translate(&t, err)
                                  : kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    if (status == TN_OK && !lite_select_list(sql, arena, &statement))
        status = kit_nomem(conn->host, err, TN_PHASE_PREPARE);
    if (status == TN_OK)
        *ret = statement;
    return status;
}

size_t lite_dialect_offset(const lite_statement *statement, tn_str sql, size_t offset)
{
    size_t in = offset;

    for (uint32_t i = 0; i < statement->n_edits && statement->edits[i].out <= offset; i++)
        in = statement->edits[i].in + (offset - statement->edits[i].out);
    return in < sql.len ? in : sql.len;
}
