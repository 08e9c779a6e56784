"""The rows of scripts/bench, who can take each of them, and how one of them is run."""

import json
import os
import shlex
import shutil
import subprocess
import sys

from processes import end

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENDLESS = "/bytes/1000000000000"
SMALL = "/bytes/100"

LIMIT = "limit"
LIMIT_PLAIN = "limit, plain"
BY_HAND = "ours, by hand"
BY_HAND_PLAIN = "ours, by hand, plain"
HYPER = "ours, hyper"
HYPER_PLAIN = "ours, hyper, plain"
SMOLTCP = "smoltcp, by hand, plain"
SMOLTCP_HYPER = "smoltcp, hyper, plain"
KERNEL = "kernel sockets over veth"
NGINX = "nginx over veth"


class Row:
    """What is measured: a load of bench_load, and what bench_limit answers to it."""

    def __init__(self, name, title, load, answer, offload="any", mtu=1500, less_is_better=False):
        self.name = name
        self.title = title
        self.load = load
        self.answer = answer
        self.offload = offload
        self.mtu = mtu
        self.less_is_better = less_is_better


ROWS = [
    Row("download", "download, offload, MTU 1500", f"download --path {ENDLESS}", "bulk", "on"),
    Row("download-plain", "download, plain, MTU 1500", f"download --path {ENDLESS}", "bulk", "off"),
    Row("download-65535", "download, plain, MTU 65535", f"download --path {ENDLESS}", "bulk", "off", 65535),
    Row("upload", "upload, MTU 1500", "upload", "ack-only"),
    Row("keepalive", "keep-alive, 64 connections, 100 octets", f"keepalive --path {SMALL}", "request"),
    Row("connections", "a connection per request", f"connections --path {SMALL}", "connection"),
    Row("latency", "one request at a time, p50 (less is better)", f"latency --path {SMALL}", "request",
        less_is_better=True),
]

# What --quick leaves out, for no goal asks for it: (row or None for all, candidate).
NOT_QUICK = [
    (None, HYPER_PLAIN), (None, SMOLTCP_HYPER), (None, LIMIT_PLAIN),
    ("keepalive", KERNEL), ("connections", KERNEL), ("latency", KERNEL), ("download", KERNEL),
    ("keepalive", NGINX), ("latency", NGINX), ("download", HYPER), ("latency", HYPER), ("connections", HYPER),
]

# Run in each namespace before the load. A kernel that sends under BBR is paced; and a client that
# opens thousands of connections a second needs the ports.
SETTINGS = (
    "echo reno > /proc/sys/net/ipv4/tcp_congestion_control && "
    "echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range"
)

# The server in a namespace of its own, on the other side of a veth pair, in place of the TUN. The
# process of the server is the one that was started: unshare and taskset become what they run.
VETH = """
ip link set lo up
unshare --net taskset -c {server_core} {server} &
server=$!
trap 'kill $server' EXIT
until [ -e /proc/$server/ns/net ] && [ "$(readlink /proc/$server/ns/net)" != "$(readlink /proc/self/ns/net)" ]
do sleep 0.01; done
ip link add v0 mtu {mtu} type veth peer name v1 mtu {mtu} netns $server
ip address add 192.0.2.1/24 dev v0
ip link set v0 up
nsenter --net=/proc/$server/ns/net sh -c 'ip address add 192.0.2.2/24 dev v1 && ip link set v1 up && {settings}'
{settings}
for try in 1 2 3 4 5 6 7 8 9 10; do
    nsenter --net=/proc/$server/ns/net sh -c '[ "$(ss -Hltn "sport = :80")" ]' && break
    sleep 0.05
done
{load} --server $server
"""

NGINX_CONF = """
worker_processes 1;
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
    uwsgi_temp_path {dir}; scgi_temp_path {dir};
    sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    server {{ listen 80; root {dir}; }}
}}
"""


class Candidate:
    """A server: the command for a row, or None when it does not take it."""

    def __init__(self, name, command):
        self.name = name
        self.command = command


class Commands:
    """The shell commands of candidates, for one set of options."""

    def __init__(self, options):
        self.options = options
        self.pinned = f"taskset -c {options.server_core}"

    def load(self, row):
        port = 9 if row.name == "upload" else 80
        return (f"taskset -c {self.options.client_core} {program('examples/bench_load')} {row.load} "
                f"--addr 192.0.2.2:{port} --seconds {self.options.seconds} --warmup {self.options.warmup}")

    def inside(self, row):
        return shlex.quote(f"{SETTINGS} && exec {self.load(row)} --server parent")

    def limit(self, offload):
        def command(row):
            if row.offload not in ("any", offload):
                return None
            # As far ahead as ours lets a peer send where the device joins segments. Packets of that much are
            # freed at once: a heap that is given back each time would be a limit of its own.
            flight = self.options.limit_flight or (4 << 20 if row.name == "upload" else 1 << 20)
            return (f"{self.pinned} env MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_MMAP_THRESHOLD_=10000000 "
                    f"{program('examples/bench_limit')} --answer {row.answer} --offload {offload} "
                    f"--mtu {row.mtu} --flight {flight} -- sh -c {self.inside(row)}")
        return command

    def glass(self, offload, responder, engine="ours"):
        def command(row):
            if row.offload not in ("any", offload):
                return None
            if row.name == "upload" and responder != "by-hand":
                return None  # The discard service is the same for both.
            return (f"{self.pinned} {program('glass')} run -q --offload {offload} --mtu {row.mtu} "
                    f"--engine {engine} --responder {responder} -- sh -c {self.inside(row)}")
        return command

    def veth(self, server, takes_upload):
        def command(row):
            # A veth pair carries long segments whole, as a TUN with offload does: no plain rows.
            if row.offload == "off" or (row.name == "upload" and not takes_upload):
                return None
            script = VETH.format(server_core=self.options.server_core, server=server, mtu=row.mtu,
                                 settings=SETTINGS, load=self.load(row))
            user = "" if os.geteuid() == 0 else "--user --map-root-user "
            return f"unshare {user}--net bash -euc {shlex.quote(script)}"
        return command


def program(name):
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target"))
    return shlex.quote(os.path.join(os.path.abspath(target), "release", name))


def find_candidates(scratch, options):
    """All that this machine has, and a line for what it has not. `scratch` is a folder for nginx."""
    make = Commands(options)
    candidates = [
        Candidate(LIMIT, make.limit("on")),
        Candidate(BY_HAND, make.glass("on", "by-hand")),
        Candidate(HYPER, make.glass("on", "axum")),
        Candidate(LIMIT_PLAIN, make.limit("off")),
        Candidate(BY_HAND_PLAIN, make.glass("off", "by-hand")),
        Candidate(SMOLTCP, make.glass("off", "by-hand", "smoltcp")),
        Candidate(HYPER_PLAIN, make.glass("off", "axum")),
        Candidate(SMOLTCP_HYPER, make.glass("off", "axum", "smoltcp")),
        Candidate(KERNEL, make.veth(f"{program('examples/bench_load')} serve", True)),
    ]
    left_out = []
    if shutil.which("nginx"):
        candidates.append(Candidate(NGINX, make.veth(f"nginx -c {prepare_nginx(scratch)}", False)))
    else:
        left_out.append(f"{NGINX}: nginx is not installed (sudo apt-get install nginx-light)")
    return candidates, left_out


def prepare_nginx(scratch):
    """Its files are on disk, so that a download is of one that is read again and again."""
    os.chmod(scratch, 0o755)
    os.mkdir(os.path.join(scratch, "bytes"))
    for path, octets in [(SMALL, 100), (ENDLESS, 1 << 28)]:
        with open(scratch + path, "wb") as file:
            file.write(b"x" * octets)
    configuration = os.path.join(scratch, "nginx.conf")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(NGINX_CONF.format(dir=scratch))
    return configuration


def measure(candidates, options):
    """Runs everything: {row: {candidate: [run or None, one for each round]}}, and what failed."""
    results, failures = {}, []
    rows = [row for row in ROWS if not options.row or row.name in options.row]
    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        for row in rows:
            for candidate in candidates:
                command = candidate.command(row)
                if command is None or is_left_out(row, candidate, options):
                    continue
                runs = results.setdefault(row.name, {}).setdefault(candidate.name, [])
                try:
                    runs.append(run(command, options))
                except RuntimeError as error:
                    runs.append(None)
                    failures.append(f"{row.name}, {candidate.name}, round {number + 1}: {error}")
                    say(failures[-1])
    return results, failures


def is_left_out(row, candidate, options):
    if options.candidate:
        return False
    # In the plain rows the plain limit is the only one.
    if candidate.name == LIMIT_PLAIN and row.offload == "off":
        return False
    left_out = {(row.name, candidate.name), (None, candidate.name)}
    return options.quick and not left_out.isdisjoint(NOT_QUICK)


def run(command, options):
    # The shell becomes the command; all that it starts is a group, so that nothing is left behind.
    process = subprocess.Popen(["bash", "-c", f"exec {command}"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    try:
        out, err = process.communicate(timeout=options.seconds + 30)
    except subprocess.TimeoutExpired:
        end(process)
        raise RuntimeError("no end in sight: it was stopped") from None
    except KeyboardInterrupt:
        end(process)
        raise
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if process.returncode or len(lines) != 1:
        raise RuntimeError(f"exit code {process.returncode}: {err.strip() or 'no words'}")
    return json.loads(lines[0])


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
