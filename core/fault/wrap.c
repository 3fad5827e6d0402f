/* SPDX-License-Identifier: MIT */
/* From a driver to a module around it. A tn_fault is made once for each driver and never freed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tenon/drivers.h>

#include "base/str.h"
#include "driver/registry.h"
#include "fault/fault.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tn_fault *faults;

tn_fault *tn__fault_find(tn_str scheme)
{
    tn_fault *found = NULL;

    pthread_mutex_lock(&lock);
    for (tn_fault *fault = faults; fault && !found; fault = fault->next)
        for (size_t i = 0; fault->schemes[i]; i++)
            if (tn_str_equal(tn_str_from(fault->schemes[i]), scheme))
                found = fault;
    pthread_mutex_unlock(&lock);
    return found;
}

/* "fault+" and the name; false when that is too long. */
static bool put_name(char *dst, const char *name)
{
    size_t len = strlen(name);

    if (len + sizeof(TN__FAULT_PREFIX) > TN__FAULT_NAME)
        return false;
    memcpy(dst, TN__FAULT_PREFIX, sizeof(TN__FAULT_PREFIX) - 1);
    memcpy(dst + sizeof(TN__FAULT_PREFIX) - 1, name, len + 1);
    return true;
}

static tn_status name_it(tn_fault *fault, tn_error *err)
{
    const char *const *schemes = fault->inner->module->schemes;
    bool fits = put_name(fault->name, fault->inner->name);

    for (size_t i = 0; fits && schemes[i] && i + 1 < TN__FAULT_SCHEMES; i++) {
        fits = put_name(fault->scheme_texts[i], schemes[i]);
        fault->schemes[i] = fault->scheme_texts[i];
    }
    if (fits)
        return TN_OK;
    return tn_error_set(err, TN_LIMIT, NULL,
                        "tn_fault_wrap: a scheme of driver \"%s\", or its name, is longer than %zu "
                        "characters",
                        fault->inner->name, TN__FAULT_NAME - sizeof(TN__FAULT_PREFIX));
}

/* What the inner driver cannot do is not there. */
static void fill_tables(tn_fault *fault)
{
    const tn__driver *inner = fault->inner;

    fault->txn = tn__fault_txn_ops;
    if (!inner->txn.savepoint) {
        fault->txn.savepoint = NULL;
        fault->txn.release = NULL;
        fault->txn.rollback_to = NULL;
    }
    if (!inner->txn.identify) {
        fault->txn.identify = NULL;
        fault->txn.outcome = NULL;
    }
    fault->catalog = (tn_catalog_ops){.size = sizeof(fault->catalog)};
    if (inner->catalog.describe)
        fault->catalog.describe = tn__fault_catalog_describe;
    if (inner->catalog.tables)
        fault->catalog.tables = tn__fault_catalog_tables;
    fault->notify = tn__fault_notify_ops;
    fault->notify.sql = inner->notify.sql;
}

static void fill_module(tn_fault *fault)
{
    const tn__driver *inner = fault->inner;

    fault->module = (tn_module){
        .magic = TN_DRIVER_MAGIC,
        .size = sizeof(fault->module),
        .abi_major = TN_DRIVER_ABI_MAJOR,
        .abi_minor = TN_DRIVER_ABI_MINOR,
        .capabilities = inner->capabilities,
        .name = fault->name,
        .version = inner->version,
        .schemes = fault->schemes,
        .options = inner->options,
        .conn = &tn__fault_conn_ops,
        .stmt = &tn__fault_stmt_ops,
        .cursor = &tn__fault_cursor_ops,
        .txn = &fault->txn,
        .bulk = inner->bulk.size ? &tn__fault_bulk_ops : NULL,
        .notify = inner->notify.size ? &fault->notify : NULL,
        .catalog = inner->catalog.size ? &fault->catalog : NULL,
        .client = inner->client,
    };
}

static void init_changed(pthread_cond_t *changed)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* Under the lock. */
static tn_status make(const tn__driver *inner, tn_fault **ret, tn_error *err)
{
    tn_fault *fault = calloc(1, sizeof(*fault));

    if (!fault)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    fault->inner = inner;
    tn_status status = name_it(fault, err);
    if (status == TN_OK) {
        fill_tables(fault);
        fill_module(fault);
        status = tn_driver_register(&fault->module, err);
    }
    if (status != TN_OK) {
        free(fault);
        return status;
    }
    pthread_mutex_init(&fault->lock, NULL);
    init_changed(&fault->changed);
    fault->next = faults;
    faults = fault;
    *ret = fault;
    return TN_OK;
}

tn_status tn_fault_wrap(const char *inner_scheme, tn_fault **ret, tn_error *err)
{
    const tn__driver *inner;
    tn_fault *fault;

    if (!inner_scheme || !ret)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_fault_wrap: the scheme or ret is NULL");
    tn_status status = tn__registry_find(tn_str_from(inner_scheme), &inner, err);
    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&lock);
    for (fault = faults; fault && fault->inner != inner;)
        fault = fault->next;
    if (!fault)
        status = make(inner, &fault, err);
    pthread_mutex_unlock(&lock);
    if (status == TN_OK)
        *ret = fault;
    return status;
}
