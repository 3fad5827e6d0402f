/* SPDX-License-Identifier: MIT */
/*
 * The schema as a text. SQLite keeps each object's SQL as it was written; here comments and chance
 * blanks go out of it and a table gets a line for each column and constraint, so that the text does
 * not change when nothing but the writing did (a rename puts quotes around a table's name, say).
 */
#include <stdlib.h>
#include <string.h>

#include "base/lexer.h"
#include "base/str.h"
#include "sqlite/lite.h"

/* Each table before its indexes, then views, then triggers. Shadow tables are their virtual table's
 * own. */
static const char question[] =
    "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL"
    " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name NOT LIKE '\\_tenon\\_%' ESCAPE '\\'"
    " AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = "
    "'shadow') ORDER BY CASE type WHEN 'view' THEN 1 WHEN 'trigger' THEN 2 ELSE 0 END, tbl_name,"
    " type <> 'table', name";

static void put_name(tn__buf *buf, tn_str name)
{
    bool plain = name.len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9') &&
                 !sqlite3_keyword_check(name.ptr, (int)name.len);

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        plain &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    if (plain) {
        tn__buf_str(buf, name);
        return;
    }
    tn__buf_putc(buf, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            tn__buf_putc(buf, '"');
        tn__buf_putc(buf, name.ptr[i]);
    }
    tn__buf_putc(buf, '"');
}

/* ---- text by tokens -------------------------------------------------------------------------- */

/* Names in brackets or backquotes are not PostgreSQL's, so the lexer would take them apart. */
static bool can_be_read(tn_str sql)
{
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, sql);
    while ((tok = tn__lexer_next(&lexer)).kind != TN__TOK_END)
        if (tok.kind == TN__TOK_ERROR || (tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == '[') ||
            (tok.kind == TN__TOK_OPERATOR && memchr(tok.text.ptr, '`', tok.text.len)))
            return false;
    return true;
}

/* One character of blanks: no CR, none at the end of a line, no line that a comment left empty. */
static void put_blank(tn__buf *buf, char c, bool dropped)
{
    if (c == '\r' || buf->failed)
        return;
    if (c == '\n') {
        while (buf->len > 0 && (buf->ptr[buf->len - 1] == ' ' || buf->ptr[buf->len - 1] == '\t'))
            buf->len--;
        if (dropped && buf->len > 0 && buf->ptr[buf->len - 1] == '\n')
            return;
    }
    tn__buf_putc(buf, c);
}

/* As it is, without comments and what hangs on them. */
static void put_body(tn__buf *buf, tn_str sql, bool readable)
{
    bool dropped = false;
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, sql);
    while (readable && (tok = tn__lexer_next(&lexer)).kind != TN__TOK_END) {
        for (size_t i = 0; tok.kind == TN__TOK_SPACE && i < tok.text.len; i++)
            put_blank(buf, tok.text.ptr[i], dropped);
        if (tok.kind == TN__TOK_COMMENT)
            dropped = true;
        else if (tok.kind != TN__TOK_SPACE) {
            dropped = false;
            tn__buf_str(buf, tok.text);
        }
    }
    if (!readable)
        tn__buf_str(buf, sql);
}

/* Is it an ending at which an item of the list stops? */
static bool ends_item(const tn__tok *tok, int depth)
{
    return tok->kind == TN__TOK_END || (depth == 0 && tok->kind == TN__TOK_PUNCT &&
                                        (tok->text.ptr[0] == ',' || tok->text.ptr[0] == ')'));
}

/* Tokens up to the comma or parenthesis that ends the item, blanks made one; *ret is that one. */
static void put_item(tn__buf *buf, tn__lexer *lexer, tn__tok *ret)
{
    bool blank = false, first = true, open = false;
    int depth = 0;

    for (;;) {
        tn__tok tok = tn__lexer_next(lexer);
        bool punct = tok.kind == TN__TOK_PUNCT;
        if (ends_item(&tok, depth)) {
            *ret = tok;
            return;
        }
        if (tok.kind == TN__TOK_SPACE || tok.kind == TN__TOK_COMMENT) {
            blank = true;
            continue;
        }
        bool close = punct && tok.text.ptr[0] == ')', comma = punct && tok.text.ptr[0] == ',';
        if (blank && !first && !open && !close && !comma)
            tn__buf_putc(buf, ' ');
        tn__buf_str(buf, tok.text);
        open = punct && tok.text.ptr[0] == '(';
        depth += open - close;
        blank = comma;
        first = false;
    }
}

/* create table name ( an item a line ) and what stands behind. */
static void put_table(tn__buf *buf, tn_str name, tn_str sql)
{
    tn__lexer lexer;
    tn__tok tok;

    tn__lexer_init(&lexer, sql);
    do
        tok = tn__lexer_skip(&lexer);
    while (tok.kind != TN__TOK_END && !(tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == '('));
    tn__buf_puts(buf, "create table ");
    put_name(buf, name);
    tn__buf_puts(buf, " (\n");
    do {
        tn__buf_puts(buf, "    ");
        put_item(buf, &lexer, &tok);
        if (tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == ',')
            tn__buf_putc(buf, ',');
        tn__buf_putc(buf, '\n');
    } while (tok.kind == TN__TOK_PUNCT && tok.text.ptr[0] == ',');
    tn__buf_putc(buf, ')');
    size_t before = buf->len;
    tn__buf_putc(buf, ' ');
    do {
        put_item(buf, &lexer, &tok);
        if (tok.kind == TN__TOK_PUNCT) {
            tn__buf_str(buf, tok.text);
            tn__buf_putc(buf, ' ');
        }
    } while (tok.kind != TN__TOK_END);
    if (!buf->failed && buf->len == before + 1)
        buf->ptr[--buf->len] = '\0';
}

/* ---- objects --------------------------------------------------------------------------------- */

static tn_str column(sqlite3_stmt *stmt, int i)
{
    const char *text = (const char *)sqlite3_column_text(stmt, i);

    return tn__str(text ? text : "", (size_t)sqlite3_column_bytes(stmt, i));
}

static bool is_virtual(tn_str sql)
{
    tn__lexer lexer;

    tn__lexer_init(&lexer, sql);
    tn__lexer_skip(&lexer);
    return tn__str_iequal(tn__lexer_skip(&lexer).text, TN__STR("virtual"));
}

static void put_object(tn__buf *buf, sqlite3_stmt *stmt)
{
    tn_str type = column(stmt, 0), name = column(stmt, 1), table = column(stmt, 2);
    tn_str sql = tn__str_trim(column(stmt, 3));
    bool readable = can_be_read(sql);

    tn__buf_puts(buf, "-- ");
    tn__buf_str(buf, type);
    tn__buf_puts(buf, ": ");
    put_name(buf, name);
    if (tn_str_equal(type, TN__STR("trigger"))) {
        tn__buf_puts(buf, " on ");
        put_name(buf, table);
    }
    tn__buf_putc(buf, '\n');
    if (tn_str_equal(type, TN__STR("table")) && readable && !is_virtual(sql))
        put_table(buf, name, sql);
    else
        put_body(buf, sql, readable);
    tn__buf_puts(buf, ";\n\n");
}

static tn_status describe(tn_driver_conn *conn, tn_str schema, int64_t deadline_ns,
                          void (*out)(void *arg, tn_str piece), void *arg, tn_error *err)
{
    sqlite3_stmt *stmt = NULL;
    tn__buf buf;

    if (schema.len > 0 && !tn_str_equal(schema, TN__STR("main")))
        return lite_fail(conn, TN_PHASE_EXECUTE, "3F000", err, "schema \"%.*s\" does not exist",
                         (int)schema.len, schema.ptr);
    tn_status status = lite_txn_check(conn, TN_PHASE_EXECUTE, err);
    if (status != TN_OK)
        return status;
    lite_arm(conn, deadline_ns);
    tn__buf_init(&buf, TN__BUF_MAX);
    int rc = sqlite3_prepare_v2(conn->db, question, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        put_object(&buf, stmt);
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        status = lite_error(conn, rc, &(lite_where){.phase = TN_PHASE_EXECUTE}, err);
    else if (buf.failed)
        status = kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    else if (buf.len > 0)
        out(arg, tn__str(buf.ptr, buf.len));
    (void)sqlite3_finalize(stmt);
    tn__buf_free(&buf);
    return status;
}

const tn_catalog_ops lite_catalog_ops = {
    .size = sizeof lite_catalog_ops,
    .describe = describe,
};
