/* SPDX-License-Identifier: MIT */
/* A directory of migrations, a database, and the command at work on them, as processes of its own.
 */
#ifndef TENON_TEST_MIGRATE_KIT_H
#define TENON_TEST_MIGRATE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <tenon/tenon.h>

typedef struct kit {
    const char *command; /* path of tenon */
    char dir[64];        /* removed by kit_end() */
    char url[512];
} kit;

/* A new empty directory with migrations/ in it, and in which the command runs. */
void kit_begin(kit *k, const char *command);
void kit_end(kit *k);

/* Writes migrations/<name>; removes all of them. */
void kit_file(const kit *k, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void kit_no_files(const kit *k);

/* tenon WORDS --url URL, its output in the file out<number>. */
pid_t kit_start(const kit *k, int number, const char *const words[]);
/* The exit code, or 128 and the signal's number. */
int kit_wait(pid_t pid);
/* Both, in one; the output of it may be read by kit_output(k, 0). */
int kit_run(const kit *k, const char *const words[]);
#define KIT_RUN(k, ...) kit_run(k, (const char *const[]){__VA_ARGS__, NULL})
/* What it wrote, standard error as well. Static storage. */
const char *kit_output(const kit *k, int number);
/* Fails the test, with the output, when the code is another one. */
#define kit_expect(k, number, code, want)                                                \
    do {                                                                                 \
        int code_ = (code);                                                              \
        if (code_ != (want))                                                             \
            fail_msg("exit code %d, not %d:\n%s", code_, (want), kit_output(k, number)); \
    } while (0)

/* By a client of this process: a number; a statement. */
long long kit_number(const kit *k, const char *sql);
void kit_sql(const kit *k, const char *sql);
/* Without a table or a history again: the schema public, or the file test.db. */
void kit_empty(const kit *k, bool postgres);

/*
 * main() of a test that does the same on a database of either kind: test() is called with a kit
 * whose url is that of an empty database, on a server of the test's own, and of a file. argv[1] is
 * the path of tenon.
 */
int kit_main(int argc, char **argv, void (*test)(kit *k, bool postgres));

int64_t kit_now_ms(void);
void kit_sleep_ms(int64_t ms);

#endif
