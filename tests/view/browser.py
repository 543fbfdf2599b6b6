# SPDX-License-Identifier: MIT
"""Headless Chromium, driven by chromedriver's WebDriver protocol: no library beyond Python's own.

    with Browser(directory) as b:
        b.open("/path/page.html")
        b.js("return document.title")
        b.problems()      # what the console said, and every request that was made

Both programs run in one session of their own that is killed at the end; the profile lies in `directory`.
"""

import base64
import json
import os
import re
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from tap import start, stop

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars"]


def missing():
    """Why there is no browser here, or None."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return program + " is not installed (scripts/install-deps --view)"
    return None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Browser:
    def __init__(self, directory, size=(1440, 900)):
        self.directory, self.size = directory, size

    def __enter__(self):
        self.port = free_port()
        self.driver = start(["chromedriver", "--port=%d" % self.port, "--log-path=/dev/null"],
                            env={**os.environ, "HOME": self.directory, "TMPDIR": self.directory})
        try:
            options = {"args": FLAGS + ["--window-size=%d,%d" % self.size,
                                        "--user-data-dir=%s/profile-%d" % (self.directory, self.port)],
                       "binary": shutil.which("chromium"), "perfLoggingPrefs": {"enableNetwork": True}}
            wanted = {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}}
            self.session = ""
            self.session = "/session/" + self.retry("POST", "/session", wanted)["sessionId"]
            # The browser's own first page asks for things; what counts begins here.
            self.call("POST", "/url", {"url": "about:blank"})
            self.problems()
        except BaseException:
            stop(self.driver)
            raise
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        except OSError:
            pass
        stop(self.driver)

    def retry(self, *words):
        end = time.monotonic() + 30
        while True:
            try:
                return self.call(*words)
            except urllib.error.URLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            "http://127.0.0.1:%d%s%s" % (self.port, self.session, path), method=method,
            data=None if method != "POST" else json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError("%s %s: %s" % (method, path, e.read().decode()[:600])) from None

    def open(self, path):
        self.call("POST", "/url", {"url": "file://" + path})

    def js(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def settle(self):
        """Waits until what was asked for is drawn."""
        self.call("POST", "/execute/async", {"script":
                  "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))",
                  "args": []})

    def keys(self, *keys):
        steps = [{"type": t, "value": k} for k in keys for t in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": steps}]})
        self.settle()

    def click_at(self, x, y):
        steps = [{"type": "pointerMove", "x": int(x), "y": int(y), "duration": 0},
                 {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})
        self.settle()

    def click(self, selector):
        self.js("document.querySelector(arguments[0]).click()", selector)
        self.settle()

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))

    def problems(self):
        """Console messages, and requests for anything but the page itself and its empty icon."""
        said = [m["message"] for m in self.call("POST", "/se/log", {"type": "browser"})]
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            url = message.get("params", {}).get("request", {}).get("url", "")
            if message["method"] == "Network.requestWillBeSent" and not re.match(r"file:///\S+\.html$|data:,?$", url):
                said.append("request: " + url)
        return said


@contextmanager
def temporary(size=(1440, 760)):
    """A browser whose profile goes with it."""
    with tempfile.TemporaryDirectory(prefix="forkscope-browser-", ignore_cleanup_errors=True) as directory:
        with Browser(directory, size) as b:
            yield b
