/* SPDX-License-Identifier: MIT */
/* The template has one statement, no files and no network. */
#include "answers.h"

const answers answers_template = {
    .driver = "template",
    .plain_select = true,
    .private_mark = "",
    .nan = true,
    .negative_zero = true,
};
