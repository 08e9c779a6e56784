"""What scripts/load does: loads and transfers, each in a namespace of `glass run`, as a table in Markdown."""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time

HOST = "192.0.2.2"


def parse():
    parser = argparse.ArgumentParser(prog="scripts/load", description=__doc__)
    parser.add_argument("--glass", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--inside", choices=["requests", "uploads", "downloads"], help=argparse.SUPPRESS)
    parser.add_argument("--requests", type=int, default=200_000,
                        help="how many requests each load has [default: 200000]")
    parser.add_argument("--connections", type=int, default=100,
                        help="over how many connections [default: 100]")
    parser.add_argument("--octets", type=int, default=4 << 30,
                        help="how long the file is [default: 4294967296]")
    parser.add_argument("--folder", help="where the files go [default: a new one in the place for temporary files]")
    return parser.parse_args()


def main():
    options = parse()
    if options.inside:
        {"requests": requests, "uploads": uploads, "downloads": downloads}[options.inside](options)
        return
    print("| what | seconds | outcome | |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="glass-load-", dir=options.folder) as folder:
        options.folder = folder
        os.mkdir(os.path.join(folder, "www"))
        file = os.path.join(folder, "www", "file")
        make(file, options.octets)
        options.sum = sum_of(file)
        codes = [outside(options, inside) for inside in ("requests", "uploads", "downloads")]
    sys.exit(1 if any(codes) else 0)


def make(path, octets):
    """A file with holes, but at odd places octets that occur nowhere else."""
    with open(path, "wb") as file:
        file.truncate(octets)
        for at in range(0, octets - 8, max(octets // 1000, 1009)):
            file.seek(at)
            file.write(at.to_bytes(8, "big"))


def sum_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def outside(options, inside):
    """Runs a part of it in a network where our stack answers."""
    served = ["--dir", os.path.join(options.folder, "www")] if inside == "downloads" else []
    command = [options.glass, "run", "--quiet", "--tls", "--offload", "auto", *served, "--", sys.executable, __file__,
               "--glass", options.glass, "--inside", inside, "--requests", str(options.requests),
               "--connections", str(options.connections), "--octets", str(options.octets),
               "--folder", options.folder]
    return subprocess.run(command, env=os.environ | {"LOAD_SUM": options.sum}, check=False).returncode


class Outcome:
    """Prints the rows, and remembers whether all went well."""

    def __init__(self):
        self.code = 0

    def row(self, what, seconds, is_well, words):
        self.code |= not is_well
        outcome = "well" if is_well else "WRONG"
        print(f"| {what} | {seconds:.1f} | {outcome} | {' '.join(words.split())} |", flush=True)

    def end(self):
        sys.exit(self.code)


def run(words, **more):
    """Seconds, the exit code and all that was written."""
    before = time.monotonic()
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    return time.monotonic() - before, done.returncode, done.stdout


def requests(options):
    outcome = Outcome()
    count, connections = options.requests, options.connections
    for name, scheme, more in [("h2load, HTTP/1.1", "http", ["--h1"]), ("h2load, HTTP/1.1, TLS", "https", ["--h1"]),
                               ("h2load, HTTP/2", "http", ["-m", "10"]), ("h2load, HTTP/2, TLS", "https", ["-m", "10"])]:
        seconds, code, said = run(["h2load", "-n", str(count), "-c", str(connections), *more,
                                   f"{scheme}://{HOST}/hello"])
        wanted = f"{count} succeeded, 0 failed, 0 errored, 0 timeout"
        line = re.search(r"^requests: .*", said, re.M)
        outcome.row(name, seconds, code == 0 and wanted in said,
                    f"{count / seconds:.0f} requests/s" if wanted in said else line and line[0] or said.strip()[-300:])
    for name, scheme in [("wrk, HTTP/1.1", "http"), ("wrk, HTTP/1.1, TLS", "https")]:
        wrk(outcome, name, f"{scheme}://{HOST}/hello", count, connections)
    outcome.end()


def wrk(outcome, name, url, count, connections):
    """wrk counts seconds, so it runs until there were so many requests."""
    done, seconds, words, pause = 0, 0.0, "", 1
    while done < count and not words:
        taken, code, said = run(["wrk", "-t", "2", "-c", str(connections), "-d", f"{pause}s", url])
        found = re.search(r"(\d+) requests in", said)
        errors = re.findall(r"^.*(?:Socket errors|Non-2xx).*$", said, re.M)
        seconds += taken
        done += int(found[1]) if found else 0
        # A hundred handshakes may take all of a short time.
        is_stuck = done == 0 and pause >= 16
        if code or not found or errors or is_stuck:
            words = " ".join(errors).strip() or said.strip()[-300:]
        elif done == 0:
            pause *= 4
        else:
            pause = max(1, min(30, round((count - done) * seconds / done) + 1))
    outcome.row(name, seconds, not words, words or f"{done} requests, {done / seconds:.0f} requests/s")


def uploads(options):
    outcome = Outcome()
    file = os.path.join(options.folder, "www", "file")
    wanted = f"octets {options.octets}\nsha256 {os.environ['LOAD_SUM']}\n"
    curl = ["curl", "-sS", "-T"]
    for name, words in [("up: curl -T FILE", [*curl, file, f"http://{HOST}/sum"]),
                        ("up: curl -T -, in chunks", [*curl, "-", f"http://{HOST}/sum"]),
                        ("up: curl -T FILE, HTTP/2, TLS", [*curl, file, f"https://{HOST}/sum"]),
                        ("up: glass get -T FILE", [options.glass, "--quiet", "get", "-T", file, f"http://{HOST}/sum"])]:
        with open(file, "rb") as stdin:
            seconds, code, said = run(words, stdin=stdin)
        is_well = code == 0 and said == wanted
        outcome.row(name, seconds, is_well, rate(options, seconds) if is_well else said.strip()[-300:])
    outcome.end()


def rate(options, seconds):
    return f"{options.octets / seconds / 1e6:.0f} MB/s"


def downloads(options):
    outcome = Outcome()
    to = os.path.join(options.folder, "arrived")
    curl = ["curl", "-sS", "-o", to]
    transfers = [("down: curl", [curl + [f"http://{HOST}/file"]]),
                 ("down: curl, HTTP/2, TLS", [curl + [f"https://{HOST}/file"]]),
                 ("down: curl -C -, cut at a third", [cut(options, to), curl + ["-C", "-", f"http://{HOST}/file"]])]
    get = [options.glass, "--quiet", "get", "-o", to, f"http://{HOST}/file"]
    transfers.append(("down: glass get", [get]))
    for name, commands in transfers:
        if os.path.exists(to):
            os.unlink(to)
        seconds, words = 0.0, ""
        for command in commands:
            taken, code, said = run(command)
            seconds += taken
            words = words or (said.strip()[-300:] or f"exit code {code}" if code else "")
        if not words and sum_of(to) != os.environ["LOAD_SUM"]:
            words = f"another sum, of {os.path.getsize(to)} octets"
        outcome.row(name, seconds, not words, words or rate(options, seconds))
    outcome.end()


def cut(options, to):
    """A curl that is gone after a third of it."""
    third = options.octets // 3
    return ["sh", "-c", f"curl -sN http://{HOST}/file 2>/dev/null | head -c {third} >'{to}'"]


if __name__ == "__main__":
    main()
