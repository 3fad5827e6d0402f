#!/bin/bash
# SPDX-License-Identifier: MIT
# Each public header compiles alone: as C17 and as C++17, pedantic, by each compiler that is there.
. "$(dirname "$0")/tap.sh"
include=$1

warnings="-Wall -Wextra -Wshadow -Wundef -pedantic-errors -Werror"
for header in "$include"/tenon/*.h; do
    name=tenon/$(basename "$header")
    # Twice: the guard holds.
    printf '#include <%s>\n#include <%s>\ntypedef int not_empty;\n' "$name" "$name" >"$scratch/one.c"
    cp "$scratch/one.c" "$scratch/one.cpp"
    for compiler in gcc clang; do
        # The C++ half of another header says so in an #error.
        [ "$name" = tenon/args_cxx.h ] && continue
        if command -v $compiler >/dev/null; then
            works "$name: $compiler, C17" \
                $compiler -std=c17 $warnings -Wstrict-prototypes -I"$include" -fsyntax-only "$scratch/one.c"
        else
            skip "$name: $compiler, C17" "there is no $compiler here"
        fi
    done
    for compiler in g++ clang++; do
        [ "$name" = tenon/args_cxx.h ] && printf '#include <tenon/args.h>\n' >"$scratch/one.cpp"
        if command -v $compiler >/dev/null; then
            works "$name: $compiler, C++17" \
                $compiler -std=c++17 $warnings -I"$include" -fsyntax-only "$scratch/one.cpp"
        else
            skip "$name: $compiler, C++17" "there is no $compiler here"
        fi
    done
done
printf '#include <tenon/args_cxx.h>\n' >"$scratch/one.c"
refuses "tenon/args_cxx.h: refused in C" 'for C\+\+ only' \
    "${CC:-gcc}" -std=c17 -I"$include" -fsyntax-only "$scratch/one.c"
finish
