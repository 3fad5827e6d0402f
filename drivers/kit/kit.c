/* SPDX-License-Identifier: MIT */
#include "kit/kit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

tn_str kit_str(const char *text)
{
    return text ? (tn_str){text, strlen(text)} : (tn_str){NULL, 0};
}

tn_str kit_setting(const tn_source_config *config, const char *name)
{
    for (size_t i = 0; i < config->n_settings; i++)
        if (tn_str_equal(config->settings[i].name, kit_str(name)))
            return config->settings[i].value;
    return (tn_str){NULL, 0};
}

tn_status kit_setting_int(const tn_host *host, const tn_source_config *config, const char *name,
                          int64_t least, int64_t most, int64_t *ret, tn_error *err)
{
    tn_str value = kit_setting(config, name);
    int64_t number;

    if (!value.ptr)
        return TN_OK;
    if (!tn__parse_int64(value, &number) || number < least || number > most)
        return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: parameter %s is \"%.*s\", must be a whole number from %lld "
                        "to %lld",
                        name, (int)(value.len > 64 ? 64 : value.len), value.ptr, (long long)least,
                        (long long)most);
    *ret = number;
    return TN_OK;
}

tn_status kit_setting_bool(const tn_host *host, const tn_source_config *config, const char *name,
                           bool *ret, tn_error *err)
{
    tn_str value = kit_setting(config, name);

    if (!value.ptr)
        return TN_OK;
    if (!tn__parse_bool(value, ret))
        return kit_fail(host, err, TN_CONFIG, TN_PHASE_CONFIG, NULL,
                        "DATABASE_URL: parameter %s is \"%.*s\", must be on or off", name,
                        (int)(value.len > 64 ? 64 : value.len), value.ptr);
    return TN_OK;
}

tn_status kit_fail(const tn_host *host, tn_error *err, tn_status status, tn_phase phase,
                   const char *sqlstate, const char *format, ...)
{
    char text[768];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = status,
        .phase = phase,
        .sqlstate = kit_str(sqlstate),
        .message = kit_str(text),
    };
    return host->fail(err, &diagnostic);
}

tn_status kit_nomem(const tn_host *host, tn_error *err, tn_phase phase)
{
    return kit_fail(host, err, TN_NOMEM, phase, "53200", "out of memory");
}

tn_status kit_wait_failed(const tn_host *host, tn_error *err, tn_phase phase, tn_wait_result result)
{
    int error = errno;

    switch (result) {
    case TN_WAIT_TIMEOUT: return kit_fail(host, err, TN_TIMEOUT, phase, "57014", "deadline passed");
    case TN_WAIT_INTERRUPTED:
        return kit_fail(host, err, TN_CANCELLED, phase, "57014", "cancelled on request");
    case TN_WAIT_READY:
    case TN_WAIT_FAILED: break;
    }
    return kit_fail(host, err, TN_LOST, phase, "08006", "waiting for the server failed: %s",
                    strerror(error));
}
