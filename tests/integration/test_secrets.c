/* SPDX-License-Identifier: MIT */
/*
 * No password in anything that anybody may see. A canary stands in each place and spelling of a
 * URL, right and wrong ones, and everything that a process with it writes is searched: texts of
 * errors, the log at its most talkative, health, settings, the command line, the command's output.
 *
 *   test_secrets [PATH OF THE tenon COMMAND]
 */
#define _GNU_SOURCE /* memmem, environ */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "secrets_child.h"
#include "server.h"

/* Both halves are looked for: an error in reading the URL may tear it apart. */
#define CANARY "Kestrel7canaryQz"
static const char *const needles[] = {"strel7", "anaryQz"};

enum { MAX_OUTPUT = 1 << 20, RUN_SECONDS = 60 };

static test_server server;
static const char *command; /* tenon, NULL: not to be tried */
static char scratch[] = "/tmp/tenon-secrets-XXXXXX";
static char output[MAX_OUTPUT];
static size_t output_size;
static int faults; /* of a case: all of its URLs are tried before it fails */

/* ---- running and looking -------------------------------------------------------------------- */

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Runs a program, both of its streams into output. Returns its exit status, -1 if it had to be
 * ended. */
static int run(const char *const argv[])
{
    time_t end = now_s() + RUN_SECONDS;
    int ends[2], status;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        if (chdir(scratch) == 0) /* where a .env may lie */
            execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    output_size = 0;
    for (;;) {
        struct pollfd fd = {.fd = ends[0], .events = POLLIN};
        if (poll(&fd, 1, 1000) > 0) {
            ssize_t n = read(ends[0], output + output_size, sizeof(output) - output_size);
            if (n <= 0)
                break;
            output_size += (size_t)n;
        } else if (now_s() > end) {
            kill(pid, SIGKILL);
            break;
        }
    }
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool output_has(const char *text)
{
    return memmem(output, output_size, text, strlen(text)) != NULL;
}

static bool output_has_canary(void)
{
    bool found = false;
    for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++)
        found = found || output_has(needles[i]);
    return found;
}

/* Shows what surrounds it, for whoever has to mend it: the secret is this test's own. */
static void check_output(const char *name, const char *who)
{
    if (!output_has_canary())
        return;
    faults++;
    print_error("%s: the canary stands in what %s wrote:\n", name, who);
    for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++) {
        const char *at = memmem(output, output_size, needles[i], strlen(needles[i]));
        const char *line = at;
        while (line && line > output && line[-1] != '\n' && at - line < 160)
            line--;
        if (at)
            print_error("...%.*s\n", (int)(at - line) + 40, line);
    }
}

/* As a child of this program, and as the command. expected: CHILD_OPENED, CHILD_REFUSED, or NULL
 * where either is fine. */
static void try_everything(const char *name, const char *expected)
{
    static const char *const subcommands[][4] = {
        {"health", NULL},
        {"health", "--json", NULL},
        {"env", NULL},
        {"env", "--json", NULL},
        {"doctor", NULL},
        {"doctor", "--json", NULL},
        {"sql", "select 1", NULL},
        {"sql", "--json", "select 1", NULL},
        {"sql", "selct", NULL},
        {"drivers", "list", NULL},
    };
    const char *const child[] = {"/proc/self/exe", "--child", NULL};

    assert_int_equal(run(child), 0);
    check_output(name, "a program");
    if (!output_has(CHILD_DONE) || (expected && !output_has(expected)))
        fail_msg("%s: not \"%s\" and \"%s\" in:\n%.*s", name, expected ? expected : "", CHILD_DONE,
                 (int)output_size, output);
    for (size_t i = 0; command && i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        const char *argv[6] = {command};
        for (size_t k = 0; subcommands[i][k]; k++)
            argv[k + 1] = subcommands[i][k];
        assert_in_range(run(argv), 0, 125);
        check_output(name, subcommands[i][0]);
    }
}

/* ---- URLs ----------------------------------------------------------------------------------- */

struct url_case {
    const char *url; /* $P: the server's port, $C: one that is closed */
    const char *expected;
};

/* Writes the ports in. */
static void expand(const char *url, char *buf, size_t size)
{
    static int closed;
    size_t n = 0;
    if (!closed)
        closed = test_free_port();
    for (; *url && n < size - 12; url++) {
        if (url[0] == '$' && (url[1] == 'P' || url[1] == 'C'))
            n += (size_t)sprintf(buf + n, "%d", *++url == 'P' ? server.port : closed);
        else
            buf[n++] = *url;
    }
    buf[n] = '\0';
}

static void try_urls(const struct url_case *cases, size_t count)
{
    char url[512];
    for (size_t i = 0; i < count; i++) {
        expand(cases[i].url, url, sizeof(url));
        setenv("DATABASE_URL", url, 1);
        try_everything(cases[i].url, cases[i].expected);
    }
    unsetenv("DATABASE_URL");
}

static int begin(void **state)
{
    static const char *const variables[] = {"DATABASE_URL", "DATABASE_URL_FILE", "PGPASSWORD"};
    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    setenv("TENON_NO_ENV", "1", 1);
    faults = 0;
    return 0;
}

/* A teardown that fails makes the case fail. */
static int judge(void **state)
{
    (void)state;
    return faults;
}

#define try_all(cases) try_urls((cases), sizeof(cases) / sizeof((cases)[0]))

static void the_search_finds_a_leak(void **state)
{
    static const char *const urls[] = {"postgresql://app:" CANARY "@127.0.0.1/app",
                                       "postgresql://app:K%65strel7%63anaryQz@127.0.0.1/app"};
    const char *const leak[] = {"/proc/self/exe", "--leak", NULL};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        setenv("DATABASE_URL", urls[i], 1);
        assert_int_equal(run(leak), 0);
        assert_true(output_has_canary());
        assert_true(output_has(CHILD_DONE));
    }
}

static void a_password_that_is_right(void **state)
{
    static const struct url_case cases[] = {
        {"postgresql://app:" CANARY "@127.0.0.1:$P/app", CHILD_OPENED},
        {"postgres://app:K%65strel7%63anaryQz@127.0.0.1:$P/app", CHILD_OPENED},
        {"postgresql://127.0.0.1:$P/app?user=app&password=" CANARY, CHILD_OPENED},
        {"postgresql://app@127.0.0.1:$P/app?pass%77ord=K%65strel7%63anaryQz", CHILD_OPENED},
        {"postgresql://app:" CANARY "@127.0.0.1:$C,127.0.0.1:$P/app", CHILD_OPENED},
        {"postgresql://app:" CANARY "@127.0.0.1:$P/app?schema=public&application_name=x",
         CHILD_OPENED},
    };
    (void)state;
    try_all(cases);
}

static void a_password_that_is_wrong(void **state)
{
    static const struct url_case cases[] = {
        {"postgresql://app:" CANARY "x@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://nobody:" CANARY "@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:$P/nowhere", CHILD_REFUSED},
        {"postgresql://app:K%65strel7%63anaryQzx@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$P/app?password=" CANARY "x", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:$P/app?password=wrong", CHILD_REFUSED},
    };
    (void)state;
    try_all(cases);
}

static void a_server_that_is_not_there(void **state)
{
    static const struct url_case cases[] = {
        {"postgresql://app:" CANARY "@127.0.0.1:$C/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:$C,127.0.0.1:$C/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@no-such-host.invalid/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@%2Ftmp%2Fno-such-folder/app", CHILD_REFUSED},
        {"postgresql:///app?host=/tmp/no-such-folder&password=" CANARY, CHILD_REFUSED},
    };
    (void)state;
    try_all(cases);
}

static void a_url_that_is_wrong(void **state)
{
    static const struct url_case cases[] = {
        {"postgresql://app:" CANARY "@127.0.0.1:99999/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:port/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@[::1/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "%zz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "%00@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:$P/app?nonsense=1", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:$P/app?sslmode=perhaps", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:$P/app?schema=%zz", CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$P/app?PASSWORD=" CANARY, CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$P/app?password=" CANARY "&nonsense=1", CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$P/app?nonsense=1&password=" CANARY, CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$P/app?password=" CANARY "%zz", CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$P/app?password=" CANARY "=x", CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$P/app?sslpassword=" CANARY "&connect_timeout=x",
         CHILD_REFUSED},
    };
    (void)state;
    try_all(cases);
}

/* What people paste in without encoding it. */
static void a_password_that_breaks_the_url(void **state)
{
    static const struct url_case cases[] = {
        {"postgresql://app:Kestrel7@canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7/canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7?canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7#canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7:canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7 canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7\ncanaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7%canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:Kestrel7&canaryQz@127.0.0.1:$P/app", CHILD_REFUSED},
        {"postgresql://app:" CANARY "@127.0.0.1:$P/app?options='", CHILD_REFUSED},
    };
    (void)state;
    try_all(cases);
}

static void a_scheme_that_is_wrong(void **state)
{
    static const struct url_case cases[] = {
        {"posgresql://app:" CANARY "@127.0.0.1:$P/app", CHILD_REFUSED},
        {"mysql://app:" CANARY "@127.0.0.1/app", CHILD_REFUSED},
        {"../../evil://app:" CANARY "@127.0.0.1/app", CHILD_REFUSED},
        {"app:" CANARY "@127.0.0.1/app", CHILD_REFUSED},
        {"//app:" CANARY "@127.0.0.1/app", CHILD_REFUSED},
        {"://app:" CANARY "@127.0.0.1/app", CHILD_REFUSED},
        {"host=127.0.0.1 user=app password=" CANARY, CHILD_REFUSED},
        {"password=" CANARY, CHILD_REFUSED},
        {"sqlite:///tmp/no-such-folder/x.db?password=" CANARY, CHILD_REFUSED},
        {"sqlite://app:" CANARY "@127.0.0.1/app", CHILD_REFUSED},
    };
    (void)state;
    try_all(cases);
}

/* ---- other places --------------------------------------------------------------------------- */

static void write_file(const char *name, const char *before, const char *url, const char *after)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/%s", scratch, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "%s%s%s", before, url, after);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/%s", scratch, name);
    unlink(path);
}

static void a_file_with_the_url(void **state)
{
    char url[256], path[64];
    (void)state;
    snprintf(path, sizeof(path), "%s/url", scratch);
    setenv("DATABASE_URL_FILE", path, 1);
    expand("postgresql://app:" CANARY "@127.0.0.1:$P/app", url, sizeof(url));
    write_file("url", "", url, "\n");
    try_everything("DATABASE_URL_FILE", CHILD_OPENED);
    write_file("url", "\n", url, "\nsecond line\n");
    try_everything("DATABASE_URL_FILE of several lines", NULL);
    expand("postgresql://app:" CANARY "@127.0.0.1:$P:x/app", url, sizeof(url));
    write_file("url", "", url, "");
    try_everything("DATABASE_URL_FILE, broken", CHILD_REFUSED);
    setenv("DATABASE_URL", url, 1);
    try_everything("DATABASE_URL_FILE and DATABASE_URL", CHILD_REFUSED);
    remove_file("url");
}

static void a_dotenv_with_the_url(void **state)
{
    static const char *const around[][2] = {
        {"DATABASE_URL=\"", "\n"},
        {"DATABASE_URL='", "\n"},
        {"DATABASE_URL = ", "\nDB_MAX=x\n"},
        {"DATABASE_URL ", "\n"},
        {"", "\n"},
        {"export DATABASE_URL: ", "\n"},
        {"DATABASE_URL=", "${UNSET:?x}\n"},
        {"DATABASE_URL=\"a\"", "\n"},
    };
    char url[256];
    (void)state;
    unsetenv("TENON_NO_ENV");
    expand("postgresql://app:" CANARY "@127.0.0.1:$P/app", url, sizeof(url));
    write_file(".env", "DATABASE_URL=", url, "\n");
    try_everything(".env", CHILD_OPENED);
    write_file(".env", "DATABASE_URL=sqlite::memory:\nDB_MAX_CONNECTIONS=", url, "\n");
    try_everything(".env, the URL in the wrong place", CHILD_REFUSED);
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        write_file(".env", around[i][0], url, around[i][1]);
        try_everything(around[i][0], NULL);
    }
    remove_file(".env");
}

static void a_password_in_the_environment(void **state)
{
    static const struct url_case cases[] = {
        {"postgresql://app@127.0.0.1:$P/app", CHILD_OPENED},
        {"postgresql://app@127.0.0.1:$P/app?nonsense=1", CHILD_REFUSED},
        {"postgresql://app@127.0.0.1:$C/app", CHILD_REFUSED},
    };
    (void)state;
    setenv("PGPASSWORD", CANARY, 1);
    try_all(cases);
}

static int set_up(void **state)
{
    (void)state;
    setenv("APP_ENV", "development", 1);
    setenv("DB_LOG_LEVEL", "debug", 1);
    setenv("DB_CONNECT_RETRIES", "0", 1);
    setenv("DB_CONNECTION_TIMEOUT", "5000", 1);
    setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);
    return mkdtemp(scratch) ? 0 : -1;
}

static int clean_up(void **state)
{
    (void)state;
    test_server_remove(&server);
    remove_file("url"); /* of a case that did not come to its end */
    remove_file(".env");
    return rmdir(scratch);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, begin, judge)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        case_of(the_search_finds_a_leak),  case_of(a_password_that_is_right),
        case_of(a_password_that_is_wrong), case_of(a_server_that_is_not_there),
        case_of(a_url_that_is_wrong),      case_of(a_password_that_breaks_the_url),
        case_of(a_scheme_that_is_wrong),   case_of(a_file_with_the_url),
        case_of(a_dotenv_with_the_url),    case_of(a_password_in_the_environment),
    };
    if (argc == 2 && strcmp(argv[1], "--child") == 0)
        return secrets_child();
    if (argc == 2 && strcmp(argv[1], "--leak") == 0)
        return secrets_leak();
    command = argc > 1 ? argv[1] : NULL;
    test_server_create(&server, NULL, NULL, CANARY);
    return cmocka_run_group_tests_name("secrets", tests, set_up, clean_up);
}
