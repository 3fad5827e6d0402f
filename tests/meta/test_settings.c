/* SPDX-License-Identifier: MIT */
/*
 * What is written down about settings is what the option table says: test_settings example.env
 * README.md. The README must have, for each option, one row in its table of settings; what is
 * missing is printed as it should stand there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

static unsigned number, failed;

static void report(bool passed, const char *what, const char *name)
{
    number++;
    failed += !passed;
    printf("%s %u - %s %s\n", passed ? "ok" : "not ok", number, what, name);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    if (!file || !text) {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }
    if (fread(text, 1, (1 << 20) - 1, file) == 0)
        printf("# %s is empty\n", path);
    fclose(file);
    return text;
}

static void check_example(const char *path)
{
    size_t size = tn_config_example(NULL, 0) + 1;
    char *expected = calloc(1, size);
    char *found = read_file(path);

    if (!expected)
        exit(1);
    tn_config_example(expected, size);
    report(size > 1 && strcmp(expected, found) == 0, "the option table generates", path);
    if (strcmp(expected, found) != 0)
        printf("# write it anew: tenon env --example >example.env\n");
    free(expected);
    free(found);
}

/* "| `NAME` | `default` unit | help |", as it stands in the README. */
static void format_row(const tn_option *option, char *buf, size_t size)
{
    char value[128] = "";

    if (option->default_value)
        snprintf(value, sizeof(value), " `%s`%s%s", option->default_value,
                 option->unit[0] ? " " : "", option->unit);
    snprintf(buf, size, "\n| `%s` |%s | %s |\n", option->environment, value, option->help);
}

static void check_readme(const char *path)
{
    size_t count;
    const tn_option *options = tn_config_options(&count);
    char *text = read_file(path);

    for (size_t i = 0; i < count; i++) {
        char row[512];

        format_row(&options[i], row, sizeof(row));
        bool found = strstr(text, row) != NULL;
        report(found, "README.md has the row of", options[i].environment);
        if (!found)
            printf("# %s", row + 1);
    }
    report(count > 10, "the option table has", "its rows");
    free(text);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: test_settings example.env README.md\n", stderr);
        return 2;
    }
    check_example(argv[1]);
    check_readme(argv[2]);
    printf("1..%u\n", number);
    return failed == 0 ? 0 : 1;
}
