/* SPDX-License-Identifier: MIT */
/* The template has no SQL, no files and no network: nothing to declare. */
#include "answers.h"

const answers answers_template = {
    .driver = "template",
    .private_mark = "",
    .blocked_write = TN_TIMEOUT,
};
