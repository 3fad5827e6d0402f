# SPDX-License-Identifier: MIT
# awk -v root=DIRECTORY -f includes.awk <table> <list of files>: prints each #include that the table
# does not allow, and each file that it has no line for.
function room_of_file(file,   path)
{
    if (file in allowed)
        return file
    path = file
    while (sub(/\/[^\/]*$/, "", path))
        if (path in allowed)
            return path
    return ""
}

# The room that an included name lies in; "system" for everything that is not ours.
function room_of_name(name, quoted, file,   folder, first)
{
    if (name ~ /^tenon\//) {
        if (name == "tenon/driver.h")
            return "driver"
        return name ~ /^tenon\/(error|export|isolation|log|types|version|wait)\.h$/ ? "leaf" : "public"
    }
    if (name ~ /^(libpq-fe\.h|libpq\/|pg_config|postgres_ext)/)
        return "libpq"
    if (name ~ /^sqlite3/)
        return "sqlite"
    if (name ~ /^cmocka/)
        return "cmocka"
    if (!quoted)
        return "system"
    if (name ~ /(^|\/)\.\.\//)
        return "(a path upwards)"
    folder = file
    sub(/\/[^\/]*$/, "", folder)
    if (exists(folder "/" name))
        return room_of_file(folder "/" name)
    if (exists("core/" name))
        return room_of_file("core/" name)
    if (exists("drivers/" name))
        return room_of_file("drivers/" name)
    if (exists("tools/" name))
        return room_of_file("tools/" name)
    if (exists("tests/" name))
        return room_of_file("tests/" name)
    # Another folder of the same room.
    for (first in files)
        if (room_of_file(first) == room_of_file(file) && first ~ ("/" name "$"))
            return room_of_file(file)
    return "(not found)"
}

function exists(path) { return path in files }

function may(room, other,   list, n, i)
{
    if (other == "system")
        return 1
    n = split(allowed[room], list, " ")
    for (i = 1; i <= n; i++)
        if (list[i] == other || (list[i] == "public" && other == "leaf"))
            return 1
    return 0
}

function check(file,   path, line, number, name, quoted, room, other)
{
    room = room_of_file(file)
    if (room == "") {
        print file ": no line in the table is about it"
        return
    }
    path = root "/" file
    while ((getline line < path) > 0) {
        number++
        if (line !~ /^[ \t]*#[ \t]*include[ \t]*[<"]/)
            continue
        name = line
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
        quoted = substr(name, 1, 1) == "\""
        sub(/^[<"]/, "", name)
        sub(/[>"].*$/, "", name)
        other = room_of_name(name, quoted, file)
        if (!may(room, other))
            print file ":" number ": " name " is in " other ", which " room " may not include"
    }
    close(path)
}

FNR == 1 { part++ }
part == 1 && (/^#/ || /^$/) { next }
part == 1 { room = $1; $1 = ""; allowed[room] = $0; next }
{ files[$0] = 1; order[++n_files] = $0 }

END {
    for (i = 1; i <= n_files; i++)
        check(order[i])
    print "looked at " n_files " files"
}
