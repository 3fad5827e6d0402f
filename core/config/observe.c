/* SPDX-License-Identifier: MIT */
#include "config/observe.h"

#include "base/clock.h"
#include "base/str.h"
#include "config/config.h"
#include "observe/log.h"

void tn__observe_log(const tn_config *config)
{
    tn__log_configure(tn__config_log_level(config),
                      tn__config_text(config, TN__OPT_LOG_COMPONENTS));
}

void tn__observe_configure(tn__observe_settings *settings, const tn_config *config, const char *url)
{
    int64_t slow = tn__config_number(config, TN__OPT_SLOW_QUERY);
    bool values = tn__config_number(config, TN__OPT_LOG_VALUES) != 0;
    const char *name = tn__config_text(config, TN__OPT_APPLICATION_NAME);

    atomic_store_explicit(&settings->slow_query_ns, slow ? slow * TN__NS_PER_MS : INT64_MAX,
                          memory_order_relaxed);
    atomic_store_explicit(&settings->values, values, memory_order_relaxed);
    if (!settings->client[0])
        tn__copy_text(settings->client, sizeof(settings->client),
                      tn_str_from(name && name[0] ? name : url));
}
