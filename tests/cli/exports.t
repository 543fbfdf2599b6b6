#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""export and query read back by other programs: protoc, sqlite, dot; and the man pages' own examples.

Each is held against report --json of the same trace. Traces: CPython's fork server (starts on request, fds
passed), a pid used twice, and text that attacks whoever shows it.
"""

import json
import os
import re
import shutil
import sqlite3
import sys

sys.path.insert(0, "tests")
from tap import *  # noqa: E402,F403

FORMATS = ("perfetto", "sqlite", "dot", "mermaid", "chrome")


def export(d, name, form):
    path = "%s/%s.%s" % (d, name, form)
    result = forkscope("export", "--format=" + form, "-o", path, "%s/%s" % (d, name))
    ok(result.status == 0 and result.err == "" and result.out == "", "%s: export %s" % (name, form), result)
    return path


def control_characters(data):
    """What could steer a terminal, in text that is valid UTF-8."""
    return [c for c in data.decode("utf-8") if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160
            or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]


# --- perfetto ---

def parse_text(text):
    """protoc's text format, as nested {field: [values]}."""
    root = {}
    stack = [root]
    for line in text.split("\n"):
        line = line.strip()
        if line.endswith(" {"):
            child = {}
            stack[-1].setdefault(line[:-2], []).append(child)
            stack.append(child)
        elif line == "}":
            stack.pop()
        elif line:
            key, value = line.split(": ", 1)
            stack[-1].setdefault(key, []).append(value)
    return root


def unquote(text):
    """A string of protoc's: octal escapes are bytes of UTF-8."""
    raw = re.sub(rb"\\([0-7]{3}|.)", lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else
                 {b"n": b"\n", b"t": b"\t", b"r": b"\r"}.get(m[1], m[1]), text[1:-1].encode())
    return raw.decode("utf-8")


def notes_of(event):
    return {unquote(n["name"][0]): int(n["uint_value"][0]) if "uint_value" in n else unquote(n["string_value"][0])
            for n in event.get("debug_annotations", [])}


def check_nesting(name, packets):
    """On every track what begins ends, in order, as a reader that sorts by time (and keeps order) sees it."""
    events = [(int(p["timestamp"][0]), p["track_event"][0]) for p in packets if "track_event" in p]
    depth, wrong = {}, 0
    for _, event in sorted(events, key=lambda pair: pair[0]):
        track = event["track_uuid"][0]
        step = {"TYPE_SLICE_BEGIN": 1, "TYPE_SLICE_END": -1, "TYPE_INSTANT": 0}[event["type"][0]]
        depth[track] = depth.get(track, 0) + step
        wrong += depth[track] < 0
    ok(not wrong and not any(depth.values()), name + ": perfetto: slices nest and end", depth)


def check_perfetto(d, name, one):
    path = export(d, name, "perfetto")
    if not shutil.which("protoc"):
        skip(name + ": perfetto", "protoc is not installed")
        return
    with open(path, "rb") as f:
        decoded = run(["protoc", "--proto_path=tests/cli", "--decode=Trace", "tests/cli/perfetto.proto"], stdin=f)
    ok(decoded.status == 0 and not re.search(r"^\s*\d+:", decoded.out, re.M),
       name + ": perfetto: protoc decodes it, no field unknown", decoded)
    packets = parse_text(decoded.out)["packet"]
    tracks = [p["track_descriptor"][0] for p in packets if "track_descriptor" in p]
    events = [p["track_event"][0] for p in packets if "track_event" in p]
    ids = [t["uuid"][0] for t in tracks]
    ok(len(set(ids)) == len(ids) and all(t.get("parent_uuid", [ids[0]])[0] in ids for t in tracks)
       and {e["track_uuid"][0] for e in events} <= set(ids), name + ": perfetto: track ids are unique and known")
    same(sorted(notes_of(e)["id"] + " %d" % notes_of(e)["pid"] for e in events if e.get("categories") == ['"process"']),
         sorted("%s %d" % (p["id"], p["pid"]) for p in one["processes"]), name + ": perfetto: every process once")
    check_nesting(name, packets)
    begun = [f for e in events for f in e.get("flow_ids", [])]
    ended = [f for e in events for f in e.get("terminating_flow_ids", [])]
    started = [p for p in one["processes"] if p["creator"]]
    received = [p for p in one["fd_passes"] if p["received_ns"] is not None and p["to"]]
    asked = [p for p in one["processes"] if p["start_method"] == "forkserver"]
    ok(set(begun) <= set(ended) and len(set(begun)) == len(started) + len([p for p in received if p["from"]]) + len(asked),
       name + ": perfetto: an arrow for each start, request and passing",
       (len(begun), len(started), len(received), len(asked)))
    same(len([e for e in events if e.get("name") in (['"receive fds"'], ['"pidfd_getfd"'])]), len(received),
         name + ": perfetto: every passing is received")
    for e in events:
        for text in [unquote(e["name"][0])] if "name" in e else []:
            if control_characters(text.encode()) or "\n" in text:
                ok(False, name + ": perfetto: a control character", text)


# --- sqlite ---

def check_sqlite(d, name, one):
    db = sqlite3.connect("file:%s?mode=ro" % export(d, name, "sqlite"), uri=True)
    db.row_factory = sqlite3.Row

    def value(sql):
        return db.execute(sql).fetchone()[0]

    same(value("PRAGMA integrity_check"), "ok", name + ": sqlite: integrity")
    number = {None: None, **{p["id"]: int(p["id"][1:]) for p in one["processes"]}}
    got = [dict(r) for r in db.execute("SELECT * FROM process ORDER BY id")]
    for p, row in zip(one["processes"], got):
        want = {"id": number[p["id"]], "pid": p["pid"], "parent": number[p["parent"]],
                "logical_parent": number[p["logical_parent"]], "start_method": p["start_method"],
                "start_ns": p["start_ns"], "end_ns": p["end_ns"], "window_ns": p["window_ns"],
                "exit_code": (p["exit"] or {}).get("code"), "signal": (p["exit"] or {}).get("signal"),
                "reaped_by": number[p["reaped_by"]], "zombie_ns": p["zombie_ns"], "threads": p["threads"],
                "cpu_ns": p["cpu_ns"], "fds_inherited": p["fds"]["inherited"], "fds_cloexec": p["fds"]["cloexec"],
                "fds_received": p["fds"]["received"], "fds_never_used": p["fds"]["never_used"]}
        mine = {k: row[k] for k in want}
        if mine != want:
            same(mine, want, "%s: sqlite: %s" % (name, p["id"]))
    same(len(got), len(one["processes"]), name + ": sqlite: every process")
    same(value("SELECT count(*) FROM fd_pass WHERE errno IS NULL"), len(one["fd_passes"]), name + ": sqlite: passings")
    same(value("SELECT count(*) FROM exec WHERE errno IS NULL"), sum(len(p["images"]) for p in one["processes"]),
         name + ": sqlite: execs")
    same(value("SELECT count(*) FROM arg JOIN exec ON exec.id = arg.exec WHERE errno IS NULL"),
         sum(len(i["argv"]) for p in one["processes"] for i in p["images"]), name + ": sqlite: arguments")
    same(value("SELECT count(*) FROM thread"), sum(p["threads"] for p in one["processes"]), name + ": sqlite: threads")
    held = read_json("fds", "--json", d + "/" + name)["files"]
    same(value("SELECT count(*) FROM holding"), sum(len(f["holders"]) for f in held), name + ": sqlite: holdings")
    ends = sorted((int(f["file"][1:]), int(o[1:])) for f in held for o in f["other_ends"])
    ok(set(ends) <= {tuple(r) for r in db.execute("SELECT file, other FROM other_end")}, name + ": sqlite: other ends")
    for table in [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]:
        for row in db.execute("SELECT * FROM " + table):
            for cell in row:
                if isinstance(cell, str) and (control_characters(cell.encode()) or "\n" in cell):
                    ok(False, "%s: sqlite: a control character in %s" % (name, table), cell)
    db.close()


# --- graphs ---

def check_graphs(d, name, one):
    edges = len([p for p in one["processes"] if p["parent"]])
    path = export(d, name, "dot")
    data = open(path, "rb").read()
    text = data.decode()
    ok(not control_characters(data), name + ": dot: no control character")
    same((len(re.findall(r"^  p\d+ \[label=", text, re.M)), len(re.findall(r"^  p\d+ -> p\d+ \[label=\"[^\"]*\"\];$", text, re.M))),
         (len(one["processes"]), edges), name + ": dot: a node a process, an edge a start")
    if shutil.which("dot"):
        svg = run(["dot", "-Tsvg", path])
        ok(svg.status == 0 and svg.err == "" and svg.out.count('class="node"') == len(one["processes"])
           and "<script" not in svg.out and "<i>" not in svg.out, name + ": dot renders it", svg)
    else:
        skip(name + ": dot renders it", "graphviz is not installed")
    data = open(export(d, name, "mermaid"), "rb").read()
    ok(not control_characters(data), name + ": mermaid: no control character")
    lines = data.decode().split("\n")
    node = re.compile(r'^  p\d+\["([\w .,:/=+-]|#\d+;|<br/>|[^\x00-\x7f])*"\](:::\w+)?$')
    edge = re.compile(r'^  p\d+ (-->|-\.->|==>)\|"[\w ,]*"\| p\d+$')
    nodes = [line for line in lines if node.match(line)]
    same(len(nodes), len(one["processes"]), name + ": mermaid: a node a process")
    rest = [line for line in lines if not node.match(line) and not edge.match(line)
            and not re.match(r"^(flowchart LR|  classDef [\w :#,-]+|)$", line)]
    same(rest, [], name + ": mermaid: nothing else than nodes and edges")


# --- chrome ---

def check_chrome(d, name, one):
    data = open(export(d, name, "chrome"), "rb").read()
    ok(not control_characters(data), name + ": chrome: no control character")
    events = json.loads(data)["traceEvents"]

    def of(phase, category):
        return [e for e in events if (e["ph"], e["cat"]) == (phase, category)]

    lives = {e["pid"]: e for e in of("X", "process")}
    same(sorted(lives), list(range(len(one["processes"]))), name + ": chrome: a slice a process, by its number")
    wrong = [p["id"] for p in one["processes"] for e in [lives[int(p["id"][1:])]]
             if p["end_ns"] is not None and p["start_ns"] is not None and
             (e["args"]["pid"] != p["pid"] or e["args"]["start_method"] != p["start_method"] or
              abs(e["ts"] * 1000 - p["start_ns"]) > 1 or abs(e["dur"] * 1000 - (p["end_ns"] - p["start_ns"])) > 2)]
    same(wrong, [], name + ": chrome: as the report tells them")
    same(len(of("i", "exec")), sum(len(p["images"]) for p in one["processes"]), name + ": chrome: execs")
    same((len(of("s", "start")), len(of("f", "start"))), (len([p for p in one["processes"] if p["creator"]]),) * 2,
         name + ": chrome: an arrow a start")
    both = [p for p in one["fd_passes"] if p["from"] and p["to"] and p["ts_ns"] is not None and p["received_ns"] is not None]
    same(len(of("s", "fds")), len(both), name + ": chrome: an arrow a passing")
    ids = [e["id"] for e in events if e["ph"] == "s"]
    same((len(set(ids)), sorted(ids)), (len(ids), sorted(e["id"] for e in events if e["ph"] == "f")),
         name + ": chrome: arrows have both ends, and numbers of their own")
    same(sorted(e["name"] for e in of("i", "finding")), sorted("%(rule)s %(title)s" % f for f in one["findings"] if f["process"]),
         name + ": chrome: findings")
    runs = [r for pool in one["pools"] for r in pool["runs"] if r["start_ns"] is not None]
    same(sorted(e["args"]["first"] for e in of("X", "task")), sorted(r["first"] for r in runs), name + ": chrome: tasks")
    spans = [m["name"] for m in one["marks"] if m["kind"] == "span"]
    same((len(of("b", "span")), len(of("e", "span")), len(of("i", "mark"))),
         (len(spans), len(spans), len([m for m in one["marks"] if m["kind"] == "mark"])), name + ": chrome: marks and spans")


# --- findings, in each export where they happened ---

def check_findings(d):
    forkscope("check", "--keep", d + "/found", "--", BUILD + "/tests/bugs/fs060_zombies_bad")
    one = report(d + "/found")
    ended = {p["id"]: p["end_ns"] for p in one["processes"]}
    ok(one["findings"] and all(f["ts_ns"] == ended[f["process"]] for f in one["findings"] if f["rule"] == "FS060"),
       "found: each knows its moment", one["findings"])
    check_perfetto(d, "found", one)
    check_sqlite(d, "found", one)
    check_graphs(d, "found", one)
    check_chrome(d, "found", one)
    db = sqlite3.connect("file:%s/found.sqlite?mode=ro" % d, uri=True)
    same(db.execute("SELECT rule, severity, 'p' || process, title, detail, fix, ts_ns FROM finding").fetchall(),
         [tuple(f[k] for k in ("rule", "severity", "process", "title", "detail", "fix", "ts_ns")) for f in one["findings"]],
         "found: sqlite has every finding")
    db.close()
    if shutil.which("protoc"):
        with open(d + "/found.perfetto", "rb") as f:
            decoded = run(["protoc", "--proto_path=tests/cli", "--decode=Trace", "tests/cli/perfetto.proto"], stdin=f)
        packets = [p for p in parse_text(decoded.out)["packet"] if "track_event" in p]
        same(sorted(unquote(p["track_event"][0]["name"][0]) for p in packets
                    if p["track_event"][0].get("categories") == ['"finding"']),
             sorted("%(rule)s %(title)s" % f for f in one["findings"]), "found: perfetto has every finding")
    for form, mark in (("dot", "FS060"), ("mermaid", "FS060")):
        text = open("%s/found.%s" % (d, form)).read()
        ok(mark in text, "found: %s names them" % form, text)


# --- query and the commands' errors ---

def one_line(result, name, *mentions):
    ok(result.status == 1 and result.out == "" and result.err.count("\n") == 1 and result.err.startswith("forkscope: ")
       and all(m in result.err for m in mentions), name + ": one line, status 1", result)


def check_query(d):
    trace = d + "/forkserver"
    rows = read_json("query", "--json", trace, "SELECT id, comm, 1.5 AS half, NULL AS none FROM process ORDER BY id")
    ok(len(rows) >= 5 and rows[0] == {"id": 0, "comm": "python3", "half": 1.5, "none": None}, "query --json", rows)
    text = forkscope("query", trace, "SELECT id, start_method FROM process WHERE id < 2; SELECT 7 AS seven")
    same(text.out.split("\n"), ["id  start_method", " 0  initial", " 1  spawn", "seven", "    7", ""], "query: tables")
    wide = forkscope("query", trace, "SELECT * FROM process")
    ok(wide.status == 0 and "\nstart_method = spawn\n" in wide.out, "query: many columns, a line each", wide)
    evil = forkscope("query", trace, "SELECT char(27, 91, 51, 49, 109) AS a, x'1b5d' AS \"\x1b[2J\"")
    ok(evil.status == 0 and "\x1b" not in evil.out and "\\e[31m" in evil.out, "query: what SQL makes is escaped", evil)
    same(forkscope("query", "--json", trace, "SELECT 1 AS a WHERE 0").out, "[]\n", "query --json: nothing")
    before = sorted(os.listdir(d))
    for sql in ("CREATE TABLE x (a)", "DELETE FROM process", "ATTACH '%s/new' AS x" % d, "VACUUM INTO '%s/new'" % d,
                "PRAGMA writable_schema = 1", "SELECT load_extension('x')"):
        one_line(forkscope("query", trace, sql), "query: " + sql.split("'")[0])
    same(sorted(os.listdir(d)), before, "query: no file was made")
    one_line(forkscope("query", trace, "SELEC"), "query: bad SQL", "syntax error")
    one_line(forkscope("query", trace, "SELECT nothing FROM process"), "query: no such column", "nothing")
    one_line(forkscope("query", trace, "  "), "query: nothing asked")
    one_line(forkscope("query", trace), "query without SQL")
    one_line(forkscope("query", d + "/missing", "SELECT 1"), "query of nothing", "missing")
    with open("/dev/full", "wb") as full:
        for words in (["query", trace, "SELECT * FROM holding"], *(["export", "--format=" + f, trace] for f in FORMATS)):
            result = forkscope(*words, stdout=full)
            ok(result.status == 1 and result.err.count("\n") == 1, " ".join(words[:2]) + " to a full disk", result)
    for form in FORMATS:
        one_line(forkscope("export", "--format=" + form, "-o", trace, trace), form + " onto the trace itself")
        one_line(forkscope("export", "--format=" + form, "/dev/null"), form + " of an empty file")
    cut = d + "/cut"
    with open(trace, "rb") as f, open(cut, "wb") as g:
        g.write(f.read()[:-200])
    result = forkscope("export", "--format=dot", cut)
    ok(result.status == 0 and result.err.count("\n") == 1 and "incomplete" in result.err and "p0" in result.out,
       "export of a cut trace: what there is, and a warning", result)


def man_examples(page):
    """The command lines of a page's EXAMPLES, as they stand there."""
    text = open("doc/man/%s.1.scd" % page).read().split("# EXAMPLES", 1)[1].split("\n# ", 1)[0]
    text = text.replace("++\n", "\n")
    # A command may go on in the next lines, within quotes.
    return re.findall(r"^forkscope .*(?:\n  .*)*", text.replace("\n\t", "\n"), re.M)


def check_manuals(d):
    env = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "TERM": "dumb"}
    shutil.copy(d + "/forkserver", d + "/t.data")
    shutil.copy(d + "/forkserver", d + "/forkscope.data")
    for page in ("forkscope-export", "forkscope-query", "forkscope-view"):
        examples = man_examples(page)
        ok(len(examples) >= 3, page + ": has examples", examples)
        for line in examples:
            if "dot " in line and not shutil.which("dot"):
                skip(line, "graphviz is not installed")
                continue
            result = run(["bash", "-o", "pipefail", "-c", line], cwd=d, env=env)
            ok(result.status == 0 and result.err == "", page + ": " + line.split("\n")[0], result)
    told = open("doc/man/forkscope-query.1.scd").read()
    db = sqlite3.connect(d + "/t.db")  # an example of the export's page made it
    tables = [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in tables:
        at = told.find("\n*%s*\n" % table)
        words = told[at:told.find("\n\n", at + 1)]
        columns = [r[1] for r in db.execute("PRAGMA table_info(%s)" % table)]
        missing = [c for c in columns if "_%s_" % c not in words]
        ok(at > 0 and not missing, "forkscope-query(1) tells the columns of " + table, missing)
    db.close()
    same(read_json("query", "--json", d + "/t.data", "PRAGMA table_info(gap)")[0]["name"], "start_ns",
         "query: PRAGMA table_info")


need_bpf()
with private_dir() as d:
    traced = {
        "forkserver": ["/usr/bin/python3", "examples/start_methods.py", "forkserver"],
        "hostile": [BUILD + "/tests/cases/hostile"],
        "pid_reuse": [BUILD + "/tests/cases/pid_reuse"],
        "threads": [BUILD + "/tests/cases/threads"],
    }
    for name, command in traced.items():
        record(d + "/" + name, command, "--fds=full")
        one = report(d + "/" + name)
        check_perfetto(d, name, one)
        check_sqlite(d, name, one)
        check_graphs(d, name, one)
        check_chrome(d, name, one)
    record(d + "/said", [BUILD + "/examples/marks"], "--source=both")
    check_chrome(d, "said", report(d + "/said"))
    record(d + "/tasks", ["sh", "-c", "seq 9 | %s/procpool map --start=fork -j 2 %s/examples/tasks.so:upper" % (BUILD, BUILD)],
           "--source=both")
    check_chrome(d, "tasks", report(d + "/tasks"))
    reused = [p["pid"] for p in report(d + "/pid_reuse")["processes"]]
    ok(len(set(reused)) < len(reused), "a pid was used twice", reused)
    check_findings(d)
    check_query(d)
    check_manuals(d)
done()
