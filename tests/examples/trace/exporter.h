/* SPDX-License-Identifier: MIT */
/*
 * An exporter of spans: what the library tells by <tenon/trace.h>, and the spans of the application
 * around it, as lines of JSON with the fields of OTLP (https://opentelemetry.io/docs/specs/otlp/).
 * Copy it and send the lines where your collector listens.
 */
#ifndef EXAMPLE_EXPORTER_H
#define EXAMPLE_EXPORTER_H

#include <stdint.h>
#include <stdio.h>

#include <tenon/tenon.h>

/* What the application does meanwhile: what the library does for it belongs below. */
typedef struct span {
    const char *name;
    char trace[33]; /* 32 hexadecimal digits */
    uint64_t id;
    int64_t start_ns;
    struct span *outer;
} span;

/* From now on all spans of the process are written to out; one line each, when they have ended. */
void exporter_start(FILE *out);
void exporter_stop(void);

/* A span of the application's on this thread, within the one that is open there; without one it
 * begins a trace. */
void span_begin(span *self, const char *name);
void span_end(span *self);

#endif
