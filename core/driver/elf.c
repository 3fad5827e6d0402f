/* SPDX-License-Identifier: MIT */
/*
 * Reads the module's description out of the file as the dynamic linker would lay it out: segments,
 * dynamic symbols, relocations (System V ABI, chapters 4 and 5). The description is rebuilt in our
 * own memory, with pointers into the mapped file, and goes through the same check as a loaded one,
 * so that both say the same. Every offset of the file is checked before it is followed.
 */
#define _GNU_SOURCE /* ElfW */
#include "driver/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/adopt.h"

enum {
    FILE_MAX_BYTES = 1 << 28,
    SEGMENTS_MAX = 64,
    SYMBOLS_MAX = 1 << 20,
    SLOTS_MAX = 64, /* pointers in one table */
    SCHEMES_MAX = 16,
    TEXT_MAX = 256
};

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__i386__)
#define MACHINE EM_386
#elif defined(__arm__)
#define MACHINE EM_ARM
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#endif
#define CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define DATA  (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

struct image {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    const ElfW(Phdr) * segments;
    size_t n_segments;
    const ElfW(Sym) * symbols;
    size_t n_symbols;
    const char *strings;
    size_t strings_size;
    const ElfW(Rela) * relocations;
    size_t n_relocations;
    size_t last; /* of them, that was found */
    bool now;    /* all its symbols are to be found when it is loaded */
};

static tn_status refuse(const struct image *image, const char *what, tn_error *err)
{
    return tn_error_set(err, TN_DRIVER, NULL, "driver %s: %s", image->path, what);
}

/* What the file lays at an address: NULL unless all of it comes from the file. */
static const void *at(const struct image *image, uintptr_t address, size_t len)
{
    for (size_t i = 0; i < image->n_segments; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];
        if (segment->p_type != PT_LOAD || address < segment->p_vaddr)
            continue;
        uintptr_t inside = address - segment->p_vaddr;
        if (inside <= segment->p_filesz && len <= segment->p_filesz - inside)
            return image->bytes + segment->p_offset + inside;
    }
    return NULL;
}

/* The same, aligned as its items must be to be read in place. */
static const void *aligned_at(const struct image *image, uintptr_t address, size_t len,
                              size_t alignment)
{
    const void *bytes = at(image, address, len);

    return (uintptr_t)bytes % alignment == 0 ? bytes : NULL;
}

static bool check_segments(const struct image *image)
{
    for (size_t i = 0; i < image->n_segments; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];
        if (segment->p_offset > image->size ||
            segment->p_filesz > image->size - segment->p_offset ||
            segment->p_vaddr + segment->p_filesz < segment->p_vaddr)
            return false;
    }
    return true;
}

static tn_status read_header(struct image *image, tn_error *err)
{
    const ElfW(Ehdr) *header = (const void *)image->bytes;

    if (image->size < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(image, "not a shared library (no ELF header)", err);
    if (header->e_ident[EI_CLASS] != CLASS || header->e_ident[EI_DATA] != DATA)
        return refuse(image, "built for another kind of machine", err);
#ifdef MACHINE
    if (header->e_machine != MACHINE)
        return refuse(image, "built for another kind of machine", err);
#endif
    if (header->e_type != ET_DYN)
        return refuse(image, "not a shared library (another kind of ELF file)", err);
    if (header->e_phnum == 0 || header->e_phnum > SEGMENTS_MAX ||
        header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff > image->size ||
        header->e_phnum * sizeof(ElfW(Phdr)) > image->size - header->e_phoff ||
        header->e_phoff % sizeof(void *) != 0)
        return refuse(image, "damaged or cut short (its segments are not in the file)", err);
    /* Nothing that is loaded, but what stands last in a whole file. */
    if (header->e_shoff &&
        (header->e_shoff > image->size ||
         (size_t)header->e_shnum * header->e_shentsize > image->size - header->e_shoff))
        return refuse(image, "damaged or cut short (its section table is not in the file)", err);
    image->segments = (const void *)(image->bytes + header->e_phoff);
    image->n_segments = header->e_phnum;
    if (!check_segments(image))
        return refuse(image, "damaged or cut short (its segments are not in the file)", err);
    return TN_OK;
}

/* The number of dynamic symbols, by the hash table that every linker writes. */
static size_t count_symbols(const struct image *image, uintptr_t sysv, uintptr_t gnu)
{
    const uint32_t *head = sysv ? aligned_at(image, sysv, 8, 4) : NULL;

    if (head)
        return head[1] < SYMBOLS_MAX ? head[1] : 0;
    head = gnu ? aligned_at(image, gnu, 16, 4) : NULL;
    if (!head)
        return 0;
    size_t n_buckets = head[0], first = head[1], last = 0;
    uintptr_t buckets = gnu + 16 + (uintptr_t)head[2] * sizeof(ElfW(Addr));
    if (n_buckets > SYMBOLS_MAX || first > SYMBOLS_MAX)
        return 0;
    const uint32_t *bucket = aligned_at(image, buckets, n_buckets * 4, 4);
    for (size_t i = 0; bucket && i < n_buckets; i++)
        if (bucket[i] > last)
            last = bucket[i];
    if (!bucket || last < first || last > SYMBOLS_MAX)
        return 0;
    for (; last < SYMBOLS_MAX; last++) {
        const uint32_t *chain = aligned_at(image, buckets + (n_buckets + last - first) * 4, 4, 4);
        if (!chain || *chain & 1)
            break;
    }
    return last + 1;
}

static tn_status read_dynamic(struct image *image, tn_error *err)
{
    const ElfW(Dyn) *dynamic = NULL;
    size_t n = 0;
    uintptr_t symbols = 0, strings = 0, rela = 0, sysv = 0, gnu = 0;
    size_t rela_size = 0;

    for (size_t i = 0; i < image->n_segments; i++)
        if (image->segments[i].p_type == PT_DYNAMIC &&
            image->segments[i].p_offset % sizeof(void *) == 0) {
            dynamic = (const void *)(image->bytes + image->segments[i].p_offset);
            n = image->segments[i].p_filesz / sizeof(*dynamic);
        }
    for (size_t i = 0; i < n && dynamic[i].d_tag != DT_NULL; i++)
        switch (dynamic[i].d_tag) {
        case DT_SYMTAB: symbols = dynamic[i].d_un.d_ptr; break;
        case DT_STRTAB: strings = dynamic[i].d_un.d_ptr; break;
        case DT_STRSZ: image->strings_size = dynamic[i].d_un.d_val; break;
        case DT_RELA: rela = dynamic[i].d_un.d_ptr; break;
        case DT_RELASZ: rela_size = dynamic[i].d_un.d_val; break;
        case DT_HASH: sysv = dynamic[i].d_un.d_ptr; break;
        case DT_GNU_HASH: gnu = dynamic[i].d_un.d_ptr; break;
        case DT_BIND_NOW: image->now = true; break;
        case DT_FLAGS: image->now |= (dynamic[i].d_un.d_val & DF_BIND_NOW) != 0; break;
        case DT_FLAGS_1: image->now |= (dynamic[i].d_un.d_val & DF_1_NOW) != 0; break;
        default: break;
        }
    image->n_symbols = count_symbols(image, sysv, gnu);
    image->symbols = aligned_at(image, symbols, image->n_symbols * sizeof(*image->symbols),
                                sizeof(void *));
    image->strings = at(image, strings, image->strings_size);
    image->relocations = rela ? aligned_at(image, rela, rela_size, sizeof(void *)) : NULL;
    image->n_relocations = image->relocations ? rela_size / sizeof(*image->relocations) : 0;
    if (!dynamic || !image->symbols || !image->strings || image->strings_size == 0 ||
        image->strings[image->strings_size - 1] != '\0' || (rela && !image->relocations))
        return refuse(image, "damaged or cut short (its dynamic section does not hold)", err);
    return TN_OK;
}

static const ElfW(Sym) * find_symbol(const struct image *image, const char *name)
{
    for (size_t i = 0; i < image->n_symbols; i++) {
        const ElfW(Sym) *symbol = &image->symbols[i];
        if (symbol->st_shndx != SHN_UNDEF && symbol->st_name < image->strings_size &&
            strcmp(image->strings + symbol->st_name, name) == 0)
            return symbol;
    }
    return NULL;
}

/* The relocation of an address, or NULL. Linkers sort them, and pointers are looked at in order, so
 * the next one mostly stands behind the last. */
static const ElfW(Rela) * find_relocation(struct image *image, uintptr_t address)
{
    for (size_t n = image->n_relocations, i = image->last; n > 0; n--) {
        i = i + 1 < image->n_relocations ? i + 1 : 0;
        if (image->relocations[i].r_offset != address)
            continue;
        image->last = i;
        return &image->relocations[i];
    }
    return NULL;
}

/* The pointer that will stand at an address once the file is loaded, as an address of the file; 1
 * when it points to another library; 0 for NULL. */
static uintptr_t pointer_at(struct image *image, uintptr_t address)
{
    uintptr_t in_place = 0;
    const void *bytes = at(image, address, sizeof(in_place));

    if (!bytes)
        return 0;
    const ElfW(Rela) *r = find_relocation(image, address);
    if (r) {
        size_t symbol = sizeof(void *) == 8 ? ELF64_R_SYM((uint64_t)r->r_info)
                                            : ELF32_R_SYM((uint32_t)r->r_info);
        if (symbol == 0)
            return (uintptr_t)r->r_addend;
        if (symbol >= image->n_symbols || image->symbols[symbol].st_shndx == SHN_UNDEF)
            return 1;
        return image->symbols[symbol].st_value + (uintptr_t)r->r_addend;
    }
    /* Machines with REL, and packed relative relocations, keep the address in place. */
    memcpy(&in_place, bytes, sizeof(in_place));
    return in_place;
}

/* ---- the description, rebuilt ---------------------------------------------------------------- */

struct rebuilt {
    tn_module module;
    const char *schemes[SCHEMES_MAX + 2];
    union {
        size_t size;
        uintptr_t slots[SLOTS_MAX];
    } tables[8];
};

static const char *text_at(const struct image *image, uintptr_t address)
{
    /* Address 0 is the file's own header where the first segment starts there. */
    for (size_t len = 1; address && len <= TEXT_MAX; len++) {
        const char *text = at(image, address, len);
        if (!text)
            return NULL;
        if (text[len - 1] == '\0')
            return text;
    }
    return NULL;
}

/* A table as far as the check looks at it: its size, and which slots are filled. */
static const void *table_at(struct image *image, uintptr_t address, size_t which,
                            struct rebuilt *to)
{
    size_t size;
    const void *bytes = address ? at(image, address, sizeof(size)) : NULL;

    if (!bytes)
        return NULL;
    memcpy(&size, bytes, sizeof(size));
    to->tables[which].size = size;
    for (size_t i = 1; i < SLOTS_MAX && (i + 1) * sizeof(uintptr_t) <= size; i++)
        to->tables[which].slots[i] = pointer_at(image, address + i * sizeof(uintptr_t));
    return &to->tables[which];
}

#define TABLE(member, which)                                                                 \
    module->member = table_at(image, pointer_at(image, where + offsetof(tn_module, member)), \
                              which, to)

static void rebuild(struct image *image, uintptr_t where, struct rebuilt *to)
{
    tn_module *module = &to->module;
    bool optional = module->size >= offsetof(tn_module, catalog) + sizeof(void *);

    module->name = text_at(image, pointer_at(image, where + offsetof(tn_module, name)));
    module->version = text_at(image, pointer_at(image, where + offsetof(tn_module, version)));
    uintptr_t list = pointer_at(image, where + offsetof(tn_module, schemes));
    for (size_t i = 0; list && i <= SCHEMES_MAX; i++) {
        to->schemes[i] = text_at(image, pointer_at(image, list + i * sizeof(char *)));
        if (!to->schemes[i])
            break;
    }
    module->schemes = to->schemes;
    module->options = NULL; /* rows of texts: looked at when it is loaded */
    module->client = NULL;
    TABLE(conn, 0);
    TABLE(stmt, 1);
    TABLE(cursor, 2);
    TABLE(txn, 3);
    module->batch = NULL;
    module->bulk = NULL;
    module->notify = NULL;
    module->catalog = NULL;
    if (optional) {
        TABLE(batch, 4);
        TABLE(bulk, 5);
        TABLE(notify, 6);
        TABLE(catalog, 7);
    }
}

static tn_status check_module(struct image *image, tn_error *err)
{
    struct rebuilt to = {0};
    tn__driver driver;

    const ElfW(Sym) *symbol = find_symbol(image, TN_DRIVER_MODULE_SYMBOL);
    if (!symbol)
        return refuse(image, "no symbol " TN_DRIVER_MODULE_SYMBOL " (not a tenon driver?)", err);
    size_t head = offsetof(tn_module, capabilities);
    const void *bytes = at(image, symbol->st_value, head);
    if (!bytes)
        return refuse(image, "its tn_driver_module is not constant data", err);
    memcpy(&to.module, bytes, head);
    tn_status status = tn__adopt_head(&to.module, image->path, err);
    if (status != TN_OK)
        return status;
    size_t known = to.module.size < sizeof(to.module) ? to.module.size : sizeof(to.module);
    bytes = at(image, symbol->st_value, known);
    if (!bytes)
        return refuse(image, "its tn_driver_module is shorter than it says", err);
    memcpy(&to.module, bytes, known);
    rebuild(image, symbol->st_value, &to);
    return tn__adopt(&to.module, image->path, &driver, err);
}

tn_status tn__elf_check(const char *path, bool *ret_now, tn_error *err)
{
    struct image image = {.path = path};
    struct stat st;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        tn_status status = tn_error_set(err, TN_DRIVER, NULL, "driver %s: %s", path,
                                        strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (st.st_size <= 0 || st.st_size > FILE_MAX_BYTES) {
        close(fd);
        return refuse(&image, st.st_size ? "too large for a driver" : "an empty file", err);
    }
    image.size = (size_t)st.st_size;
    void *map = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return tn_error_set(err, TN_DRIVER, NULL, "driver %s: %s", path, strerror(errno));
    image.bytes = map;
    tn_status status = read_header(&image, err);
    if (status == TN_OK)
        status = read_dynamic(&image, err);
    if (status == TN_OK)
        status = check_module(&image, err);
    munmap(map, image.size);
    *ret_now = image.now;
    return status;
}
