"""The matrix of scripts/interop: transfers over bad wires, and what they have taken."""

import argparse
import concurrent.futures
import json
import math
import statistics
import sys

from interop_transfer import FAMILIES, Programs, Transfer

# What the wires do besides their faults: a path of 10 ms and 100 Mbit/s whose queue is never full, so
# that nothing is lost but what the faults take.
PATH = ["--delay", "5ms", "--rate", "100mbit", "--queue", "10000packets"]


class Wire:
    """A row of the matrix: the faults, how many transfers may run at once, and how many octets go with
    --quick."""

    def __init__(self, name, faults, at_once=1, quick_octets=10_000_000):
        self.name = name
        self.faults = faults
        self.at_once = at_once
        self.quick_octets = quick_octets


# Where losses hold a transfer below a few Mbit/s the machine is idle, and several can run side by side.
WIRES = [
    Wire("no loss", ""),
    Wire("1 % lost", "any 1% drop", 4, 4_000_000),
    Wire("5 % lost", "any 5% drop", 8, 1_000_000),
    Wire("10 % lost", "any 10% drop", 12, 500_000),
    Wire("5 % out of order", "any 5% reorder 3", 1, 4_000_000),
    Wire("5 % doubled", "any 5% dup", 1, 4_000_000),
    Wire("2 % corrupted", "any 2% corrupt", 6, 2_000_000),
    Wire("1 % of each", "any 1% drop; any 1% reorder 3; any 1% dup; any 1% corrupt", 6, 2_000_000),
]

# The columns: what ours does, and the same with the kernel in its place. (name, caller, called, caller sends)
ROLES = [
    ("our client sends", "ours", "kernel", True),
    ("our client receives", "ours", "kernel", False),
    ("our server sends", "kernel", "ours", False),
    ("our server receives", "kernel", "ours", True),
]

GOAL_MEAN = 1.2
GOAL_CELL = 2.0


def main():
    options = parse()
    if options.read:
        results = read(options.read)
        families = [family for family in FAMILIES if any(key[0] == family for key in results)]
        print(report(results, families, options), end="")
        return
    programs = Programs(options.programs, options.cc, PATH, options.patience)
    families = [family for family in options.family if answers(programs, family)]
    results = {}
    for family in families:
        for wire in WIRES:
            if not options.wire or wire.name in options.wire:
                results[family, wire.name] = run_wire(programs, family, wire, options)
                if options.json:
                    write(options.json, results)
    print(report(results, families, options), end="")
    lost = [run for runs in results.values() for run in runs if not run["whole"]]
    for run in lost:
        say(f"not whole: {run}")
    sys.exit(1 if lost or not results else 0)


def write(path, results):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([{"family": family, "wire": wire, "runs": runs}
                   for (family, wire), runs in results.items()], file, indent=1)


def read(paths):
    results = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            results |= {(row["family"], row["wire"]): row["runs"] for row in json.load(file)}
    return results


def parse():
    parser = argparse.ArgumentParser(prog="scripts/interop", description=__doc__)
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true",
                        help="3 seeds instead of 15, and fewer octets where much is lost: some minutes")
    parser.add_argument("--seeds", type=int, help="how many seeds [default: 15, or 3]")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them [default: 1]")
    parser.add_argument("--octets", type=int, help="how many octets a transfer has [default: 10000000]")
    parser.add_argument("--cc", default="reno", choices=["reno", "cubic"],
                        help="the congestion control of every side [default: reno]")
    parser.add_argument("--family", action="append", choices=list(FAMILIES),
                        help="IPv4 or IPv6, may be given again [default: both, if the stack answers]")
    parser.add_argument("--wire", action="append", choices=[wire.name for wire in WIRES],
                        help="only this row, may be given again")
    parser.add_argument("--at-once", type=int, help="how many transfers may run side by side")
    parser.add_argument("--patience", type=float, default=600,
                        help="seconds after which a transfer counts as hanging [default: 600]")
    parser.add_argument("--json", metavar="FILE", help="write every single run to this file")
    parser.add_argument("--read", metavar="FILE", action="append",
                        help="run nothing: print the matrix of a file of --json, may be given again")
    options = parser.parse_args()
    options.seeds = options.seeds or (3 if options.quick else 15)
    options.family = options.family or list(FAMILIES)
    if options.quick:
        options.patience = min(options.patience, 60)
    return options


def answers(programs, family):
    """Whether our stack speaks this family at all, in both roles."""
    tries = [Transfer(family, caller, called, sends, "", 1, 1000, None)
             for _, caller, called, sends in ROLES if sends]
    ended = [programs.run(a_try, patience=5) for a_try in tries]
    if all(run["whole"] for run in ended):
        return True
    say(f"{family} is left out: {ended[0]['error'] or ended[1]['error']}")
    return False


def run_wire(programs, family, wire, options):
    octets = options.octets or (wire.quick_octets if options.quick else 10_000_000)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    # The kernel and ours by turns, so that whatever else the machine does hits both.
    plan = [Transfer(family, caller, called, sends, wire.faults, seed, octets, role)
            for seed in seeds for role, caller, called, sends in interleaved()]
    say(f"{family}, {wire.name}: {len(plan)} transfers of {octets} octets")
    with concurrent.futures.ThreadPoolExecutor(options.at_once or wire.at_once) as pool:
        return list(pool.map(programs.run, plan))


def interleaved():
    for sends in (True, False):
        yield ("kernel sends" if sends else "kernel receives", "kernel", "kernel", sends)
        yield from (role for role in ROLES if role[3] == sends)


def median_of(runs, role):
    times = [run["seconds"] if run["whole"] else math.inf for run in runs if run["role"] == role]
    return statistics.median(times)


def report(results, families, options):
    lines = []
    ratios = {}
    for family in families:
        seeds = max(len({run["seed"] for run in runs}) for key, runs in results.items() if key[0] == family)
        lines += ["", f"{family}, {options.cc}, median of {seeds}:", ""]
        lines.append("| wire | octets | whole | kernel, client sends | kernel, server sends | "
                     + " | ".join(role[0] for role in ROLES) + " |")
        lines.append("|---|---|---|---|---|" + "---|" * len(ROLES))
        for wire in WIRES:
            runs = results.get((family, wire.name))
            if runs is None:
                continue
            whole = sum(run["whole"] for run in runs)
            kernel = {True: median_of(runs, "kernel sends"), False: median_of(runs, "kernel receives")}
            cells = []
            for role, _, _, sends in ROLES:
                ours = median_of(runs, role)
                ratio = ours / kernel[sends] if math.isfinite(ours) else math.inf
                ratios.setdefault(wire.name, []).append((ratio, f"{family}, {wire.name}, {role}"))
                cells.append(f"{seconds(ours)} ({ratio:.2f})")
            lines.append(f"| {wire.name} | {megabytes(runs[0]['octets'])} | {whole} of {len(runs)} | "
                         f"{seconds(kernel[True])} | {seconds(kernel[False])} | " + " | ".join(cells) + " |")
    lines += ["", f"| wire | geometric mean of the ratios (goal: at most {GOAL_MEAN}) |", "|---|---|"]
    for name, all_of_it in ratios.items():
        mean = math.exp(statistics.fmean(math.log(ratio) for ratio, _ in all_of_it))
        verdict = "" if mean <= GOAL_MEAN else ", missed"
        lines.append(f"| {name} | {mean:.2f}{verdict} |")
    if ratios:
        worst, where = max(pair for pairs in ratios.values() for pair in pairs)
        verdict = "" if worst <= GOAL_CELL else ", missed"
        lines += ["", f"The worst cell is {worst:.2f} (goal: at most {GOAL_CELL:.0f}{verdict}): {where}."]
    return "\n".join(lines[1:]) + "\n"


def seconds(value):
    if not math.isfinite(value):
        return "hangs"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def megabytes(octets):
    return f"{octets / 1e6:g} MB"


def say(text):
    print(f"interop: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
