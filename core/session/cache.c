/* SPDX-License-Identifier: MIT */
/* A chained hash table and a list in order of use. */
#include "session/cache.h"

#include <stdlib.h>
#include <string.h>

bool tn__cache_init(tn__cache *cache, const tn__driver *driver, size_t capacity)
{
    size_t n = 16;

    while (n < capacity)
        n *= 2;
    *cache = (tn__cache){.driver = driver, .n_buckets = n, .capacity = capacity};
    cache->buckets = calloc(n, sizeof(*cache->buckets));
    return cache->buckets != NULL;
}

static void destroy(tn__cache *cache, tn__cached *entry)
{
    if (entry->drv)
        cache->driver->stmt.close(entry->drv);
    free(entry->text);
    free(entry);
}

static tn__cached **bucket(tn__cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->n_buckets - 1)];
}

static void unlink_use(tn__cache *cache, tn__cached *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void link_newest(tn__cache *cache, tn__cached *entry)
{
    entry->older = cache->newest;
    if (cache->newest)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

/* Handed out once more. */
static tn__cached *use(tn__cache *cache, tn__cached *entry)
{
    if (entry != cache->newest) {
        unlink_use(cache, entry);
        link_newest(cache, entry);
    }
    entry->refs++;
    tn__count(&cache->hits, 1);
    return entry;
}

/* Literals stand some bytes apart. */
static size_t place(const char *text)
{
    uintptr_t address = (uintptr_t)text;

    return (address ^ address >> 6) % TN__CACHE_RECENT;
}

tn__cached *tn__cache_recall(tn__cache *cache, const char *text)
{
    tn__cached *entry = cache->recent[place(text)];

    return entry && strcmp(entry->text, text) == 0 ? use(cache, entry) : NULL;
}

void tn__cache_remember(tn__cache *cache, const char *text, tn__cached *entry)
{
    if (entry->listed)
        cache->recent[place(text)] = entry;
}

static void forget(tn__cache *cache, const tn__cached *entry)
{
    for (size_t i = 0; i < TN__CACHE_RECENT; i++)
        if (cache->recent[i] == entry)
            cache->recent[i] = NULL;
}

tn__cached *tn__cache_find(tn__cache *cache, const char *text, size_t len, uint64_t hash)
{
    for (tn__cached *entry = *bucket(cache, hash); entry; entry = entry->hash_next)
        if (entry->hash == hash && entry->len == len && memcmp(entry->text, text, len) == 0)
            return use(cache, entry);
    tn__count(&cache->misses, 1);
    return NULL;
}

tn__cached *tn__cached_new(tn_str text, tn_str suffix, uint64_t hash)
{
    tn__cached *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return NULL;
    entry->text = malloc(text.len + suffix.len + 1);
    if (!entry->text) {
        free(entry);
        return NULL;
    }
    memcpy(entry->text, text.ptr, text.len);
    memcpy(entry->text + text.len, suffix.ptr, suffix.len);
    entry->len = text.len + suffix.len;
    entry->text[entry->len] = '\0';
    entry->hash = hash;
    entry->refs = 1;
    entry->word = tn__sql_first_word(text);
    return entry;
}

void tn__cache_drop(tn__cache *cache, tn__cached *entry)
{
    if (!entry->listed)
        return;
    for (tn__cached **at = bucket(cache, entry->hash); *at; at = &(*at)->hash_next)
        if (*at == entry) {
            *at = entry->hash_next;
            break;
        }
    unlink_use(cache, entry);
    forget(cache, entry);
    entry->hash_next = NULL;
    entry->listed = false;
    cache->count--;
    if (entry->refs == 0)
        destroy(cache, entry);
}

void tn__cache_add(tn__cache *cache, tn__cached *entry)
{
    if (cache->capacity == 0)
        return;
    if (cache->count >= cache->capacity)
        tn__cache_drop(cache, cache->oldest);
    tn__cached **head = bucket(cache, entry->hash);
    entry->hash_next = *head;
    *head = entry;
    link_newest(cache, entry);
    entry->listed = true;
    cache->count++;
}

void tn__cache_release(tn__cache *cache, tn__cached *entry)
{
    if (--entry->refs == 0 && !entry->listed)
        destroy(cache, entry);
}

void tn__cache_free(tn__cache *cache)
{
    while (cache->oldest)
        tn__cache_drop(cache, cache->oldest);
    free(cache->buckets);
    *cache = (tn__cache){0};
}
