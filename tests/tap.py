# SPDX-License-Identifier: MIT
"""What every test script here gets: TAP, running forkscope, and leaving nothing behind.

    from tap import *
    need_bpf()
    with private_dir() as d:
        run = record(d + "/t", ["true"])
        ok(run.status == 0, "true ends well")
    done()

Commands run in a session of their own, with a time limit; what is left of the session is killed. Files
lie in private directories that are removed. A check that fails says why, and the script goes on.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

BUILD = os.path.abspath(os.environ.get("FORKSCOPE_BUILD", "build"))
FORKSCOPE = os.path.join(BUILD, "forkscope")
REQUIRE_BPF = os.environ.get("FORKSCOPE_REQUIRE_BPF") == "1"
# A recording's cost in seconds is nothing to test; that it ends is.
SECONDS = 100

_count = 0
_failed = 0


def say(text):
    print(text, flush=True)


def note(text):
    for line in str(text).splitlines() or [""]:
        say("#   " + line[:600])


def ok(passed, name, detail=""):
    """One check. `detail` is shown when it fails."""
    global _count, _failed
    _count += 1
    _failed += not passed
    say("%s %d - %s" % ("ok" if passed else "not ok", _count, name))
    if not passed and detail != "":
        note(detail)
    return passed


def same(got, want, name):
    return ok(got == want, name, "expected: %r\ngot:      %r" % (want, got))


def skip(name, reason):
    global _count
    _count += 1
    say("ok %d - %s # SKIP %s" % (_count, name, reason))


def skip_all(reason):
    say("1..0 # SKIP " + reason)
    sys.exit(0)


def done():
    say("1..%d" % _count)
    sys.exit(1 if _failed else 0)


def place_for_files():
    """Where private directories lie: $TMPDIR unless programs that are traced here could not work in it.
    make and nginx take no blanks, a socket's path has 108 bytes, and other users must get in."""
    place = os.path.abspath(tempfile.gettempdir())
    inner = place
    while inner != "/" and os.stat(inner).st_mode & 0o001:
        inner = os.path.dirname(inner)
    return place if inner == "/" and re.fullmatch(r"[\w/.+-]{1,40}", place, re.ASCII) else "/tmp"


os.environ["TMPDIR"] = tempfile.tempdir = place_for_files()


@contextmanager
def private_dir():
    directory = tempfile.mkdtemp(prefix="forkscope-test-")
    os.chmod(directory, 0o755)  # a target under another user may need to look in
    try:
        yield directory
    finally:
        if os.environ.get("FORKSCOPE_KEEP"):
            note("kept: " + directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


class Run:
    """How a command ended: status (negative: a signal, None: had to be killed), out, err."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return "status %s, stderr %r, stdout %r" % (self.status, self.err[:300], self.out[:200])


def start(command, **options):
    """A command in a session of its own; end it with stop()."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(command, start_new_session=True, **options)


def stop(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream:
            stream.close()


def run(command, seconds=SECONDS, **options):
    """Runs to its end, through files: a daemon that keeps a pipe open does not hold us up."""
    text_in = options.pop("text_in", None)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, \
            tempfile.TemporaryFile() as in_file:
        if text_in is not None:
            in_file.write(text_in.encode())
            in_file.seek(0)
            options["stdin"] = in_file
        options.setdefault("stdout", out)
        options.setdefault("stderr", err)
        child = start(command, **options)
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        stop(child)
        out.seek(0)
        err.seek(0)
        return Run(status, out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace"))


def forkscope(*arguments, **options):
    return run([FORKSCOPE, *arguments], **options)


def record(trace, command, *flags, **options):
    return forkscope("record", "-o", trace, *flags, "--", *command, **options)


def read_json(*command):
    result = forkscope(*command)
    if result.status != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), result))
    return json.loads(result.out)


def report(trace):
    return read_json("report", "--json", trace)


def json_lines(text):
    return [json.loads(line) for line in text.split("\n") if line]


def events(trace):
    """The events of a trace, without the header line."""
    result = forkscope("export", "--format=json", trace)
    if result.status != 0:
        raise RuntimeError("export: %s" % result)
    return json_lines(result.out)[1:]


def wait_until(condition, seconds=20):
    """Polls; returns what condition returned last."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result or time.monotonic() > end:
            return result
        time.sleep(0.02)


def bpf_missing():
    """Why this forkscope cannot record here, or None."""
    with private_dir() as directory:
        probe = record(directory + "/t", ["/bin/true"], "--source=bpf")
    return (probe.err.strip() or "no word why") if probe.status == 125 else None


def need_bpf():
    """The rest of the script records. Without BPF it is skipped, or fails where BPF is required."""
    reason = bpf_missing()
    if reason is None:
        return
    if REQUIRE_BPF:
        say("Bail out! BPF is required: " + reason)
        sys.exit(1)
    skip_all(reason)


def lossless(one, name):
    """Nothing lost, nothing missing: of every recording that does not provoke it."""
    same((one["lost"], one["lost_by"], one["gaps"], one["incomplete"]), (0, {}, [], False),
         name + ": nothing lost")
