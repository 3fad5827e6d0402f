#!/bin/bash
# SPDX-License-Identifier: MIT
# The layout is clang-format's: format.sh <root>. First that the check can fail.
. "$(dirname "$0")/tap.sh"
root=$1
printf 'int  main( void ){return 0;}\n' >"$scratch/bad.c"
cp "$root/.clang-format" "$scratch/"
out=$("$root/tools/dev/format" check "$scratch/bad.c" 2>&1)
case $? in
77) skip "layout" "there is no clang-format 14 here" && finish ;;
1) pass "self-test: a wrong layout is seen" ;;
*) flunk "self-test: a wrong layout is seen" "$out" ;;
esac
works "every file has the house's layout" "$root/tools/dev/format" check
finish
