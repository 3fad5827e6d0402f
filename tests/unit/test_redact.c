/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <tenon/config.h>

/* Every secret below is hunter2 in some spelling; that it is gone is checked besides. */
static const struct {
    const char *name;
    const char *want; /* NULL: whatever, as long as the secret is not in it */
} rows[] = {
    {"postgresql://app:hunter2@db.example.com/prod", "postgresql://app:***@db.example.com/prod"},
    {"postgresql://app:hunter2@h1:5432,h2:5433,[::1]:1/prod?sslmode=require",
     "postgresql://app:***@h1:5432,h2:5433,[::1]:1/prod?sslmode=require"},
    {"postgresql://app@h/db", "postgresql://app@h/db"},
    {"postgresql://h:5432/db", "postgresql://h:5432/db"},
    {"postgresql:///db?host=/run/postgresql", "postgresql:///db?host=/run/postgresql"},
    {"postgresql://", "postgresql://"},
    {"postgresql://:hunter2@h/db", "postgresql://:***@h/db"},
    {"postgresql://app:@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:h%75nter2@h/db", "postgresql://app:***@h/db"},
    /* parameters */
    {"postgresql://h/db?password=hunter2", "postgresql://h/db?password=***"},
    {"postgresql://h/db?user=app&password=hunter2&sslmode=require",
     "postgresql://h/db?user=app&password=***&sslmode=require"},
    {"postgresql://h/db?pass%77ord=hunter2", "postgresql://h/db?pass%77ord=***"},
    {"postgresql://h/db?%70%61%73%73%77%6f%72%64=hunter2", NULL},
    {"postgresql://h/db?pass%2577ord=hunter2", NULL},
    {"postgresql://h/db?PassWord=hunter2", "postgresql://h/db?PassWord=***"},
    {"postgresql://h/db?sslpassword=hunter2", "postgresql://h/db?sslpassword=***"},
    {"postgresql://h/db?passfile=/home/hunter2", "postgresql://h/db?passfile=***"},
    {"postgresql://h/db?oauth_client_secret=hunter2", "postgresql://h/db?oauth_client_secret=***"},
    {"postgresql://h/db?sslkey=/k.pem", "postgresql://h/db?sslkey=/k.pem"},
    {"postgresql://h/db?keepalives=1", "postgresql://h/db?keepalives=1"},
    {"sqlite:a.db?key=hunter2", "sqlite:a.db?key=***"},
    {"sqlite:a.db?hexkey=hunter2&cache=shared", "sqlite:a.db?hexkey=***&cache=shared"},
    {"postgresql://h/db?options=a%40b:hunter2", NULL},
    {"postgresql://h/db?x=postgres://u:hunter2@h", "postgresql://h/db?x=***"},
    {"postgresql://h/db?sslmode=require;password=hunter2", "postgresql://h/db?sslmode=***"},
    {"postgresql://h/db?sslmode=require#password=hunter2", NULL},
    {"postgresql://h/db?sslmode=require&passwordhunter2", NULL},
    {"postgresql://h/db;password=hunter2", NULL},
    {"postgresql://h/db&password=hunter2", NULL},
    {"postgresql://h?password=hunter2", "postgresql://h?password=***"},
    {"postgresql://h/db?require_auth=!password", "postgresql://h/db?require_auth=!password"},
    {"postgresql://app:hunter2@h/db?application_name=svc@node", "postgresql://app:***@***"},
    {"postgresql://h:5432/db?application_name=svc@node", "postgresql://h:***@***"},
    {"postgresql://h/db?application_name=svc@node", "postgresql://h/db?application_name=***"},
    {"postgresql://h/db?application_name=svc", "postgresql://h/db?application_name=svc"},
    /* passwords that should have been escaped */
    {"postgresql://app:hun@ter2hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:hunter2:x@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:hunter2/x@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:x/hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:hunter2#x@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:x#hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:x?hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:x?y=hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:x@/hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:x hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:1/hunter2@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app:hunter2[@h/db", "postgresql://app:***@h/db"},
    {"postgresql://app%3Ahunter2@h/db", "postgresql://***@h/db"},
    {"postgresql://app:hunter2", "postgresql://app:***"},
    {"postgresql://app:hunter2/db", "postgresql://app:***"},
    {"postgresql://app:hunter2%40h/db", "postgresql://app:***"},
    {"postgresql://app:x@h:hunter2/db", "postgresql://app:***@***"},
    {"postgresql://app:x@[hunter2/db", "postgresql://app:***@***"},
    {"postgresql:app:hunter2@h/db", "postgresql:***@h/db"},
    {"postgresql:/app:hunter2@h/db", "postgresql:***@h/db"},
    {"postgresql:app:hunter2", "postgresql:app:***"},
    {"POSTGRESQL://app:hunter2@h/db", "POSTGRESQL://app:***@h/db"},
    {"jdbc:postgresql://app:hunter2@h/db", "jdbc:postgresql://app:***@h/db"},
    {"../../evil://app:hunter2@h", "../../evil://app:***@h"},
    {" postgresql://app:hunter2@h/db", NULL},
    {"app:hunter2@h/db", NULL},
    {"a b:hunter2@h/db", "***"},
    {"see postgresql://app:hunter2@h/db", NULL},
    /* name=value */
    {"host=h password=hunter2 user=app", "host=h password=*** user=app"},
    {"host=h password = 'hunter2 x\\' y' user=app", "host=h password=*** user=app"},
    {"host=h password=a\\ hunter2 user=app", "host=h password=*** user=app"},
    {"host=h sslpassword=hunter2", "host=h sslpassword=***"},
    {"host=h PASSWORD='hunter2", "***"},
    {"host=h pass word=hunter2", "***"},
    {"password=hunter2", "password=***"},
    {"host=u:hunter2@h dbname=x", "host=*** dbname=x"},
    {"dbname=postgresql://u:hunter2@h/db", NULL},
    {"my password is hunter2", "***"},
    /* nothing to hide */
    {"", ""},
    {"sqlite::memory:", "sqlite::memory:"},
    {"sqlite::memory:?cache=shared", "sqlite::memory:?cache=shared"},
    {"sqlite:data/app.db", "sqlite:data/app.db"},
    {"sqlite:///var/lib/app.db", "sqlite:///var/lib/app.db"},
    {"sqlite:/home/me@work/app.db", "sqlite:***@work/app.db"},
    {"plain words", "plain words"},
    {"30000", "30000"},
    {"../../evil", "../../evil"},
    {"host=h user=app dbname=x", "host=h user=app dbname=x"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buf[512];
        char *exact = strdup(rows[i].name);
        size_t len = tn_url_redact(exact, buf, sizeof(buf));

        check_row(len == strlen(buf), i);
        if (strstr(buf, "hunter2") || strstr(buf, "h%75nter2"))
            fail_msg("row %zu: %s shows the secret: %s", i, rows[i].name, buf);
        if (rows[i].want && strcmp(buf, rows[i].want) != 0)
            fail_msg("row %zu: %s gives %s, want %s", i, rows[i].name, buf, rows[i].want);
        free(exact);
    }
}

/* A secret anywhere a password can stand, with every character that has a meaning in it, at its
 * start, in its middle and at its end. */
static void test_every_character(void **state)
{
    static const struct {
        const char *front, *behind;
    } forms[] = {
        {"postgresql://app:", "@h/db"},     {"postgresql://app:", "@h:5432/db?sslmode=require"},
        {"postgresql://app:", "@h1,h2/db"}, {"postgresql://app:", "@/db?host=/tmp"},
        {"postgresql://app:", "@[::1]/db"}, {"postgresql://app:", "@h"},
        {"postgresql:app:", "@h/db"},
    };

    (void)state;
    for (size_t f = 0; f < COUNT_OF(forms); f++)
        for (int place = 0; place <= 6; place++)
            for (int c = 1; c < 256; c++) {
                char url[128], buf[256];

                snprintf(url, sizeof(url), "%s%.*s%c%s%s", forms[f].front, place, "CANARY", c,
                         &"CANARY"[place], forms[f].behind);
                tn_url_redact(url, buf, sizeof(buf));
                if (strstr(buf, "CAN") || strstr(buf, "ARY"))
                    fail_msg("%s gives %s", url, buf);
            }
}

static void test_snprintf_semantics(void **state)
{
    const char *url = "postgresql://app:hunter2@h/db", *want = "postgresql://app:***@h/db";
    char buf[64];

    (void)state;
    assert_int_equal(tn_url_redact(url, NULL, 0), strlen(want));
    for (size_t size = 1; size <= strlen(want) + 1; size++) {
        memset(buf, '#', sizeof(buf));
        assert_int_equal(tn_url_redact(url, buf, size), strlen(want));
        assert_int_equal(strlen(buf), size - 1);
        assert_memory_equal(buf, want, size - 1);
        assert_int_equal(buf[size], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_snprintf_semantics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
