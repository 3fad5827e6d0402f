/* SPDX-License-Identifier: MIT */
/*
 * Linked into each test program: cmocka tells successes on standard output and failures on standard
 * error, and in a log they should stand in the order in which they happened.
 */
#include <stdio.h>

__attribute__((constructor)) static void tell_in_order(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}
