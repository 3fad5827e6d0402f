#!/bin/bash
# SPDX-License-Identifier: MIT
# The installed package, moved after it was installed, as others use it:
# package.sh <root> <build directory>
. "$(dirname "$0")/tap.sh"
root=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
unset DATABASE_URL TENON_DRIVER_PATH LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH
export TENON_NO_ENV=1

works "installs" cmake --install "$build" --prefix "$scratch/first"
[ "$tap_failed" -eq 0 ] || finish
mkdir "$scratch/a place"
prefix="$scratch/a place/moved"
mv "$scratch/first" "$prefix"
libdir=$(dirname "$(find "$prefix" -name 'libtenon.so' | head -n 1)")
drivers=$libdir/tenon/drivers

# What is there, by name; the library's files by their links.
for file in bin/tenon bin/tenon-conformance include/tenon/tenon.h include/tenon/driver.h; do
    if [ -f "$prefix/$file" ]; then pass "has $file"; else flunk "has $file" "$(cd "$prefix" && find . -type f)"; fi
done
for file in libtenon.a libtenon-migrate.so libtenon-migrate.a libtenon-testing.so libtenon-testing.a \
    pkgconfig/tenon.pc pkgconfig/tenon-migrate.pc pkgconfig/tenon-testing.pc \
    cmake/tenon/tenon-config.cmake cmake/tenon/driver.map \
    tenon/drivers/sqlite.so; do
    if [ -f "$libdir/$file" ]; then pass "has lib/$file"; else flunk "has lib/$file"; fi
done
case $(readlink "$libdir/libtenon.so"):$(cd "$libdir" && echo libtenon.so.?) in
libtenon.so.[0-9]:libtenon.so.[0-9]) pass "the library is versioned: $(cd "$libdir" && echo libtenon.so*)" ;;
*) flunk "the library is versioned" "$(ls -l "$libdir")" ;;
esac
empty "all public headers are installed, and no other" \
    "$(diff <(cd "$root/include/tenon" && find . -type f | sort) <(cd "$prefix/include/tenon" && find . -type f | sort))"
empty "no test driver is installed" "$(find "$drivers" -name 'template*')"
empty "no installed file names the build directory or the source" \
    "$(grep -rlaF -e "$build" -e "$root/" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h')"
works "the command runs where it was moved to" "$prefix/bin/tenon" drivers list
works "the installed conformance suite runs" \
    "$prefix/bin/tenon-conformance" sqlite::memory: --only 'connect/*'

# One component alone.
cmake --install "$build" --prefix "$scratch/part" --component sqlite >/dev/null
empty "component sqlite is the driver and nothing else" \
    "$(cd "$scratch/part" && find . -type f ! -name sqlite.so)"

# find_package, in C and C++, shared and static
consume() { # consume <source> <build> [arguments...]
    local source=$1 dir=$2
    shift 2
    cmake -S "$source" -B "$dir" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Debug "$@" &&
        cmake --build "$dir"
}
works "find_package: a C and C++ project builds" consume "$here/consumer" "$scratch/consumer"
# A static program finds the drivers where it is told to: it does not lie beside them.
for language in c cxx; do
    works "find_package: $language, shared: runs" "$scratch/consumer/consumer_${language}_tenon"
    works "find_package: $language, static: runs" \
        env TENON_DRIVER_PATH="$drivers" "$scratch/consumer/consumer_${language}_static"
done
works "find_package: migrations within a program, shared: runs" "$scratch/consumer/consumer_migrate"
works "find_package: migrations within a program, static: runs" \
    env TENON_DRIVER_PATH="$drivers" "$scratch/consumer/consumer_migrate_static"
refuses "find_package: a driver that is not there is named" 'nosuch' \
    cmake -S "$here/consumer" -B "$scratch/refused" -DCMAKE_PREFIX_PATH="$prefix" \
    -DEXTRA_COMPONENTS=nosuch

# pkg-config
export PKG_CONFIG_PATH=$libdir/pkgconfig
works "pkg-config: answers" pkg-config --exists --print-errors 'tenon >= 0.1'
eval "flags=($(pkg-config --cflags --libs tenon))"
eval "cflags=($(pkg-config --cflags tenon))"
eval "static=($(pkg-config --static --libs tenon))"
works "pkg-config: C builds" \
    gcc -std=c17 -Wall -Wextra -Werror -o "$scratch/pc" "$here/consumer/consumer.c" "${flags[@]}"
works "pkg-config: C++ builds" \
    g++ -std=c++17 -Wall -Wextra -Werror -o "$scratch/pcxx" "$here/consumer/consumer.cpp" "${flags[@]}"
works "pkg-config: static builds" gcc -std=c17 -o "$scratch/pcs" "$here/consumer/consumer.c" \
    "${cflags[@]}" "${static[@]/-ltenon/-l:libtenon.a}"
eval "migrate=($(pkg-config --cflags --libs tenon-migrate))"
"$prefix/bin/tenon" migrate embed --dir "$here/consumer/migrations" -o "$scratch/embedded.c"
works "pkg-config: migrations within a program build" gcc -std=c17 -Wall -Wextra -Werror \
    -o "$scratch/pcm" "$here/consumer/migrating.c" "$scratch/embedded.c" "${migrate[@]}"
works "pkg-config: migrations within a program run" env LD_LIBRARY_PATH="$libdir" "$scratch/pcm"
works "pkg-config: C runs" env LD_LIBRARY_PATH="$libdir" "$scratch/pc"
works "pkg-config: C++ runs" env LD_LIBRARY_PATH="$libdir" "$scratch/pcxx"
works "pkg-config: static runs" env TENON_DRIVER_PATH="$drivers" "$scratch/pcs"
empty "pkg-config: static needs no libtenon.so" "$(readelf -dW "$scratch/pcs" | grep 'NEEDED.*tenon')"

# The library for tests
eval "flags=($(pkg-config --cflags --libs tenon-testing))"
works "pkg-config: a test of somebody's own builds" \
    gcc -std=c17 -Wall -Wextra -Werror -o "$scratch/pct" "$here/consumer/test_consumer.c" "${flags[@]}"
works "pkg-config: it runs" env LD_LIBRARY_PATH="$libdir" "$scratch/pct"
works "find_package: it runs, shared" "$scratch/consumer/test_consumer_testing"
works "find_package: it runs, static" \
    env TENON_DRIVER_PATH="$drivers" "$scratch/consumer/test_consumer_testing_static"

# Somebody's own driver
cp -r "$root/drivers/template" "$scratch/template"
works "an own driver builds from the template and the package alone" \
    consume "$here/driver" "$scratch/driver" -DTEMPLATE="$scratch/template"
works "the own driver is accepted" "$prefix/bin/tenon" drivers inspect "$scratch/driver/template.so"
works "the own driver is certified" env TENON_DRIVER_PATH="$scratch/driver" \
    "$prefix/bin/tenon-conformance" template:
empty "the own driver exports tn_driver_module and nothing else" \
    "$(diff <(nm -D --defined-only "$scratch/driver/template.so" | awk '{ print $3 }') <(echo tn_driver_module))"
works "a driver on driver.h alone is accepted" "$prefix/bin/tenon" drivers inspect "$scratch/driver/bare.so"
if [ -L "$scratch/driver/template-alias.so" ]; then
    pass "the own driver has its alias"
else
    flunk "the own driver has its alias"
fi

strip -o "$scratch/libtenon.so" "$libdir/libtenon.so"
for driver in "$drivers"/*.so; do
    [ -L "$driver" ] && continue
    strip -o "$scratch/driver.so" "$driver"
    echo "# stripped: libtenon $(stat -c %s "$scratch/libtenon.so") bytes," \
        "$(basename "$driver") $(stat -c %s "$scratch/driver.so") bytes"
done
finish
