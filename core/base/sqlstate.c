/* SPDX-License-Identifier: MIT */
#include "base/sqlstate.h"

#include <string.h>

#include "base/cleanup.h"

/* One row a class of error. Rows stand in the order of tn_status. */
static const struct {
    const char *name;
    const char *sqlstate;
    tn_retry retry;
    tn_outcome outcome;
} classes[] = {
    [TN_OK] = {"ok", "", TN_RETRY_NO, TN_OUTCOME_NONE},
    [TN_NOT_FOUND] = {"not found", "02000", TN_RETRY_NO, TN_OUTCOME_NONE},
    [TN_TOO_MANY_ROWS] = {"too many rows", "21000", TN_RETRY_NO, TN_OUTCOME_NONE},
    [TN_CONSTRAINT] = {"constraint violation", "23000", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_SYNTAX] = {"syntax error", "42601", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_DATA] = {"data error", "22000", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_SERIALIZATION] = {"serialization failure", "40001", TN_RETRY_TRANSACTION,
                          TN_OUTCOME_NOT_APPLIED},
    [TN_ABORTED] = {"transaction aborted", "25P02", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_LOCKED] = {"lock not available", "55P03", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_TIMEOUT] = {"timeout", "57014", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_CANCELLED] = {"cancelled", "57014", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_READ_ONLY] = {"read only", "25006", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_RESOURCE] = {"out of resources", "53000", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_UNSUPPORTED] = {"not supported", "0A000", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_CONFIG] = {"configuration error", "", TN_RETRY_NO, TN_OUTCOME_NONE},
    [TN_DRIVER] = {"driver error", "", TN_RETRY_NO, TN_OUTCOME_NONE},
    [TN_AUTH] = {"authentication failed", "28000", TN_RETRY_NO, TN_OUTCOME_NONE},
    [TN_UNAVAILABLE] = {"unavailable", "08001", TN_RETRY_STATEMENT, TN_OUTCOME_NOT_APPLIED},
    [TN_LOST] = {"connection lost", "08006", TN_RETRY_TRANSACTION, TN_OUTCOME_NOT_APPLIED},
    [TN_OUTCOME_UNKNOWN] = {"outcome unknown", "08007", TN_RETRY_NO, TN_OUTCOME_IN_DOUBT},
    [TN_PROTOCOL] = {"protocol violation", "08P01", TN_RETRY_NO, TN_OUTCOME_NONE},
    [TN_LIMIT] = {"limit exceeded", "54000", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_NOMEM] = {"out of memory", "53200", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_MISUSE] = {"misuse", "", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_SHUTDOWN] = {"shutting down", "", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_FORKED] = {"handle of another process", "", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
    [TN_FAILED] = {"failed", "", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
};

/* Codes whose class says too little. */
static const struct {
    char sqlstate[6];
    tn_status status;
} exact[] = {
    {"02000", TN_NOT_FOUND},     {"08001", TN_UNAVAILABLE},
    {"08004", TN_AUTH},          {"08007", TN_OUTCOME_UNKNOWN},
    {"08P01", TN_PROTOCOL},      {"25006", TN_READ_ONLY},
    {"25P02", TN_ABORTED},       {"25P03", TN_LOST}, /* idle_in_transaction_session_timeout */
    {"25P04", TN_LOST},                              /* transaction_timeout: the session is ended */
    {"3D000", TN_AUTH},          {"3F000", TN_SYNTAX},
    {"40000", TN_ABORTED},       {"40001", TN_SERIALIZATION},
    {"40002", TN_CONSTRAINT},    {"40003", TN_OUTCOME_UNKNOWN},
    {"40P01", TN_SERIALIZATION}, {"53300", TN_UNAVAILABLE},
    {"55P03", TN_LOCKED},        {"57014", TN_CANCELLED},
    {"57P01", TN_LOST},          {"57P02", TN_LOST},
    {"57P03", TN_UNAVAILABLE},   {"57P04", TN_LOST}, /* the database was dropped */
    {"57P05", TN_LOST},                              /* idle_session_timeout */
};

/* First two characters. */
static const struct {
    char prefix[3];
    tn_status status;
} prefixes[] = {
    {"08", TN_LOST},       {"0A", TN_UNSUPPORTED}, {"21", TN_TOO_MANY_ROWS}, {"22", TN_DATA},
    {"23", TN_CONSTRAINT}, {"28", TN_AUTH},        {"42", TN_SYNTAX},        {"44", TN_CONSTRAINT},
    {"53", TN_RESOURCE},   {"54", TN_LIMIT},       {"58", TN_RESOURCE},
};

static bool known(tn_status status)
{
    return (size_t)status < TN__COUNT_OF(classes);
}

const char *tn_status_name(tn_status status)
{
    return known(status) ? classes[status].name : "unknown status";
}

const char *tn__status_sqlstate(tn_status status)
{
    return known(status) ? classes[status].sqlstate : "";
}

static bool well_formed(const char *sqlstate)
{
    for (int i = 0; i < 5; i++)
        if (!((sqlstate[i] >= '0' && sqlstate[i] <= '9') ||
              (sqlstate[i] >= 'A' && sqlstate[i] <= 'Z')))
            return false;
    return sqlstate[5] == '\0';
}

tn_status tn_status_from_sqlstate(const char *sqlstate)
{
    if (!sqlstate || !well_formed(sqlstate))
        return TN_FAILED;
    for (size_t i = 0; i < TN__COUNT_OF(exact); i++)
        if (memcmp(sqlstate, exact[i].sqlstate, 5) == 0)
            return exact[i].status;
    for (size_t i = 0; i < TN__COUNT_OF(prefixes); i++)
        if (memcmp(sqlstate, prefixes[i].prefix, 2) == 0)
            return prefixes[i].status;
    return TN_FAILED;
}

void tn__error_classify(tn_error *err)
{
    err->retry = known(err->status) ? classes[err->status].retry : TN_RETRY_NO;
    err->outcome = known(err->status) ? classes[err->status].outcome : TN_OUTCOME_NONE;
    /* A callback may give a class of its own to what is a serialization failure. */
    if (strcmp(err->sqlstate, "40001") == 0 || strcmp(err->sqlstate, "40P01") == 0)
        err->retry = TN_RETRY_TRANSACTION;
}
