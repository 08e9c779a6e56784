"""Chromium without a window, told what to do by its DevTools protocol over a pipe."""

import json
import os
import subprocess
import threading

PATIENCE = 120


class Chromium:
    def __init__(self, profile, options):
        theirs, self.say = os.pipe()
        self.hear, theirs_too = os.pipe()
        words = ["chromium", "--headless=new", "--no-sandbox", "--remote-debugging-pipe",
                 f"--user-data-dir={profile}", "--no-first-run", "--disable-gpu",
                 "--disable-dev-shm-usage", "--disable-background-networking",
                 "--disable-component-update", "--no-proxy-server", "--hide-scrollbars",
                 "--window-size=760,560", *options, "about:blank"]
        # It wants to be told by 3, and tells by 4.
        script = f'exec "$@" 3<&{theirs} 4>&{theirs_too}'
        self.process = subprocess.Popen(["sh", "-c", script, "sh", *words],
                                        pass_fds=(theirs, theirs_too), stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(theirs_too)
        self.left, self.number, self.events = b"", 0, []
        self.timer = threading.Timer(PATIENCE, self.process.kill)
        self.timer.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        answer = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = answer["sessionId"]
        self.call("Page.enable")

    session = None

    def message(self):
        while b"\0" not in self.left:
            part = os.read(self.hear, 1 << 20)
            if not part:
                raise SystemExit("Chromium has ended, or was too slow")
            self.left += part
        text, _, self.left = self.left.partition(b"\0")
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        said = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            said["sessionId"] = self.session
        octets = json.dumps(said).encode() + b"\0"
        while octets:
            octets = octets[os.write(self.say, octets):]
        while True:
            heard = self.message()
            if heard.get("id") == self.number:
                if "error" in heard:
                    raise SystemExit(f"{method}: {heard['error']}")
                return heard["result"]
            self.events.append(heard.get("method"))

    def visit(self, url):
        """Returns when the page is there, with all that belongs to it."""
        self.events.clear()
        answer = self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise SystemExit(f"{url}: {answer['errorText']}")
        while "Page.loadEventFired" not in self.events:
            self.events.append(self.message().get("method"))

    def run(self, script):
        """The value of an expression, which may be a promise."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"{answer['exceptionDetails']}")
        return answer["result"].get("value")

    def end(self):
        self.session = None
        try:
            self.call("Browser.close")
        except SystemExit:
            pass
        self.process.wait()
        self.timer.cancel()
