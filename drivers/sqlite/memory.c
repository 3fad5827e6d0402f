/* SPDX-License-Identifier: MIT */
/*
 * sqlite::memory: is a database in WAL mode whose files are in this process's memory: SQLite's own
 * shared in-memory databases have no WAL, so that a reader blocks the writer there and the writer
 * every reader. A source has a file system of its own (an sqlite3_vfs) with the database, its log
 * and its journal; every other name goes to the file system of the machine.
 *
 * What SQLite guards with locks on files it guards here with the same locks, kept as numbers. One
 * mutex a source protects them and the contents; the index of the log is shared memory that SQLite
 * reads and writes by itself.
 */
#include "sqlite/lite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK   ((sqlite3_int64)65536) /* bytes of a file that are allocated at once */
#define REGIONS 256 /* of the log's index, 32 KiB each: for more than a million of pages */

enum { FILE_DATABASE = 0, FILE_LOG, FILE_JOURNAL, FILE_COUNT };

typedef struct content {
    char **chunks;
    size_t n_chunks;
    sqlite3_int64 size;
    bool exists;
} content;

typedef struct handle {
    sqlite3_file base; /* first: what SQLite knows */
    lite_memory *memory;
    content *content;
    int level; /* SQLITE_LOCK_NONE ... */
    unsigned index_shared;
    unsigned index_exclusive; /* bits of the locks of the log's index that are held */
} handle;

struct lite_memory {
    sqlite3_vfs vfs;
    sqlite3_vfs *machine; /* the file system of everything else */
    char name[40];
    pthread_mutex_t mutex; /* of all that follows */
    content files[FILE_COUNT];
    int readers;    /* handles at SQLITE_LOCK_SHARED or above */
    handle *writer; /* the one above SQLITE_LOCK_SHARED */
    bool pending;   /* it waits for the readers to go, or has the file for itself */
    int index_locks[SQLITE_SHM_NLOCK]; /* number of holders, -1: exclusively */
    void *regions[REGIONS];
};

static handle *of(sqlite3_file *file)
{
    return (handle *)(void *)file;
}

/* ---- contents ------------------------------------------------------------------------------- */

/* Has chunks for so many bytes. */
static bool has_chunks(content *c, sqlite3_int64 size)
{
    size_t wanted = (size_t)((size + CHUNK - 1) / CHUNK);
    char **grown;

    if (wanted <= c->n_chunks)
        return true;
    grown = realloc(c->chunks, wanted * sizeof *grown);
    if (!grown)
        return false;
    c->chunks = grown;
    while (c->n_chunks < wanted) {
        c->chunks[c->n_chunks] = malloc((size_t)CHUNK);
        if (!c->chunks[c->n_chunks])
            return false;
        c->n_chunks++;
    }
    return true;
}

static void truncate_to(content *c, sqlite3_int64 size)
{
    size_t kept = (size_t)((size + CHUNK - 1) / CHUNK);

    while (c->n_chunks > kept)
        free(c->chunks[--c->n_chunks]);
    c->size = size;
}

/* Copies between a buffer and the chunks; from NULL: zeros. */
static void copy_out(const content *c, char *to, sqlite3_int64 offset, sqlite3_int64 len)
{
    while (len > 0) {
        sqlite3_int64 within = offset % CHUNK;
        sqlite3_int64 n = CHUNK - within < len ? CHUNK - within : len;
        memcpy(to, c->chunks[offset / CHUNK] + within, (size_t)n);
        to += n;
        offset += n;
        len -= n;
    }
}

/* Reads a descriptor from its beginning. */
static bool read_in(content *c, int fd, sqlite3_int64 size)
{
    for (sqlite3_int64 at = 0; at < size;) {
        sqlite3_int64 within = at % CHUNK;
        sqlite3_int64 n = CHUNK - within < size - at ? CHUNK - within : size - at;
        ssize_t got = pread(fd, c->chunks[at / CHUNK] + within, (size_t)n, at);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        at += got < 0 ? 0 : got;
    }
    return true;
}

static void copy_in(content *c, const char *from, sqlite3_int64 offset, sqlite3_int64 len)
{
    while (len > 0) {
        sqlite3_int64 within = offset % CHUNK;
        sqlite3_int64 n = CHUNK - within < len ? CHUNK - within : len;
        if (from)
            memcpy(c->chunks[offset / CHUNK] + within, from, (size_t)n);
        else
            memset(c->chunks[offset / CHUNK] + within, 0, (size_t)n);
        from = from ? from + n : NULL;
        offset += n;
        len -= n;
    }
}

static int f_read(sqlite3_file *file, void *buf, int len, sqlite3_int64 offset)
{
    handle *h = of(file);
    sqlite3_int64 there;

    pthread_mutex_lock(&h->memory->mutex);
    there = h->content->size - offset;
    there = there < 0 ? 0 : there > len ? len : there;
    copy_out(h->content, buf, offset, there);
    pthread_mutex_unlock(&h->memory->mutex);
    if (there == len)
        return SQLITE_OK;
    memset((char *)buf + there, 0, (size_t)(len - there));
    return SQLITE_IOERR_SHORT_READ;
}

static int f_write(sqlite3_file *file, const void *buf, int len, sqlite3_int64 offset)
{
    handle *h = of(file);
    content *c = h->content;
    int rc = SQLITE_IOERR_NOMEM;

    pthread_mutex_lock(&h->memory->mutex);
    if (has_chunks(c, offset + len)) {
        if (offset > c->size)
            copy_in(c, NULL, c->size, offset - c->size);
        copy_in(c, buf, offset, len);
        if (offset + len > c->size)
            c->size = offset + len;
        rc = SQLITE_OK;
    }
    pthread_mutex_unlock(&h->memory->mutex);
    return rc;
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    handle *h = of(file);

    pthread_mutex_lock(&h->memory->mutex);
    if (size < h->content->size)
        truncate_to(h->content, size);
    pthread_mutex_unlock(&h->memory->mutex);
    return SQLITE_OK;
}

static int f_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int f_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    handle *h = of(file);

    pthread_mutex_lock(&h->memory->mutex);
    *ret = h->content->size;
    pthread_mutex_unlock(&h->memory->mutex);
    return SQLITE_OK;
}

static int f_file_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int f_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int f_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_ATOMIC | SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL |
           SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- locks of the database ------------------------------------------------------------------ */

/* Under the mutex. */
static int take_lock(lite_memory *m, handle *h, int level)
{
    if (level == SQLITE_LOCK_SHARED) {
        if (m->pending)
            return SQLITE_BUSY;
        m->readers++;
    } else {
        if (m->writer && m->writer != h)
            return SQLITE_BUSY;
        m->writer = h;
        m->pending = level > SQLITE_LOCK_RESERVED;
        if (m->pending && m->readers > 1) {
            h->level = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
    }
    h->level = level;
    return SQLITE_OK;
}

static int f_lock(sqlite3_file *file, int level)
{
    handle *h = of(file);
    int rc = SQLITE_OK;

    pthread_mutex_lock(&h->memory->mutex);
    if (h->level < level)
        rc = take_lock(h->memory, h, level);
    pthread_mutex_unlock(&h->memory->mutex);
    return rc;
}

static int f_unlock(sqlite3_file *file, int level)
{
    handle *h = of(file);
    lite_memory *m = h->memory;

    pthread_mutex_lock(&m->mutex);
    if (h->level > level) {
        if (m->writer == h) {
            m->writer = NULL;
            m->pending = false;
        }
        if (level == SQLITE_LOCK_NONE)
            m->readers--;
        h->level = level;
    }
    pthread_mutex_unlock(&m->mutex);
    return SQLITE_OK;
}

static int f_check_reserved(sqlite3_file *file, int *ret)
{
    handle *h = of(file);

    pthread_mutex_lock(&h->memory->mutex);
    *ret = h->memory->writer != NULL;
    pthread_mutex_unlock(&h->memory->mutex);
    return SQLITE_OK;
}

/* ---- the log's index ------------------------------------------------------------------------ */

static int f_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret)
{
    lite_memory *m = of(file)->memory;
    int rc = SQLITE_OK;

    *ret = NULL;
    if (region < 0 || region >= REGIONS)
        return SQLITE_FULL;
    pthread_mutex_lock(&m->mutex);
    if (!m->regions[region] && extend) {
        m->regions[region] = calloc(1, (size_t)size);
        rc = m->regions[region] ? SQLITE_OK : SQLITE_IOERR_NOMEM;
    }
    *ret = m->regions[region];
    pthread_mutex_unlock(&m->mutex);
    return rc;
}

/* Under the mutex: gives up those of the locks that are held. */
static void release_index(handle *h, unsigned bits)
{
    lite_memory *m = h->memory;

    for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
        unsigned bit = 1U << i;
        if (h->index_exclusive & bits & bit)
            m->index_locks[i] = 0;
        else if (h->index_shared & bits & bit)
            m->index_locks[i]--;
    }
    h->index_exclusive &= ~bits;
    h->index_shared &= ~bits;
}

/* Under the mutex. */
static int take_index(handle *h, int first, int n, bool exclusive)
{
    lite_memory *m = h->memory;

    for (int i = first; i < first + n; i++) {
        unsigned bit = 1U << i;
        int others = m->index_locks[i];
        if ((h->index_exclusive | h->index_shared) & bit)
            others = 0; /* SQLite does not ask for more than it has */
        if (exclusive ? others != 0 : others < 0)
            return SQLITE_BUSY;
    }
    for (int i = first; i < first + n; i++) {
        unsigned bit = 1U << i;
        if ((h->index_exclusive | h->index_shared) & bit)
            continue;
        m->index_locks[i] = exclusive ? -1 : m->index_locks[i] + 1;
        *(exclusive ? &h->index_exclusive : &h->index_shared) |= bit;
    }
    return SQLITE_OK;
}

static int f_shm_lock(sqlite3_file *file, int first, int n, int flags)
{
    handle *h = of(file);
    int rc = SQLITE_OK;

    pthread_mutex_lock(&h->memory->mutex);
    if (flags & SQLITE_SHM_UNLOCK)
        release_index(h, ((1U << n) - 1) << first);
    else
        rc = take_index(h, first, n, (flags & SQLITE_SHM_EXCLUSIVE) != 0);
    pthread_mutex_unlock(&h->memory->mutex);
    return rc;
}

static void f_shm_barrier(sqlite3_file *file)
{
    (void)file;
    __sync_synchronize();
}

/* The index stays, as the log does: the next connection finds both. */
static int f_shm_unmap(sqlite3_file *file, int delete)
{
    handle *h = of(file);

    (void)delete;
    pthread_mutex_lock(&h->memory->mutex);
    release_index(h, ~0U);
    pthread_mutex_unlock(&h->memory->mutex);
    return SQLITE_OK;
}

static int f_close(sqlite3_file *file)
{
    (void)f_shm_unmap(file, 0);
    return f_unlock(file, SQLITE_LOCK_NONE);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_file_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_check_reserved,
    .xFileControl = f_file_control,
    .xSectorSize = f_sector_size,
    .xDeviceCharacteristics = f_characteristics,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

/* ---- the file system ------------------------------------------------------------------------ */

static lite_memory *memory_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static sqlite3_vfs *machine_of(sqlite3_vfs *vfs)
{
    return memory_of(vfs)->machine;
}

static bool is_ours(const lite_memory *m, const char *path)
{
    return path && strncmp(path, m->name, strlen(m->name)) == 0;
}

/* Of one of ours. NULL: there is no such file (the journal of several attached databases). */
static content *find(lite_memory *m, const char *path)
{
    static const char *const behind[FILE_COUNT] = {"", "-wal", "-journal"};

    for (int i = 0; i < FILE_COUNT; i++)
        if (strcmp(path + strlen(m->name), behind[i]) == 0)
            return &m->files[i];
    return NULL;
}

static int v_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    lite_memory *m = memory_of(vfs);
    content *c;
    bool there = false;

    if (!is_ours(m, path))
        return m->machine->xOpen(m->machine, path, file, flags, ret_flags);
    file->pMethods = NULL;
    c = find(m, path);
    pthread_mutex_lock(&m->mutex);
    if (c)
        there = c->exists = c->exists || (flags & SQLITE_OPEN_CREATE) != 0;
    pthread_mutex_unlock(&m->mutex);
    if (!there)
        return SQLITE_CANTOPEN;
    *of(file) = (handle){.base.pMethods = &methods, .memory = m, .content = c};
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    lite_memory *m = memory_of(vfs);
    content *c;

    if (!is_ours(m, path))
        return m->machine->xDelete(m->machine, path, sync_directory);
    c = find(m, path);
    pthread_mutex_lock(&m->mutex);
    if (c) {
        truncate_to(c, 0);
        c->exists = false;
    }
    pthread_mutex_unlock(&m->mutex);
    return SQLITE_OK;
}

static int v_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
    lite_memory *m = memory_of(vfs);
    const content *c;

    if (!is_ours(m, path))
        return m->machine->xAccess(m->machine, path, flags, ret);
    c = find(m, path);
    pthread_mutex_lock(&m->mutex);
    *ret = c && c->exists;
    pthread_mutex_unlock(&m->mutex);
    return SQLITE_OK;
}

static int v_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    lite_memory *m = memory_of(vfs);

    if (!is_ours(m, path))
        return m->machine->xFullPathname(m->machine, path, size, out);
    (void)snprintf(out, (size_t)size, "%s", path);
    return SQLITE_OK;
}

static int v_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    return machine_of(vfs)->xRandomness(machine_of(vfs), size, out);
}

static int v_sleep(sqlite3_vfs *vfs, int us)
{
    return machine_of(vfs)->xSleep(machine_of(vfs), us);
}

static int v_time(sqlite3_vfs *vfs, double *ret)
{
    return machine_of(vfs)->xCurrentTime(machine_of(vfs), ret);
}

static int v_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    return machine_of(vfs)->xCurrentTimeInt64(machine_of(vfs), ret);
}

static int v_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    return machine_of(vfs)->xGetLastError(machine_of(vfs), size, out);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void fill(lite_memory *m, sqlite3_vfs *machine)
{
    int own = (int)sizeof(handle);

    (void)snprintf(m->name, sizeof m->name, "tenon-memory-%p", (void *)m); /* one in the process */
    m->machine = machine;
    m->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = machine->szOsFile > own ? machine->szOsFile : own,
        .mxPathname = machine->mxPathname,
        .zName = m->name,
        .pAppData = m,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full_path,
        .xRandomness = v_randomness,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
        .xCurrentTimeInt64 = v_time_ms,
        .xGetLastError = v_last_error,
    };
}

tn_status lite_memory_create(const tn_host *host, lite_memory **ret, tn_error *err)
{
    sqlite3_vfs *machine = sqlite3_vfs_find(NULL); /* makes SQLite ready, too */
    lite_memory *m = machine && machine->iVersion >= 2 ? calloc(1, sizeof *m) : NULL;

    if (!m)
        return kit_nomem(host, err, TN_PHASE_CONFIG);
    (void)pthread_mutex_init(&m->mutex, NULL);
    fill(m, machine);
    if (sqlite3_vfs_register(&m->vfs, 0) != SQLITE_OK) {
        (void)pthread_mutex_destroy(&m->mutex);
        free(m);
        return kit_nomem(host, err, TN_PHASE_CONFIG);
    }
    *ret = m;
    return TN_OK;
}

const char *lite_memory_name(const lite_memory *memory)
{
    return memory->name;
}

bool lite_memory_load(lite_memory *memory, int fd, int64_t size)
{
    content *c = &memory->files[FILE_DATABASE];

    if (!has_chunks(c, size)) {
        errno = ENOMEM;
        return false;
    }
    if (!read_in(c, fd, size))
        return false;
    c->size = size;
    c->exists = true;
    return true;
}

void lite_memory_free(lite_memory *memory)
{
    if (!memory)
        return;
    (void)sqlite3_vfs_unregister(&memory->vfs);
    for (int i = 0; i < FILE_COUNT; i++) {
        truncate_to(&memory->files[i], 0);
        free(memory->files[i].chunks);
    }
    for (int i = 0; i < REGIONS; i++)
        free(memory->regions[i]);
    (void)pthread_mutex_destroy(&memory->mutex);
    free(memory);
}
