#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page of `forkscope view` in headless Chromium: what it shows, that it loads nothing, that nothing harms it.

The page is a drawing: what was drawn last is told by window.forkscope.drawn, and a lane's place by .x and .y.
Findings, losses and crowds are put into the data block of a real page, as the program would write them.
"""

import json
import os
import re
import sys

sys.path[:0] = ["tests", "tests/view"]
from tap import *  # noqa: E402,F403
import browser  # noqa: E402

HOSTILE = "</script><script>window.owned=1</script><img src=x onerror=window.owned=1>\x1b[31m\u202e\x00\"'`${1}"


def page_of(d, name):
    path = "%s/%s.html" % (d, name)
    result = forkscope("view", "%s/%s" % (d, name), "-o", path)
    ok(result.status == 0 and result.out == "" and result.err == "", "view " + name, result)
    return path


BLOCK = re.compile(r'(<script id="data" type="application/json">\n)(.*?)(\n</script>)', re.S)


def data_of(path):
    return json.loads(BLOCK.search(open(path).read())[2])


def with_data(path, to, data):
    text = json.dumps(data).replace("<", "\\u003c")
    with open(to, "w") as f:
        f.write(BLOCK.sub(lambda m: m[1] + text + m[3], open(path).read()))


def quiet(b, name):
    same(b.problems(), [], name + ": no console message, no request")


def text_of(b, selector):
    return b.js("return document.querySelector(arguments[0]).textContent", selector)


def drawn(b):
    b.settle()
    return b.js("return forkscope.drawn")


def check_file(d, path):
    page = open(path).read()
    ok(page.count("<script") == 2 and page.count("</script") == 2, "page: one script, one data block")
    ok("default-src 'none'" in page and "unsafe" not in page.split("<style>")[0], "page: a policy that allows nothing else")
    ok(not re.search(r"https?://", page.split("<style>")[0] + BLOCK.sub("", page).split("</style>")[1]), "page: no address in it")
    one, told = report(d + "/forkserver"), data_of(path)
    for key in ("events", "lost", "target", "gaps", "fd_passes", "findings", "sources"):
        same(told[key], one[key], "page: %s as in the report" % key)
    same([p["id"] for p in told["processes"]], [p["id"] for p in one["processes"]], "page: every process")
    held = {(f["file"], h["process"], h["fd"], h["got"]) for f in read_json("fds", "--json", d + "/forkserver")["files"]
            for h in f["holders"]}
    same({("f%d" % h[0], "p%d" % h[1], h[2], h[3]) for h in told["holdings"]}, held, "page: every holding")


def check_drawing(b, d, path):
    one = data_of(path)
    count = len(one["processes"])
    b.open(path)
    first = drawn(b)
    same((first["rows"], first["starts"]), (count, count - 1), "drawing: a lane each, an arrow for each start")
    same(first["passes"] > 0 and first["inherit"] == 0, True, "drawing: passing shown, inheritance on demand")
    ok(str(count) in text_of(b, "#facts") and "start_methods.py" in text_of(b, "#command"), "header: the facts")
    methods = {p["start_method"] for p in one["processes"]}
    same(set(b.js("return [...document.querySelectorAll('#methods button')].map((e) => e.firstChild.nextSibling.textContent)")),
         methods, "filters: a button for each start method")
    b.click("#show-inherit")
    ok(drawn(b)["inherit"] >= count - 1, "inheritance: arrows when asked", drawn(b))
    b.click("#show-inherit")
    b.click("#show-passes")
    b.click("#show-starts")
    now = drawn(b)
    same((now["inherit"], now["passes"], now["starts"]), (0, 0, 0), "arrows: off when asked")
    b.click("#show-passes")
    b.click("#show-starts")
    pixels = b.js("""const c = document.getElementById('canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        const seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return seen.size""")
    ok(pixels > 30, "drawing: not empty", pixels)
    quiet(b, "drawing")


def check_choosing(b, path):
    one = data_of(path)
    b.open(path)
    b.settle()
    worker = next(p for p in one["processes"] if p["start_method"] == "forkserver")
    n = int(worker["id"][1:])
    at = b.js("""const f = forkscope, p = f.processes[arguments[0]], box = document.getElementById('lanes').getBoundingClientRect();
        return [box.left + (f.x(p.from) + f.x(p.to)) / 2, box.top + f.y(p.row) + f.state.lane / 2]""", n)
    b.click_at(*at)
    panel = text_of(b, "#panel")
    ok(all(t in panel for t in (worker["id"], str(worker["pid"]), "forkserver", "asked for by", "exit 0")),
       "a click on a lane: its process in the panel", panel[:300])
    held = b.js("return forkscope.processes[arguments[0]].held.length", n)
    ok("Open files it held (%d)" % held in panel and held > 3, "panel: its open files", panel[:300])
    b.js("[...document.querySelectorAll('#panel td .link')].find((e) => e.textContent.startsWith('pipe:')).click()")
    life = drawn(b)
    ok(life["life"] > 0 and b.js("return forkscope.state.file") is not None and "Who held it" in text_of(b, "#panel"),
       "a click on a file: its life", life)
    b.js("document.activeElement.blur()")
    b.keys("\ue00c")
    same(b.js("return [forkscope.state.file, forkscope.state.process]"), [None, None], "Escape: back to all")
    b.keys("\ue015")
    same(b.js("return forkscope.state.process"), 0, "key down: the first process")
    rows = b.js("return forkscope.rows().length")
    b.keys("\ue012")
    same(b.js("return forkscope.rows().length"), 1, "key left: folded to one row")
    folded = drawn(b)
    same((folded["rows"], folded["starts"]), (1, 0), "folded: one lane")
    b.keys("\ue014")
    same(b.js("return forkscope.rows().length"), rows, "key right: unfolded again")
    span = b.js("return forkscope.state.to - forkscope.state.from")
    b.keys("+", "+")
    ok(b.js("return forkscope.state.to - forkscope.state.from") < span / 2, "key +: zoom")
    b.keys("0")
    ok(abs(b.js("return forkscope.state.to - forkscope.state.from") / span - 1) < 0.01, "key 0: all of it")
    b.keys("?")
    ok(b.js("return document.getElementById('help').open"), "key ?: the keys")
    quiet(b, "choosing")


def check_search(b, path):
    one = data_of(path)
    b.open(path)
    b.settle()
    b.keys("/")
    same(b.js("return document.activeElement.id"), "search", "key /: the search")
    b.keys(*"forkserver")
    want = {int(p["id"][1:]) for p in one["processes"] if p["role"] == "forkserver"}
    got = set(b.js("return forkscope.state.hits"))
    ok(want and want <= got, "search: finds", (want, got))
    b.keys("\ue007")
    ok(b.js("return forkscope.state.process") in got, "search: Enter goes to a hit")
    b.click("#only-hits")
    rows = set(b.js("return forkscope.rows().flatMap((r) => r.list.map((p) => p.n))"))
    ok(got <= rows and len(rows) < len(one["processes"]), "filter: only what was found, with its ancestors", (got, rows))
    b.click("#only-hits")
    b.js("const i = document.getElementById('search'); i.value = 'no such thing'; i.dispatchEvent(new Event('input'))")
    b.settle()
    same(text_of(b, "#hits"), "0", "search: nothing found is said")
    b.js("forkscope.find('')")
    forkserver = b.js("return [...document.querySelectorAll('#methods button')].findIndex((e) => e.textContent.startsWith('forkserver'))")
    b.js("document.querySelectorAll('#methods button')[arguments[0]].click()", forkserver)
    left = b.js("return forkscope.rows().flatMap((r) => r.list.map((p) => p.method))")
    ok(left and "forkserver" not in left, "filter: a start method away", left)
    quiet(b, "search")


def check_table(b, path):
    one = data_of(path)
    b.open(path)
    b.settle()
    b.keys("t")
    same(b.js("return document.querySelectorAll('#sheet tbody tr').length"), len(one["processes"]), "table: a row each")
    first = text_of(b, "#sheet tbody tr")
    ok("p0" in first and str(one["processes"][0]["pid"]) in first, "table: in order", first)
    b.js("document.querySelector('#sheet th button').click()")
    ok(one["processes"][-1]["id"] in text_of(b, "#sheet tbody tr"), "table: sorted the other way")
    b.js("document.querySelector('#sheet tbody .link').click()")
    ok(one["processes"][-1]["id"] in text_of(b, "#panel h2"), "table: a process chosen")
    b.click("#mode")
    ok(b.js("return document.getElementById('sheet').hidden"), "table: and back")
    before = b.js("return getComputedStyle(document.body).backgroundColor")
    b.click("#theme")
    ok(b.js("return getComputedStyle(document.body).backgroundColor") != before, "light and dark")
    quiet(b, "table")


def check_hostile(b, d, path):
    """From a real program with hostile names, and worse than one can make: every text of the data."""
    b.open(path)
    b.settle()
    quiet(b, "hostile program")
    data = data_of(path)

    def poison(value, key=""):
        if isinstance(value, dict):
            return {k: poison(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v, key) for v in value]
        safe = ("id", "parent", "creator", "logical_parent", "start_method", "reaped_by", "killed_by", "reparented_to", "process",
                "from", "to", "for", "file", "severity", "opened_by", "schema", "holdings", "what")
        return HOSTILE if isinstance(value, str) and key not in safe else value

    bad = poison(data)
    for f in bad["files"].values():
        f["id"] = HOSTILE
    bad["findings"] = [{"rule": HOSTILE, "severity": HOSTILE, "process": "p1", "title": HOSTILE, "detail": HOSTILE, "fix": HOSTILE}]
    bad["processes"][1]["where"] = {"call": HOSTILE, "native": [HOSTILE], "python": [HOSTILE]}
    bad["marks"] = [{"kind": k, "name": HOSTILE, "process": "p1", "tid": HOSTILE, "ts_ns": 5, "end_ns": 9, "value": 1} for k in ("mark", "span", "name", HOSTILE)]
    bad["pools"] = [{"runs": [{"task": HOSTILE, "worker": w, "first": 0, "count": 2, "start_ns": 3, "end_ns": None, "failed": 1} for w in ("p1", HOSTILE, None)]}]
    bad["processes"][1]["start_method"] = "</style>"
    with_data(path, d + "/bad.html", bad)
    b.open(d + "/bad.html")
    b.settle()
    for n in range(len(bad["processes"])):
        b.js("forkscope.choose({ process: arguments[0] })", n)
    b.js("for (const h of forkscope.processes[0].held) forkscope.choose({ file: h.file })")
    b.js("forkscope.choose({ file: null, process: 1 }); forkscope.find('script')")
    b.keys("t")
    b.settle()
    same(b.js("return [window.owned ?? null, document.querySelectorAll('img').length, document.querySelectorAll('script').length]"),
         [None, 0, 2], "hostile text: no element came of it")
    ok("<img src=x" in text_of(b, "#panel"), "hostile text: shown as text")
    ok(not re.search("[\x00\x1b\u202e]", text_of(b, "#panel") + text_of(b, "#sheet") + text_of(b, "#command")), "hostile text: visible escapes")
    quiet(b, "hostile text")


def check_findings(b, d, path):
    data = data_of(path)
    middle = data["processes"][1]["start_ns"] + 1000000
    data["findings"] = [{"ts_ns": middle if i == 1 else None, "rule": "FS9%02d" % i, "severity": s, "process": "p%d" % i, "title": "t%d" % i, "detail": "d%d" % i, "fix": "x"}
                        for i, s in enumerate(("bug", "warning", "note"))]
    data["gaps"], data["lost"], data["lost_by"] = [{"from_ns": 1000000, "to_ns": 9000000}], 7, {"fork": 7}
    data["incomplete"] = True
    with_data(path, d + "/found.html", data)
    b.open(d + "/found.html")
    same(drawn(b)["pins"], 3, "findings: pinned")
    same(b.js("return forkscope.processes.slice(0, 3).map((p) => p.findings[0].at)"),
         [data["processes"][0]["start_ns"], middle, data["processes"][2]["start_ns"]],
         "findings: where they happened, else where the process begins")
    ok(all(t in text_of(b, "#panel") for t in ("FS900", "d1", "t2", "7 fork", "cut short")), "findings and losses: in the panel")
    ok("3 findings" in text_of(b, "#facts") and "incomplete" in text_of(b, "#facts"), "findings: in the header")
    b.keys("n", "n")
    same(b.js("return forkscope.state.process"), 1, "key n: from finding to finding")
    b.click("#only-found")
    same(sorted(b.js("return forkscope.rows().map((r) => r.p.n)")), [0, 1, 2], "filter: only those with findings")
    quiet(b, "findings")


def check_said(b, d):
    """Marks and spans of a program, and the tasks of a pool: drawn, told, found, and away when asked."""
    record(d + "/said", [BUILD + "/examples/marks"], "--source=both")
    record(d + "/tasks", ["sh", "-c", "seq 1 12 | %s/procpool map --start=fork -j 2 --chunk 2 %s/examples/tasks.so:nap" %
                          (BUILD, BUILD)], "--source=both")
    marks, pool = report(d + "/said")["marks"], report(d + "/tasks")["pools"][0]
    b.open(page_of(d, "said"))
    got = b.js("""return forkscope.processes.flatMap((p) => p.marks.concat(p.spans).map((m) => [m.kind, m.name, 'p' + p.n, m.from ?? m.at]))""")
    same(sorted(got), sorted([m["kind"], m["name"], m["process"], m["ts_ns"]] for m in marks), "said: every mark, span and name")
    owner = next(m for m in marks if m["kind"] == "span" and m["process"] == "p0")
    n = int(owner["process"][1:])
    b.js("forkscope.choose({ process: arguments[0] }); forkscope.show(arguments[1] - 1000, arguments[2] + 1000)", n, owner["ts_ns"], owner["end_ns"])
    ok(drawn(b)["said"] > 0, "said: drawn", drawn(b))
    panel = text_of(b, "#panel")
    ok(all(t in panel for t in ("Spans (1)", "sum up", "Marks (", "What its threads are for", "summer")), "said: in the panel", panel)
    at = b.js("""const f = forkscope, p = f.processes[arguments[0]], box = document.getElementById('lanes').getBoundingClientRect();
        return [box.left + f.x((arguments[1] + arguments[2]) / 2), box.top + f.y(p.row) + f.state.lane / 2]""", n, owner["ts_ns"], owner["end_ns"])
    b.click_at(*at)
    ok("sum up" in text_of(b, "#tip"), "said: a span in the tip", text_of(b, "#tip"))
    b.keys("m")
    same(drawn(b)["said"], 0, "said: away when asked")
    b.js("forkscope.find('sum up')")
    same(set(b.js("return forkscope.state.hits")), {int(m["process"][1:]) for m in marks if m["name"] == "sum up"}, "said: found")
    quiet(b, "said")
    b.open(page_of(d, "tasks"))
    runs = [r for r in pool["runs"] if r["start_ns"] is not None]
    got = b.js("""return forkscope.processes.flatMap((p) => p.spans.map((s) => ['p' + p.n, s.from, s.to, s.count, s.kind]))""")
    same(sorted(got), sorted([r["worker"], r["start_ns"], r["end_ns"], r["count"], "run"] for r in runs), "tasks: every run, at its worker")
    same(sum(s[3] for s in got), 12, "tasks: all of them")
    ok(drawn(b)["said"] >= 6, "tasks: drawn", drawn(b))
    b.js("forkscope.choose({ process: arguments[0] })", int(runs[0]["worker"][1:]))
    ok("Tasks of a pool (" in text_of(b, "#panel") and "nap 0–1" in b.js("return forkscope.processes.flatMap((p) => p.spans.map((s) => s.name)).join()"),
       "tasks: in the panel", text_of(b, "#panel"))
    quiet(b, "tasks")
    data = data_of(d + "/tasks.html")  # ten thousand times as many
    one = runs[0]
    data["pools"][0]["runs"] = [{**one, "first": i, "start_ns": i * 1000, "end_ns": i * 1000 + 900, "failed": int(i == 7)} for i in range(200000)]
    data["end_ns"] = 200000 * 1000
    with_data(d + "/tasks.html", d + "/many.html", data)
    b.open(d + "/many.html")
    ok(0 < drawn(b)["said"] < 5000, "tasks: many are drawn as many pixels", drawn(b))
    quiet(b, "many tasks")


def check_crowd(b, d, path):
    """10,000 processes from one: every row is reached, only what is in view is drawn."""
    data = data_of(path)
    last, many = data["processes"][-1], 10000
    data["processes"] = [data["processes"][0]] + [
        {**last, "id": "p%d" % i, "pid": 100000 + i, "parent": "p0", "creator": "p0", "logical_parent": "p0",
         "start_ns": i * 1000, "end_ns": i * 1000 + 1500, "zombie_ns": None} for i in range(1, many)]
    data.update(end_ns=many * 1000, fd_passes=[], holdings=[], files={}, findings=[])
    with_data(path, d + "/crowd.html", data)
    b.open(d + "/crowd.html")
    first = drawn(b)
    same(b.js("return forkscope.rows().reduce((n, r) => n + r.list.length, 0)"), many, "crowd: all have a place")
    ok(first["rows"] < 10 and first["starts"] < 1000, "crowd: packed, and arrows on each other drawn once", first)
    b.click("#pack")
    single = drawn(b)
    same(b.js("return forkscope.rows().length"), many, "crowd: a row each when asked")
    ok(0 < single["rows"] < 2000, "crowd: only rows in view are drawn", single)
    b.js("forkscope.choose({ process: arguments[0] })", many - 1)
    ok(b.js("const f = forkscope, y = f.y(f.processes[arguments[0]].row); return y > 0 && y < innerHeight", many - 1), "crowd: the last one is reached")
    b.js("forkscope.find('p9999')")
    same(b.js("return forkscope.state.hits"), [many - 1], "crowd: and found")
    quiet(b, "crowd")


def check_strange(b, d, path):
    """Traces that tell little: none at all, cut, or all event types in any order."""
    data = data_of(path)
    data.update(processes=[], fd_passes=[], holdings=[], files={}, findings=[], end_ns=None, target=None)
    with_data(path, d + "/empty.html", data)
    b.open(d + "/empty.html")
    same(drawn(b)["rows"], 0, "strange: a trace of no process")
    b.keys("t", "t", "\ue015", "\ue012", "\ue014", "n", "0", "+")
    quiet(b, "strange: empty")
    run([BUILD + "/tests/fuzz/make_corpus", "--trace", d + "/all", "3000"])
    b.open(page_of(d, "all"))
    ok(drawn(b)["rows"] > 10, "strange: a trace of all events", drawn(b))
    b.js("for (const p of forkscope.processes) forkscope.choose({ process: p.n })")
    b.js("for (const f of new Set(forkscope.processes.flatMap((p) => p.held.map((h) => h.file)))) forkscope.choose({ file: f })")
    b.settle()
    quiet(b, "strange: all events")


def one_line(result, name, *mentions):
    ok(result.status == 1 and result.out == "" and result.err.count("\n") == 1 and all(m in result.err for m in mentions), name, result)


def check_errors(d):
    one_line(forkscope("view", d + "/missing", "-o", d + "/x.html"), "view of nothing", "missing")
    one_line(forkscope("view", d + "/forkserver", "-o", d + "/forkserver"), "view onto the trace itself")
    one_line(forkscope("view", d + "/forkserver", "-o", "/nowhere/x.html"), "view to nowhere", "/nowhere")
    with open("/dev/full", "wb") as full:
        result = forkscope("view", d + "/forkserver", stdout=full)
        ok(result.status == 1 and result.err.count("\n") == 1, "view to a full disk", result)
    ok(forkscope("view", d + "/forkserver").out == open(d + "/forkserver.html").read(), "view to a pipe: the same page")


need_bpf()
with private_dir() as d:
    record(d + "/forkserver", ["/usr/bin/python3", "examples/start_methods.py", "forkserver"], "--fds=full")
    record(d + "/hostile", [BUILD + "/tests/cases/hostile"], "--fds=full")
    page, hostile = page_of(d, "forkserver"), page_of(d, "hostile")
    check_file(d, page)
    check_errors(d)
    if browser.missing():
        skip("the page in a browser", browser.missing())
    else:
        with browser.Browser(d) as b:
            check_drawing(b, d, page)
            check_choosing(b, page)
            check_search(b, page)
            check_table(b, page)
            check_findings(b, d, page)
            check_said(b, d)
            check_crowd(b, d, page)
            check_hostile(b, d, hostile)
            check_strange(b, d, page)
done()
