/* SPDX-License-Identifier: MIT */
/*
 * tenon: one program, any database that a driver speaks to. This header is all that an application
 * includes; each subject has a header of its own with its contract. Driver authors include
 * <tenon/driver.h>.
 */
#ifndef TENON_TENON_H
#define TENON_TENON_H

#include <tenon/args.h>
#include <tenon/batch.h>
#include <tenon/bulk.h>
#include <tenon/config.h>
#include <tenon/db.h>
#include <tenon/drivers.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/health.h>
#include <tenon/listen.h>
#include <tenon/log.h>
#include <tenon/query.h>
#include <tenon/rows.h>
#include <tenon/schema.h>
#include <tenon/script.h>
#include <tenon/site.h>
#include <tenon/stats.h>
#include <tenon/stmt.h>
#include <tenon/trace.h>
#include <tenon/txn.h>
#include <tenon/types.h>
#include <tenon/version.h>

#endif
