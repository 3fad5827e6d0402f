/* SPDX-License-Identifier: MIT */
/*
 * The C++17 form of tn_args(), tn_into() and tn_scan(): overloads where C has _Generic. Included by
 * args.h; the lists are temporaries that live until the end of the full expression.
 */
#ifndef TENON_ARGS_CXX_H
#define TENON_ARGS_CXX_H

#ifndef __cplusplus
#error "for C++ only: include <tenon/tenon.h>"
#endif

#include <cstddef>
#include <cstdint>

namespace tenon_detail
{
constexpr tn_null_t null_value = {0};

/* clang-format off */
inline tn_arg arg(bool x) { return tn_arg_bool(x); }
inline tn_arg arg(signed char x) { return tn_arg_int16(x); }
inline tn_arg arg(unsigned char x) { return tn_arg_int16(x); }
inline tn_arg arg(short x) { return tn_arg_int16(x); }
inline tn_arg arg(unsigned short x) { return tn_arg_int32(x); }
inline tn_arg arg(int x) { return tn_arg_int32(x); }
inline tn_arg arg(unsigned int x) { return tn_arg_int64(x); }
inline tn_arg arg(long x) { return tn_arg_int64(x); }
inline tn_arg arg(unsigned long x) { return tn_arg_uint64(x); }
inline tn_arg arg(long long x) { return tn_arg_int64(x); }
inline tn_arg arg(unsigned long long x) { return tn_arg_uint64(x); }
inline tn_arg arg(float x) { return tn_arg_float(x); }
inline tn_arg arg(double x) { return tn_arg_double(x); }
inline tn_arg arg(const char *x) { return tn_arg_text(x); }
inline tn_arg arg(std::nullptr_t) { return tn_arg_null(null_value); }
inline tn_arg arg(tn_str x) { return tn_arg_str(x); }
inline tn_arg arg(tn_bytes x) { return tn_arg_bytes(x); }
inline tn_arg arg(tn_numeric x) { return tn_arg_numeric(x); }
inline tn_arg arg(tn_json x) { return tn_arg_json(x); }
inline tn_arg arg(tn_uuid x) { return tn_arg_uuid(x); }
inline tn_arg arg(tn_time x) { return tn_arg_time(x); }
inline tn_arg arg(tn_timestamp x) { return tn_arg_timestamp(x); }
inline tn_arg arg(tn_date x) { return tn_arg_date(x); }
inline tn_arg arg(tn_timeofday x) { return tn_arg_timeofday(x); }
inline tn_arg arg(tn_interval x) { return tn_arg_interval(x); }
inline tn_arg arg(tn_carray x) { return tn_arg_carray(x); }
inline tn_arg arg(const tn_array *x) { return tn_arg_array(x); }
inline tn_arg arg(const tn_value *x) { return tn_arg_value(x); }
inline tn_arg arg(tn_null_t x) { return tn_arg_null(x); }
inline tn_arg arg(tn_opt_bool x) { return tn_arg_opt_bool(x); }
inline tn_arg arg(tn_opt_int16 x) { return tn_arg_opt_int16(x); }
inline tn_arg arg(tn_opt_int32 x) { return tn_arg_opt_int32(x); }
inline tn_arg arg(tn_opt_int64 x) { return tn_arg_opt_int64(x); }
inline tn_arg arg(tn_opt_float x) { return tn_arg_opt_float(x); }
inline tn_arg arg(tn_opt_double x) { return tn_arg_opt_double(x); }
inline tn_arg arg(tn_opt_numeric x) { return tn_arg_opt_numeric(x); }
inline tn_arg arg(tn_opt_str x) { return tn_arg_opt_str(x); }
inline tn_arg arg(tn_opt_bytes x) { return tn_arg_opt_bytes(x); }
inline tn_arg arg(tn_opt_uuid x) { return tn_arg_opt_uuid(x); }
inline tn_arg arg(tn_opt_time x) { return tn_arg_opt_time(x); }
inline tn_arg arg(tn_opt_timestamp x) { return tn_arg_opt_timestamp(x); }
inline tn_arg arg(tn_opt_date x) { return tn_arg_opt_date(x); }
inline tn_arg arg(tn_opt_timeofday x) { return tn_arg_opt_timeofday(x); }
inline tn_arg arg(tn_opt_interval x) { return tn_arg_opt_interval(x); }
inline tn_arg arg(tn_opt_json x) { return tn_arg_opt_json(x); }
template <typename T> tn_arg arg(T *) = delete; /* no other pointer is an argument */

inline tn_target into(bool *x) { return tn_target_bool(x); }
inline tn_target into(std::int16_t *x) { return tn_target_int16(x); }
inline tn_target into(std::int32_t *x) { return tn_target_int32(x); }
inline tn_target into(long *x) { return tn__target(sizeof(long) == 8 ? TN_TYPE_INT64 : TN_TYPE_INT32, x, nullptr); }
inline tn_target into(long long *x) { return tn_target_llong(x); }
inline tn_target into(float *x) { return tn_target_float(x); }
inline tn_target into(double *x) { return tn_target_double(x); }
inline tn_target into(char **x) { return tn_target_charp(x); }
inline tn_target into(tn_textbuf_t x) { return tn_target_textbuf(x); }
inline tn_target into(tn_uuid *x) { return tn_target_uuid(x); }
inline tn_target into(tn_time *x) { return tn_target_time(x); }
inline tn_target into(tn_timestamp *x) { return tn_target_timestamp(x); }
inline tn_target into(tn_date *x) { return tn_target_date(x); }
inline tn_target into(tn_timeofday *x) { return tn_target_timeofday(x); }
inline tn_target into(tn_interval *x) { return tn_target_interval(x); }
inline tn_target into(tn_opt_bool *x) { return tn_target_opt_bool(x); }
inline tn_target into(tn_opt_int16 *x) { return tn_target_opt_int16(x); }
inline tn_target into(tn_opt_int32 *x) { return tn_target_opt_int32(x); }
inline tn_target into(tn_opt_int64 *x) { return tn_target_opt_int64(x); }
inline tn_target into(tn_opt_float *x) { return tn_target_opt_float(x); }
inline tn_target into(tn_opt_double *x) { return tn_target_opt_double(x); }
inline tn_target into(tn_opt_uuid *x) { return tn_target_opt_uuid(x); }
inline tn_target into(tn_opt_time *x) { return tn_target_opt_time(x); }
inline tn_target into(tn_opt_timestamp *x) { return tn_target_opt_timestamp(x); }
inline tn_target into(tn_opt_date *x) { return tn_target_opt_date(x); }
inline tn_target into(tn_opt_timeofday *x) { return tn_target_opt_timeofday(x); }
inline tn_target into(tn_opt_interval *x) { return tn_target_opt_interval(x); }
inline tn_target into(tn_null_t x) { return tn_target_ignore(x); }
template <typename T> tn_target into(T *) = delete; /* a view cannot outlive tn_get() */

template <typename T> inline tn_target scan(T x) { return into(x); }
inline tn_target scan(tn_str *x) { return tn_target_str(x); }
inline tn_target scan(tn_bytes *x) { return tn_target_bytes(x); }
inline tn_target scan(tn_json *x) { return tn_target_json(x); }
inline tn_target scan(tn_numeric *x) { return tn_target_numeric(x); }
inline tn_target scan(tn_array *x) { return tn_target_array(x); }
inline tn_target scan(tn_opt_str *x) { return tn_target_opt_str(x); }
inline tn_target scan(tn_opt_bytes *x) { return tn_target_opt_bytes(x); }
inline tn_target scan(tn_opt_json *x) { return tn_target_opt_json(x); }
inline tn_target scan(tn_opt_numeric *x) { return tn_target_opt_numeric(x); }
inline tn_target scan(tn_opt_array *x) { return tn_target_opt_array(x); }

inline tn_carray carray(const bool *p, size_t n) { return tn_carray_bool(p, n); }
inline tn_carray carray(const std::int16_t *p, size_t n) { return tn_carray_int16(p, n); }
inline tn_carray carray(const std::int32_t *p, size_t n) { return tn_carray_int32(p, n); }
inline tn_carray carray(const std::int64_t *p, size_t n) { return tn_carray_int64(p, n); }
inline tn_carray carray(const float *p, size_t n) { return tn_carray_float(p, n); }
inline tn_carray carray(const double *p, size_t n) { return tn_carray_double(p, n); }
inline tn_carray carray(const char *const *p, size_t n) { return tn_carray_text(p, n); }
inline tn_carray carray(const tn_uuid *p, size_t n) { return tn_carray_uuid(p, n); }
inline tn_carray carray(const tn_time *p, size_t n) { return tn_carray_time(p, n); }
inline tn_carray carray(const tn_timestamp *p, size_t n) { return tn_carray_timestamp(p, n); }
inline tn_carray carray(const tn_date *p, size_t n) { return tn_carray_date(p, n); }
/* clang-format on */

template <typename Item, typename List, std::size_t N> struct list {
    Item items[N];
    List head;
    template <typename... T> explicit list(T... item) : items{item...}, head{items, N}
    {
    }
    list(const list &) = delete;
    list &operator=(const list &) = delete;
    operator const List *() const
    {
        return &head;
    }
};

template <typename... T> list<tn_arg, tn_arglist, sizeof...(T)> args(const T &...x)
{
    return list<tn_arg, tn_arglist, sizeof...(T)>(arg(x)...);
}

template <typename... T> list<tn_target, tn_intolist, sizeof...(T)> intos(T... x)
{
    return list<tn_target, tn_intolist, sizeof...(T)>(into(x)...);
}

template <typename... T> list<tn_target, tn_intolist, sizeof...(T)> scans(T... x)
{
    return list<tn_target, tn_intolist, sizeof...(T)>(scan(x)...);
}
} // namespace tenon_detail

#define tn_null                 (::tenon_detail::null_value)
#define tn_ignore               (::tenon_detail::null_value)
#define tn_args(...)            (::tenon_detail::args(__VA_ARGS__))
#define tn_into(...)            (::tenon_detail::intos(__VA_ARGS__))
#define tn_targets(...)         (::tenon_detail::scans(__VA_ARGS__))
#define tn_array_of(ptr, count) (::tenon_detail::carray((ptr), (count)))

#endif
