"""Processes that a script has started."""

import os
import signal
import subprocess


def end(process):
    """Ends the group of a process: politely, and then in any case."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
