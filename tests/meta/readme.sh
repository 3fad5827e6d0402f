#!/bin/bash
# SPDX-License-Identifier: MIT
# What documents show is what compiles and runs: readme.sh <root> <build directory>
#
# A code block's info string says what it is:   ```c program   compiled, run, its output compared
#   with the ```text block behind it, if there is one     ```c file   compiled, at file scope
#   ```c body   compiled, within a function that has db and err     ```c driver   as file, with
#   driver.h     plain ```c is not allowed. ```sh run   is run with the build's command in PATH.
. "$(dirname "$0")/tap.sh"
root=$1 build=$2
libdir=$build/lib
export TENON_NO_ENV=1 DATABASE_URL=sqlite::memory: LD_LIBRARY_PATH=$libdir
unset TENON_DRIVER_PATH

blocks() { # blocks <file> <folder>: one file a block, named by number, line and info string
    awk -v out="$2" '
        /^```[a-z]/ && !inside {
            inside = 1
            info = substr($0, 4)
            gsub(/ /, "-", info)
            file = sprintf("%s/%03d.%d.%s", out, ++n, NR, info)
            printf "" >file
            next
        }
        /^```/ { inside = 0; if (file) close(file); file = ""; next }
        inside { print >file }' "$1"
}

compile() { # compile <source> <program or ->
    if [ "$2" = - ]; then
        gcc -std=c17 -Wall -Wextra -Werror -Wno-unused -I"$root/include" -fsyntax-only "$1"
    else
        gcc -std=c17 -Wall -Wextra -Werror -pedantic -I"$root/include" -o "$2" "$1" -L"$libdir" -ltenon
    fi
}

n_programs=0
while IFS= read -r document; do
    folder=$scratch/$(tr / - <<<"$document")
    mkdir -p "$folder/run"
    blocks "$root/$document" "$folder"
    previous=
    for block in "$folder"/[0-9]*; do
        [ -f "$block" ] || continue
        line=$(basename "$block" | cut -d. -f2)
        title="$document:$line"
        case $block in
        *.c-program)
            cp "$block" "$folder/program.c"
            works "$title: the program compiles" compile "$folder/program.c" "$folder/program"
            (cd "$folder/run" && "$folder/program") >"$folder/output" 2>"$folder/errors"
            status=$?
            if [ $status -eq 0 ]; then
                pass "$title: the program runs"
            else
                flunk "$title: the program runs" "exit $status: $(cat "$folder/errors")"
            fi
            n_programs=$((n_programs + 1))
            ;;
        *.text)
            if [[ $previous == *.c-program ]]; then
                empty "$title: this is what the program prints" "$(diff "$block" "$folder/output")"
            fi
            ;;
        *.c-file | *.c-driver | *.c-body)
            {
                echo '#include <stdio.h>'
                echo '#include <stdlib.h>'
                echo '#include <string.h>'
                [[ $block == *driver ]] && echo '#include <tenon/driver.h>'
                echo '#include <tenon/tenon.h>'
                [[ $block == *body ]] && echo 'tn_status snippet(tn_db *db, tn_error *err) {'
                cat "$block"
                [[ $block == *body ]] && echo 'return TN_OK; }'
                echo 'typedef int not_empty;'
            } >"$folder/snippet.c"
            works "$title: the snippet compiles" compile "$folder/snippet.c" -
            ;;
        *.c) flunk "$title: says what it is" "write \`\`\`c program, file, body or driver" ;;
        *.sh-run)
            works "$title: the commands run" env PATH="$build/bin:$PATH" \
                bash -e -c "cd '$folder/run' && . '$block'"
            ;;
        esac
        previous=$block
    done
done < <(project_files "$root" | grep '\.md$')

if [ "$n_programs" -gt 0 ]; then
    pass "$n_programs complete programs"
else
    flunk "README.md shows a complete program"
fi
empty "README.md has a row for each status" "$(
    sed -n '/^typedef enum tn_status/,/^}/s/^ *\(TN_[A-Z_]*\),.*/\1/p' "$root/include/tenon/error.h" |
        while IFS= read -r status; do grep -qF "| \`$status\` |" "$root/README.md" || echo "$status"; done)"
# Links within the tree lead somewhere.
empty "links between documents lead somewhere" "$(
    project_files "$root" | grep '\.md$' | while IFS= read -r document; do
        grep -oE '\]\([^)#:]+(#[^)]*)?\)' "$root/$document" | sed 's/^](//; s/)$//; s/#.*//' |
            while IFS= read -r link; do
                [ -e "$root/$(dirname "$document")/$link" ] || echo "$document: $link"
            done
    done)"
finish
