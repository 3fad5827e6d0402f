/* SPDX-License-Identifier: MIT */
/* Templates and what is in use of them, whatever the database. */
#include "testing/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/drivers.h>
#include <tenon/txn.h>

#define FAULT "fault+" /* <tenon/fault.h>: a driver around another */

static const tn__copier *const copiers[] = {&tn__copier_postgresql, &tn__copier_sqlite};

/* All templates of the process: a handle that is ended finds its own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tn_template *templates;

/* ---- what a template is made of -------------------------------------------------------------- */

static tn_status find_copier(const char *url, const tn__copier **ret, tn_error *err)
{
    char scheme[64];
    tn_driver_info info;

    snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(url, ":"), url);
    tn_status status = tn_driver_inspect(scheme, &info, NULL, err);
    if (status != TN_OK)
        return status;
    const char *name = info.name;
    if (strncmp(name, FAULT, strlen(FAULT)) == 0)
        name += strlen(FAULT);
    for (size_t i = 0; i < sizeof(copiers) / sizeof(copiers[0]); i++)
        if (strcmp(copiers[i]->driver, name) == 0) {
            *ret = copiers[i];
            return TN_OK;
        }
    return tn_error_set(err, TN_UNSUPPORTED, "0A000",
                        "databases of driver \"%s\" cannot be copied for tests", name);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    /* FNV-1a; the end of a text counts, so that two do not run together. */
    do {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(1099511628211);
    } while (*text++);
    return hash;
}

static tn_status prepare(tn_template *t, const tn_testing_options *options, tn_error *err)
{
    const char *url = options->url ? options->url : getenv("TENON_TEST_URL");

    t->options = *options;
    t->url = strdup(url && *url ? url : "sqlite::memory:");
    if (!t->url)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    t->script = tn__testing_read(options, err);
    if (!t->script)
        return err->status;
    t->hash = hash_text(UINT64_C(14695981039346656037), t->script);
    t->hash = hash_text(t->hash, options->key ? options->key : "");
    t->shared = options->key || !options->setup;
    return find_copier(t->url, &t->copier, err);
}

tn_status tn__testing_open(const tn_template *t, const char *url, tn_db **ret, tn_error *err)
{
    tn_config *config = tn_config_from_url(url, err);

    if (!config)
        return err->status;
    tn_status status = tn_config_set(config, "min_connections", "0", err);
    if (status == TN_OK && t->options.configure)
        status = t->options.configure(config, t->options.arg, err);
    tn_db *db = status == TN_OK ? tn_open(config, err) : NULL;
    tn_config_free(config);
    if (status == TN_OK && !db)
        status = err->status;
    if (status == TN_OK)
        *ret = db;
    return status;
}

tn_status tn__testing_build(const tn_template *t, tn_db *db, tn_error *err)
{
    tn_status status = tn__testing_run(db, t->script, err);

    if (status == TN_OK && t->options.setup)
        status = t->options.setup(db, t->options.arg, err);
    if (status != TN_OK)
        tn_error_prepend(err, "template");
    return status;
}

/* ---- made and freed -------------------------------------------------------------------------- */

static void free_template(tn_template *t)
{
    pthread_mutex_destroy(&t->lock);
    if (t->url)
        explicit_bzero(t->url, strlen(t->url));
    free(t->url);
    free(t->script);
    free(t);
}

tn_template *tn_testing_template(const tn_testing_options *options, tn_error *err)
{
    static const tn_testing_options defaults = TN_TESTING_OPTIONS_INIT;
    tn_template *t = calloc(1, sizeof(*t));
    tn_error why = TN_ERROR_INIT;

    if (!t) {
        tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&t->lock, NULL);
    tn_status status = prepare(t, options ? options : &defaults, &why);
    if (status == TN_OK)
        status = t->copier->open(t, &why);
    if (status != TN_OK) {
        if (err)
            *err = why;
        free_template(t);
        return NULL;
    }
    /* Texts are the caller's. */
    t->options.url = t->options.script = t->options.directory = t->options.key = NULL;
    pthread_mutex_lock(&lock);
    t->next = templates;
    templates = t;
    pthread_mutex_unlock(&lock);
    return t;
}

/* The first error stays. */
static void keep(tn_status *status, tn_error *ret, tn_status next, const tn_error *why)
{
    if (*status != TN_OK || next == TN_OK)
        return;
    *status = next;
    *ret = *why;
}

static tn_status end_case(tn_template *t, tn__case *c, tn_error *err)
{
    tn_status status = c->rollback ? tn_rollback(c->copy.db, err)
                                   : t->copier->remove(t, &c->copy, err);

    free(c);
    return status;
}

tn_status tn_testing_free(tn_template *t, tn_error *err)
{
    tn_error why = TN_ERROR_INIT, first = TN_ERROR_INIT;
    tn_status status = TN_OK;

    if (!t)
        return TN_OK;
    pthread_mutex_lock(&lock);
    for (tn_template **at = &templates; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    pthread_mutex_unlock(&lock);
    while (t->cases) {
        tn__case *c = t->cases;
        t->cases = c->next;
        keep(&status, &first, end_case(t, c, &why), &why);
    }
    if (t->base.db)
        keep(&status, &first, t->copier->remove(t, &t->base, &why), &why);
    t->copier->close(t);
    free_template(t);
    if (status != TN_OK && err)
        *err = first;
    return status;
}

/* ---- what is in use -------------------------------------------------------------------------- */

static tn_db *add_case(tn_template *t, tn__case *c)
{
    pthread_mutex_lock(&t->lock);
    c->next = t->cases;
    t->cases = c;
    pthread_mutex_unlock(&t->lock);
    return c->copy.db;
}

static tn__case *new_case(tn_template *t, bool rollback, tn_error *err)
{
    tn__case *c = t ? calloc(1, sizeof(*c)) : NULL;

    if (c)
        c->rollback = rollback;
    else if (t)
        tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    else
        tn_error_set(err, TN_MISUSE, NULL, "the template is NULL");
    return c;
}

tn_db *tn_testing_fresh(tn_template *t, tn_error *err)
{
    tn_error why = TN_ERROR_INIT;
    tn__case *c = new_case(t, false, err);

    if (!c)
        return NULL;
    if (t->copier->copy(t, &c->copy, &why) == TN_OK)
        return add_case(t, c);
    if (err)
        *err = why;
    free(c);
    return NULL;
}

/* The copy that all share; the first one makes it, others wait. */
static tn_status share_base(tn_template *t, tn_db **ret, tn_error *err)
{
    tn_status status = TN_OK;

    pthread_mutex_lock(&t->lock);
    if (!t->base.db)
        status = t->copier->copy(t, &t->base, err);
    *ret = t->base.db;
    pthread_mutex_unlock(&t->lock);
    return status;
}

tn_db *tn_testing_rollback(tn_template *t, tn_error *err)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;
    tn_error why = TN_ERROR_INIT;
    tn__case *c = new_case(t, true, err);
    tn_db *base;

    if (!c)
        return NULL;
    /* As on a client an error concerns nobody but the call that had it. */
    options.call_savepoints = true;
    tn_status status = share_base(t, &base, &why);
    if (status == TN_OK)
        status = tn_begin(base, &options, &c->copy.db, &why);
    if (status == TN_OK)
        return add_case(t, c);
    if (err)
        *err = why;
    free(c);
    return NULL;
}

static tn__case *take_case(tn_template *t, const tn_db *db)
{
    tn__case *found = NULL;

    pthread_mutex_lock(&t->lock);
    for (tn__case **at = &t->cases; *at && !found; at = &(*at)->next)
        if ((*at)->copy.db == db) {
            found = *at;
            *at = found->next;
            break;
        }
    pthread_mutex_unlock(&t->lock);
    return found;
}

tn_status tn_testing_end(tn_db *db, tn_error *err)
{
    tn_error why = TN_ERROR_INIT;
    tn__case *c = NULL;
    tn_template *t;

    if (!db)
        return TN_OK;
    pthread_mutex_lock(&lock);
    for (t = templates; t && !(c = take_case(t, db)); t = t->next)
        continue;
    pthread_mutex_unlock(&lock);
    if (!c)
        return tn_error_set(err, TN_MISUSE, NULL,
                            "tn_testing_end: the handle is not one of a template, or was ended");
    tn_status status = end_case(t, c, &why);
    if (status != TN_OK && err)
        *err = why;
    return status;
}
