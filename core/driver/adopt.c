/* SPDX-License-Identifier: MIT */
/*
 * A module is refused unless all of it is as driver.h says. Tables are copied into the core's own,
 * as far as both know them, so that a slot which only one side has is zero and never called.
 */
#include "driver/adopt.h"

#include <stddef.h>
#include <string.h>

#include "base/str.h"

enum { SCHEMES_MAX = 16, OPTIONS_MAX = 64, NAME_MAX_BYTES = 31, TABLE_MAX_BYTES = 4096 };

static tn_status refuse(tn_error *err, const char *path, const char *what)
{
    return tn_error_set(err, TN_DRIVER, NULL, "driver %s: %s", path, what);
}

/* A driver's tables are data: sizes and offsets say all there is to know about a slot. */
struct slot {
    size_t offset;
    const char *name;
};

#define SLOT(ops, member)              \
    {                                  \
        offsetof(ops, member), #member \
    }

static const struct slot conn_slots[] = {
    SLOT(tn_conn_ops, open_source), SLOT(tn_conn_ops, close_source),
    SLOT(tn_conn_ops, open),        SLOT(tn_conn_ops, close),
    SLOT(tn_conn_ops, ping),        SLOT(tn_conn_ops, cancel),
    SLOT(tn_conn_ops, reset),       SLOT(tn_conn_ops, state),
    SLOT(tn_conn_ops, info),        {0, NULL},
};
static const struct slot stmt_slots[] = {
    SLOT(tn_stmt_ops, prepare),
    SLOT(tn_stmt_ops, describe),
    SLOT(tn_stmt_ops, close),
    {0, NULL},
};
static const struct slot cursor_slots[] = {
    SLOT(tn_cursor_ops, execute),
    SLOT(tn_cursor_ops, fetch),
    SLOT(tn_cursor_ops, detach),
    SLOT(tn_cursor_ops, close),
    {0, NULL},
};

/* The bytes of a slot, without caring for its type: a null function pointer is all zero on every
 * platform that has dlopen. */
static bool slot_empty(const void *table, size_t offset)
{
    static const unsigned char zero[sizeof(void (*)(void))];

    return memcmp((const char *)table + offset, zero, sizeof(zero)) == 0;
}

/* Copies one table; a module's size may be smaller or larger than ours. */
static tn_status copy_table(const char *path, const char *table, const void *theirs, void *ours,
                            size_t our_size, tn_error *err)
{
    size_t size;

    memset(ours, 0, our_size);
    if (!theirs)
        return TN_OK;
    memcpy(&size, theirs, sizeof(size));
    if (size < sizeof(size_t) + sizeof(void (*)(void)) || size > TABLE_MAX_BYTES ||
        size % sizeof(void *) != 0)
        return tn_error_set(err, TN_DRIVER, NULL,
                            "driver %s: table %s says it has %zu bytes, expected %zu; rebuild it "
                            "against this version",
                            path, table, size, our_size);
    memcpy(ours, theirs, size < our_size ? size : our_size);
    memcpy(ours, &our_size, sizeof(our_size));
    return TN_OK;
}

static tn_status require(const char *path, const char *table, const void *ours,
                         const struct slot *slots, tn_error *err)
{
    for (const struct slot *slot = slots; slot->name; slot++)
        if (slot_empty(ours, slot->offset))
            return tn_error_set(err, TN_DRIVER, NULL,
                                "driver %s: required operation %s.%s is missing", path, table,
                                slot->name);
    return TN_OK;
}

/* Operations that make sense only together. */
static tn_status check_pairs(const char *path, const tn__driver *driver, tn_error *err)
{
    const tn_txn_ops *txn = &driver->txn;

    if (!txn->begin)
        return refuse(err, path, "required operation txn.begin is missing");
    if (!txn->commit)
        return refuse(err, path, "txn.begin without txn.commit");
    if (!txn->rollback)
        return refuse(err, path, "txn.begin without txn.rollback");
    if ((driver->capabilities & TN_CAP_SAVEPOINTS) && !txn->savepoint)
        return refuse(err, path, "says that it has savepoints, but txn.savepoint is missing");
    if (txn->savepoint && (!txn->release || !txn->rollback_to))
        return refuse(err, path, "txn.savepoint without txn.release and txn.rollback_to");
    if (!txn->identify != !txn->outcome)
        return refuse(err, path, "txn needs identify and outcome together");
    if (driver->batch.size && !driver->batch.run)
        return refuse(err, path, "table batch without batch.run");
    if (driver->bulk.size && (!driver->bulk.open || !driver->bulk.describe || !driver->bulk.write ||
                              !driver->bulk.finish || !driver->bulk.abandon))
        return refuse(err, path, "bulk needs open, describe, write, finish and abandon together");
    if (driver->notify.size &&
        (!driver->notify.listen || !driver->notify.unlisten || !driver->notify.wait ||
         !driver->notify.probe || !driver->notify.answered || !driver->notify.sql))
        return refuse(err, path,
                      "notify needs listen, unlisten, wait, probe, answered and sql together");
    return TN_OK;
}

static bool good_name(const char *name)
{
    size_t len = name ? strnlen(name, NAME_MAX_BYTES + 1) : 0;

    if (len == 0 || len > NAME_MAX_BYTES || name[0] < 'a' || name[0] > 'z')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-'))
            return false;
    }
    return true;
}

static tn_status check_words(const tn_module *module, const char *path, tn_error *err)
{
    if (!good_name(module->name))
        return refuse(err, path,
                      "its name is not of the form [a-z][a-z0-9+.-]*, at most 31 characters");
    if (!module->version || strnlen(module->version, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES)
        return refuse(err, path, "its version is missing or longer than 31 characters");
    if (!module->schemes || !module->schemes[0])
        return refuse(err, path, "it names no URL scheme");
    for (size_t i = 0; module->schemes[i]; i++) {
        if (i >= SCHEMES_MAX)
            return refuse(err, path, "it names more than 16 URL schemes");
        if (!good_name(module->schemes[i]))
            return refuse(err, path, "one of its URL schemes is not of the form [a-z][a-z0-9+.-]*");
    }
    for (size_t i = 0; module->options && module->options[i].name; i++)
        if (i >= OPTIONS_MAX)
            return refuse(err, path, "its option table has more than 64 rows");
    return TN_OK;
}

/* Size, magic and version: what must hold before anything behind them may be read. */
tn_status tn__adopt_head(const tn_module *module, const char *path, tn_error *err)
{
    if (module->magic != TN_DRIVER_MAGIC)
        return refuse(
            err, path,
            "the symbol tn_driver_module is not a driver's description (wrong magic number)");
    if (module->abi_major != TN_DRIVER_ABI_MAJOR)
        return tn_error_set(
            err, TN_DRIVER, NULL,
            "driver %s: built for driver ABI %u.%u, this library has %u.%u; rebuild "
            "it against this version",
            path, module->abi_major, module->abi_minor, TN_DRIVER_ABI_MAJOR, TN_DRIVER_ABI_MINOR);
    if (module->least_host_minor > TN_DRIVER_ABI_MINOR)
        return tn_error_set(err, TN_DRIVER, NULL,
                            "driver %s: needs driver ABI %u.%u or later, this library has %u.%u; "
                            "update the library",
                            path, module->abi_major, module->least_host_minor, TN_DRIVER_ABI_MAJOR,
                            TN_DRIVER_ABI_MINOR);
    size_t least = offsetof(tn_module, batch);
    bool newer = module->abi_minor > TN_DRIVER_ABI_MINOR;
    if (module->size < least || module->size % sizeof(void *) != 0 ||
        module->size > TABLE_MAX_BYTES || (!newer && module->size > sizeof(tn_module)))
        return tn_error_set(err, TN_DRIVER, NULL,
                            "driver %s: its description has %u bytes, expected %zu to %zu for ABI "
                            "%u.%u; rebuild it against this version",
                            path, (unsigned)module->size, least, sizeof(tn_module),
                            TN_DRIVER_ABI_MAJOR, module->abi_minor);
    return TN_OK;
}

static tn_status copy_tables(const tn_module *module, const char *path, tn__driver *driver,
                             tn_error *err)
{
    const struct {
        const char *name;
        const void *theirs;
        void *ours;
        size_t size;
        const struct slot *required; /* NULL: an optional table */
    } tables[] = {
        {"conn", module->conn, &driver->conn, sizeof(driver->conn), conn_slots},
        {"stmt", module->stmt, &driver->stmt, sizeof(driver->stmt), stmt_slots},
        {"cursor", module->cursor, &driver->cursor, sizeof(driver->cursor), cursor_slots},
        {"txn", module->txn, &driver->txn, sizeof(driver->txn), NULL},
        {"batch", module->batch, &driver->batch, sizeof(driver->batch), NULL},
        {"bulk", module->bulk, &driver->bulk, sizeof(driver->bulk), NULL},
        {"notify", module->notify, &driver->notify, sizeof(driver->notify), NULL},
        {"catalog", module->catalog, &driver->catalog, sizeof(driver->catalog), NULL},
    };

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        tn_status status = copy_table(path, tables[i].name, tables[i].theirs, tables[i].ours,
                                      tables[i].size, err);
        if (status == TN_OK && tables[i].required)
            status = require(path, tables[i].name, tables[i].ours, tables[i].required, err);
        if (status != TN_OK)
            return status;
    }
    /* Before minor 2 the table's only operation had another form, and nobody called it. */
    if (module->abi_minor < 2)
        driver->batch = (tn_batch_ops){0};
    return check_pairs(path, driver, err);
}

tn_status tn__adopt(const tn_module *module, const char *path, tn__driver *ret, tn_error *err)
{
    tn_status status = tn__adopt_head(module, path, err);
    if (status != TN_OK)
        return status;

    tn_module ours = {0};
    memcpy(&ours, module, module->size < sizeof(ours) ? module->size : sizeof(ours));
    status = check_words(&ours, path, err);
    if (status != TN_OK)
        return status;

    tn__driver driver = {.module = module,
                         .capabilities = ours.capabilities,
                         .options = ours.options,
                         .client = ours.client};
    status = copy_tables(&ours, path, &driver, err);
    if (status != TN_OK)
        return status;
    tn__copy_text(driver.name, sizeof(driver.name), tn_str_from(ours.name));
    tn__copy_text(driver.version, sizeof(driver.version), tn_str_from(ours.version));
    tn__copy_text(driver.path, sizeof(driver.path), tn_str_from(path));
    *ret = driver;
    return TN_OK;
}

bool tn__driver_serves(const tn__driver *driver, tn_str scheme)
{
    for (size_t i = 0; driver->module->schemes[i]; i++)
        if (tn_str_equal(tn_str_from(driver->module->schemes[i]), scheme))
            return true;
    return false;
}
