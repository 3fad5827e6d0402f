#!/bin/bash
# SPDX-License-Identifier: MIT
# Drivers that must be refused, each with its own message, none of its code run:
# drivers.sh <tenon> <directory of the wrong modules>
. "$(dirname "$0")/tool.sh"
modules=$2
dir=$scratch/drivers
export TENON_TEST_TRACE=$scratch/trace
mkdir "$dir" "$TENON_TEST_TRACE"
chmod 755 "$scratch" "$dir"

# refused <title> <pattern> [mapped]: by its scheme, by its path and in the list. None of its code
# has run; with "mapped" its constructor may have: what is wrong is only known then.
refused() {
    local title=$1 pattern=$2
    rm -f "$TENON_TEST_TRACE"/*
    exits "$title" 2 env TENON_DRIVER_PATH="$dir" "$TENON" health --url evil://x
    says "$title: says why" "$pattern"
    exits "$title, inspected" 2 "$TENON" drivers inspect "$dir/evil.so"
    if [ "${3:-}" != by-scheme ]; then says "$title, inspected: says why" "$pattern"; fi
    exits "$title, listed" 0 env TENON_DRIVER_PATH="$dir" "$TENON" drivers
    if [ "${3:-}" != mapped ] && [ -e "$TENON_TEST_TRACE/constructor" ]; then
        flunk "$title: its constructor did not run"
    elif [ -e "$TENON_TEST_TRACE/operation" ]; then
        flunk "$title: no operation of it ran"
    else
        pass "$title: none of its code ran"
    fi
    rm -rf "$dir" && mkdir "$dir" && chmod 755 "$dir"
}

put() { install -m 755 "$modules/$1.so" "$dir/evil.so"; }

# First a good one: it is loaded, and leaves the traces that are looked for below.
put good
exits "a good one is inspected" 0 "$TENON" drivers inspect "$dir/evil.so"
says "inspect names it" '^evil$' "$out"
says "inspect shows the required tables" 'conn +required +[0-9]+ bytes' "$out"
says "inspect shows that an optional one is absent" 'bulk +optional +-$' "$out"
if [ -e "$TENON_TEST_TRACE/constructor" ] && [ ! -e "$TENON_TEST_TRACE/operation" ]; then
    pass "inspect maps it and calls nothing of it"
else
    flunk "inspect maps it and calls nothing of it" "$(ls "$TENON_TEST_TRACE")"
fi
exits "inspect by a path from here" 0 sh -c 'cd "$1" && "$2" drivers inspect ./evil.so' sh "$dir" "$TENON"
exits "inspect as JSON" 0 "$TENON" drivers inspect --json "$dir/evil.so"
json "inspect as JSON" 'd["ok"] and d["name"] == "evil" and d["usable"] and [o["present"] for o in d["operations"]] == [True] * 4 + [False] * 4'
exits "a good one is listed" 0 env TENON_DRIVER_PATH="$dir" "$TENON" drivers
says "the list names its file" "file +$dir/evil.so" "$out"
exits "a good one is asked" 2 env TENON_DRIVER_PATH="$dir" "$TENON" health --url evil://x
says "its own words are told" 'this driver opens nothing'
if [ -e "$TENON_TEST_TRACE/operation" ]; then pass "now an operation ran"; else flunk "now an operation ran"; fi
ln -s evil.so "$dir/alias.so"
exits "a link within the directory is followed" 0 "$TENON" drivers inspect "$dir/alias.so"
rm -rf "$dir" && mkdir "$dir" && chmod 755 "$dir"

put abi-major; refused "another ABI major" 'driver ABI 2\.2, this library has 1\.'
put host-minor; refused "a newer host wanted" 'needs driver ABI 1\.99 or later'
put size-small; refused "a size that is too small" 'its description has 16 bytes, expected'
put size-large; refused "a size that is too large" 'its description has [0-9]+ bytes, expected'
put table-size; refused "a table of a wrong size" 'table conn says it has [0-9]+ bytes' mapped
put magic; refused "a wrong magic number" 'wrong magic number'
put no-close; refused "a required operation is missing" 'required operation conn\.close is missing'
put no-rollback; refused "begin without rollback" 'txn\.begin without txn\.rollback' mapped
put no-symbol; refused "a library that is no driver" 'no symbol tn_driver_module'
put bad-name; refused "a name that is none" 'its name is not of the form' mapped
put other-scheme
exits "a file named for a scheme that it does not serve" 2 env TENON_DRIVER_PATH="$dir" "$TENON" health --url evil://x
says "a file named for a scheme that it does not serve: says so" 'does not serve scheme "evil"'
rm -f "$dir"/*

echo "just text" >"$dir/evil.so"; refused "a text file" 'driver .*evil\.so: '
: >"$dir/evil.so"; refused "an empty file" 'driver .*evil\.so: '
head -c 2000 "$modules/good.so" >"$dir/evil.so"; refused "a file that was cut short" 'driver .*evil\.so: '
mkdir "$dir/evil.so"; refused "a directory" 'not a regular file'
put good; chmod 666 "$dir/evil.so"; refused "writable by others" 'writable by others \(mode 0666\); refused'
put good; chmod 777 "$dir"; refused "in a directory that is writable by others" 'writable by others \(mode 0777\); refused'
install -m 755 "$modules/good.so" "$scratch/outside.so"
ln -s ../outside.so "$dir/evil.so"; refused "a link out of the directory" 'a link out of its directory'
ln -s nowhere.so "$dir/evil.so"; refused "a link that leads nowhere" 'leads nowhere'
if [ "$(id -u)" -eq 0 ]; then
    put good; chown 65534 "$dir/evil.so"; refused "somebody else's file" 'belongs to user 65534, not to root'
else
    skip "somebody else's file" "only root can give files away"
fi

put good
rm -f "$TENON_TEST_TRACE"/*
for url in '../../evil://x' './evil://x' '/evil://x' 'EVIL://x' 'ev/il://x' '.evil://x' '://x' 'evil'; do
    exits "no scheme: $url" 2 env TENON_DRIVER_PATH="$dir" DATABASE_URL="$url" "$TENON" health
    says "no scheme: $url: says so" 'scheme'
done
exits "an unknown scheme" 2 env TENON_DRIVER_PATH="$dir" "$TENON" health --url mysql://x
says "an unknown scheme: says so" 'scheme "mysql": unknown'
exits "a relative driver path" 2 sh -c 'cd "$1" && TENON_DRIVER_PATH=. exec "$2" health --url evil://x' sh "$dir" "$TENON"
says "a relative driver path: says so" 'not absolute'
if [ -e "$TENON_TEST_TRACE/constructor" ]; then flunk "nothing was mapped"; else pass "nothing was mapped"; fi

# Known, but not installed: another message than unknown.
mkdir -p "$scratch/prefix/bin" "$scratch/prefix/lib"
cp "$TENON" "$scratch/prefix/bin/tenon"
cp "$(dirname "$TENON")"/../lib/libtenon{,-migrate}.so.* "$scratch/prefix/lib/" 2>/dev/null
if [ -e "$scratch/prefix/lib/libtenon.so.0" ]; then
    exits "a driver that is not installed" 2 env -u LD_LIBRARY_PATH "$scratch/prefix/bin/tenon" health --url postgresql://h/x
    says "a driver that is not installed: says so" 'driver "postgresql": not installed; looked in .*/prefix/lib/tenon/drivers'
    exits "no driver at all, listed" 0 env -u LD_LIBRARY_PATH "$scratch/prefix/bin/tenon" drivers
    says "no driver at all, listed: says so" 'no driver is installed' "$out"
    exits "certify without the suite" 2 env -u LD_LIBRARY_PATH "$scratch/prefix/bin/tenon" drivers certify --url sqlite::memory:
    says "certify without the suite: says so" 'tenon-conformance\) is not installed'
else
    flunk "the command finds its library by a relative path" "$(ls "$(dirname "$TENON")/../lib")"
fi

exits "the list as JSON" 0 env TENON_DRIVER_PATH="$dir" "$TENON" drivers --json
json "the list as JSON" 'd["ok"] and d["directories"][0]["exists"] and any(x["name"] == "evil" and x["usable"] for x in d["drivers"])'
exits "certify without a URL" 2 "$TENON" drivers certify
if [ -x "$(dirname "$TENON")/tenon-conformance" ]; then
    exits "certify of a driver that opens nothing" 6 env TENON_DRIVER_PATH="$dir" "$TENON" drivers certify --url evil://x
    says "certify hands the URL to the suite" 'this driver opens nothing'
else
    skip "certify hands the URL to the suite" "tenon-conformance is not built"
fi
finish
