/* SPDX-License-Identifier: MIT */
/* The same in C++, where overloads stand for _Generic. */
#include <cstdio>
#include <string_view>

#include <tenon/tenon.h>

int main()
{
    tn_error err = TN_ERROR_INIT;
    int32_t n = 0;
    char text[16] = "";

    tn_db *db = tn_open_url("sqlite::memory:", &err);
    if (!db || tn_get(db, "select $2, $1", tn_args(41, "forty-one"),
                      tn_into(tn_textbuf(text, sizeof(text)), &n), &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return 1;
    }
    std::printf("%s: %s %d\n", tn_db_driver(db), text, static_cast<int>(n));
    if (tn_db_close(db, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return 1;
    }
    return std::string_view(text) == "forty-one" && n == 41 ? 0 : 1;
}
