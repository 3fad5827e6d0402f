/* SPDX-License-Identifier: MIT */
/*
 * Copies that take long to make and to drop: a thread keeps some ready and drops those that are
 * given back, while the tests run. Any thread.
 */
#ifndef TENON_TESTING_WORKSHOP_H
#define TENON_TESTING_WORKSHOP_H

#include "testing/template.h"

typedef struct tn__workshop tn__workshop;

/* Called on any thread, also on several at once. */
typedef tn_status tn__make_fn(tn_template *t, tn__copy *ret, tn_error *err);
typedef tn_status tn__drop_fn(tn_template *t, const char *name, tn_error *err);

/* NULL: no memory. */
tn__workshop *tn__workshop_open(tn_template *t, tn__make_fn *make, tn__drop_fn *drop);
/* One that is ready, else one that is made here. */
tn_status tn__workshop_take(tn__workshop *shop, tn__copy *ret, tn_error *err);
/* Its client is closed; the database goes when there is time. */
void tn__workshop_give(tn__workshop *shop, const char *name);
/* Drops all that is left; NULL is fine. */
void tn__workshop_close(tn__workshop *shop);

#endif
