/* SPDX-License-Identifier: MIT */
/*
 * The mask alone says whether anybody listens. Function and argument are replaced under a lock and
 * copied out before the function is called, so that it may replace itself.
 */
#include "observe/trace.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

atomic_uint_least32_t tn__trace_mask;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tn_trace_fn *listener;
static void *listener_arg;

static pthread_once_t seeded = PTHREAD_ONCE_INIT;
static uint64_t seed;
static atomic_uint_least64_t next_id;

void tn_trace_set(tn_trace_fn *fn, void *arg, uint32_t mask)
{
    pthread_mutex_lock(&lock);
    listener = fn;
    listener_arg = arg;
    atomic_store_explicit(&tn__trace_mask, fn ? mask : 0, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
}

void tn__trace_emit(const tn_trace_event *event)
{
    tn_trace_event whole = *event;

    pthread_mutex_lock(&lock);
    tn_trace_fn *fn = listener;
    void *arg = listener_arg;
    pthread_mutex_unlock(&lock);
    if (!fn)
        return;
    whole.size = sizeof(whole);
    if (!whole.driver)
        whole.driver = "";
    if (!whole.url)
        whole.url = "";
    if (!whole.what)
        whole.what = "";
    if (!whole.sql.ptr)
        whole.sql = (tn_str){"", 0};
    fn(arg, &whole);
}

static void make_seed(void)
{
    tn_uuid random = tn_uuid_random();

    memcpy(&seed, random.bytes, sizeof(seed));
}

/* A counter, mixed by a function that maps different numbers to different ones (splitmix64). */
uint64_t tn__trace_id(void)
{
    uint64_t id;

    pthread_once(&seeded, make_seed);
    do {
        id = seed + atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
        id = (id ^ id >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        id = (id ^ id >> 27) * UINT64_C(0x94d049bb133111eb);
        id ^= id >> 31;
    } while (id == 0);
    return id;
}

void tn__trace_begin(tn__span *span, tn_trace_event *event)
{
    *span = (tn__span){
        .id = tn__trace_id(),
        .parent = event->parent,
        .start_ns = event->start_ns ? event->start_ns : tn__now_ns(),
    };
    event->phase = TN_TRACE_START;
    event->id = span->id;
    event->start_ns = span->start_ns;
    event->affected = -1;
    tn__trace_emit(event);
}

void tn__trace_end(tn__span *span, tn_trace_event *event)
{
    if (!span->id)
        return;
    event->phase = TN_TRACE_END;
    event->id = span->id;
    event->parent = span->parent;
    event->start_ns = span->start_ns;
    if (!event->duration_ns)
        event->duration_ns = tn__now_ns() - span->start_ns;
    *span = TN__SPAN_NONE;
    tn__trace_emit(event);
}

void tn__trace_moment(tn_trace_event *event)
{
    event->phase = TN_TRACE_MOMENT;
    event->id = tn__trace_id();
    event->start_ns = tn__now_ns();
    event->affected = -1;
    tn__trace_emit(event);
}
