"""Instructions per operation, counted by callgrind: what no other load of the machine can touch.

An operation is run twice, so that what comes before and after it falls out: (difference) / (count).
"""

import os
import subprocess
import sys
import tempfile

from bench_rows import TOP, say

# Both prepare the same 1,024.
FEW, MANY = 256, 1024
# What a bulk transfer consists of.
BULK = ["segment-in", "ack-in", "segment-out", "download"]
GOAL = 0.02
# The bulk path as a whole: the others are parts of it.
WHOLE = "download"


def build(no_build, without_events=False):
    """Builds the program of the operations, unless it is to be taken as it is, and says where it is."""
    target = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target")))
    environment = dict(os.environ)
    if without_events:
        # Apart from the others, for it is all built anew with other flags.
        target = os.path.join(target, "without-events")
        flags = f"{environment.get('RUSTFLAGS', '')} --cfg glass_without_events".strip()
        environment.update(CARGO_TARGET_DIR=target, RUSTFLAGS=flags)
    command = ["cargo", "build", "--locked", "--release", "--quiet", "--example", "bench_operations"]
    program = os.path.join(target, "release", "examples", "bench_operations")
    if no_build:
        if not os.path.exists(program):
            sys.exit(f"scripts/bench: there is no {os.path.relpath(program, TOP)}: leave --no-build out")
        return program
    say(f"building (release{', without events' if without_events else ''})")
    if subprocess.run(command, check=False, env=environment).returncode:
        sys.exit(1)
    return program


def operations(program):
    """All there are: name, stacks, what it is."""
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in listed.splitlines()]
    return [(name, kinds.split(","), what) for name, kinds, what in rows]


def per_operation(program, name, kind):
    return (instructions(program, name, kind, MANY) - instructions(program, name, kind, FEW)) / (MANY - FEW)


def instructions(program, name, kind, count):
    with tempfile.TemporaryDirectory(prefix="glass-bench-") as scratch:
        out = os.path.join(scratch, "callgrind.out")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                   program, "--operation", name, "--engine", kind, "--count", str(count)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            sys.exit(f"scripts/bench: {' '.join(command)} has failed:\n{ran.stderr}")
        with open(out, encoding="utf-8") as file:
            totals = [line for line in file if line.startswith("totals:")]
    return int(totals[0].split()[1])


def all_operations(no_build):
    """Ours beside smoltcp. Returns the data, and Markdown."""
    program = build(no_build)
    entries = []
    for name, kinds, what in operations(program):
        say(f"counting {name}")
        counts = {kind: per_operation(program, name, kind) for kind in kinds}
        entries.append({"operation": name, "what": what, "instructions": counts})
    lines = ["| operation | what | ours | smoltcp | ours / smoltcp |", "|---|---|---|---|---|"]
    for entry in entries:
        counts = entry["instructions"]
        both = len(counts) == 2
        lines.append("| " + " | ".join([
            entry["operation"], entry["what"], *(show(counts.get(kind)) for kind in ("ours", "smoltcp")),
            f"{counts['ours'] / counts['smoltcp']:.2f}" if both else "",
        ]) + " |")
    return entries, "\n".join(lines) + "\n"


def events(no_build):
    """What events cost that nobody listens to. Returns the data, and Markdown."""
    usual, without = build(no_build), build(no_build, without_events=True)
    entries = []
    lines = ["| operation | with events | compiled out | share | goal of the whole: at most 2 % |", "|---|---|---|---|---|"]
    for name in BULK:
        say(f"counting {name}, twice")
        counts = [per_operation(program, name, "ours") for program in (usual, without)]
        share = (counts[0] - counts[1]) / counts[0]
        entries.append({"operation": name, "with_events": counts[0], "without_events": counts[1], "share": share})
        verdict = "" if name != WHOLE else "yes" if share <= GOAL else "**no**"
        lines.append(f"| {name} | {show(counts[0])} | {show(counts[1])} | {share:.2%} | {verdict} |")
    return entries, "\n".join(lines) + "\n"


def show(count):
    return "" if count is None else f"{count:,.0f}"
