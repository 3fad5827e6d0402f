/* SPDX-License-Identifier: MIT */
/*
 * Configuration: where a handle's settings come from. One table of options (tn_config_options())
 * drives parsing, checking, `tenon env`, example.env and the hiding of secrets.
 *
 * Precedence, highest first: tn_config_set(), the real environment, .env.local, .env, the default.
 * DATABASE_URL, or DATABASE_URL_FILE (a file that holds it), is the one required setting.
 *
 * Thread rule: a tn_config is used by one thread at a time. tn_open() copies what it needs.
 */
#ifndef TENON_CONFIG_H
#define TENON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/error.h>
#include <tenon/export.h>

typedef struct tn_config tn_config;

/* What an option's text must be. */
typedef enum tn_option_kind {
    TN_OPTION_TEXT = 0,
    TN_OPTION_INTEGER, /* decimal, within least..most */
    TN_OPTION_BOOLEAN, /* true/false, on/off, yes/no, 1/0 */
    TN_OPTION_CHOICE,  /* one of the words in choices */
    TN_OPTION_URL,
    TN_OPTION_FILE
} tn_option_kind;

/* One row of the option table. Static storage. */
typedef struct tn_option {
    const char *name;          /* for tn_config_set(): "max_connections" */
    const char *environment;   /* "DB_MAX_CONNECTIONS" */
    const char *default_value; /* NULL: none */
    const char *unit;          /* "ms", "" */
    tn_option_kind kind;
    bool secret;   /* never printed whole */
    bool required; /* one of a group: DATABASE_URL or DATABASE_URL_FILE */
    int64_t least, most;
    const char *choices; /* of a CHOICE: "debug|info|..." */
    const char *help;    /* one sentence */
} tn_option;

/* Where a setting's value came from. */
typedef enum tn_config_source {
    TN_SOURCE_NONE = 0, /* no value */
    TN_SOURCE_DEFAULT,
    TN_SOURCE_ENV_FILE, /* .env, .env.local or another file */
    TN_SOURCE_ENVIRONMENT,
    TN_SOURCE_SET /* tn_config_set() */
} tn_config_source;

/* One setting as it stands. Texts are borrowed until the configuration changes or is freed. */
typedef struct tn_config_entry {
    const tn_option *option;
    const char *value; /* redacted when the option is secret; NULL: none */
    tn_config_source source;
    const char *file; /* of an ENV_FILE, else NULL */
    int line;
} tn_config_entry;

TN_BEGIN_DECLS

/* The option table and its length. Static storage. Any thread. */
TN_API const tn_option *tn_config_options(size_t *ret_count);

/*
 * Reads .env.local and .env of the working directory (unless TENON_NO_ENV=1), the environment, and
 * the secret file if one is named, and checks everything; all faults come in one error, one a line.
 * NULL on failure: TN_CONFIG. The caller frees it with tn_config_free().
 */
TN_API TN_NODISCARD tn_config *tn_config_load(tn_error *err);

/* The same with this file in the place of .env.local and .env. A missing file is an error. */
TN_API TN_NODISCARD tn_config *tn_config_load_file(const char *path, tn_error *err);

/* Only defaults and this URL: neither the environment nor a file is looked at. */
TN_API TN_NODISCARD tn_config *tn_config_from_url(const char *url, tn_error *err);

/* Only defaults: the URL is still to be set. */
TN_API TN_NODISCARD tn_config *tn_config_new(tn_error *err);

/* Reads everything as tn_config_load() does but keeps faults back: for tools that show them.
 * env_file may be NULL (.env.local and .env). NULL only for TN_NOMEM or an unreadable env_file. */
TN_API TN_NODISCARD tn_config *tn_config_read(const char *env_file, tn_error *err);

/* Sets one option by name or by its environment name; NULL as value takes it back to the default.
 * TN_CONFIG names what is wrong. The value is copied. */
TN_API TN_NODISCARD tn_status tn_config_set(tn_config *config, const char *name, const char *value,
                                            tn_error *err);

/* Checks all settings at once, each fault on a line of the message. */
TN_API TN_NODISCARD tn_status tn_config_check(const tn_config *config, tn_error *err);

/* Setting i of the table; the value is redacted. false past the end. */
TN_API bool tn_config_entry_at(const tn_config *config, size_t i, tn_config_entry *ret);

/* An integer or boolean setting by name (booleans 0 or 1); the default when it is malformed; 0 for
 * an unknown name. */
TN_API int64_t tn_config_integer(const tn_config *config, const char *name);

/* The URL in force, with its secrets: for a program that must hand it on. It is never to be shown;
 * tn_url_redact() hides what must not be seen. NULL: none. Borrowed until the configuration changes
 * or is freed. */
TN_API const char *tn_config_url(const tn_config *config);

/* The warnings that reading gave ("FILE:LINE: not KEY=value, ignored"), one a line; "" if none.
 * Borrowed until the configuration is freed. */
TN_API const char *tn_config_warnings(const tn_config *config);

/*
 * The URL with every secret replaced by "***": passwords in the authority and in parameters
 * (password, sslpassword, passfile ...), in every percent-encoded spelling; in doubt, more than
 * needed is hidden. Semantics of snprintf. Also takes text that is not a URL.
 */
TN_API size_t tn_url_redact(const char *url, char *buf, size_t size);

/* NULL is fine. Secrets are wiped. */
TN_API void tn_config_free(tn_config *config);

/*
 * example.env, generated from the option table: what the tool writes and the tests compare.
 * Semantics of snprintf.
 */
TN_API size_t tn_config_example(char *buf, size_t size);

TN_END_DECLS

#endif
