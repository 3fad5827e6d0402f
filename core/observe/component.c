/* SPDX-License-Identifier: MIT */
#include "observe/component.h"

#include <string.h>

#include "base/str.h"

const char tn__component_names[] =
    "config, driver, connect, pool, query, slow, txn, health, listen, shutdown, server";

enum { NAMES_MAX = 32 };

/* The number of a name in the list; NAMES_MAX if it is not there. */
static unsigned number_of(tn_str name)
{
    tn_str rest = tn_str_from(tn__component_names), word;

    for (unsigned i = 0; tn__str_split(&rest, ',', &word); i++)
        if (tn_str_equal(tn__str_trim(word), name))
            return i;
    return NAMES_MAX;
}

uint32_t tn__component_bit(const char *name)
{
    unsigned number = number_of(tn_str_from(name));

    return UINT32_C(1) << (number < NAMES_MAX ? number : number_of(TN__STR("server")));
}

bool tn__components_parse(tn_str text, uint32_t *ret, tn_str *ret_bad)
{
    uint32_t wanted = 0;
    tn_str word;

    text = tn__str_trim(text);
    if (!text.len) {
        *ret_bad = text;
        return false;
    }
    if (text.ptr[0] == '-')
        wanted = TN__COMPONENTS_ALL;
    while (tn__str_split(&text, ',', &word)) {
        word = tn__str_trim(word);
        bool off = word.len && word.ptr[0] == '-';
        tn_str name = off ? tn__str(word.ptr + 1, word.len - 1) : word;
        bool all = tn_str_equal(name, TN__STR("all"));
        unsigned number = all ? 0 : number_of(name);
        if (number == NAMES_MAX) {
            *ret_bad = word;
            return false;
        }
        uint32_t bits = all ? TN__COMPONENTS_ALL : UINT32_C(1) << number;
        wanted = off ? wanted & ~bits : wanted | bits;
    }
    *ret = wanted;
    return true;
}
