/* SPDX-License-Identifier: MIT */
/*
 * The SQL of a template as one text: what is hashed is what is run. Before each file stands a line
 * with its name, a comment to SQL, by which an error finds back.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

#include "testing/template.h"

#define MARK      "--\x01 file "
#define DOWN      ".down.sql"
#define FILE_MOST (64 << 20)

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static int is_part(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".sql") && !ends_with(entry->d_name, DOWN);
}

/* By bytes: the same order everywhere. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static tn_status append_file(FILE *out, const char *directory, const char *name, tn_error *err)
{
    char path[4096], piece[8192];
    size_t got, all = 0;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *in = fopen(path, "re");
    if (!in)
        return tn_error_set(err, TN_CONFIG, NULL, "file \"%s\" cannot be read: %s", path,
                            strerror(errno));
    fprintf(out, "\n" MARK "%s\n", name);
    while (all < FILE_MOST && (got = fread(piece, 1, sizeof(piece), in)) > 0) {
        fwrite(piece, 1, got, out);
        all += got;
    }
    bool whole = feof(in);
    fclose(in);
    return whole
               ? TN_OK
               : tn_error_set(err, TN_CONFIG, NULL, "file \"%s\" cannot be read to its end", path);
}

static tn_status append_directory(FILE *out, const char *directory, tn_error *err)
{
    struct dirent **entries;
    tn_status status = TN_OK;

    int n = scandir(directory, &entries, is_part, by_name);
    if (n < 0)
        return tn_error_set(err, TN_CONFIG, NULL, "directory \"%s\" cannot be read: %s", directory,
                            strerror(errno));
    if (n == 0)
        status = tn_error_set(err, TN_CONFIG, NULL, "directory \"%s\" has no .sql file", directory);
    for (int i = 0; i < n; i++) {
        if (status == TN_OK)
            status = append_file(out, directory, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

char *tn__testing_read(const tn_testing_options *options, tn_error *err)
{
    tn_status status = TN_OK;
    char *text = NULL;
    size_t size;

    FILE *out = open_memstream(&text, &size);
    if (out && options->script)
        fputs(options->script, out);
    if (out && options->directory)
        status = append_directory(out, options->directory, err);
    bool whole = out && !ferror(out);
    if (out && fclose(out) != 0)
        whole = false;
    if (status == TN_OK && !whole)
        status = tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (status == TN_OK)
        return text;
    free(text);
    return NULL;
}

/* One part: from a mark to the next. */
static tn_status run_part(tn_db *db, const char *part, size_t len, tn_error *err)
{
    bool named = strncmp(part, MARK, strlen(MARK)) == 0;
    size_t line = named ? strcspn(part, "\n") + 1 : 0;
    char *sql = strndup(part + line, len - line);

    if (!sql)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    tn_status status = tn_exec_script(db, sql, err);
    free(sql);
    if (status != TN_OK && named)
        tn_error_prepend(err, "%.*s", (int)(line - 1 - strlen(MARK)), part + strlen(MARK));
    return status;
}

tn_status tn__testing_run(tn_db *db, const char *script, tn_error *err)
{
    tn_status status = TN_OK;

    while (status == TN_OK && *script) {
        const char *next = strstr(script, "\n" MARK);
        size_t len = next ? (size_t)(next - script) : strlen(script);
        if (len)
            status = run_part(db, script, len, err);
        script += len + (next != NULL);
    }
    return status;
}
