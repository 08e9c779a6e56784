"""One transfer of scripts/interop: a wire of its own, and a program at each of its ends."""

import json
import os
import shlex
import subprocess
import tempfile

from processes import end

PORT = 7000


class Family:
    """Addresses: of the kernel at the far end, and of a stack of ours, with the host's beside it."""

    def __init__(self, kernel, ours, host):
        self.kernel = kernel
        self.ours = ours
        self.host = host


FAMILIES = {
    "IPv4": Family("203.0.113.2", "192.0.2.2", "192.0.2.1/24"),
    "IPv6": Family("2001:db8:113::2", "2001:db8::2", "2001:db8::1/64"),
}


class Transfer:
    """Who calls whom, who sends, and over which wire."""

    def __init__(self, family, caller, called, caller_sends, faults, seed, octets, role):
        self.family = family
        self.caller = caller
        self.called = called
        self.caller_sends = caller_sends
        self.faults = faults
        self.seed = seed
        self.octets = octets
        self.role = role


class Programs:
    """Makes transfers."""

    def __init__(self, folder, cc, path, patience):
        self.glass = os.path.join(os.path.abspath(folder), "glass")
        self.transfer = os.path.join(os.path.abspath(folder), "examples", "bench_transfer")
        self.cc = cc
        self.path = path
        self.patience = patience
        self.before = first_come()

    def run(self, transfer, patience=None):
        """Runs it to its end, or for so many seconds; says whether everything arrived, and when."""
        patience = patience or self.patience
        result = {"role": transfer.role, "seed": transfer.seed, "octets": transfer.octets,
                  "caller": transfer.caller, "called": transfer.called, "faults": transfer.faults}
        with tempfile.TemporaryDirectory(prefix="glass-interop-") as scratch:
            command = self.command(transfer, os.path.join(scratch, "ready"), patience)
            # All that it starts is a group, so that nothing is left behind.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, start_new_session=True)
            try:
                out, err = process.communicate(timeout=patience + 30)
            except subprocess.TimeoutExpired:
                end(process)
                return result | {"whole": False, "seconds": patience, "error": "no end in sight"}
            except BaseException:
                end(process)
                raise
        lines = [line for line in out.splitlines() if line.startswith("{")]
        if len(lines) != 1:
            error = err.strip() or f"exit code {process.returncode}"
            return result | {"whole": False, "seconds": patience, "error": error}
        return result | json.loads(lines[0])

    def command(self, transfer, ready, patience):
        family = FAMILIES[transfer.family]
        to = family.kernel if transfer.called == "kernel" else family.ours
        to = f"[{to}]:{PORT}" if ":" in to else f"{to}:{PORT}"

        def side(role, stack, *more):
            words = [self.transfer, role, "--stack", stack, "--cc", self.cc, "--ready", ready]
            addresses = ["--addr", family.ours, "--host", family.host]
            return words + addresses + list(more)

        far = shlex.join(["exec"] + side("serve", transfer.called, "--port", str(PORT)))
        near = side("call", transfer.caller, "--to", to, "--octets", str(transfer.octets),
                    "--key", str(transfer.seed), "--patience", str(patience))
        near += ["--send"] if transfer.caller_sends else []
        faults = ["--fault", transfer.faults] if transfer.faults else []
        wire = ["wire", *self.path, *faults, "--seed", str(transfer.seed), "--far", far]
        return [*self.before, self.glass, "--quiet", *wire, "--", *near]


def first_come():
    """What makes a program run before others, where that is permitted: a stack in a process of its own
    waits for a core in each round trip, and should not have to wait for what else the machine does."""
    before = ["chrt", "--fifo", "1"]
    try:
        permitted = subprocess.run([*before, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        permitted = False
    return before if permitted else []
