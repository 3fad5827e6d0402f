/* SPDX-License-Identifier: MIT */
#include "run/report.h"

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

void report_head(FILE *out, const struct report *report)
{
    fprintf(out,
            "%s, reference: %s. Microseconds an operation, fastest round; ratio: to the"
            " reference's fastest;\nmedian: ratio of the rounds in the middle; spread: slowest to"
            " fastest; MiB: growth of memory\n",
            report->database, report->reference);
    fprintf(out, "%-6s %-9s %11s %7s %7s %7s %7s", "", "", "us", "ratio", "median", "spread",
            "MiB");
    if (report->allocations)
        fprintf(out, " %8s %7s", "alloc.", "ours");
    if (report->instructions)
        fprintf(out, " %11s %7s", "instr.", "ratio");
    fputc('\n', out);
}

static void report_line(FILE *out, const struct report *report, const struct measure *measure,
                        int who)
{
    struct figures raw, own;

    if (!measure->samples[who][0].offered) {
        fprintf(out, "%-6s %-9s %11s\n", "", report->contenders[who].name, "not offered");
        return;
    }
    raw = figures_of(measure, RAW);
    own = figures_of(measure, who);
    fprintf(out, "%-6s %-9s %11.3f %7.3f %7.3f %7.2f %7.1f", "", report->contenders[who].name,
            own.fastest / 1000, ratio(own.fastest, raw.fastest), ratio(own.median, raw.median),
            ratio(own.slowest, own.fastest), (double)own.growth_kib / 1024);
    if (report->allocations && measure->allocations[who] >= 0)
        fprintf(out, " %8.3f %7.3f", measure->allocations[who], measure->ours[who]);
    else if (report->allocations)
        fprintf(out, " %8s %7s", "", "");
    if (report->instructions && measure->instructions[who] > 0)
        fprintf(out, " %11.0f %7.3f", measure->instructions[who],
                ratio(measure->instructions[who], measure->instructions[RAW]));
    fputc('\n', out);
}

void report_lines(FILE *out, const struct report *report, const struct measure *measure)
{
    fprintf(out, "%-6s %s\n", measure->workload->name, measure->workload->what);
    for (int who = 0; who < report->n_contenders; who++)
        report_line(out, report, measure, who);
    fflush(out);
}

static void json_contender(FILE *out, const struct report *report, const struct measure *measure,
                           int who)
{
    struct figures raw, own;

    fprintf(out, "    \"%s\": ", report->contenders[who].name);
    if (!measure->samples[who][0].offered) {
        fputs("null", out);
        return;
    }
    raw = figures_of(measure, RAW);
    own = figures_of(measure, who);
    fprintf(out,
            "{\"fastest_ns\": %.1f, \"median_ns\": %.1f, \"slowest_ns\": %.1f, \"ratio\": %.4f,"
            " \"median_ratio\": %.4f, \"memory_kib\": %" PRId64,
            own.fastest, own.median, own.slowest, ratio(own.fastest, raw.fastest),
            ratio(own.median, raw.median), own.growth_kib);
    if (measure->allocations[who] >= 0)
        fprintf(out, ", \"allocations\": %.4f, \"allocations_ours\": %.4f",
                measure->allocations[who], measure->ours[who]);
    if (measure->instructions[who] > 0)
        fprintf(out, ", \"instructions\": %.1f, \"instruction_ratio\": %.4f",
                measure->instructions[who],
                ratio(measure->instructions[who], measure->instructions[RAW]));
    fputc('}', out);
}

void report_json(FILE *out, const struct report *report, const struct measure *measures, int count)
{
    fprintf(out, "{\"database\": \"%s\", \"reference\": \"%s\", \"workloads\": [", report->database,
            report->reference);
    for (int i = 0; i < count; i++) {
        const struct measure *measure = &measures[i];
        fprintf(
            out,
            "%s\n  {\"name\": \"%s\", \"what\": \"%s\", \"rounds\": %d, \"operations\": %" PRId64
            ", \"contenders\": {\n",
            i ? "," : "", measure->workload->name, measure->workload->what, measure->rounds,
            measure->samples[RAW][0].operations);
        for (int who = 0; who < report->n_contenders; who++) {
            json_contender(out, report, measure, who);
            fputs(who + 1 < report->n_contenders ? ",\n" : "\n", out);
        }
        fputs("  }}", out);
    }
    fputs("\n]}\n", out);
}
