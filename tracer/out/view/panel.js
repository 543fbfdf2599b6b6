// SPDX-License-Identifier: MIT
// The side panel: what is chosen, in words. Built of elements and text nodes, never of markup.

const panel = document.getElementById("panel");

function el(tag, options = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") e.className = value;
    else if (key === "click") e.addEventListener("click", value);
    else if (key === "paint") e.style.background = value;
    else if (value !== null && value !== undefined) e.setAttribute(key, shown(value));
  }
  for (const c of children.flat())
    if (c !== null && c !== undefined && c !== "") e.append(c instanceof Node ? c : document.createTextNode(shown(c)));
  return e;
}

const link = (text, click, title) => el("button", { class: "link", click, title }, text);

function processLink(n) {
  const p = processes[n];
  return p ? link("p" + n + " " + (p.raw.role ?? p.name), () => choose({ process: n })) : "outside of the trace";
}

const fileLink = (f) => link(fileName(f), () => choose({ file: f }), "Its whole life, in the drawing");
const maybe = (n) => (n === null || n === undefined ? "outside of the trace" : processLink(n));

// Rows of "name: value", those that are not known left out.
function facts(list) {
  const dl = el("dl");
  for (const [name, value] of list)
    if (value !== null && value !== undefined && value !== "") dl.append(el("dt", {}, name), el("dd", {}, value));
  return dl;
}

function section(title, ...children) {
  return [el("h3", {}, title), ...children];
}

function table(headings, lines) {
  const t = el("table"), head = el("tr");
  for (const h of headings) head.append(el("th", { class: h.startsWith(">") ? "num" : null }, h.replace(/^>/, "")));
  t.append(el("thead", {}, head));
  const body = el("tbody");
  for (const line of lines)
    body.append(el("tr", {}, line.map((cell, i) => el("td", { class: headings[i].startsWith(">") ? "num" : null }, cell))));
  t.append(body);
  return t;
}

// Long lists grow when asked.
function longTable(headings, lines, most = 60) {
  if (lines.length <= most) return table(headings, lines);
  const place = el("div", {}, table(headings, lines.slice(0, most)));
  place.append(link("… and " + (lines.length - most).toLocaleString("en") + " more", () => {
    place.replaceChildren(table(headings, lines.slice(0, 5000)));
    if (lines.length > 5000) place.append(el("p", { class: "dim" }, "the first 5,000 of " + lines.length.toLocaleString("en")));
  }));
  return place;
}

// A stack within a sentence, its frames one below the other.
function framed(text) {
  return text.split(" <- ").flatMap((part, i) => i ? [el("br", {}), "← " + part] : [part]);
}

function findingBox(f) {
  return el("div", { class: "finding " + f.raw.severity },
    el("b", {}, f.raw.rule + " ", f.raw.title), el("p", {}, ...framed(shown(f.raw.detail ?? ""))),
    f.raw.fix ? el("p", { class: "dim" }, "Fix: " + f.raw.fix) : null,
    f.process === null ? null : processLink(f.process));
}

function badge(text, kind) {
  const swatch = METHODS.includes(text) ? el("span", { class: "swatch", paint: "var(--" + text + ")" }) : null;
  return el("span", { class: "badge " + (kind ?? "") }, swatch, text);
}

function imagesOf(p) {
  const parts = [];
  for (const image of p.raw.images ?? [])
    parts.push(el("p", { class: "dim" }, "at " + duration(image.ts_ns) + ", " + shown(image.filename)),
      el("code", { class: "command" }, shown(image.argv.map(quoted).join(" ")) + (image.argv_cut ? " … (cut)" : "")));
  for (const image of p.raw.failed_execs ?? [])
    parts.push(el("p", { class: "unused" }, "failed with errno " + image.errno + ": " + shown(image.filename)));
  return parts.length ? section("Programs it ran", parts) : [];
}

function stackOf(where) {
  if (!where) return [];
  const parts = [el("p", {}, "by " + shown(where.call ?? "?"))];
  for (const kind of ["python", "native"])
    if (where[kind]?.length) parts.push(el("p", { class: "dim" }, kind), el("code", { class: "command" }, where[kind].map((line) => el("div", {}, line))));
  return section("Where it was started", parts);
}

function heldBy(p) {
  if (!p.held.length) return [];
  const lines = [...p.held].sort((a, b) => a.fd - b.fd || a.from - b.from).map((h) => [
    h.fd, el("span", {}, fileLink(h.file), h.used === false ? el("span", { class: "unused" }, " never used") : null),
    el("span", {}, h.got, h.by !== null && h.by !== p.n ? [" from ", link("p" + h.by, () => choose({ process: h.by }))] : null),
    el("span", { class: "dim" }, h.lost + (h.cloexec ? ", cloexec" : ""))]);
  return section("Open files it held (" + p.held.length.toLocaleString("en") + ")", longTable([">fd", "file", "how", "until"], lines, 25));
}

function passesOf(p) {
  if (!p.passes.length) return [];
  const lines = p.passes.map((pass) => [duration(pass.at),
    el("span", {}, pass.from === p.n ? ["sent to ", maybe(pass.to)] : ["received from ", maybe(pass.from)],
      number(pass.raw.for) !== null ? [", for ", maybe(number(pass.raw.for))] : null),
    el("span", {}, pass.files.map((f, i) => [i ? ", " : "", (f.from_fd ?? "?") + "→" + (f.to_fd ?? "?") + " ", f.file === null ? "" : fileLink(f.file)]).flat())]);
  return section("Descriptors passed", longTable([">at", "", "files"], lines, 15));
}

function threadsOf(p) {
  const threads = p.raw.threads ?? [];
  if (threads.length < 2) return [];
  return section("Threads (" + threads.length + ")", longTable([">tid", "name", ">from", ">to"],
    threads.map((t) => [t.tid, shown(t.comm ?? "?"), duration(t.start_ns), duration(t.end_ns)]), 12));
}

function changesOf(p) {
  const changes = p.raw.state_changes ?? [];
  if (!changes.length) return [];
  return section("Changed since its birth", table(["", "from", "to"], changes.map((c) => [c.what, shown(c.from ?? ""), shown(c.to ?? "")])));
}

function childrenOf(p) {
  if (!p.children.length) return [];
  const lines = p.children.map((n) => [processLink(n), processes[n].method, ending(processes[n].raw)[0], duration(processes[n].to - processes[n].from)]);
  return section("Children (" + p.children.length.toLocaleString("en") + ")", longTable(["", "start", "end", ">life"], lines, 12));
}

function processPanel(p) {
  const r = p.raw, [end, mood] = ending(r), fds = r.fds ?? {};
  return [
    el("h2", {}, "p" + p.n + " " + p.name),
    el("div", { class: "badges" }, badge(p.method), r.mechanism && r.mechanism !== p.method ? badge(r.mechanism) : null, r.role ? badge(r.role) : null, badge(end, mood)),
    p.findings.map(findingBox),
    facts([
      ["pid", r.ns_pid && r.ns_pid !== r.pid ? r.pid + " (" + r.ns_pid + " in its namespace)" : r.pid],
      ["parent", r.parent === null ? null : processLink(number(r.parent))],
      ["creator", r.creator === r.parent ? null : maybe(p.creator)],
      ["asked for by", p.asker === p.parent || p.asker === null ? null : processLink(p.asker)],
      ["born", duration(r.start_ns)], ["lived", r.end_ns === null ? "to the end of the trace" : duration(p.to - p.from)],
      ["fork call", r.fork_call_ns === null ? null : duration(r.fork_call_ns)],
      ["window", r.window_ns === null ? null : duration(r.window_ns) + " until exec or exit"],
      ["creator stood still", r.suspended_ns === null ? null : duration(r.suspended_ns)],
      ["first work", r.ready_ns === null ? null : "at " + duration(r.ready_ns)],
      ["threads at fork", r.threads_at_fork > 1 ? el("b", { class: "unused" }, r.threads_at_fork) : r.threads_at_fork],
      ["reaped by", r.reaped ? maybe(number(r.reaped_by)) : r.autoreaped ? "nobody: SIGCHLD is ignored" : r.end_ns === null ? null : "nobody seen"],
      ["zombie for", r.zombie_ns ? duration(r.zombie_ns) : null],
      ["killed by", r.killed_by === null ? null : maybe(number(r.killed_by))],
      ["peak memory", r.peak_rss_kb ? (r.peak_rss_kb / 1024).toFixed(1) + " MB" : null],
      ["faults", r.minor_faults === null ? null : r.minor_faults.toLocaleString("en") + " minor, " + (r.major_faults ?? 0).toLocaleString("en") + " major"],
      ["CPU time", r.cpu_ns === null ? null : duration(r.cpu_ns)],
      ["descriptors", fds.at_start === null ? null : fds.at_start + " at start" + (fds.inherited ? ", " + fds.inherited + " inherited" : "") +
        (fds.after_exec !== null ? ", " + fds.after_exec + " after exec" : "") + (fds.received ? ", " + fds.received + " received" : "")],
      ["never used", fds.never_used ? el("span", { class: "unused" }, fds.never_used + " of the inherited") : null],
    ]),
    stackOf(r.where), saidBy(p), imagesOf(p), passesOf(p), heldBy(p), threadsOf(p), childrenOf(p), changesOf(p),
  ];
}

function filePanel(f) {
  const file = files[f] ?? {}, held = holdersOf.get(f) ?? [];
  const holders = (list) => longTable(["process", ">fd", "how", ">from", "until"], list.map((h) => [processLink(h.p), h.fd,
    el("span", {}, h.got, h.by !== null && h.by !== h.p ? [" from ", link("p" + h.by, () => choose({ process: h.by }))] : null,
      h.used === false ? el("span", { class: "unused" }, ", never used") : null),
    duration(h.from), h.lost === "held" || h.to === null ? "still held" : h.lost + " at " + duration(h.to)]), 80);
  const end = file.other_ends?.length || file.kind === "pipe" || file.kind === "fifo" ? ["", "read end", "write end", "both ends"][file.mode ?? 0] : "";
  return [
    el("h2", {}, fileName(f)),
    el("div", { class: "badges" }, badge(file.kind ?? "unknown"), end ? badge(end) : null, badge("f" + f)),
    facts([["opened by", file.opened_by == null ? null : processLink(number(file.opened_by))],
      ["held by", counted(new Set(held.map((h) => h.p)).size, "holder")]]),
    section("Who held it", holders(held)),
    (file.other_ends ?? []).map((other) => section("The other end: " + fileName(other), link("show f" + other, () => choose({ file: other })),
      holders(holdersOf.get(other) ?? []))),
    el("p", {}, link("back to all arrows", () => choose({ file: null }))),
  ];
}

function methodBars() {
  const counts = METHODS.map((m) => [m, processes.filter((p) => p.method === m).length]).filter(([, n]) => n);
  const most = Math.max(...counts.map(([, n]) => n), 1), bars = el("div", { class: "bars" });
  for (const [m, n] of counts) {
    const bar = el("i", { paint: "var(--" + m + ")" });
    bar.style.width = (n / most) * 100 + "%";
    bars.append(el("span", {}, m), bar, el("span", { class: "dim" }, n.toLocaleString("en")));
  }
  return bars;
}

function summaryPanel() {
  const argv = data.target?.argv, lost = Object.entries(data.lost_by ?? {}).map(([k, n]) => n.toLocaleString("en") + " " + k).join(", ");
  const most = new Map();
  for (const p of processes)
    for (const f of new Set(p.held.filter((h) => h.used === false && h.got === "inherited").map((h) => h.file))) most.set(f, (most.get(f) ?? 0) + 1);
  const unused = [...most].sort((a, b) => b[1] - a[1]).slice(0, 8);
  return [
    el("h2", {}, shown(basename(data.name ?? "trace"))),
    argv ? el("code", { class: "command" }, shown(argv.map(quoted).join(" "))) : null,
    facts([
      ["ended", data.target?.exit ? ending({ exit: data.target.exit })[0] : null],
      ["seen by", ["bpf", "shim"].filter((s) => data.sources[s]).join(" and ") || "nobody"],
      ["descriptors", data.fds_level], ["events", data.events.toLocaleString("en")],
      ["lost", data.lost ? el("b", { class: "unused" }, lost) : "nothing"],
      ["incomplete", data.incomplete ? "the trace was cut short" + (data.incomplete_why ? ": " + data.incomplete_why : "") : null],
      ["open files", data.holdings_complete ? null : "too many: only those of the first processes are told"],
    ]),
    findings.length ? section("Findings (" + findings.length + ")", findings.slice(0, 200).map(findingBox)) : null,
    section("Start methods", methodBars()),
    unused.length ? section("Inherited, never used", table(["file", ">holders"], unused.map(([f, n]) => [fileLink(f), n]))) : null,
    state.hitFiles.length ? section("Files found", state.hitFiles.slice(0, 40).map((f) => el("p", {}, fileLink(f)))) : null,
    el("p", { class: "dim" }, "Choose a process for its details, an open file for its whole life. Press ? for keys."),
  ];
}

function drawPanel() {
  const back = state.file === null && state.process === null ? null : el("p", {}, link("← overview", () => choose({ process: null, file: null })));
  const parts = state.file !== null ? filePanel(state.file) : state.process !== null ? processPanel(processes[state.process]) : summaryPanel();
  panel.replaceChildren(...[back, parts].flat(9).filter((part) => part instanceof Node));
  panel.scrollTop = 0;
}
