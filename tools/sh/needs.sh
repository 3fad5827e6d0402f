# SPDX-License-Identifier: MIT
# What a build needs and how it is had: probes first, apt-get only for what is missing. Sourced,
# after steps.sh.

missing=()

# need "<packages>" <probe> [arguments...]: the Debian packages are wanted unless the probe holds.
need() {
    local packages=$1 package
    shift
    "$@" >/dev/null 2>&1 && return 0
    for package in $packages; do
        case " ${missing[*]:-} " in
        *" $package "*) ;;
        *) missing+=("$package") ;;
        esac
    done
}

has() {
    command -v "$1"
}

has_any() {
    local name
    for name in "$@"; do
        command -v "$name" && return 0
    done
    return 1
}

# makes_program <compiler> <c|c++>: headers and libraries are there, not only the driver program.
makes_program() {
    local out status
    command -v "$1" || return 1
    out=$(mktemp) || return 1
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
        "$1" -x "$2" - -o "$out" && "$out"
    status=$?
    rm -f "$out"
    return "$status"
}

# has_library <pkg-config name> <header> [folder of headers...]
has_library() {
    local name=$1 header=$2 folder
    shift 2
    pkg-config --exists "$name" && return 0
    for folder in /usr/include /usr/local/include "$@"; do
        [ -f "$folder/$header" ] && return 0
    done
    return 1
}

has_postgresql_server() {
    local folder
    for folder in "$(dirname "$(command -v initdb || echo /)")" "$(pg_config --bindir)" \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return 0
    done
    return 1
}

# It lies where only root looks for programs.
has_pgbouncer() {
    command -v pgbouncer || [ -x /usr/sbin/pgbouncer ]
}

# Run in a subshell of its own, with a log: installs the packages named.
apt_install() {
    local -a as_root=()
    local folder=/etc/postgresql-common/createcluster.d made=
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    "${as_root[@]}" apt-get -q update || return 1
    # A server package makes and starts a cluster of its own when it is first installed. Not wanted:
    # say so for the time of the installation, and only where no cluster tools are set up yet.
    case " $* " in
    *" postgresql "*)
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            made=$folder/tenon.conf
            "${as_root[@]}" sh -c "mkdir -p $folder && echo 'create_main_cluster = false' >$made"
        fi
        ;;
    esac
    "${as_root[@]}" apt-get -q install -y --no-install-recommends "$@"
    local status=$?
    [ -z "$made" ] || "${as_root[@]}" sh -c "rm -f $made; rmdir --ignore-fail-on-non-empty $folder"
    return "$status"
}

# get_needs <function> <log>: the function calls need() for each need. Exits 2 when something
# stays missing, having said what.
get_needs() {
    local list=$1 log=$2 command
    missing=()
    "$list"
    [ ${#missing[@]} -gt 0 ] || return 0

    command="apt-get install --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null 2>&1; then
        complain "missing, by the names of Debian's packages: ${missing[*]}"
        complain "there is no apt-get here: install what your system calls them, then run this again"
        exit 2
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            complain "missing, and neither root nor sudo to install it; as root run: $command"
            exit 2
        fi
        # sudo may ask for a password where somebody can answer.
        if ! sudo -n true 2>/dev/null && ! { [ -t 0 ] && sudo -v; }; then
            complain "missing, and sudo does not work without a password; as root run: $command"
            exit 2
        fi
    fi
    quiet "installing ${missing[*]}" "$log" apt_install "${missing[@]}" || {
        complain "the installation failed; try by hand: $command"
        exit 2
    }
    missing=()
    hash -r
    "$list"
    if [ ${#missing[@]} -gt 0 ]; then
        complain "still missing after the installation: ${missing[*]}"
        exit 2
    fi
}

# check_cmake <major> <minor>
check_cmake() {
    local have least=$1.$2
    have=$(cmake --version | sed -n 's/^cmake version \([0-9.]*\).*/\1/p')
    if [ "$(printf '%s\n%s\n' "$least" "$have" | sort -V | head -n 1)" != "$least" ]; then
        complain "CMake $least or newer is needed, found $have"
        exit 2
    fi
}
