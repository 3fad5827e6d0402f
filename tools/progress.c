/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "term.h"

enum { BAR = 24, EVERY_NS = 100000000, SIZE = 160 };

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void progress_begin(progress *p, const char *what, uint64_t whole, bool quiet)
{
    *p = (progress){
        .what = what, .whole = whole, .begun_ns = now_ns(), .wanted = term_progress() && !quiet};
    p->drawn_ns = p->begun_ns;
}

/* "512", "3.4k", "12M": at most five characters. */
static void put_count(double n, char *buf, size_t size)
{
    static const char units[] = " kMGT";
    size_t unit = 0;

    while (n >= 999.5 && unit + 1 < sizeof(units) - 1) {
        n /= 1000;
        unit++;
    }
    snprintf(buf, size, n < 9.95 && unit ? "%.1f%c" : "%.0f%c", n, units[unit]);
    if (!unit)
        buf[strlen(buf) - 1] = '\0';
}

static void put_bar(double part, char *buf)
{
    for (int i = 0; i < BAR; i++)
        buf[i] = i < part * BAR ? '#' : '-';
    buf[BAR] = '\0';
}

void progress_line(const progress *p, uint64_t bytes, uint64_t rows, double seconds, char *buf,
                   int size)
{
    char done[16], all[16], rate[16], bar[BAR + 1];
    double part = p->whole ? (double)bytes / (double)p->whole : 0;

    part = part > 1 ? 1 : part;
    put_count((double)bytes, done, sizeof(done));
    put_count((double)p->whole, all, sizeof(all));
    put_count(seconds > 0 ? (double)rows / seconds : 0, rate, sizeof(rate));
    put_bar(part, bar);
    if (!p->whole)
        snprintf(buf, (size_t)size, "%.40s  %sB  %s rows/s", p->what, done, rate);
    else if (part <= 0)
        snprintf(buf, (size_t)size, "%.40s  [%s]   0 %% of %sB", p->what, bar, all);
    else
        snprintf(buf, (size_t)size, "%.40s  [%s] %3.0f %% of %sB  %s rows/s  %.0f s left", p->what,
                 bar, part * 100, all, rate, seconds / part * (1 - part));
}

void progress_at(progress *p, uint64_t bytes, uint64_t rows)
{
    char line[SIZE];

    if (!p->wanted)
        return;
    int64_t now = now_ns();
    if (now - p->drawn_ns < EVERY_NS)
        return;
    p->drawn_ns = now;
    progress_line(p, bytes, rows, (double)(now - p->begun_ns) / 1e9, line, sizeof(line));
    term_show_line(line);
}

double progress_end(progress *p)
{
    if (p->wanted)
        term_show_line(NULL);
    return (double)(now_ns() - p->begun_ns) / 1e9;
}
