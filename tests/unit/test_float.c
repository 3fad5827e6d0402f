/* SPDX-License-Identifier: MIT */
/* The wanted texts are what PostgreSQL 15 prints. */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "base/str.h"

static void test_double(void **state)
{
    static const struct {
        const char *name;
        double value;
    } rows[] = {
        {"0", 0},
        {"-0", -0.0},
        {"NaN", (double)NAN},
        {"Infinity", (double)INFINITY},
        {"-Infinity", -(double)INFINITY},
        {"1", 1},
        {"-1", -1},
        {"10", 10},
        {"0.1", 0.1},
        {"0.30000000000000004", 0.1 + 0.2},
        {"100000", 1e5},
        {"100000000000000", 1e14},
        {"1e+15", 1e15},
        {"123456789012345", 123456789012345.0},
        {"1.234567890123456e+15", 1234567890123456.0},
        {"9.007199254740991e+15", 9007199254740991.0},
        {"9.007199254740992e+15", 9007199254740992.0},
        {"9.007199254740994e+15", 9007199254740994.0},
        {"1.2345678901234568e+17", 123456789012345678.0},
        {"-4.3132775150017997e+17", -431327751500179968.0}, /* 4.3132775150018e+17 is on the edge */
        {"9.999999999999999e+22", 1e23},                    /* so is 1e+23 */
        {"1e+22", 1e22},
        {"0.0001", 1e-4},
        {"0.00012345", 0.00012345},
        {"1e-05", 1e-5},
        {"9.999e-05", 9.999e-5},
        {"1.5e-10", 1.5e-10},
        {"1e+100", 1e100},
        {"1e-100", 1e-100},
        {"5e-324", 5e-324},
        {"1.7976931348623157e+308", DBL_MAX},
        {"2.2250738585072014e-308", DBL_MIN},
        {"2.225073858507201e-308", 2.225073858507201e-308}, /* the largest denormal */
        {"3.141592653589793", 3.141592653589793},
        {"0.6666666666666666", 2.0 / 3},
        {"1.25", 1.25},
        {"123.456", 123.456},
        {"99.99", 99.99},
        {"9.5367431640625e-07", 0x1p-20},
        {"5.684341886080802e-14", 0x1p-44},
        {"9.924161033296096e-265", 0x1p-877},
        {"9.967194951097568e-206", 0x1p-681},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buf[32];
        size_t len = tn__format_double(rows[i].value, buf);
        if (strcmp(buf, rows[i].name) != 0 || len != strlen(buf))
            fail_msg("got %s, want %s", buf, rows[i].name);
    }
}

static void test_float(void **state)
{
    static const struct {
        const char *name;
        float value;
    } rows[] = {
        {"0", 0},
        {"-0", -0.0f},
        {"NaN", NAN},
        {"-Infinity", -INFINITY},
        {"0.1", 0.1f},
        {"100000", 1e5f},
        {"1e+06", 1e6f},
        {"123456", 123456},
        {"1.234567e+06", 1234567},
        {"1.6777216e+07", 16777216},
        {"0.0001", 1e-4f},
        {"1e-05", 1e-5f},
        {"3.4028235e+38", FLT_MAX},
        {"1.1754944e-38", FLT_MIN},
        {"1e-45", 1e-45f},
        {"0.33333334", 1.0f / 3},
        {"16.5", 16.5f},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buf[32];
        size_t len = tn__format_float(rows[i].value, buf);
        if (strcmp(buf, rows[i].name) != 0 || len != strlen(buf))
            fail_msg("got %s, want %s", buf, rows[i].name);
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* What is printed reads back the same, and one digit less would not. */
static void test_round_trip_is_shortest(void **state)
{
    uint64_t seed = 20261123;

    (void)state;
    for (int i = 0; i < 12000; i++) {
        uint64_t bits = next_random(&seed);
        double value, back;
        char buf[32], shorter[40];

        memcpy(&value, &bits, sizeof(value));
        if (i % 3 == 0)
            value = (double)(bits % 100000000) / 1000;
        if (!isfinite(value) || value == 0)
            continue;
        size_t len = tn__format_double(value, buf);
        assert_true(len < sizeof(buf) && len == strlen(buf));
        assert_true(tn__parse_double(tn__str(buf, len), &back) && back == value);
        int digits = 0, last = 0;
        for (const char *c = buf; *c && *c != 'e'; c++)
            if (*c >= '0' && *c <= '9' && (digits || *c != '0')) {
                digits++;
                last = *c == '0' ? last : digits;
            }
        /* On the edge a shorter form reads back, but does not count. Edges that are decimals of
         * so few digits lie in this range only. */
        if (last < 2 || (fabs(value) > 0x1p50 && fabs(value) < 1e40))
            continue;
        snprintf(shorter, sizeof(shorter), "%.*e", last - 2, value);
        assert_true(strtod(shorter, NULL) != value);
    }
}

/* Powers of two and of ten, at and around: where the distance to the neighbours changes. */
static void test_powers(void **state)
{
    (void)state;
    for (int e = -1074; e <= 1023; e += e > -70 && e < 130 ? 1 : 3) {
        double values[] = {ldexp(1, e), nextafter(ldexp(1, e), 0),
                           nextafter(ldexp(1, e), (double)INFINITY)};
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            char buf[32];
            double back;
            size_t len = tn__format_double(values[i], buf);
            assert_true(values[i] == 0 ||
                        (tn__parse_double(tn__str(buf, len), &back) && back == values[i]));
        }
    }
    for (int e = -149; e <= 127; e++) {
        float values[] = {ldexpf(1, e), nextafterf(ldexpf(1, e), INFINITY)}, back;
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            char buf[32];
            size_t len = tn__format_float(values[i], buf);
            assert_true(tn__parse_float(tn__str(buf, len), &back) && back == values[i]);
        }
    }
    for (int e = -320; e <= 308; e++) {
        char text[16], buf[32];
        double value = 0;
        int n = snprintf(text, sizeof(text), "1e%s%02d", e < 0 ? "-" : "+", abs(e));
        assert_true(tn__parse_double(tn__str(text, (size_t)n), &value));
        tn__format_double(value, buf);
        if ((e < -4 || e >= 15) && e != 23) /* fixed between, and 1e23 is on an edge */
            if (strcmp(buf, text) != 0)
                fail_msg("%s printed as %s", text, buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double),
        cmocka_unit_test(test_float),
        cmocka_unit_test(test_round_trip_is_shortest),
        cmocka_unit_test(test_powers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
