#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Records programs of this folder and compares the trace with what each said of itself.

    check.py PROGRAM...          one TAP line a program; needs FORKSCOPE_BUILD (default: build)
    check.py --from DIR NAME...  the same on what scripts/vm brought back from another kernel

The words a program may say are in README.md. A case fails when the trace lacks or contradicts what was
said, when anything was lost, or when the recording changed how the program ended. It is skipped when the
program says that it cannot run here, and, unless FORKSCOPE_REQUIRE_BPF=1, when forkscope may not use BPF.
"""

import codecs
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

TEXTS = ("report", "tree", "fds")  # what is printed for people
WNOWAIT = 0x01000000

# A byte that is no valid UTF-8 reads as the character of the same number, as forkscope writes it.
codecs.register_error(
    "bytewise", lambda e: ("".join(map(chr, e.object[e.start:e.end])), e.end))


def text_of_hex(digits):
    return bytes.fromhex(digits).decode("utf-8", "bytewise")


def fnv1a_argv(argv):
    value = 0xCBF29CE484222325
    for argument in argv:
        for byte in argument.encode() + b"\0":
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return "%x" % value


class Wrong(Exception):
    """The trace does not say what it must."""


def matches(want, got):
    """Equal, or a text of which only the end is asked for ("*end")."""
    if isinstance(want, str) and want.startswith("*"):
        return isinstance(got, str) and got.endswith(want[1:])
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(matches, want, got))
    return want == got


class Trace:
    """What forkscope says of one recording."""

    def __init__(self, report, events, fds):
        self.report = report
        self.events = events
        self.by_id = {p["id"]: p for p in report["processes"]}
        self.by_pid = {}
        for process in report["processes"]:
            self.by_pid.setdefault(process["pid"], []).append(process)
        self.kinds = {f["identity"]: f["kind"] for f in fds["files"]}

    def pid_of(self, process_id):
        return self.by_id[process_id]["pid"] if process_id else None

    def find(self, said):
        """The processes a line of the case speaks of."""
        if "pid" not in said:
            return self.report["processes"]
        all_of_pid = self.by_pid.get(said["pid"], [])
        if "nth" in said:
            return all_of_pid[said["nth"]:said["nth"] + 1]
        return all_of_pid

    # --- the facts of a process; each returns (what the case said, what the trace says)

    def fact(self, process, name, want):
        fds = process.get("fds") or {}
        images = process["images"]
        argv = images[-1]["argv"] if images else None
        if name in ("parent", "creator", "logical_parent", "reaped_by"):
            return want, self.pid_of(process[name])
        if name in ("mechanism", "start_method", "role", "exit", "comm", "threads", "threads_at_fork"):
            return want, process[name]
        if name == "images":
            return want, [i["filename"] for i in images]
        if name == "images_hex":
            return [text_of_hex(w) for w in want], [i["filename"] for i in images]
        if name == "argv":
            return want, argv
        if name == "argv_hex":
            return [text_of_hex(w) for w in want], argv
        if name == "comm_hex":
            return text_of_hex(want), process["comm"]
        if name == "argc":
            return want, len(argv or [])
        if name == "argv_fnv":
            return want, fnv1a_argv(argv or [])
        if name in ("at_start", "inherited", "cloexec", "after_exec", "received", "never_used"):
            return want, fds.get(name)
        if name == "has_fds_after_exec":
            table = self.table(process["pid"], "after_exec")
            return want, [fd for fd in want if fd in table]
        if name == "reaps":
            return want, len([e for e in self.events if e["type"] == "reap" and
                              e["child_pid"] == process["pid"] and not e["options"] & WNOWAIT])
        if name in ("min_life_ms", "min_zombie_ms"):
            life = (process["end_ns"] or 0) - process["start_ns"]
            got = life if name == "min_life_ms" else process["zombie_ns"]
            return ">= %s" % want, ">= %s" % (want if (got or 0) >= want * 1000000 else "not %s ns" % got)
        if name == "fork_call_ms":
            least, most = want
            got = process["fork_call_ns"]
            inside = got is not None and least * 1000000 <= got <= most * 1000000
            return want, want if inside else "%s ns" % got
        raise Wrong("the case says a word nobody knows: %s" % name)

    def process(self, said):
        found = self.find(said)
        facts = {k: v for k, v in said.items() if k not in ("expect", "pid", "nth")}
        if not found:
            raise Wrong("no such process")
        complaints = []
        for process in found:
            complaint = []
            for name, want in facts.items():
                want, got = self.fact(process, name, want)
                if not matches(want, got):
                    complaint.append("%s: expected %s, got %s" % (name, want, got))
            if not complaint:
                return
            complaints.append("; ".join(complaint))
        if "pid" not in said:
            raise Wrong("none of %d processes is it" % len(found))
        raise Wrong(" | ".join(complaints))

    def total(self, said):
        if len(self.report["processes"]) != said["processes"]:
            raise Wrong("the trace has %d processes" % len(self.report["processes"]))

    # --- passings

    def passes(self, said):
        for one in self.report["fd_passes"]:
            if all(said[k] == self.pid_of(one[k]) for k in ("from", "to") if k in said):
                yield one

    def fd_pass(self, said):
        seen = []
        for one in self.passes(said):
            files = [[f["from_fd"], f["to_fd"], f["kind"]] for f in one["files"]]
            if files[:len(said["files"])] == said["files"] and one["via"] == said["via"] and (
                    "for" not in said or said["for"] == self.pid_of(one["for"])):
                # What was sent beyond that must have got lost on the way (MSG_CTRUNC).
                if all(f[1] is None for f in files[len(said["files"]):]):
                    return
            seen.append("%s for %s: %s" % (one["via"], one["for"], str(files)[:200]))
        raise Wrong("no such passing; between these: %s" % (" | ".join(seen[:6]) or "none"))

    def no_fd_pass(self, said):
        for one in self.passes(said):
            if one["to"] is not None and any(f["to_fd"] is not None for f in one["files"]):
                raise Wrong("there is one: %s" % json.dumps(one)[:300])

    # --- tables and states, from the events

    def table(self, pid, when):
        entries = {}
        for event in self.events:
            if event["type"] == "fd_table" and event["pid"] == pid and event["when"] == when:
                for entry in event["fds"]:
                    entries[entry["fd"]] = entry
        return entries

    def held(self, said):
        table = self.table(said["pid"], "at_fork")
        if said["fd"] not in table:
            raise Wrong("fd not in the table of %d at its fork" % len(table))
        entry = table[said["fd"]]
        kind = self.kinds.get(entry["file"])
        if kind != said["kind"]:
            raise Wrong("kind is %s" % kind)
        if "cloexec" in said and entry["cloexec"] != said["cloexec"]:
            raise Wrong("cloexec is %s" % entry["cloexec"])
        if "same" in said:
            pid, fd = said["same"]
            other = self.table(pid, "at_fork").get(fd)
            if not other or other["file"] != entry["file"]:
                raise Wrong("files differ: %s and %s" % (entry, other))

    def states(self, pid):
        found = [e for e in self.events if e["type"] == "state" and e["pid"] == pid]
        if not found:
            raise Wrong("no state of it")
        return found

    def namespace(self, said):
        got = [s["ns"].get(said["ns"]) for s in self.states(said["pid"])]
        if said["number"] not in got:
            raise Wrong("its states have %s" % got)

    def state(self, said):
        last = self.states(said["pid"])[-1]
        for name in ("umask", "cwd", "uid", "gid"):
            if name in said and last[name] != said[name]:
                raise Wrong("%s is %s" % (name, last[name]))
        for name in ("blocked", "ignored"):
            if not set(said.get(name, [])) <= set(last["sig_" + name]):
                raise Wrong("%s are %s" % (name, last["sig_" + name]))
        if "nofile" in said and last["rlimits"]["nofile"] != said["nofile"]:
            raise Wrong("nofile is %s" % last["rlimits"]["nofile"])

    def event(self, said):
        where = dict(said["where"])
        parent = where.pop("parent", None)

        def fits(event):
            if event["type"] != said["type"]:
                return False
            if parent is not None and not any(
                    self.pid_of(p["parent"]) == parent for p in self.by_pid.get(event["pid"], [])):
                return False
            return all(name in event and matches(want, event[name]) for name, want in where.items())

        n = len([e for e in self.events if fits(e)])
        if n != said.get("count", max(n, 1)):
            near = [e for e in self.events
                    if e["type"] == said["type"] and e.get("pid") == where.get("pid", e.get("pid"))]
            raise Wrong("%d such events; near: %s" % (n, json.dumps(near)[:400]))

    def compare(self, said):
        {"process": self.process, "total": self.total, "fd_pass": self.fd_pass,
         "no_fd_pass": self.no_fd_pass, "held": self.held, "namespace": self.namespace,
         "state": self.state, "event": self.event}[said["expect"]](said)

    def generally(self, status):
        """What holds for every recording that lost nothing and saw the end of all it started."""
        report = self.report
        if report["lost"] or report["lost_by"] or report["gaps"]:
            raise Wrong("lost %s %s" % (report["lost"], report["lost_by"]))
        if report["incomplete"]:
            raise Wrong("the trace says it is incomplete")
        want = {"code": status} if status >= 0 else {"signal": -status}
        got = report["target"]["exit"]
        if not got or {k: got.get(k) for k in want} != want:
            raise Wrong("target's exit is %s, the recording ended with %s" % (got, status))
        for process in report["processes"]:
            if process["parent"] and process["parent"] not in self.by_id:
                raise Wrong("%s has a parent that is not there" % process["id"])


FLAGS = {
    "exit_flags": {1: "autoreap", 2: "before_exec"},
    "pass_flags": {1: "ctrunc", 2: "cmsg_cloexec", 4: "peek"},
}
WHEN = {
    "fd_table": {1: "at_fork", 2: "after_exec", 3: "attached"},
    "state": {1: "at_fork", 2: "before_exec", 3: "after_exec", 4: "attached"},
}


def signals_of(mask):
    return [n for n in range(1, 65) if int(mask, 16) >> (n - 1) & 1]


def flatten(event):
    """An event as the cases speak of it: bits have names, masks are lists."""
    flat = dict(event)
    for name, bits in FLAGS.items():
        for bit, flag in bits.items():
            if name in event:
                flat[flag] = bool(event[name] & bit)
    if event["type"] in WHEN:
        flat["when"] = WHEN[event["type"]].get(event["when"])
    for name in ("sig_blocked", "sig_ignored", "sig_caught"):
        if name in event:
            flat[name] = signals_of(event[name])
    return flat


class Live:
    """What forkscope says when it records a program here and now, in a private directory."""

    def __init__(self, program, directory):
        self.program = os.path.abspath(program)
        self.trace_file = os.path.join(directory, "trace")

    def record(self):
        result = tap.record(self.trace_file, [self.program], "--fds=full", "--source=bpf")
        if result.status is None:
            raise Wrong("record did not end in %d s" % tap.SECONDS)
        return result.status, result.out, result.err

    def read(self, *command):
        result = tap.forkscope(*command, self.trace_file)
        if result.status != 0:
            raise Wrong("%s: %s" % (" ".join(command), result))
        return result.out

    def report(self):
        return self.read("report", "--json")

    def events(self):
        return self.read("export", "--format=json")

    def fds(self):
        return self.read("fds", "--json")

    def text(self):
        return "".join(self.read(command) for command in TEXTS)


class Saved:
    """The same, as saved by scripts/vm-init: NAME.said, .err, .status, .report, .events, .fds, .text."""

    def __init__(self, name, directory):
        self.stem = os.path.join(directory, name)

    def read(self, what):
        with open(self.stem + "." + what, encoding="utf-8", errors="replace", newline="") as f:
            return f.read()

    def record(self):
        return int(self.read("status")), self.read("said"), self.read("err")

    def report(self):
        return self.read("report")

    def events(self):
        return self.read("events")

    def fds(self):
        return self.read("fds")

    def text(self):
        return self.read("text")


class Case:
    def __init__(self, witness):
        self.witness = witness

    def record(self):
        status, said, err = self.witness.record()
        if status == 125:
            raise Wrong("record: %s" % err.strip())
        if err:
            raise Wrong("record is not quiet: %s" % err.strip()[:300])
        return status, tap.json_lines(said)

    def load(self):
        lines = tap.json_lines(self.witness.events())
        return Trace(json.loads(self.witness.report()), [flatten(e) for e in lines[1:]],
                     json.loads(self.witness.fds()))

    def check_text(self):
        """No control character of the target's reaches a terminal or a file."""
        for character in self.witness.text():
            if character != "\n" and (ord(character) < 32 or 127 <= ord(character) < 160 or
                                      character in "\u202e\u2066\u2067"):
                raise Wrong("character %#x is printed raw" % ord(character))

    def check(self):
        """Returns (complaints, notes); raises Wrong where nothing more can be compared."""
        status, lines = self.record()
        for line in lines:
            if "skip" in line:
                return [], ["SKIP " + line["skip"]]
            if "broken" in line:
                raise Wrong("the case itself is broken: %s" % line["broken"])
        if status != 0:
            raise Wrong("the case ended with status %s" % status)
        if not any("expect" in line for line in lines):
            raise Wrong("the case said nothing")
        trace = self.load()
        complaints = []
        notes = ["not here: " + line["skip_part"] for line in lines if "skip_part" in line]
        notes += [line["note"] for line in lines if "note" in line]
        for line in lines:
            if "expect" in line:
                try:
                    trace.compare(line)
                except Wrong as wrong:
                    complaints.append("%s: %s" % (json.dumps(line)[:200], wrong))
        for check in (lambda: trace.generally(status), self.check_text):
            try:
                check()
            except Wrong as wrong:
                complaints.append(str(wrong))
        return complaints, notes


def check(name, witness):
    try:
        complaints, notes = Case(witness).check()
    except Wrong as wrong:
        complaints, notes = [str(wrong)], []
    except (KeyError, TypeError, ValueError) as error:
        complaints, notes = ["the JSON has not the promised shape: %r" % error], []
    if notes and notes[0].startswith("SKIP "):
        tap.skip(name, notes[0][5:])
        return
    tap.ok(not complaints, name, "\n".join(complaints))
    for line in notes:
        tap.note(line)


def main(arguments):
    if arguments[:1] == ["--from"] and len(arguments) > 2:
        for name in arguments[2:]:
            check(name, Saved(name, arguments[1]))
    elif arguments and not arguments[0].startswith("-"):
        tap.need_bpf()
        for program in arguments:
            with tap.private_dir() as directory:
                check(os.path.basename(program), Live(program, directory))
    else:
        print("usage: check.py PROGRAM... | --from DIR NAME...", file=sys.stderr)
        sys.exit(2)
    tap.done()


if __name__ == "__main__":
    main(sys.argv[1:])
