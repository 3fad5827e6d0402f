/* SPDX-License-Identifier: MIT */
#include "db_job.h"

#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "settings.h"

int db_job_open(db_job *job, const tool *t)
{
    tn_error err = TN_ERROR_INIT;

    *job = (db_job){.t = t};
    job->config = settings_load(t, &err);
    if (!job->config)
        return report_error(t, &err, NULL);
    const char *url = tn_config_url(job->config);
    job->url = url ? strdup(url) : NULL;
    job->name = job->url ? db_url_name(job->url) : NULL;
    if (!job->name)
        return tool_usage(t, "out of memory");
    job->kind = db_url_kind(job->url);
    if (job->kind == DB_MEMORY)
        return tool_usage(t, "a database in memory is made when it is opened and gone when it is "
                             "closed");
    if (job->kind == DB_OTHER)
        return tool_usage(t, "only databases of PostgreSQL and SQLite are made and dropped here");
    if (!*job->name)
        return tool_usage(t, "the URL names no database: write it behind the host, "
                             "postgresql://host/NAME");
    return TOOL_EXIT_FINE;
}

void db_job_close(db_job *job)
{
    if (job->url)
        explicit_bzero(job->url, strlen(job->url));
    free(job->url);
    free(job->name);
    tn_config_free(job->config);
}

tn_db *db_job_connect(db_job *job, const char *name, tn_error *err)
{
    char *url = db_url_with(job->url, name);
    tn_db *db = NULL;

    if (!url) {
        (void)tn_error_set(err, TN_NOMEM, NULL, "out of memory");
        return NULL;
    }
    if (tn_config_set(job->config, "url", url, err) == TN_OK)
        db = tn_open(job->config, err);
    explicit_bzero(url, strlen(url));
    free(url);
    return db;
}
