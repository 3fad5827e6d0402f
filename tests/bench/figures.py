#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a table and a picture of what bench_run measured.

usage: figures.py [--size BYTES] [--json OUT] [--svg OUT] [--readme FILE] INPUT.json [...]

Each INPUT is what `bench_run --json` wrote for one database, or the OUT of an earlier call. The
table of targets goes to standard output as Markdown, with --readme also between the two
<!-- figures --> lines of that file. --size: libtenon and one driver, stripped.
"""
import argparse
import json
import math
import sys

PEERS = ["libzdb", "soci", "apr", "libdbi", "odbc"]


class Target:
    """One row of the table: what it is called, what is measured, and its limit."""

    def __init__(self, title, database, workload, kind, limit, against=None):
        self.title, self.database, self.workload = title, database, workload
        self.kind, self.limit, self.against = kind, limit, against or workload


TARGETS = [
    Target("w1, select by key", "postgresql", "w1", "time", 1.05),
    Target("w1, instructions", "postgresql", "w1", "instructions", 1.10),
    Target("w1, allocations of ours a call", "postgresql", "w1", "allocations", 0),
    Target("w2, insert, one by one", "postgresql", "w2", "time", 1.05),
    Target("w2 in a batch, to one by one", "postgresql", "w2b", "time", 0.32, "w2"),
    Target("w3, bulk, to COPY BINARY", "postgresql", "w3", "time", 1.03),
    Target("w3r, bulk read, to COPY BINARY", "postgresql", "w3r", "time", 1.05),
    Target("w4 streaming", "postgresql", "w4s", "time", 1.03),
    Target("w4 streaming, instructions", "postgresql", "w4s", "instructions", 1.08),
    Target("w4 streaming, growth of memory", "postgresql", "w4s", "memory", 8),
    Target("w4 streaming, allocations of ours a row", "postgresql", "w4s", "allocations", 0),
    Target("w4 buffered", "postgresql", "w4b", "time", 1.05),
    Target("w5, transaction, call by call", "postgresql", "w5", "time", 1.05),
    Target("w5 with COMMIT in the batch, to one by one", "postgresql", "w5b", "time", 0.65, "w5"),
    Target("w6e, acquire and release, 1 thread", "postgresql", "w6e1", "time", 0.8),
    Target("w6e, 2 threads", "postgresql", "w6e2", "time", 0.8),
    Target("w6e, 8 threads", "postgresql", "w6e8", "time", 1.0),
    Target("w6e, 64 threads", "postgresql", "w6e64", "time", 1.0),
    Target("w6q, select 1, 8 threads, pool of 4", "postgresql", "w6q", "time", 1.05),
    Target("w7p, batch, to the pipeline by hand", "postgresql", "w7p", "time", 1.05),
    Target("start to first answer", "postgresql", "start", "time", 1.1),
    Target("w1, instructions", "sqlite", "w1", "instructions", 1.10),
    Target("w1, allocations of ours a call", "sqlite", "w1", "allocations", 0),
    Target("w4 streaming, instructions", "sqlite", "w4s", "instructions", 1.15),
    Target("w4 streaming, growth of memory", "sqlite", "w4s", "memory", 8),
    Target("w8p, select 1", "sqlite", "w8p", "time", 1.5),
    Target("w9, a database in memory from scratch", "sqlite", "w9", "time", 1.10),
    Target("w9, clone of 14 tables", "sqlite", "w9c", "milliseconds", 0.5),
    Target("start to first answer", "sqlite", "start", "time", 1.1),
]
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
SIZE_LIMIT = 300 * 1024
FILES_LIMIT = 0.9  # of the rate of psql


def read(paths):
    """{database: {workload: {...}}}, and what else the inputs have: the size, import and export."""
    found, others = {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        others.update({key: content[key] for key in ("size", "import", "export")
                       if key in content})
        for each in content.get("databases", [content] if "database" in content else []):
            found[each["database"]] = {w["name"]: w for w in each["workloads"]}
    return found, others


def of(found, target, who, workload):
    entry = found.get(target.database, {}).get(workload)
    return entry and entry["contenders"].get(who)


def measured(found, target):
    """The figure, the same of the rounds in the middle, and how both are written."""
    own = of(found, target, "tenon", target.workload)
    raw = of(found, target, "raw", target.against)
    if not own or not raw:
        return None
    if target.kind == "time":
        return (own["fastest_ns"] / raw["fastest_ns"], own["median_ns"] / raw["median_ns"], "{:.2f}")
    if target.kind == "milliseconds":
        return own["fastest_ns"] / 1e6, own["median_ns"] / 1e6, "{:.2f} ms"
    if target.kind == "memory":
        return own["memory_kib"] / 1024, None, "{:.1f} MiB"
    key = {"instructions": "instructions", "allocations": "allocations_ours"}[target.kind]
    if key not in own:
        return None
    if target.kind == "allocations":
        return own[key], None, "{:.2f}"
    return own[key] / raw[key], None, "{:.2f}"


def limit_text(target):
    unit = {"milliseconds": " ms", "memory": " MiB"}.get(target.kind, "")
    return f"{target.limit:g}{unit}" if target.limit == 0 else f"≤ {target.limit:g}{unit}"


def verdict(value, target):
    # What is made once is spread over all operations of a run.
    slack = 0.005 if target.kind != "allocations" else 0.02
    return "met" if value <= target.limit + slack else "**missed**"


def micro(entry):
    value = entry["fastest_ns"] / 1000 if entry else 0
    return "" if not entry else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def other_rows(others):
    """What is not a workload: files of the command, and the library's size."""
    lines = []
    for what in ("import", "export"):
        if what not in others:
            continue
        psql, own = others[what]["psql_us"], others[what]["tenon_us"]
        word = "met" if psql / own >= FILES_LIMIT else "**missed**"
        rows = others[what]["rows"]
        lines.append(f"| PostgreSQL | `tenon sql {what}`, {rows} rows of CSV, rate to that of"
                     f" psql's `\\copy` | ≥ {FILES_LIMIT} | {psql / own:.2f} | | {word} |"
                     f" {own} | {psql} |")
    if "size" in others:
        size = others["size"]
        word = "met" if size <= SIZE_LIMIT else "**missed**"
        lines.append(f"| | libtenon and one driver, stripped | ≤ {SIZE_LIMIT // 1024} KiB |"
                     f" {size / 1024:.0f} KiB | | {word} | | |")
    return lines


def targets_table(found, others):
    lines = ["| | | target | measured | median | | tenon, µs | reference, µs |",
             "|---|---|--:|--:|--:|---|--:|--:|"]
    for target in TARGETS:
        if target.database not in found:
            continue
        result = measured(found, target)
        own, raw = (of(found, target, who, workload) for who, workload in
                    (("tenon", target.workload), ("raw", target.against)))
        cells = [NAMES[target.database], target.title, limit_text(target)]
        if result:
            value, median, form = result
            cells += [form.format(value), form.format(median) if median is not None else "",
                      verdict(value, target)]
        else:
            cells += ["", "", "not measured"]
        cells += [micro(own), micro(raw)] if target.kind in ("time", "milliseconds") else ["", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + other_rows(others)


def all_table(found, database):
    """Everything that was measured on it: ratios of tenon and of the peers that took part."""
    workloads = found[database]
    peers = [p for p in PEERS if any(w["contenders"].get(p) for w in workloads.values())]
    lines = ["| " + NAMES[database] + " | | reference, µs | tenon | median | instr. | alloc. |"
             + "".join(f" {p} |" for p in peers),
             "|---|---|--:|--:|--:|--:|--:|" + "--:|" * len(peers)]
    for name, workload in workloads.items():
        raw, own = (workload["contenders"].get(who) for who in ("raw", "tenon"))
        cells = [name, workload["what"], micro(raw)]
        if own:
            cells += [f"{own['ratio']:.2f}", f"{own['median_ratio']:.2f}",
                      f"{own['instruction_ratio']:.2f}" if "instruction_ratio" in own else "",
                      f"{own['allocations_ours']:.2f}" if "allocations_ours" in own else ""]
        else:
            cells += ["", "", "", ""]
        cells += [f"{workload['contenders'][p]['ratio']:.3g}" if workload["contenders"].get(p)
                  else "" for p in peers]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


TITLE = "Time of tenon as a multiple of the client library used by hand"

# ---- the picture ----------------------------------------------------------------------------

SHOWN = ["w1", "w2", "w2b", "w3", "w4s", "w4b", "w5", "w5b", "w6q", "w6e1", "w6e8", "w7p", "w8p",
         "w9", "start"]
LABELS = {"w1": "select by key", "w2": "insert", "w2b": "insert, batch", "w3": "bulk insert",
          "w4s": "scan, streaming", "w4b": "scan, buffered", "w5": "transaction",
          "w5b": "transaction, batch", "w6q": "8 threads, pool of 4", "w6e1": "acquire, release",
          "w6e8": "the same, 8 threads", "w7p": "100 selects, batch", "w8p": "select 1",
          "w9": "database in memory", "start": "process start"}
# What a batch saves is seen against the statements one by one.
AGAINST = {"w2b": "w2", "w5b": "w5", "w7p": "w7s"}
LOW, HIGH = 0.25, 64.0
PANEL, LABEL, ROW, TOP = 450, 150, 22, 74
COLORS = {"tenon": "own", "libzdb": "c1", "soci": "c2", "apr": "c3", "libdbi": "c4", "odbc": "c5"}
STYLE = """
.back{fill:#fff}.text{fill:#24292f}.soft{fill:#57606a}.grid{stroke:#d0d7de}.one{stroke:#57606a}
.own{fill:#0969da;stroke:#0969da}.c1{fill:#bf8700}.c2{fill:#cf222e}.c3{fill:#1a7f37}
.c4{fill:#8250df}.c5{fill:#bc4c00}
@media(prefers-color-scheme:dark){.back{fill:#0d1117}.text{fill:#e6edf3}.soft{fill:#8d96a0}
.grid{stroke:#30363d}.one{stroke:#8d96a0}.own{fill:#58a6ff;stroke:#58a6ff}.c1{fill:#d29922}
.c2{fill:#ff7b72}.c3{fill:#3fb950}.c4{fill:#bc8cff}.c5{fill:#ffa657}}
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
.head{font-size:15px;font-weight:600}.small{font-size:11px}
"""


def at(ratio, high):
    """Where a ratio lies on the axis, which is logarithmic."""
    part = math.log(min(max(ratio, LOW), high) / LOW) / math.log(high / LOW)
    return LABEL + part * (PANEL - LABEL - 28)


def ratios(workloads, name):
    reference = workloads.get(AGAINST.get(name, name), {}).get("contenders", {}).get("raw")
    if not reference or name not in workloads:
        return {}
    return {who: entry["fastest_ns"] / reference["fastest_ns"]
            for who, entry in workloads[name]["contenders"].items() if entry and who != "raw"}


def panel(out, left, database, workloads, rows, high):
    bottom = TOP + len(rows) * ROW
    out.append(f'<text class="text head" x="{left + 8}" y="46">{NAMES[database]}</text>')
    tick = LOW
    while tick <= high * 1.001:
        x = left + at(tick, high)
        kind = "one" if tick == 1 else "grid"
        out.append(f'<line class="{kind}" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}"/>')
        out.append(f'<text class="soft small" x="{x:.1f}" y="{TOP - 12}"'
                   f' text-anchor="middle">{tick:g}</text>')
        tick *= 2
    for i, name in enumerate(rows):
        y = TOP + i * ROW + ROW / 2
        found = ratios(workloads, name)
        out.append(f'<text class="text" x="{left + LABEL - 10}" y="{y + 4}"'
                   f' text-anchor="end">{LABELS[name]}</text>')
        for who, ratio in found.items():
            if who != "tenon":
                out.append(f'<circle class="{COLORS[who]}" cx="{left + at(ratio, high):.1f}"'
                           f' cy="{y}" r="3.2"><title>{who}: {ratio:.2f}</title></circle>')
        if "tenon" in found:
            x = left + at(found["tenon"], high)
            out.append(f'<line class="own" stroke-width="4" x1="{left + at(1, high):.1f}" y1="{y}"'
                       f' x2="{x:.1f}" y2="{y}"/>')
            out.append(f'<circle class="own" cx="{x:.1f}" cy="{y}" r="5">'
                       f'<title>tenon: {found["tenon"]:.2f}</title></circle>')
            out.append(f'<text class="soft small" x="{left + PANEL - 2}" y="{y + 4}"'
                       f' text-anchor="end">{found["tenon"]:.2f}</text>')


def picture(found):
    databases = [d for d in ("postgresql", "sqlite") if d in found]
    rows = {d: [n for n in SHOWN if "tenon" in ratios(found[d], n)] for d in databases}
    everyone = [r for d in databases for n in rows[d] for r in ratios(found[d], n).values()]
    high = 2.0
    while high < min(max(everyone, default=1), HIGH):
        high *= 2
    height = TOP + max((len(r) for r in rows.values()), default=0) * ROW + 40
    width = PANEL * len(databases) + 20
    who = ["tenon"] + [p for p in PEERS for d in databases
                       if any(p in ratios(found[d], n) for n in rows[d])]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
           f' width="{width}" height="{height}" role="img">',
           "<!-- SPDX-License-Identifier: MIT -->",
           f"<title>{TITLE}</title>",
           f"<style>{STYLE}</style>",
           f'<rect class="back" width="{width}" height="{height}" rx="8"/>',
           '<text class="text" x="18" y="24">Time as a multiple of the client library used by hand'
           ' (1); further left is faster</text>']
    for i, database in enumerate(databases):
        panel(out, 10 + i * PANEL, database, found[database], rows[database], high)
    x = 18
    for name in dict.fromkeys(who):
        out.append(f'<circle class="{COLORS[name]}" cx="{x + 5}" cy="{height - 16}" r="4"/>')
        out.append(f'<text class="text" x="{x + 14}" y="{height - 12}">{name}</text>')
        x += 30 + 7 * len(name)
    out.append("</svg>")
    return "\n".join(out) + "\n"


# ---- files ------------------------------------------------------------------------------------

def rewrite(path, lines):
    """Puts lines between the two marks of a file."""
    mark = "<!-- figures -->"
    with open(path, encoding="utf-8") as file:
        parts = file.read().split(mark + "\n")
    if len(parts) != 3:
        sys.exit(f"{path}: two lines {mark} are expected")
    parts[1] = "\n".join(lines) + "\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write((mark + "\n").join(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, usage=argparse.SUPPRESS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int)
    parser.add_argument("--json")
    parser.add_argument("--svg")
    parser.add_argument("--readme")
    parser.add_argument("inputs", nargs="+")
    options = parser.parse_args()
    found, others = read(options.inputs)
    if options.size:
        others["size"] = options.size
    lines = targets_table(found, others)
    for database in found:
        lines += [""] + all_table(found, database)
    print("\n".join(lines))
    if options.json:
        content = {"databases": [{"database": d, "workloads": list(w.values())}
                                 for d, w in found.items()]}
        content.update(others)
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(picture(found))
    if options.readme:
        image = ["", f"![{TITLE}](figures.svg)", ""] if options.svg else [""]
        rewrite(options.readme, image + lines + [""])


if __name__ == "__main__":
    main()
