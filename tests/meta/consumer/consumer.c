/* SPDX-License-Identifier: MIT */
/* The least that proves a working installation: a driver was loaded, values go and come. */
#include <stdio.h>
#include <string.h>

#include <tenon/tenon.h>

int main(void)
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
    printf("%s: %s %d\n", tn_db_driver(db), text, (int)n);
    if (tn_db_close(db, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return 1;
    }
    return strcmp(text, "forty-one") == 0 && n == 41 ? 0 : 1;
}
