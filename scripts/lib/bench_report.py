"""What the runs of scripts/bench have come to: medians, ratios, goals, and all that as Markdown."""

import os
import statistics

from bench_rows import (BY_HAND, BY_HAND_PLAIN, HYPER, HYPER_PLAIN, KERNEL, LIMIT, LIMIT_PLAIN, NGINX, ROWS,
                        SMOLTCP, SMOLTCP_HYPER)

# row: (candidate, compared with, at least; for a row where less is better: at most).
GOALS = {
    "download": [(BY_HAND, LIMIT, 0.70), (BY_HAND, NGINX, 1.00)],
    "upload": [(BY_HAND, LIMIT, 0.70), (BY_HAND, KERNEL, 1.00)],
    "keepalive": [(BY_HAND, LIMIT, 0.90), (HYPER, LIMIT, 0.65)],
    "connections": [(BY_HAND, LIMIT, 0.80), (BY_HAND, NGINX, 2.00)],
    "latency": [(BY_HAND, LIMIT, 1.15)],
}
# On every row, on the same footing: both plain, both by hand.
BESIDE_SMOLTCP = 0.95

# Who is compared with whom. A limit is that of the same device, and smoltcp knows no offload.
LIMIT_OF = {BY_HAND: LIMIT, HYPER: LIMIT, BY_HAND_PLAIN: LIMIT_PLAIN, HYPER_PLAIN: LIMIT_PLAIN,
            SMOLTCP: LIMIT_PLAIN, SMOLTCP_HYPER: LIMIT_PLAIN}
SMOLTCP_OF = {BY_HAND_PLAIN: SMOLTCP, HYPER_PLAIN: SMOLTCP_HYPER}

# Whoever is not measured is not said to have missed a goal.
UNKNOWN, MET, MISSED = "not measured", "yes", "no"


def summary(results):
    rows = []
    for row in ROWS:
        runs_of = {name: runs for name, runs in results.get(row.name, {}).items() if any(runs)}
        if not runs_of:
            continue
        candidates = {name: summarize(runs) for name, runs in runs_of.items()}
        for name, entry in candidates.items():
            others = {LIMIT_OF.get(name), SMOLTCP_OF.get(name), KERNEL, NGINX} - {None, name}
            if name in (LIMIT, LIMIT_PLAIN):
                others = set()
            entry["ratio_to"] = {other: ratio(runs_of[name], runs_of[other])
                                 for other in sorted(others) if other in runs_of}
            entry["ratio_of_medians_to"] = {other: entry["median"] / candidates[other]["median"]
                                            for other in entry["ratio_to"]}
        rows.append({"row": row.name, "title": row.title, "less_is_better": row.less_is_better,
                     "goals": goals(row, candidates), "candidates": candidates})
    return rows


def ratio(ours, theirs):
    """The median of the ratios within a round: what the machine did in it met both."""
    ratios = [our["value"] / their["value"] for our, their in zip(ours, theirs) if our and their and their["value"]]
    return statistics.median(ratios) if ratios else None


def summarize(runs):
    done = [run for run in runs if run]
    values = [run["value"] for run in done]
    is_octets = done[0]["unit"] == "octets/s"
    per = 1e9 if is_octets else 1.0
    cpu = [run["cpu_seconds"] * per / run["work"] for run in done if run["work"]]
    return {
        "median": statistics.median(values), "min": min(values), "max": max(values),
        "unit": done[0]["unit"],
        "cpu_seconds_per_gb" if is_octets else "cpu_seconds_per_request": statistics.median(cpu) if cpu else None,
        "server_busy": statistics.median(run["cpu_seconds"] / run["seconds"] for run in done),
        "client_busy": statistics.median(run["client_cpu_seconds"] / run["seconds"] for run in done),
        "refused_or_lost": sum(run.get("failures", 0) for run in done),
        "failed_runs": len(runs) - len(done),
        "runs": runs,
    }


def goals(row, candidates):
    wanted = list(GOALS.get(row.name, []))
    if row.offload != "on":
        wanted.append((BY_HAND_PLAIN, SMOLTCP, 1 / BESIDE_SMOLTCP if row.less_is_better else BESIDE_SMOLTCP))
    found = []
    for name, other, goal in wanted:
        reached = candidates.get(name, {}).get("ratio_to", {}).get(other)
        if reached is None:
            met = UNKNOWN
        elif row.less_is_better:
            met = MET if reached <= goal else MISSED
        else:
            met = MET if reached >= goal else MISSED
        found.append({"candidate": name, "to": other, "ratio": reached, "goal": goal, "met": met})
    return found


def markdown(report):
    return "\n".join([
        f"{report['machine']['cpu']}, {report['machine']['cores']} cores, Linux {report['machine']['kernel']}; "
        f"{report['date']}, commit {report['commit']}; {report['rounds']} interleaved rounds of "
        f"{report['seconds_per_run']} s, in {report['took_seconds']} s.",
        "",
        *goal_table(report),
        "",
        *candidate_table(report),
        "",
        "A ratio is the median of the ratios within each round. The limit and ours put the same into a packet "
        "(1,448 octets a segment at MTU 1500, 45 of them with offload); smoltcp, which has no timestamps, 1,460. "
        "In rows marked so less is better, in the ratios too.",
        *(f"Left out: {line}." for line in report["left_out"]),
        *(f"Failed: {line}" for line in report["failures"]),
    ]) + "\n"


def goal_table(report):
    lines = ["| row | to the limit | to smoltcp, both plain | besides | goals met |", "|---|---|---|---|---|"]
    for row in report["rows"]:
        goals_of = row["goals"]
        sign = "<=" if row["less_is_better"] else ">="

        def cell(wanted, goals_of=goals_of, sign=sign):
            return "; ".join(
                f"{label(goal)}{number(goal['ratio']) or UNKNOWN} ({sign} {goal['goal']:.2f})" for goal in goals_of if wanted(goal))

        to_limit = cell(lambda goal: goal["to"] == LIMIT)
        if not to_limit:
            # No goal, but worth a look: the plain device.
            reached = row["candidates"].get(BY_HAND_PLAIN, {}).get("ratio_to", {}).get(LIMIT_PLAIN)
            to_limit = number(reached)
        missed = [goal for goal in goals_of if goal["met"] == MISSED]
        unknown = [goal for goal in goals_of if goal["met"] == UNKNOWN]
        met = "**no**" if missed else "not measured in full" if unknown else "yes"
        lines.append(f"| {row['title']} | {to_limit} | {cell(lambda goal: goal['to'] == SMOLTCP)} | "
                     f"{cell(lambda goal: goal['to'] not in (LIMIT, SMOLTCP))} | {met} |")
    return lines


def label(goal):
    """Who, and beside whom, where the column does not say it."""
    who = "hyper " if goal["candidate"] == HYPER else ""
    return who if goal["to"] in (LIMIT, SMOLTCP) else f"{who}to {goal['to']} "


def candidate_table(report):
    lines = [
        "| row | candidate | median | min to max | server CPU | busy: server, client | to the limit | to smoltcp "
        "| to the kernel | to nginx |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        for name, entry in row["candidates"].items():
            ratios = entry["ratio_to"]
            of = [ratios.get(LIMIT_OF.get(name)), ratios.get(SMOLTCP_OF.get(name)), ratios.get(KERNEL), ratios.get(NGINX)]
            lines.append("| " + " | ".join([
                row["title"], name, amount(entry["median"], entry["unit"], True),
                f"{amount(entry['min'], entry['unit'])} to {amount(entry['max'], entry['unit'])}",
                cost(entry), f"{entry['server_busy']:.0%}, {entry['client_busy']:.0%}",
                *(number(each) for each in of),
            ]) + " |")
    return lines


def number(value):
    return "" if value is None else f"{value:.2f}"


def amount(value, unit, with_unit=False):
    if unit == "octets/s":
        text, unit = f"{value / 1e9:.2f}", "GB/s"
    elif unit == "us":
        text = f"{value:.1f}"
    else:
        text, unit = f"{value:,.0f}", "/s"
    return f"{text} {unit}" if with_unit else text


def cost(entry):
    if entry.get("cpu_seconds_per_gb") is not None:
        return f"{entry['cpu_seconds_per_gb']:.2f} s/GB"
    if entry.get("cpu_seconds_per_request") is not None:
        return f"{entry['cpu_seconds_per_request'] * 1e6:.1f} us/request"
    return ""


def machine():
    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": os.uname().release}
