/* SPDX-License-Identifier: MIT */
/* tools: which database a URL names, and the URL of another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db_url.h"

static void a_url_names_a_database(void **state)
{
    static const struct {
        const char *url;
        db_kind kind;
        const char *name;
        const char *other; /* the URL of "new db" */
    } cases[] = {
        {"postgresql://u:p%2Fw@h:1/shop?sslmode=require", DB_SERVER, "shop",
         "postgresql://u:p%2Fw@h:1/new%20db?sslmode=require"},
        {"postgres://h/my%20shop", DB_SERVER, "my shop", "postgres://h/new%20db"},
        {"postgresql:///shop?host=/run/postgresql", DB_SERVER, "shop",
         "postgresql:///new%20db?host=/run/postgresql"},
        {"postgresql://h", DB_SERVER, "", "postgresql://h/new%20db"},
        {"postgresql://h?x=1", DB_SERVER, "", "postgresql://h/new%20db?x=1"},
        {"postgresql://h/a?dbname=b&x=1", DB_SERVER, "b", "postgresql://h/new%20db?x=1"},
        {"postgresql://h/a?x=1&dbname=b%2Fc", DB_SERVER, "b/c", "postgresql://h/new%20db?x=1"},
        {"postgresql://a,b:2/shop", DB_SERVER, "shop", "postgresql://a,b:2/new%20db"},
        {"sqlite:app.db", DB_FILE, "app.db", "sqlite:new%20db"},
        {"sqlite:/tmp/a%20b.db?mode=rw", DB_FILE, "/tmp/a b.db", "sqlite:new%20db?mode=rw"},
        {"sqlite:///tmp/a.db", DB_FILE, "/tmp/a.db", "sqlite:new%20db"},
        {"sqlite::memory:", DB_MEMORY, ":memory:", NULL},
        {"mysql://h/shop", DB_OTHER, NULL, NULL},
        {"postgresql:h", DB_OTHER, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(db_url_kind(cases[i].url), cases[i].kind);
        if (!cases[i].name)
            continue;
        char *name = db_url_name(cases[i].url);
        assert_string_equal(name, cases[i].name);
        free(name);
        if (!cases[i].other)
            continue;
        char *other = db_url_with(cases[i].url, "new db");
        assert_string_equal(other, cases[i].other);
        free(other);
    }
}

/* What goes in comes out, whatever characters are in it. */
static void names_survive(void **state)
{
    static const char *const names[] = {"a", "?&=%", "a/b", "\xc3\xa4 \"x\"", "#;"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *url = db_url_with("postgresql://h/x?host=/y&dbname=z", names[i]);
        char *name = db_url_name(url);
        assert_string_equal(name, names[i]);
        free(name);
        free(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_a_database),
        cmocka_unit_test(names_survive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
