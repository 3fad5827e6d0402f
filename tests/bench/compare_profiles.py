#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where do the instructions go that tenon costs on top of its client library?

usage: compare_profiles.py BIN RAW WORKLOAD[:OPERATIONS] [...]

    DATABASE_URL=... compare_profiles.py build/release/bin bench_sqlite w1 w4s:12000

Runs each workload under callgrind, for RAW (bench_pq, bench_sqlite) and for bench_tenon, counts
what it measures, and prints the difference of an operation: by function and by room. The tables
must be there with at least 12,000 rows: `bench_run --short --keep`, or `RAW setup 1 12000`.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

ROOMS = {"base", "bench", "config", "driver", "kit", "observe", "pool", "postgres", "session",
         "sqlite", "tenon"}
OPERATIONS = 2000
SHOWN = int(os.environ.get("TOP", "28"))


def profile(program, workload, operations):
    """Instructions of a run: {(function, place): count}."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "callgrind.out")
        subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no",
                        "--callgrind-out-file=" + out, program, workload, str(operations),
                        "12000"], check=True, timeout=600,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        text = subprocess.run(["callgrind_annotate", "--threshold=100", "--show-percs=no", out],
                              check=True, timeout=600, capture_output=True, text=True).stdout
    counts = collections.Counter()
    for line in text.splitlines():
        match = re.match(r"\s*([\d,]+)\s+(\S+?):(\S+)(?:.*\[(.*)\])?", line)
        if not match:
            continue
        count, source, function, library = match.groups()
        if source == "???":
            place = os.path.basename(library or "?")
        else:
            place = "/".join(source.split("/")[-2:])
        counts[function.split("@@")[0].replace("'2", ""), place] += int(count.replace(",", ""))
    return counts


def of_one(program, workload, operations):
    return {key: count / operations
            for key, count in profile(program, workload, operations).items()}


def summed(counts, key_of):
    sums = collections.Counter()
    for key, count in counts.items():
        sums[key_of(key)] += count
    return sums


def room_of(key):
    head, slash, _ = key[1].partition("/")
    return head if not slash or head in ROOMS else "libc"


def compare(folder, raw_name, spec):
    workload, _, operations = spec.partition(":")
    raw, tenon = (of_one(os.path.join(folder, name), workload, int(operations or OPERATIONS))
                  for name in (raw_name, "bench_tenon"))
    a, b = sum(raw.values()), sum(tenon.values())
    print(f"== {workload}: raw {a:.0f}, tenon {b:.0f}, ratio {b / a:.3f}, extra {b - a:.0f}")
    places = {function: place for function, place in [*raw, *tenon]}
    for title, key_of in (("function", lambda key: key[0]), ("room", room_of)):
        old, new = summed(raw, key_of), summed(tenon, key_of)
        print(f"   by {title}: extra (raw, tenon)")
        for key in sorted(set(old) | set(new), key=lambda k: -abs(new[k] - old[k]))[:SHOWN]:
            if abs(new[key] - old[key]) >= 5:
                print(f"   {new[key] - old[key]:+8.0f}  ({old[key]:6.0f}, {new[key]:6.0f})  {key}"
                      f"  {places.get(key, '')}")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    for spec in sys.argv[3:]:
        compare(sys.argv[1], sys.argv[2], spec)


if __name__ == "__main__":
    main()
