/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/sqlstate.h"

static const struct {
    const char *name;
    tn_status want;
} rows[] = {
    {"02000", TN_NOT_FOUND},
    {"08000", TN_LOST},
    {"08001", TN_UNAVAILABLE},
    {"08003", TN_LOST},
    {"08004", TN_AUTH},
    {"08006", TN_LOST},
    {"08007", TN_OUTCOME_UNKNOWN},
    {"08P01", TN_PROTOCOL},
    {"0A000", TN_UNSUPPORTED},
    {"21000", TN_TOO_MANY_ROWS},
    {"22000", TN_DATA},
    {"22003", TN_DATA},
    {"22P02", TN_DATA},
    {"23000", TN_CONSTRAINT},
    {"23502", TN_CONSTRAINT},
    {"23503", TN_CONSTRAINT},
    {"23505", TN_CONSTRAINT},
    {"23514", TN_CONSTRAINT},
    {"23P01", TN_CONSTRAINT},
    {"25006", TN_READ_ONLY},
    {"25P01", TN_FAILED},
    {"25P02", TN_ABORTED},
    {"25P03", TN_LOST},
    {"26000", TN_FAILED},
    {"28000", TN_AUTH},
    {"28P01", TN_AUTH},
    {"3D000", TN_AUTH},
    {"3F000", TN_SYNTAX},
    {"40000", TN_ABORTED},
    {"40001", TN_SERIALIZATION},
    {"40002", TN_CONSTRAINT},
    {"40003", TN_OUTCOME_UNKNOWN},
    {"40P01", TN_SERIALIZATION},
    {"42501", TN_SYNTAX},
    {"42601", TN_SYNTAX},
    {"42703", TN_SYNTAX},
    {"42P01", TN_SYNTAX},
    {"44000", TN_CONSTRAINT},
    {"53000", TN_RESOURCE},
    {"53100", TN_RESOURCE},
    {"53200", TN_RESOURCE},
    {"53300", TN_UNAVAILABLE},
    {"54000", TN_LIMIT},
    {"54023", TN_LIMIT},
    {"55P03", TN_LOCKED},
    {"55006", TN_FAILED},
    {"57014", TN_CANCELLED},
    {"57P01", TN_LOST},
    {"57P02", TN_LOST},
    {"57P03", TN_UNAVAILABLE},
    {"57P05", TN_LOST},
    {"58030", TN_RESOURCE},
    {"P0001", TN_FAILED},
    {"XX000", TN_FAILED},
    {"00000", TN_FAILED},
    {"ZZZZZ", TN_FAILED},
    {"", TN_FAILED},
    {"2350", TN_FAILED},
    {"235050", TN_FAILED},
    {"23 05", TN_FAILED},
    {"2350a", TN_FAILED},
    {"\xff\xff\xff\xff\xff", TN_FAILED},
};

static void test_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(tn_status_from_sqlstate(rows[i].name) == rows[i].want, i);
    assert_int_equal(tn_status_from_sqlstate(NULL), TN_FAILED);
}

/* Each class's own code belongs to that class, where it has one and a code says so much. */
static void test_own_codes(void **state)
{
    (void)state;
    for (int status = TN_OK; status <= TN_FAILED; status++) {
        const char *code = tn__status_sqlstate((tn_status)status);
        if (!*code || status == TN_TIMEOUT || status == TN_NOMEM)
            continue; /* 57014 and 53200 are told apart by who found them */
        assert_int_equal(strlen(code), 5);
        assert_int_equal(tn_status_from_sqlstate(code), status);
    }
    assert_string_equal(tn__status_sqlstate(TN_TIMEOUT), "57014");
    assert_string_equal(tn__status_sqlstate(TN_NOMEM), "53200");
    assert_string_equal(tn__status_sqlstate((tn_status)1000), "");
    assert_string_equal(tn__status_sqlstate((tn_status)-1), "");
}

static void test_names(void **state)
{
    (void)state;
    for (int a = TN_OK; a <= TN_FAILED; a++) {
        assert_true(strlen(tn_status_name((tn_status)a)) > 1);
        for (int b = TN_OK; b < a; b++)
            assert_string_not_equal(tn_status_name((tn_status)a), tn_status_name((tn_status)b));
    }
    assert_string_equal(tn_status_name(TN_NOT_FOUND), "not found");
    assert_string_equal(tn_status_name(TN_CONSTRAINT), "constraint violation");
    assert_string_equal(tn_status_name((tn_status)1000), "unknown status");
}

static void test_classify(void **state)
{
    static const struct {
        tn_status status;
        const char *sqlstate;
        tn_retry retry;
        tn_outcome outcome;
    } want[] = {
        {TN_SERIALIZATION, "40001", TN_RETRY_TRANSACTION, TN_OUTCOME_NOT_APPLIED},
        {TN_UNAVAILABLE, "08001", TN_RETRY_STATEMENT, TN_OUTCOME_NOT_APPLIED},
        {TN_LOST, "08006", TN_RETRY_TRANSACTION, TN_OUTCOME_NOT_APPLIED},
        {TN_OUTCOME_UNKNOWN, "08007", TN_RETRY_NO, TN_OUTCOME_IN_DOUBT},
        {TN_CONSTRAINT, "23505", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
        {TN_ABORTED, "25P02", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
        {TN_TIMEOUT, "57014", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
        {TN_AUTH, "28P01", TN_RETRY_NO, TN_OUTCOME_NONE},
        {TN_CONFIG, "", TN_RETRY_NO, TN_OUTCOME_NONE},
        {TN_NOT_FOUND, "02000", TN_RETRY_NO, TN_OUTCOME_NONE},
        {TN_FAILED, "40P01", TN_RETRY_TRANSACTION, TN_OUTCOME_NOT_APPLIED},
        {TN_FAILED, "P0001", TN_RETRY_NO, TN_OUTCOME_NOT_APPLIED},
        {(tn_status)1000, "", TN_RETRY_NO, TN_OUTCOME_NONE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        tn_error err = TN_ERROR_INIT;
        err.status = want[i].status;
        strcpy(err.sqlstate, want[i].sqlstate);
        err.retry = TN_RETRY_STATEMENT;
        err.outcome = TN_OUTCOME_APPLIED;
        tn__error_classify(&err);
        assert_int_equal(err.retry, want[i].retry);
        assert_int_equal(err.outcome, want[i].outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_own_codes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_classify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
