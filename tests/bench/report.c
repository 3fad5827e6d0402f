/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>

/* Nanoseconds an operation: the fastest round (what the work costs), the one in the middle and the
 * slowest (what the machine did besides). */
struct figures {
    double fastest, median, slowest;
    int64_t growth_kib;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct figures figures_of(const struct measure *measure, int contender)
{
    double each[MAX_ROUNDS];
    struct figures figures = {.growth_kib = 0};
    for (int i = 0; i < measure->rounds; i++) {
        const struct sample *sample = &measure->samples[contender][i];
        each[i] = (double)sample->ns / (double)sample->operations;
        if (sample->growth_kib > figures.growth_kib)
            figures.growth_kib = sample->growth_kib;
    }
    qsort(each, (size_t)measure->rounds, sizeof(each[0]), by_value);
    figures.fastest = each[0];
    figures.median = each[measure->rounds / 2];
    figures.slowest = each[measure->rounds - 1];
    return figures;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

void report_head(FILE *out, const char *reference, bool instructions)
{
    fprintf(out,
            "reference: %s; microseconds an operation, fastest round; spread: slowest/fastest\n",
            reference);
    fprintf(out, "%-5s %-34s %10s %10s %7s %7s %13s %13s", "", "", "raw", "tenon", "ratio",
            "median", "spread", "memory MiB");
    fprintf(out, instructions ? " %11s %11s %6s\n" : "\n", "instr. raw", "tenon", "ratio");
}

void report_line(FILE *out, const struct measure *measure, bool instructions)
{
    struct figures raw = figures_of(measure, RAW), tenon = figures_of(measure, TENON);
    fprintf(out, "%-5s %-34s %10.3f %10.3f %7.3f %7.3f %6.2f/%-6.2f %6.1f/%-6.1f",
            measure->workload, measure->what, raw.fastest / 1000, tenon.fastest / 1000,
            ratio(tenon.fastest, raw.fastest), ratio(tenon.median, raw.median),
            ratio(raw.slowest, raw.fastest), ratio(tenon.slowest, tenon.fastest),
            (double)raw.growth_kib / 1024, (double)tenon.growth_kib / 1024);
    if (instructions)
        fprintf(out, " %11.0f %11.0f %6.3f", measure->instructions[RAW],
                measure->instructions[TENON],
                ratio(measure->instructions[TENON], measure->instructions[RAW]));
    fputc('\n', out);
    fflush(out);
}

static void json_contender(FILE *out, const char *name, const struct measure *measure,
                           int contender)
{
    struct figures figures = figures_of(measure, contender);
    fprintf(out,
            "\"%s\": {\"fastest_ns\": %.1f, \"median_ns\": %.1f, \"slowest_ns\": %.1f,"
            " \"memory_kib\": %" PRId64,
            name, figures.fastest, figures.median, figures.slowest, figures.growth_kib);
    if (measure->instructions[contender] > 0)
        fprintf(out, ", \"instructions\": %.1f", measure->instructions[contender]);
    fputs("}", out);
}

void report_json(FILE *out, const char *reference, const struct measure *measures, int count)
{
    fprintf(out, "{\"reference\": \"%s\", \"workloads\": [", reference);
    for (int i = 0; i < count; i++) {
        const struct measure *measure = &measures[i];
        struct figures raw = figures_of(measure, RAW), tenon = figures_of(measure, TENON);
        fprintf(out, "%s\n  {\"name\": \"%s\", \"rounds\": %d, \"operations\": %" PRId64 ", ",
                i ? "," : "", measure->workload, measure->rounds,
                measure->samples[RAW][0].operations);
        json_contender(out, "raw", measure, RAW);
        fputs(", ", out);
        json_contender(out, "tenon", measure, TENON);
        fprintf(out, ", \"ratio\": %.4f, \"median_ratio\": %.4f", ratio(tenon.fastest, raw.fastest),
                ratio(tenon.median, raw.median));
        if (measure->instructions[RAW] > 0)
            fprintf(out, ", \"instruction_ratio\": %.4f",
                    ratio(measure->instructions[TENON], measure->instructions[RAW]));
        fputs("}", out);
    }
    fputs("\n]}\n", out);
}
