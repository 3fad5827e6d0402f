/* SPDX-License-Identifier: MIT */
/*
 * Whose lines the log has: the one list of components, and the words of DB_LOG_COMPONENTS. No
 * state. A new component is a row of component.c.
 */
#ifndef TENON_OBSERVE_COMPONENT_H
#define TENON_OBSERVE_COMPONENT_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/types.h>

#define TN__COMPONENTS_ALL UINT32_MAX

/* All of them, "config, driver, ..." for messages. */
extern const char tn__component_names[];

/* The bit of a component. A name that is not in the list counts as "server": only drivers make
 * names of their own. */
uint32_t tn__component_bit(const char *name);

/*
 * "all", "query,pool", "all,-pool": names with commas between, blanks around them do not count; a
 * name adds, -name takes away, later words win. Begins with nothing, or with all when the first
 * word takes away. false: *ret_bad is the word that is none, *ret is untouched.
 */
bool tn__components_parse(tn_str text, uint32_t *ret, tn_str *ret_bad);

#endif
