#!/bin/bash
# SPDX-License-Identifier: MIT
# How the binaries are linked: hardening.sh <build type> <file...>
. "$(dirname "$0")/tap.sh"
build_type=$1
shift

for file in "$@"; do
    name=$(basename "$file")
    dynamic=$(readelf -dW "$file")
    segments=$(readelf -lW "$file")
    undefined=$(nm -D -u "$file")
    has() { # has <title> <text> <pattern>
        if grep -qE "$3" <<<"$2"; then pass "$name: $1"; else flunk "$name: $1" "$2"; fi
    }
    hasnt() {
        if grep -qE "$3" <<<"$2"; then flunk "$name: $1" "$(grep -E "$3" <<<"$2")"; else pass "$name: $1"; fi
    }
    has "relocations are read-only" "$segments" 'GNU_RELRO'
    has "all symbols are bound when it is loaded" "$dynamic" 'BIND_NOW|FLAGS.*NOW'
    has "its stack is declared" "$segments" 'GNU_STACK'
    hasnt "its stack is not executable" "$segments" 'GNU_STACK.* RWE '
    hasnt "no segment is writable and executable" "$segments" 'LOAD.* RWE '
    hasnt "no text relocations" "$dynamic" 'TEXTREL'
    has "position independent" "$(readelf -hW "$file")" 'Type: +DYN'
    has "stack protector" "$undefined" '__stack_chk_fail'
    # Not one of a directory of the machine that it was built on, or that others can write to.
    hasnt "no search path of its own for libraries" \
        "$(grep -E 'R(UN)?PATH' <<<"$dynamic" | grep -vE '\[(:?\$ORIGIN/\.\./lib[a-z0-9/_-]*)+\]')" 'R(UN)?PATH'
    if [ "$build_type" != Debug ]; then
        has "fortified functions" "$undefined" '_chk(@|$)'
    fi
done
finish
