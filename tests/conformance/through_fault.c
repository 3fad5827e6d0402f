/* SPDX-License-Identifier: MIT */
#include "through_fault.h"

#include <string.h>

#include <tenon/fault.h>

enum { URL_MAX = 2048 };

/* "fault+" before it; NULL stays NULL. */
static const char *prefixed(const char *url, char *buf)
{
    if (!url || snprintf(buf, URL_MAX, "fault+%s", url) >= URL_MAX)
        return NULL;
    return buf;
}

tn_status through_fault(suite_options *options, tn_error *err)
{
    static char url[URL_MAX], unreachable[URL_MAX], faulty[URL_MAX];
    static answers ours;
    const struct tn_driver_module *module;
    tn_driver_info info;
    tn_fault *fault;
    char scheme[64];

    snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(options->url, ":"), options->url);
    if (tn_fault_wrap(scheme, &fault, err) != TN_OK ||
        tn_driver_inspect(scheme, &info, &module, err) != TN_OK)
        return err->status;
    options->url = prefixed(options->url, url);
    if (!options->url)
        return tn_error_set(err, TN_LIMIT, NULL, "the URL is longer than %d bytes", URL_MAX - 8);
    ours = options->given ? *options->given : *answers_find(info.name, false);
    ours.unreachable_url = prefixed(ours.unreachable_url, unreachable);
    ours.faulty_url = prefixed(ours.faulty_url, faulty);
    options->given = &ours;
    return TN_OK;
}
