/* SPDX-License-Identifier: MIT */
#include "migrate/options.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "migrate/name.h"
#include "migrate/problem.h"

enum { DAY_MS = 86400000 };

static const char known[] = "transaction:false, driver:NAME, lock-timeout:TIME, "
                            "statement-timeout:TIME, destructive:ok, irreversible:true, "
                            "foreign-keys:on|off, ignore:RULE";

/* "500ms", "5s", "10min", "0": milliseconds. */
static bool parse_time(tn_str text, int64_t *ret_ms)
{
    static const struct {
        tn_str unit;
        int64_t ms;
    } units[] = {
        {TN__STR("ms"), 1}, {TN__STR("s"), 1000}, {TN__STR("min"), 60000}, {TN__STR("h"), 3600000}};
    int64_t number;

    if (tn__parse_int64(text, &number))
        return number == 0 ? (*ret_ms = 0, true) : false;
    for (size_t i = 0; i < TN__COUNT_OF(units); i++) {
        tn_str head = text;
        if (!tn__str_ends(text, units[i].unit))
            continue;
        head.len -= units[i].unit.len;
        if (!tn__parse_int64(head, &number))
            continue; /* "5ms" ends with s, too */
        if (number < 0 || number > DAY_MS / units[i].ms)
            return false;
        *ret_ms = number * units[i].ms;
        return true;
    }
    return false;
}

static bool take_boolean(tn_str value, bool *ret)
{
    if (!tn_str_equal(value, TN__STR("true")) && !tn_str_equal(value, TN__STR("false")))
        return false;
    *ret = value.ptr[0] == 't';
    return true;
}

static bool take_foreign_keys(tn_str value, tn_migration_foreign_keys *ret)
{
    if (!tn_str_equal(value, TN__STR("on")) && !tn_str_equal(value, TN__STR("off")))
        return false;
    *ret = value.len == 2 ? TN_MIGRATION_FOREIGN_KEYS_ON : TN_MIGRATION_FOREIGN_KEYS_OFF;
    return true;
}

/* *ret_known: whether there is such an option. false: its value is none. */
static bool take(tn_str key, tn_str value, tn__block_options *ret, bool *ret_known)
{
    tn_migration_options *o = &ret->options;
    bool in_transaction;

    *ret_known = true;
    if (tn_str_equal(key, TN__STR("transaction"))) {
        if (!take_boolean(value, &in_transaction))
            return false;
        o->no_transaction = !in_transaction;
        return true;
    }
    if (tn_str_equal(key, TN__STR("irreversible")))
        return take_boolean(value, &o->irreversible);
    if (tn_str_equal(key, TN__STR("destructive")))
        return tn_str_equal(value, TN__STR("ok")) && (o->destructive_ok = true);
    if (tn_str_equal(key, TN__STR("lock-timeout")))
        return parse_time(value, &o->lock_timeout_ms);
    if (tn_str_equal(key, TN__STR("statement-timeout")))
        return parse_time(value, &o->statement_timeout_ms);
    if (tn_str_equal(key, TN__STR("foreign-keys")))
        return take_foreign_keys(value, &o->foreign_keys);
    if (tn_str_equal(key, TN__STR("driver")))
        return (ret->driver = value).len > 0;
    if (tn_str_equal(key, TN__STR("ignore")))
        return (ret->ignore = value).len > 0;
    *ret_known = false;
    return false;
}

static tn_status take_word(tn_str word, const tn__options_place *place, tn__block_options *ret,
                           tn_error *err)
{
    tn_str value = word, key;
    bool is_known;

    if (!memchr(word.ptr, ':', word.len))
        return tn__file_error(place->problem, err, place->path, place->text, word.ptr,
                              "\"%.*s\" is no option: those are words key:value (%s)",
                              (int)word.len, word.ptr, known);
    (void)tn__str_split(&value, ':', &key);
    if (take(key, value, ret, &is_known))
        return TN_OK;
    if (is_known)
        return tn__file_error(place->problem, err, place->path, place->text, value.ptr,
                              "option %.*s: \"%.*s\" is not a value of it (%s)", (int)key.len,
                              key.ptr, (int)value.len, value.ptr, known);
    return tn__file_error(place->problem, err, place->path, place->text, word.ptr,
                          "option %.*s: not known (%s)", (int)key.len, key.ptr, known);
}

tn_status tn__options_parse(tn_str words, const tn__options_place *place, tn__block_options *ret,
                            tn_error *err)
{
    tn_str rest = words;
    tn_status status = TN_OK;

    while (status == TN_OK) {
        rest = tn__str_trim(rest);
        if (rest.len == 0 || tn__str_starts(rest, TN__STR("--"))) /* a comment */
            return TN_OK;
        if (ret->may_skip && tn__str_starts(rest, TN__STR("reason:"))) {
            ret->reason = tn__str_trim(tn__str(rest.ptr + 7, rest.len - 7));
            return TN_OK;
        }
        size_t n = 0;
        while (n < rest.len && rest.ptr[n] != ' ' && rest.ptr[n] != '\t')
            n++;
        status = take_word(tn__str(rest.ptr, n), place, ret, err);
        rest = tn__str(rest.ptr + n, rest.len - n);
    }
    return status;
}

bool tn__options_names(tn_str names, const char *driver)
{
    tn_str name;

    while (tn__str_split(&names, ',', &name))
        if (tn__same_driver(name, tn_str_from(driver)))
            return true;
    return false;
}

void tn__options_merge(tn_migration_options *into, const tn_migration_options *from)
{
    into->no_transaction |= from->no_transaction;
    into->destructive_ok |= from->destructive_ok;
    into->irreversible |= from->irreversible;
    if (from->foreign_keys != TN_MIGRATION_FOREIGN_KEYS_AUTO)
        into->foreign_keys = from->foreign_keys;
    if (from->lock_timeout_ms >= 0)
        into->lock_timeout_ms = from->lock_timeout_ms;
    if (from->statement_timeout_ms >= 0)
        into->statement_timeout_ms = from->statement_timeout_ms;
}
