/* SPDX-License-Identifier: MIT */
/*
 * Preloaded by `bench_run --allocations`: counts the allocations of the whole program, and of these
 * the ones that code of libtenon or of a driver of ours asks for. The others are the client
 * library's: how many it makes depends on how it is used.
 */
#define _GNU_SOURCE /* dl_iterate_phdr() */
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void bench_count_allocations(int64_t *ret_all, int64_t *ret_ours);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *ptr, size_t size);

/* glibc's own names for what is put in front of here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

struct range {
    uintptr_t from, to;
};

enum { MOST = 16 };
static struct range ranges[MOST];
static _Atomic int n_ranges;
static _Atomic int64_t all, ours;

/* The code of a module of ours, unless it is known already. */
static int add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    int n = atomic_load(&n_ranges);

    (void)size;
    (void)arg;
    if (!strstr(info->dlpi_name, "libtenon") && !strstr(info->dlpi_name, "/tenon/drivers/"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum && n < MOST; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
            continue;
        ranges[n].from = info->dlpi_addr + header->p_vaddr;
        ranges[n].to = ranges[n].from + header->p_memsz;
        n++;
    }
    atomic_store(&n_ranges, n);
    return 0;
}

/* So far. The first call is the one that begins the counting of ours: drivers are loaded by then.
 */
__attribute__((visibility("default"))) void bench_count_allocations(int64_t *ret_all,
                                                                    int64_t *ret_ours)
{
    if (atomic_load(&n_ranges) == 0)
        dl_iterate_phdr(add_module, NULL);
    *ret_all = atomic_load(&all);
    *ret_ours = atomic_load(&ours);
}

static void count(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    int n = atomic_load_explicit(&n_ranges, memory_order_acquire);

    atomic_fetch_add_explicit(&all, 1, memory_order_relaxed);
    for (int i = 0; i < n; i++) {
        if (at >= ranges[i].from && at < ranges[i].to) {
            atomic_fetch_add_explicit(&ours, 1, memory_order_relaxed);
            return;
        }
    }
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *ptr, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_realloc(ptr, size);
}
