/* SPDX-License-Identifier: MIT */
/* The wanted texts are what PostgreSQL 15 prints with IntervalStyle postgres; NULL: it refuses. */
#include "unit.h"

/* clang-format off */
static const struct {
    const char *name;
    const char *want;
} rows[] = {
    {"1 year 2 mons 3 days 04:05:06.7", "1 year 2 mons 3 days 04:05:06.7"},
    {"1 year 2 mons -3 days +04:05:06.7", "1 year 2 mons -3 days +04:05:06.7"},
    {"-1 year -2 mons +3 days -04:05:06.7", "-1 years -2 mons +3 days -04:05:06.7"},
    {"00:00:00", "00:00:00"},
    {"1 day", "1 day"},
    {"-1 days", "-1 days"},
    {"1 mon", "1 mon"},
    {"-1 mons", "-1 mons"},
    {"12 mons", "1 year"},
    {"13 mons", "1 year 1 mon"},
    {"-13 mons", "-1 years -1 mons"},
    {"100 years", "100 years"},
    {"P1Y2M3DT4H5M6.7S", "1 year 2 mons 3 days 04:05:06.7"},
    {"PT0S", "00:00:00"},
    {"P1W", "7 days"},
    {"P1Y", "1 year"},
    {"PT1M", "00:01:00"},
    {"P1M", "1 mon"},
    {"P-1Y-2M3DT-4H-5M-6.5S", "-1 years -2 mons +3 days -04:05:06.5"},
    {"P", NULL},
    {"5 days ago", "-5 days"},
    {"1 week", "7 days"},
    {"1.5 weeks", "10 days 12:00:00"},
    {"1.5 days", "1 day 12:00:00"},
    {"1.5 hours", "01:30:00"},
    {"1.5 years", "1 year 6 mons"},
    {"1.5 mons", "1 mon 15 days"},
    {"1.25 mons", "1 mon 7 days 12:00:00"},
    {"0.1 mons", "3 days"},
    {"1.1 years", "1 year 1 mon"},
    {"1 hour 30 minutes", "01:30:00"},
    {"90 minutes", "01:30:00"},
    {"@ 1 year 2 mons ago", "-1 years -2 mons"},
    {"2562047788:00:54.775807", "2562047788:00:54.775807"},
    {"178956970 years 7 mons", "178956970 years 7 mons"},
    {"178956970 years 8 mons", NULL},
    {"-178956970 years -8 mons", "-178956970 years -8 mons"},
    {"2147483647 days", "2147483647 days"},
    {"2147483648 days", NULL},
    {"-2147483648 days", "-2147483648 days"},
    {"04:05", "04:05:00"},
    {"-04:05", "-04:05:00"},
    {"+04:05:06", "04:05:06"},
    {"1 day -00:00:01", "1 day -00:00:01"},
    {"-1 day 00:00:01", "-1 days +00:00:01"},
    {"-1 mons +1 day", "-1 mons +1 day"},
    {"1 year -1 days", "1 year -1 days"},
    {"00:00:00.000001", "00:00:00.000001"},
    {"-00:00:00.000001", "-00:00:00.000001"},
    {"00:00:59.9999995", "00:01:00"},
    {"1:2:3", "01:02:03"},
    {"100:00:00", "100:00:00"},
    {"01:60:00", NULL},
    {"01:00:60", "01:01:00"},
    {"P1Y2M3W4DT5H", "1 year 2 mons 25 days 05:00:00"},
    {"P0.5Y", "6 mons"},
    {"P1.5M", "1 mon 15 days"},
    {"P1.5D", "1 day 12:00:00"},
    {"PT1.5H", "01:30:00"},
    {"PT0.000001S", "00:00:00.000001"},
    {"1 sec", "00:00:01"},
    {"1 s", "00:00:01"},
    {"1 ms", "00:00:00.001"},
    {"1 us", "00:00:00.000001"},
    {"1500 ms", "00:00:01.5"},
    {"1 h", "01:00:00"},
    {"1 m", "00:01:00"},
    {"1 d", "1 day"},
    {"1 y", "1 year"},
    {"1 w", "7 days"},
    {"", NULL},
    {"abc", NULL},
    {"1 foo", NULL},
    {"1d2h", "1 day 02:00:00"},
    {"1.5 secs", "00:00:01.5"},
    {"-1.5 secs", "-00:00:01.5"},
    {"0.0000005 secs", "00:00:00"},
    {"9223372036854775807 us", "2562047788:00:54.775807"},
    {"9223372036854775808 us", NULL},
    {"infinity", NULL},
    {".5 days", "12:00:00"},
    {"5. days", "5 days"},
    {"interval 1 day", NULL},
    {"-0.5 mons", "-15 days"},
    {"-1.5 days", "-1 days -12:00:00"},
    {"2 days 1.5 hours", "2 days 01:30:00"},
    {"1 mon 1 day 1 hour ago", "-1 mons -1 days -01:00:00"},
    {"PT-0.5S", "-00:00:00.5"},
    {"T1H", NULL},
    {"p1y", NULL},
    {"P 1Y", NULL},
    {"3 days 04:05:06.70", "3 days 04:05:06.7"},
    {"-23 years -21 mons -214 days 102:32:03", "-24 years -9 mons -214 days +102:32:03"},
    {"75 years 82:04:48", "75 years 82:04:48"},
    {"0 mons -199:45:56.186449", "-199:45:56.186449"},
    {"-1 years -213 days", "-1 years -213 days"},
    {"16 mons +14:13:39.646206", "1 year 4 mons 14:13:39.646206"},
    {"82 years 25 mons", "84 years 1 mon"},
    {"11 mons", "11 mons"},
    {"8 years 304 days", "8 years 304 days"},
    {"8 mons", "8 mons"},
    {"29 years +186:04:53.121488", "29 years 186:04:53.121488"},
    {"335 days", "335 days"},
    {"5 mons 96 days 72:50:17.5", "5 mons 96 days 72:50:17.5"},
    {"-1 years 25 mons 139:51:46.5", "1 year 1 mon 139:51:46.5"},
    {"89 years -24 days 15:42:42", "89 years -24 days +15:42:42"},
    {"+62:28:13.47102", "62:28:13.47102"},
    {"-131 years 12 mons 97:58:18.5", "-130 years +97:58:18.5"},
    {"-55:33:31", "-55:33:31"},
    {"+107:00:33", "107:00:33"},
    {"287 days 75:14:46.5", "287 days 75:14:46.5"},
    {"-100 years 110 days", "-100 years +110 days"},
    {"-112 years 24 mons 293 days", "-110 years +293 days"},
    {"-52 years 03:55:09.837359", "-52 years +03:55:09.837359"},
    {"+168:59:13", "168:59:13"},
    {"114 years -29 mons 262 days 182:02:08.887493", "111 years 7 mons 262 days 182:02:08.887493"},
    {"-54 years -8 days", "-54 years -8 days"},
    {"-107 years 289 days", "-107 years +289 days"},
    {"-6 mons -297 days", "-6 mons -297 days"},
    {"-41 years 303 days", "-41 years +303 days"},
    {"-168 years -124 days", "-168 years -124 days"},
    {"89 years 67 days", "89 years 67 days"},
    {"-28 mons", "-2 years -4 mons"},
    {"-193 years +93:23:03.5", "-193 years +93:23:03.5"},
    {"-40 years 50 days 188:42:01", "-40 years +50 days 188:42:01"},
    {"63 years -106 days", "63 years -106 days"},
    {"9 mons -252 days", "9 mons -252 days"},
    {"-186 years -23 mons 160 days +141:02:43.5", "-187 years -11 mons +160 days 141:02:43.5"},
    {"168 years -251 days", "168 years -251 days"},
    {"100 years 9 mons -209 days -176:06:14.5", "100 years 9 mons -209 days -176:06:14.5"},
    {"19 mons 8 days -168:49:58.5", "1 year 7 mons 8 days -168:49:58.5"},
    {"15 mons -189 days", "1 year 3 mons -189 days"},
    {"-27 days", "-27 days"},
    {"-133:05:19", "-133:05:19"},
    {"19 mons -326 days", "1 year 7 mons -326 days"},
    {"57 years -8 days 79:49:04", "57 years -8 days +79:49:04"},
    {"8 years 25 mons 368 days", "10 years 1 mon 368 days"},
    {"-36.57440 secs", "-00:00:36.5744"},
    {"-43.95605 mons", "-3 years -7 mons -28 days -16:21:21.6"},
    {"38.82820 minutes", "00:38:49.692"},
    {"-38.85922 years", "-38 years -10 mons"},
    {"1.68168 secs", "00:00:01.68168"},
    {"22.95983 days", "22 days 23:02:09.312"},
    {"44.14928 secs", "00:00:44.14928"},
    {"3.2498 weeks", "22 days 17:57:59.04"},
    {"-4.73031 secs", "-00:00:04.73031"},
    {"-31.44759 years", "-31 years -5 mons"},
    {"6.61571 hours", "06:36:56.556"},
    {"-29.91615 weeks", "-209 days -09:54:47.52"},
    {"50.48472 years", "50 years 6 mons"},
    {"-23.59858 years", "-23 years -7 mons"},
    {"-48.57778 years", "-48 years -7 mons"},
    {"-42.29575 weeks", "-296 days -01:41:09.6"},
    {"-23.72972 minutes", "-00:23:43.7832"},
    {"-9.36756 days", "-9 days -08:49:17.184"},
    {"47.8539 minutes", "00:47:51.234"},
    {"3.69659 mons", "3 mons 20 days 21:32:41.28"},
    {"-47.99478 mons", "-3 years -11 mons -29 days -20:14:29.76"},
    {"46.42793 days", "46 days 10:16:13.152"},
    {"38.57062 weeks", "269 days 23:51:50.976"},
    {"-33.70776 weeks", "-235 days -22:54:13.248"},
    {"4.33575 hours", "04:20:08.7"},
    {"35.15189 minutes", "00:35:09.1134"},
    {"-47.75719 minutes", "-00:47:45.4314"},
    {"-35.72067 secs", "-00:00:35.72067"},
    {"41.5590 secs", "00:00:41.559"},
    {"-26.91284 minutes", "-00:26:54.7704"},
};
/* clang-format on */

static void test_table(void **state)
{
    char buf[TN_TIME_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_interval value = {1, 2, 3}, back;
        tn_str copy = exact_copy(tn_str_from(rows[i].name));

        check_row(tn_interval_parse(copy, &value) == (rows[i].want != NULL), i);
        if (rows[i].want) {
            check_str(tn_str_from(tn_interval_format(value, buf)), rows[i].want);
            check_row(tn_interval_parse(tn_str_from(buf), &back), i);
            check_row(back.us == value.us && back.days == value.days && back.months == value.months,
                      i);
        } else {
            check_row(value.us == 1 && value.days == 2 && value.months == 3, i);
        }
        free((char *)copy.ptr);
    }
}

static void test_parts(void **state)
{
    tn_interval value;

    (void)state;
    assert_true(tn_interval_parse(S("1 year 2 mons -3 days +04:05:06.7"), &value));
    assert_true(value.months == 14 && value.days == -3 && value.us == INT64_C(14706700000));
    assert_true(tn_interval_parse(S("P1Y2M3W4DT5H6M7.8S"), &value));
    assert_true(value.months == 14 && value.days == 25 && value.us == INT64_C(18367800000));
}

/* Every extreme is printed within the buffer and read again. */
static void test_extremes(void **state)
{
    const int64_t us[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    const int32_t parts[] = {0, 1, -1, INT32_MAX, INT32_MIN};
    char buf[TN_TIME_TEXT_SIZE + 1];

    (void)state;
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++)
            for (size_t k = 0; k < 5; k++) {
                tn_interval value = {us[i], parts[j], parts[k]}, back;

                buf[TN_TIME_TEXT_SIZE] = '#';
                tn_interval_format(value, buf);
                assert_int_equal(buf[TN_TIME_TEXT_SIZE], '#');
                if (!tn_interval_parse(tn_str_from(buf), &back) || back.us != value.us ||
                    back.days != value.days || back.months != value.months)
                    fail_msg("%s", buf);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
