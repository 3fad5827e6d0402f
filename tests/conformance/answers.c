/* SPDX-License-Identifier: MIT */
#include "answers.h"

#include <string.h>

/* Declares as little as possible: what a driver's author has not spoken of is skipped. */
const answers answers_generic = {
    .driver = "generic",
};

const answers *answers_find(const char *driver, bool strict)
{
    static const answers *const all[] = {&answers_sqlite, &answers_postgres, &answers_template,
                                         &answers_generic};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i]->driver, driver) == 0)
            return all[i];
    return strict ? NULL : &answers_generic;
}
