/* SPDX-License-Identifier: MIT */
/*
 * The statement cache of one connection: from a statement's text to the driver's prepared
 * statement, least recently used out first. A hit allocates nothing and copies nothing. A statement
 * that is in use (refs) outlives its eviction. One thread at a time, as the connection.
 */
#ifndef TENON_SESSION_CACHE_H
#define TENON_SESSION_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/driver.h>

#include "base/lexer.h"
#include "driver/driver.h"
#include "observe/stats.h"

enum { TN__CACHE_RECENT = 64 };

typedef struct tn__cached {
    char *text;
    size_t len; /* as the driver gets it */
    uint64_t hash;
    tn_driver_stmt *drv;
    tn_stmt_info info;
    tn__stmt_word word;
    unsigned refs;
    bool used_before; /* its description may be older than the tables */
    bool listed;      /* in the table, else freed with its last reference */
    struct tn__cached *hash_next;
    struct tn__cached *newer;
    struct tn__cached *older;
} tn__cached;

typedef struct tn__cache {
    const tn__driver *driver;
    tn__cached **buckets;
    size_t n_buckets; /* a power of two */
    size_t count;
    size_t capacity;                      /* 0: nothing is kept */
    tn__cached *recent[TN__CACHE_RECENT]; /* by the address of the text as the caller has it */
    tn__cached *newest;
    tn__cached *oldest;
    tn__counter hits; /* written by the connection's thread, read by any */
    tn__counter misses;
} tn__cache;

/* false: out of memory. */
bool tn__cache_init(tn__cache *cache, const tn__driver *driver, size_t capacity);
/* Closes all statements; none may be in use. */
void tn__cache_free(tn__cache *cache);

/* The same text at the same address as lately, which is what a literal is: found by comparing, the
 * text is neither measured nor hashed. One more reference, or NULL, which is no miss yet. */
tn__cached *tn__cache_recall(tn__cache *cache, const char *text);
/* Where it will be recalled from. */
void tn__cache_remember(tn__cache *cache, const char *text, tn__cached *entry);

/* A statement by its text with one more reference, or NULL. */
tn__cached *tn__cache_find(tn__cache *cache, const char *text, size_t len, uint64_t hash);
/* A new entry with a copy of text and suffix (what only the driver sees of it), one reference, not
 * yet prepared nor listed. NULL: no memory. */
tn__cached *tn__cached_new(tn_str text, tn_str suffix, uint64_t hash);
/* Lists a prepared entry, evicting the oldest. */
void tn__cache_add(tn__cache *cache, tn__cached *entry);
/* Takes it out of the table: it must not be found again. */
void tn__cache_drop(tn__cache *cache, tn__cached *entry);
/* Gives a reference back. */
void tn__cache_release(tn__cache *cache, tn__cached *entry);

#endif
