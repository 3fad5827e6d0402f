#!/bin/sh
# SPDX-License-Identifier: MIT
# A throw-away PostgreSQL for one test program, which starts it, breaks it and removes it.
#
#   server.sh create DIR PORT [NAME=VALUE ...]   makes and starts a cluster in DIR, an empty folder
#   server.sh start DIR
#   server.sh stop DIR [fast|immediate]
#   server.sh reload DIR
#   server.sh standby DIR PORT PRIMARY [NAME=VALUE ...]   a standby of the one in PRIMARY
#   server.sh promote DIR                      makes it a server of its own
#   server.sh mount DIR MEGABYTES | unmount DIR   a small file system in DIR; exit 77: not allowed
#
# It listens on 127.0.0.1 (and $TEST_SERVER_ADDRESS): SCRAM for every role but "trusty", and on a
# socket in DIR: trust. Its superuser is postgres. Exit 77: no server is installed.
set -eu

command=$1
dir=$2
shift 2

# The newest server that is installed with its tools.
for candidate in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV) \
    "$(pg_config --bindir 2>/dev/null || true)"; do
    if [ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ]; then
        bin=$candidate
        break
    fi
done
if [ -z "${bin:-}" ]; then
    echo "skipped: no PostgreSQL server is installed (Debian package postgresql)"
    exit 77
fi

# The server refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    as() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
    own() { chown -R postgres:postgres "$@"; }
else
    as() { "$@"; }
    own() { :; }
fi

control() {
    as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 "$@" </dev/null >>"$dir/control" 2>&1
}

cd /
case $command in
create)
    port=$1
    shift
    chmod 755 "$dir"
    : >"$dir/control"
    own "$dir"
    as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C -N \
        ${TEST_SERVER_INITDB:-} >>"$dir/control" 2>&1
    {
        echo "listen_addresses = '127.0.0.1${TEST_SERVER_ADDRESS:+,$TEST_SERVER_ADDRESS}'"
        echo "port = $port"
        echo "unix_socket_directories = '$dir'"
        echo "fsync = off"
        echo "shared_buffers = 16MB"
        echo "log_min_messages = notice"
        echo "log_connections = on"
        echo "password_encryption = 'scram-sha-256'"
        for setting in "$@"; do
            printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
        done
    } >>"$dir/data/postgresql.conf"
    {
        echo "local all all trust"
        echo "local replication all trust"
        echo "host all trusty all trust"
        echo "host all all all scram-sha-256"
    } >"$dir/data/pg_hba.conf"
    control start
    ;;
standby)
    port=$1
    primary=$2
    shift 2
    chmod 755 "$dir"
    : >"$dir/control"
    own "$dir"
    primary_port=$(sed -n 4p "$primary/data/postmaster.pid")
    as "$bin/pg_basebackup" -h "$primary" -p "$primary_port" -U postgres -D "$dir/data" -R \
        -X stream -c fast >>"$dir/control" 2>&1
    {
        echo "port = $port"
        echo "unix_socket_directories = '$dir'"
        for setting in "$@"; do
            printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
        done
    } >>"$dir/data/postgresql.conf"
    control start
    ;;
promote) control promote ;;
start)
    # What a killed server leaves behind keeps the folder for a moment.
    tries=0
    until control start; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || exit 1
        sleep 0.1
    done
    ;;
stop) control stop -m "${1:-fast}" ;;
reload)
    own "$dir/data"
    control reload
    ;;
mount)
    if ! mount -t tmpfs -o "size=${1}m" tmpfs "$dir" 2>/dev/null; then
        echo "skip: a small file system cannot be mounted here (that needs root)"
        exit 77
    fi
    ;;
unmount) ! mountpoint -q "$dir" || umount "$dir" ;;
*) exit 2 ;;
esac
