/* SPDX-License-Identifier: MIT */
/*
 * Type-safe arguments and targets: tn_args(...) wraps C values for $1 ... $n, tn_into(...) and
 * tn_scan(...) wrap pointers to C variables for the columns of a row. The C type chooses the
 * wrapper (by _Generic in C, by overload in C++): a type that cannot travel is a compile error.
 *
 *   tn_exec(db, "insert into t values ($1, $2, $3)", tn_args(id, "text", tn_null), NULL, &err);
 *   tn_get(db, "select n, name from t where id = $1", tn_args(id), tn_into(&n, &name), &err);
 *
 * No arguments: NULL. At most 64 in one macro; lists of any length by tn_arglist itself.
 *
 * The lists live until the end of the enclosing block (C) or of the full expression (C++); they are
 * read before the call returns. char * and const char * arguments are NUL-terminated text, NULL
 * there is SQL NULL.
 */
#ifndef TENON_ARGS_H
#define TENON_ARGS_H

#include <string.h>

#include <tenon/export.h>
#include <tenon/types.h>

/* ---- arguments ------------------------------------------------------------------------------ */

/* What an argument carries: a tn_type, or one of these besides. */
enum {
    TN_ARG_UINT64 = 64, /* checked against int64 when bound */
    TN_ARG_VALUE,       /* as.value points to a tn_value */
    TN_ARG_CARRAY       /* a plain C array: as.view, element tells the type of the items */
};

/* One wrapped argument. Build it with tn_args() or the tn_arg_ functions. */
typedef struct tn_arg {
    union {
        int64_t i;
        uint64_t u;
        double f;
        struct {
            const void *ptr;
            size_t len; /* bytes; for a C array: items */
        } view;
        tn_uuid uuid;
        tn_interval interval;
        const tn_array *array;
        const tn_value *value;
    } as;
    uint8_t kind;    /* tn_type or TN_ARG_ */
    uint8_t element; /* of a C array: tn_type, or one of the TN_ARG_ kinds below */
} tn_arg;

/* Arguments $1 ... $count in order. */
typedef struct tn_arglist {
    const tn_arg *items;
    size_t count;
} tn_arglist;

/* A plain C array as an SQL array: tn_args(tn_array_of(ids, n)). Not owned. */
typedef struct tn_carray {
    const void *ptr;
    size_t count;
    uint8_t element; /* tn_type; TN_TYPE_TEXT means const char *const *, NULL items are SQL NULL */
} tn_carray;

static inline tn_arg tn__arg(uint8_t kind)
{
    tn_arg arg;
    memset(&arg, 0, sizeof(arg));
    arg.kind = kind;
    return arg;
}

static inline tn_arg tn__arg_view(uint8_t kind, const void *ptr, size_t len)
{
    tn_arg arg = tn__arg(kind);
    arg.as.view.ptr = ptr;
    arg.as.view.len = len;
    return arg;
}

static inline tn_arg tn__arg_i(uint8_t kind, int64_t i)
{
    tn_arg arg = tn__arg(kind);
    arg.as.i = i;
    return arg;
}

static inline tn_arg tn_arg_null(tn_null_t value)
{
    (void)value;
    return tn__arg(TN_TYPE_NULL);
}

static inline tn_arg tn_arg_bool(bool value)
{
    return tn__arg_i(TN_TYPE_BOOL, value);
}

static inline tn_arg tn_arg_int16(int16_t value)
{
    return tn__arg_i(TN_TYPE_INT16, value);
}

static inline tn_arg tn_arg_int32(int32_t value)
{
    return tn__arg_i(TN_TYPE_INT32, value);
}

static inline tn_arg tn_arg_int64(int64_t value)
{
    return tn__arg_i(TN_TYPE_INT64, value);
}

static inline tn_arg tn_arg_uint64(uint64_t value)
{
    tn_arg arg = tn__arg(TN_ARG_UINT64);
    arg.as.u = value;
    return arg;
}

static inline tn_arg tn_arg_float(float value)
{
    tn_arg arg = tn__arg(TN_TYPE_FLOAT4);
    arg.as.f = (double)value;
    return arg;
}

static inline tn_arg tn_arg_double(double value)
{
    tn_arg arg = tn__arg(TN_TYPE_FLOAT8);
    arg.as.f = value;
    return arg;
}

static inline tn_arg tn_arg_text(const char *text)
{
    return text ? tn__arg_view(TN_TYPE_TEXT, text, strlen(text)) : tn__arg(TN_TYPE_NULL);
}

static inline tn_arg tn_arg_str(tn_str value)
{
    return tn__arg_view(TN_TYPE_TEXT, value.ptr, value.len);
}

static inline tn_arg tn_arg_bytes(tn_bytes value)
{
    return tn__arg_view(TN_TYPE_BYTES, value.ptr, value.len);
}

static inline tn_arg tn_arg_numeric(tn_numeric value)
{
    return tn__arg_view(TN_TYPE_NUMERIC, value.ptr, value.len);
}

static inline tn_arg tn_arg_json(tn_json value)
{
    return tn__arg_view(TN_TYPE_JSON, value.ptr, value.len);
}

static inline tn_arg tn_arg_uuid(tn_uuid value)
{
    tn_arg arg = tn__arg(TN_TYPE_UUID);
    arg.as.uuid = value;
    return arg;
}

static inline tn_arg tn_arg_time(tn_time value)
{
    return tn__arg_i(TN_TYPE_TIMESTAMPTZ, value.us);
}

static inline tn_arg tn_arg_timestamp(tn_timestamp value)
{
    return tn__arg_i(TN_TYPE_TIMESTAMP, value.us);
}

static inline tn_arg tn_arg_date(tn_date value)
{
    return tn__arg_i(TN_TYPE_DATE, value.days);
}

static inline tn_arg tn_arg_timeofday(tn_timeofday value)
{
    return tn__arg_i(TN_TYPE_TIME, value.us);
}

static inline tn_arg tn_arg_interval(tn_interval value)
{
    tn_arg arg = tn__arg(TN_TYPE_INTERVAL);
    arg.as.interval = value;
    return arg;
}

/* The array's items must stay until the call that takes the argument returns. */
static inline tn_arg tn_arg_carray(tn_carray value)
{
    tn_arg arg = tn__arg_view(TN_ARG_CARRAY, value.ptr, value.count);
    arg.element = value.element;
    return arg;
}

/* An argument from a tagged value, such as one of another row. The value must stay until then. */
static inline tn_arg tn_arg_value(const tn_value *value)
{
    tn_arg arg = tn__arg(TN_ARG_VALUE);
    arg.as.value = value;
    return arg;
}

/* By pointer, so that the array may be of any size: tn_args(&array). NULL is SQL NULL. */
static inline tn_arg tn_arg_array(const tn_array *value)
{
    tn_arg arg = tn__arg(value ? TN_TYPE_ARRAY : TN_TYPE_NULL);
    arg.as.array = value;
    return arg;
}

#define TN__OPT_ARG(name)                                                      \
    static inline tn_arg tn_arg_opt_##name(tn_opt_##name value)                \
    {                                                                          \
        return value.has ? tn_arg_##name(value.value) : tn__arg(TN_TYPE_NULL); \
    }
TN__OPT_ARG(bool)
TN__OPT_ARG(int16)
TN__OPT_ARG(int32)
TN__OPT_ARG(int64)
TN__OPT_ARG(float)
TN__OPT_ARG(double)
TN__OPT_ARG(numeric)
TN__OPT_ARG(str)
TN__OPT_ARG(bytes)
TN__OPT_ARG(uuid)
TN__OPT_ARG(time)
TN__OPT_ARG(timestamp)
TN__OPT_ARG(date)
TN__OPT_ARG(timeofday)
TN__OPT_ARG(interval)
TN__OPT_ARG(json)
#undef TN__OPT_ARG

#define TN__CARRAY(name, ctype, kind)                                 \
    static inline tn_carray tn_carray_##name(ctype ptr, size_t count) \
    {                                                                 \
        tn_carray array;                                              \
        array.ptr = ptr;                                              \
        array.count = count;                                          \
        array.element = kind;                                         \
        return array;                                                 \
    }
TN__CARRAY(bool, const bool *, TN_TYPE_BOOL)
TN__CARRAY(int16, const int16_t *, TN_TYPE_INT16)
TN__CARRAY(int32, const int32_t *, TN_TYPE_INT32)
TN__CARRAY(int64, const int64_t *, TN_TYPE_INT64)
TN__CARRAY(float, const float *, TN_TYPE_FLOAT4)
TN__CARRAY(double, const double *, TN_TYPE_FLOAT8)
TN__CARRAY(text, const char *const *, TN_TYPE_TEXT)
TN__CARRAY(uuid, const tn_uuid *, TN_TYPE_UUID)
TN__CARRAY(time, const tn_time *, TN_TYPE_TIMESTAMPTZ)
TN__CARRAY(timestamp, const tn_timestamp *, TN_TYPE_TIMESTAMP)
TN__CARRAY(date, const tn_date *, TN_TYPE_DATE)
#undef TN__CARRAY

/* ---- targets -------------------------------------------------------------------------------- */

/* What a target is: a tn_type (the C type beside it in types.h), or one of these besides. */
enum {
    TN_TARGET_CHARP = 64, /* char **: a copy from the heap, freed with tn_free(); NULL for NULL */
    TN_TARGET_BUFFER,     /* a char buffer of the caller: cut never, refused when too small */
    TN_TARGET_IGNORE      /* any column, not read */
};

/* Where one column goes. Built by tn_into() and tn_scan(). */
typedef struct tn_target {
    void *value;
    bool *has;    /* of an optional, else NULL: then NULL is an error that names the column */
    size_t size;  /* of a buffer */
    uint8_t kind; /* tn_type or TN_TARGET_ */
} tn_target;

typedef struct tn_intolist {
    const tn_target *items;
    size_t count;
} tn_intolist;

/* A caller's char array as a target: tn_into(tn_textbuf(name, sizeof(name))). Gets the text with
 * its NUL; SQLSTATE 22001 when it does not fit, NULL is an error. */
typedef struct tn_textbuf_t {
    char *ptr;
    size_t size;
} tn_textbuf_t;

static inline tn_textbuf_t tn_textbuf(char *ptr, size_t size)
{
    tn_textbuf_t buf;
    buf.ptr = ptr;
    buf.size = size;
    return buf;
}

static inline tn_target tn__target(uint8_t kind, void *value, bool *has)
{
    tn_target target;
    target.value = value;
    target.has = has;
    target.size = 0;
    target.kind = kind;
    return target;
}

/* One macro deep only: an expansion in between would turn bool into _Bool. */
#define TN__TARGET(name, ctype, kind)                    \
    static inline tn_target tn_target_##name(ctype *ret) \
    {                                                    \
        return tn__target(kind, ret, NULL);              \
    }
#define TN__BOTH_TARGETS(name, ctype, kind)                          \
    static inline tn_target tn_target_##name(ctype *ret)             \
    {                                                                \
        return tn__target(kind, ret, NULL);                          \
    }                                                                \
    static inline tn_target tn_target_opt_##name(tn_opt_##name *ret) \
    {                                                                \
        return tn__target(kind, &ret->value, &ret->has);             \
    }
TN__BOTH_TARGETS(bool, bool, TN_TYPE_BOOL)
TN__BOTH_TARGETS(int16, int16_t, TN_TYPE_INT16)
TN__BOTH_TARGETS(int32, int32_t, TN_TYPE_INT32)
TN__BOTH_TARGETS(int64, int64_t, TN_TYPE_INT64)
TN__BOTH_TARGETS(float, float, TN_TYPE_FLOAT4)
TN__BOTH_TARGETS(double, double, TN_TYPE_FLOAT8)
TN__BOTH_TARGETS(numeric, tn_numeric, TN_TYPE_NUMERIC)
TN__BOTH_TARGETS(str, tn_str, TN_TYPE_TEXT)
TN__BOTH_TARGETS(bytes, tn_bytes, TN_TYPE_BYTES)
TN__BOTH_TARGETS(uuid, tn_uuid, TN_TYPE_UUID)
TN__BOTH_TARGETS(time, tn_time, TN_TYPE_TIMESTAMPTZ)
TN__BOTH_TARGETS(timestamp, tn_timestamp, TN_TYPE_TIMESTAMP)
TN__BOTH_TARGETS(date, tn_date, TN_TYPE_DATE)
TN__BOTH_TARGETS(timeofday, tn_timeofday, TN_TYPE_TIME)
TN__BOTH_TARGETS(interval, tn_interval, TN_TYPE_INTERVAL)
TN__BOTH_TARGETS(json, tn_json, TN_TYPE_JSON)
TN__BOTH_TARGETS(array, tn_array, TN_TYPE_ARRAY)
TN__TARGET(llong, long long, TN_TYPE_INT64)
TN__TARGET(charp, char *, TN_TARGET_CHARP)
#undef TN__TARGET
#undef TN__BOTH_TARGETS

static inline tn_target tn_target_textbuf(tn_textbuf_t buf)
{
    tn_target target = tn__target(TN_TARGET_BUFFER, buf.ptr, NULL);
    target.size = buf.size;
    return target;
}

/* tn_ignore in a tn_scan() skips a column. */
static inline tn_target tn_target_ignore(tn_null_t skipped)
{
    (void)skipped;
    return tn__target(TN_TARGET_IGNORE, NULL, NULL);
}

#ifndef __cplusplus

/* tn_get() closes its row before it returns, so a view would dangle: naming one in tn_into() is
 * refused when the program is compiled. */
#define TN__NO_VIEW                                                                          \
    TN_NEVER_CALL("a view (tn_str, tn_bytes, tn_json, tn_numeric, tn_array) cannot outlive " \
                  "tn_get(): use char *, tn_textbuf(), or tn_query() with tn_scan()")
tn_target tn__into_str(tn_str *ret) TN__NO_VIEW;
tn_target tn__into_bytes(tn_bytes *ret) TN__NO_VIEW;
tn_target tn__into_json(tn_json *ret) TN__NO_VIEW;
tn_target tn__into_numeric(tn_numeric *ret) TN__NO_VIEW;
tn_target tn__into_array(tn_array *ret) TN__NO_VIEW;
tn_target tn__into_opt_str(tn_opt_str *ret) TN__NO_VIEW;
tn_target tn__into_opt_bytes(tn_opt_bytes *ret) TN__NO_VIEW;
tn_target tn__into_opt_json(tn_opt_json *ret) TN__NO_VIEW;
tn_target tn__into_opt_numeric(tn_opt_numeric *ret) TN__NO_VIEW;
tn_target tn__into_opt_array(tn_opt_array *ret) TN__NO_VIEW;
#undef TN__NO_VIEW

#define tn_null   ((tn_null_t){0})
#define tn_ignore ((tn_null_t){0})

/* clang-format off */
#if __SIZEOF_LONG__ == 8
#define TN__LONG_ARG     long: tn_arg_int64, unsigned long: tn_arg_uint64
#define TN__LONG_TARGET  long *: tn_target_int64, long long *: tn_target_llong
#else
#define TN__LONG_ARG     long: tn_arg_int32, unsigned long: tn_arg_int64
#define TN__LONG_TARGET  long long *: tn_target_int64
#endif

#define TN__ARG(x) _Generic((x), \
    bool: tn_arg_bool, signed char: tn_arg_int16, unsigned char: tn_arg_int16, \
    short: tn_arg_int16, unsigned short: tn_arg_int32, int: tn_arg_int32, \
    unsigned int: tn_arg_int64, TN__LONG_ARG, \
    long long: tn_arg_int64, unsigned long long: tn_arg_uint64, \
    float: tn_arg_float, double: tn_arg_double, \
    char *: tn_arg_text, const char *: tn_arg_text, \
    tn_str: tn_arg_str, tn_bytes: tn_arg_bytes, tn_numeric: tn_arg_numeric, tn_json: tn_arg_json, \
    tn_uuid: tn_arg_uuid, tn_time: tn_arg_time, tn_timestamp: tn_arg_timestamp, \
    tn_date: tn_arg_date, tn_timeofday: tn_arg_timeofday, tn_interval: tn_arg_interval, \
    tn_carray: tn_arg_carray, tn_array *: tn_arg_array, const tn_array *: tn_arg_array, \
    tn_value *: tn_arg_value, const tn_value *: tn_arg_value, tn_null_t: tn_arg_null, \
    tn_opt_bool: tn_arg_opt_bool, tn_opt_int16: tn_arg_opt_int16, \
    tn_opt_int32: tn_arg_opt_int32, tn_opt_int64: tn_arg_opt_int64, \
    tn_opt_float: tn_arg_opt_float, tn_opt_double: tn_arg_opt_double, \
    tn_opt_numeric: tn_arg_opt_numeric, tn_opt_str: tn_arg_opt_str, \
    tn_opt_bytes: tn_arg_opt_bytes, tn_opt_uuid: tn_arg_opt_uuid, tn_opt_time: tn_arg_opt_time, \
    tn_opt_timestamp: tn_arg_opt_timestamp, tn_opt_date: tn_arg_opt_date, \
    tn_opt_timeofday: tn_arg_opt_timeofday, tn_opt_interval: tn_arg_opt_interval, \
    tn_opt_json: tn_arg_opt_json)(x)

#define TN__OWNED_TARGETS \
    bool *: tn_target_bool, short *: tn_target_int16, int *: tn_target_int32, TN__LONG_TARGET, \
    float *: tn_target_float, double *: tn_target_double, char **: tn_target_charp, \
    tn_textbuf_t: tn_target_textbuf, tn_uuid *: tn_target_uuid, tn_time *: tn_target_time, \
    tn_timestamp *: tn_target_timestamp, tn_date *: tn_target_date, \
    tn_timeofday *: tn_target_timeofday, tn_interval *: tn_target_interval, \
    tn_opt_bool *: tn_target_opt_bool, tn_opt_int16 *: tn_target_opt_int16, \
    tn_opt_int32 *: tn_target_opt_int32, tn_opt_int64 *: tn_target_opt_int64, \
    tn_opt_float *: tn_target_opt_float, tn_opt_double *: tn_target_opt_double, \
    tn_opt_uuid *: tn_target_opt_uuid, tn_opt_time *: tn_target_opt_time, \
    tn_opt_timestamp *: tn_target_opt_timestamp, tn_opt_date *: tn_target_opt_date, \
    tn_opt_timeofday *: tn_target_opt_timeofday, tn_opt_interval *: tn_target_opt_interval, \
    tn_null_t: tn_target_ignore

#define TN__VIEW_TARGETS(prefix) \
    tn_str *: prefix##str, tn_bytes *: prefix##bytes, tn_json *: prefix##json, \
    tn_numeric *: prefix##numeric, tn_array *: prefix##array, \
    tn_opt_str *: prefix##opt_str, tn_opt_bytes *: prefix##opt_bytes, \
    tn_opt_json *: prefix##opt_json, tn_opt_numeric *: prefix##opt_numeric, \
    tn_opt_array *: prefix##opt_array

#define TN__INTO(x) _Generic((x), TN__OWNED_TARGETS, TN__VIEW_TARGETS(tn__into_))(x)
#define TN__SCAN(x) _Generic((x), TN__OWNED_TARGETS, TN__VIEW_TARGETS(tn_target_))(x)

/* tn_array_of(pointer to the first item, count) */
#define tn_array_of(ptr, count) _Generic((ptr), \
    bool *: tn_carray_bool, const bool *: tn_carray_bool, \
    int16_t *: tn_carray_int16, const int16_t *: tn_carray_int16, \
    int32_t *: tn_carray_int32, const int32_t *: tn_carray_int32, \
    int64_t *: tn_carray_int64, const int64_t *: tn_carray_int64, \
    float *: tn_carray_float, const float *: tn_carray_float, \
    double *: tn_carray_double, const double *: tn_carray_double, \
    char **: tn__carray_text, const char **: tn__carray_text, \
    char *const *: tn__carray_text, const char *const *: tn__carray_text, \
    tn_uuid *: tn_carray_uuid, const tn_uuid *: tn_carray_uuid, \
    tn_time *: tn_carray_time, const tn_time *: tn_carray_time, \
    tn_timestamp *: tn_carray_timestamp, const tn_timestamp *: tn_carray_timestamp, \
    tn_date *: tn_carray_date, const tn_date *: tn_carray_date)((ptr), (count))

/* Takes all four spellings of "array of strings", which differ only in const. */
static inline tn_carray tn__carray_text(const void *ptr, size_t count)
{
    return tn_carray_text((const char *const *)ptr, count);
}

#define TN__COUNT(...) TN__COUNT_(__VA_ARGS__, \
    64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, \
    41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, \
    18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define TN__COUNT_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
    a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34, a35, \
    a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, a49, a50, a51, a52, a53, \
    a54, a55, a56, a57, a58, a59, a60, a61, a62, a63, a64, n, ...) n
#define TN__JOIN(a, b)  TN__JOIN_(a, b)
#define TN__JOIN_(a, b) a##b
#define TN__EACH(f, ...) TN__JOIN(TN__EACH_, TN__COUNT(__VA_ARGS__))(f, __VA_ARGS__)
#define TN__EACH_1(f, x) f(x)
#define TN__EACH_2(f, x, ...) f(x), TN__EACH_1(f, __VA_ARGS__)
#define TN__EACH_3(f, x, ...) f(x), TN__EACH_2(f, __VA_ARGS__)
#define TN__EACH_4(f, x, ...) f(x), TN__EACH_3(f, __VA_ARGS__)
#define TN__EACH_5(f, x, ...) f(x), TN__EACH_4(f, __VA_ARGS__)
#define TN__EACH_6(f, x, ...) f(x), TN__EACH_5(f, __VA_ARGS__)
#define TN__EACH_7(f, x, ...) f(x), TN__EACH_6(f, __VA_ARGS__)
#define TN__EACH_8(f, x, ...) f(x), TN__EACH_7(f, __VA_ARGS__)
#define TN__EACH_9(f, x, ...) f(x), TN__EACH_8(f, __VA_ARGS__)
#define TN__EACH_10(f, x, ...) f(x), TN__EACH_9(f, __VA_ARGS__)
#define TN__EACH_11(f, x, ...) f(x), TN__EACH_10(f, __VA_ARGS__)
#define TN__EACH_12(f, x, ...) f(x), TN__EACH_11(f, __VA_ARGS__)
#define TN__EACH_13(f, x, ...) f(x), TN__EACH_12(f, __VA_ARGS__)
#define TN__EACH_14(f, x, ...) f(x), TN__EACH_13(f, __VA_ARGS__)
#define TN__EACH_15(f, x, ...) f(x), TN__EACH_14(f, __VA_ARGS__)
#define TN__EACH_16(f, x, ...) f(x), TN__EACH_15(f, __VA_ARGS__)
#define TN__EACH_17(f, x, ...) f(x), TN__EACH_16(f, __VA_ARGS__)
#define TN__EACH_18(f, x, ...) f(x), TN__EACH_17(f, __VA_ARGS__)
#define TN__EACH_19(f, x, ...) f(x), TN__EACH_18(f, __VA_ARGS__)
#define TN__EACH_20(f, x, ...) f(x), TN__EACH_19(f, __VA_ARGS__)
#define TN__EACH_21(f, x, ...) f(x), TN__EACH_20(f, __VA_ARGS__)
#define TN__EACH_22(f, x, ...) f(x), TN__EACH_21(f, __VA_ARGS__)
#define TN__EACH_23(f, x, ...) f(x), TN__EACH_22(f, __VA_ARGS__)
#define TN__EACH_24(f, x, ...) f(x), TN__EACH_23(f, __VA_ARGS__)
#define TN__EACH_25(f, x, ...) f(x), TN__EACH_24(f, __VA_ARGS__)
#define TN__EACH_26(f, x, ...) f(x), TN__EACH_25(f, __VA_ARGS__)
#define TN__EACH_27(f, x, ...) f(x), TN__EACH_26(f, __VA_ARGS__)
#define TN__EACH_28(f, x, ...) f(x), TN__EACH_27(f, __VA_ARGS__)
#define TN__EACH_29(f, x, ...) f(x), TN__EACH_28(f, __VA_ARGS__)
#define TN__EACH_30(f, x, ...) f(x), TN__EACH_29(f, __VA_ARGS__)
#define TN__EACH_31(f, x, ...) f(x), TN__EACH_30(f, __VA_ARGS__)
#define TN__EACH_32(f, x, ...) f(x), TN__EACH_31(f, __VA_ARGS__)
#define TN__EACH_33(f, x, ...) f(x), TN__EACH_32(f, __VA_ARGS__)
#define TN__EACH_34(f, x, ...) f(x), TN__EACH_33(f, __VA_ARGS__)
#define TN__EACH_35(f, x, ...) f(x), TN__EACH_34(f, __VA_ARGS__)
#define TN__EACH_36(f, x, ...) f(x), TN__EACH_35(f, __VA_ARGS__)
#define TN__EACH_37(f, x, ...) f(x), TN__EACH_36(f, __VA_ARGS__)
#define TN__EACH_38(f, x, ...) f(x), TN__EACH_37(f, __VA_ARGS__)
#define TN__EACH_39(f, x, ...) f(x), TN__EACH_38(f, __VA_ARGS__)
#define TN__EACH_40(f, x, ...) f(x), TN__EACH_39(f, __VA_ARGS__)
#define TN__EACH_41(f, x, ...) f(x), TN__EACH_40(f, __VA_ARGS__)
#define TN__EACH_42(f, x, ...) f(x), TN__EACH_41(f, __VA_ARGS__)
#define TN__EACH_43(f, x, ...) f(x), TN__EACH_42(f, __VA_ARGS__)
#define TN__EACH_44(f, x, ...) f(x), TN__EACH_43(f, __VA_ARGS__)
#define TN__EACH_45(f, x, ...) f(x), TN__EACH_44(f, __VA_ARGS__)
#define TN__EACH_46(f, x, ...) f(x), TN__EACH_45(f, __VA_ARGS__)
#define TN__EACH_47(f, x, ...) f(x), TN__EACH_46(f, __VA_ARGS__)
#define TN__EACH_48(f, x, ...) f(x), TN__EACH_47(f, __VA_ARGS__)
#define TN__EACH_49(f, x, ...) f(x), TN__EACH_48(f, __VA_ARGS__)
#define TN__EACH_50(f, x, ...) f(x), TN__EACH_49(f, __VA_ARGS__)
#define TN__EACH_51(f, x, ...) f(x), TN__EACH_50(f, __VA_ARGS__)
#define TN__EACH_52(f, x, ...) f(x), TN__EACH_51(f, __VA_ARGS__)
#define TN__EACH_53(f, x, ...) f(x), TN__EACH_52(f, __VA_ARGS__)
#define TN__EACH_54(f, x, ...) f(x), TN__EACH_53(f, __VA_ARGS__)
#define TN__EACH_55(f, x, ...) f(x), TN__EACH_54(f, __VA_ARGS__)
#define TN__EACH_56(f, x, ...) f(x), TN__EACH_55(f, __VA_ARGS__)
#define TN__EACH_57(f, x, ...) f(x), TN__EACH_56(f, __VA_ARGS__)
#define TN__EACH_58(f, x, ...) f(x), TN__EACH_57(f, __VA_ARGS__)
#define TN__EACH_59(f, x, ...) f(x), TN__EACH_58(f, __VA_ARGS__)
#define TN__EACH_60(f, x, ...) f(x), TN__EACH_59(f, __VA_ARGS__)
#define TN__EACH_61(f, x, ...) f(x), TN__EACH_60(f, __VA_ARGS__)
#define TN__EACH_62(f, x, ...) f(x), TN__EACH_61(f, __VA_ARGS__)
#define TN__EACH_63(f, x, ...) f(x), TN__EACH_62(f, __VA_ARGS__)
#define TN__EACH_64(f, x, ...) f(x), TN__EACH_63(f, __VA_ARGS__)

#define tn_args(...) (&(const tn_arglist){ \
    (const tn_arg[]){TN__EACH(TN__ARG, __VA_ARGS__)}, TN__COUNT(__VA_ARGS__)})
#define tn_into(...) (&(const tn_intolist){ \
    (const tn_target[]){TN__EACH(TN__INTO, __VA_ARGS__)}, TN__COUNT(__VA_ARGS__)})
#define tn_targets(...) (&(const tn_intolist){ \
    (const tn_target[]){TN__EACH(TN__SCAN, __VA_ARGS__)}, TN__COUNT(__VA_ARGS__)})
/* clang-format on */

#else
#include <tenon/args_cxx.h>
#endif

#endif
