/* SPDX-License-Identifier: MIT */
/* What a tn_config is made of, for the files of this room. */
#ifndef TENON_CONFIG_STATE_H
#define TENON_CONFIG_STATE_H

#include <stdbool.h>

#include <tenon/config.h>
#include <tenon/wait.h>

#include "base/buf.h"
#include "config/options.h"

/* Who says so, from low to high. Within one source a later word replaces an earlier one. */
typedef enum tn__config_rank {
    TN__RANK_DEFAULT = 0,
    TN__RANK_ENV_FILE,
    TN__RANK_ENV_LOCAL, /* .env.local */
    TN__RANK_ENVIRONMENT,
    TN__RANK_SET
} tn__config_rank;

typedef struct tn__config_setting {
    char *value; /* NULL: the default holds */
    char *shown; /* value, redacted where it may hold a secret; NULL with value */
    char *file;  /* of a .env file, else NULL */
    int line;
    tn__config_rank rank; /* of the last word, also when that was "take the default" */
} tn__config_setting;

struct tn_config {
    tn__config_setting settings[TN__OPT_COUNT];
    char *file_url;       /* contents of DATABASE_URL_FILE; NULL: none, or it could not be read */
    char *file_url_shown; /* redacted */
    char *file_fault;     /* why it could not be read */
    tn__buf warnings;     /* one a line */
    tn__buf faults;       /* of reading: bad lines, refused files; one a line */
    tn_wait_fn *wait;
    void *wait_arg;
};

/* Where a value comes from. */
typedef struct tn__config_origin {
    tn__config_rank rank;
    const char *file; /* of a .env file, else NULL */
    int line;
} tn__config_origin;

/* Gives a setting a value unless a higher source has spoken. An empty value is none: the default
 * holds then, whatever a lower source says. false: out of memory, nothing has changed. */
bool tn__config_put(tn_config *config, tn__option_id id, const char *value,
                    tn__config_origin origin);

/* Forgets one setting's words, or everything that the configuration holds; secrets are wiped. */
void tn__config_clear(tn__config_setting *setting);
void tn__config_wipe(tn_config *config);

/* Reads the secret file that is named now, or forgets what one held. false: out of memory. */
bool tn__config_read_url_file(tn_config *config);

/* All sources but tn__config_put() by hand. env_file NULL: .env.local and .env. TN_CONFIG only when
 * env_file cannot be read. */
tn_status tn__config_read(tn_config *config, const char *env_file, tn_error *err);

/* Appends what is wrong with a value of this option, as one line without its end and without where
 * it stands; nothing if all is well. */
void tn__config_check_value(tn__buf *out, const tn_option *option, const char *value);

/* The option with this name or environment name; TN__OPT_COUNT if none. */
tn__option_id tn__config_find(const char *name);

#endif
