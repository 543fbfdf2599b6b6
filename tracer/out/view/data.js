// SPDX-License-Identifier: MIT
// The trace, read from the page's data block, and what is derived from it once. Nothing here draws.
// Text of the target goes only into text nodes (textContent) and canvas text: never into markup.

const data = JSON.parse(document.getElementById("data").textContent);
const METHODS = ["initial", "attached", "fork", "spawn", "forkserver", "unknown"];
const endOfTrace = Math.max(data.end_ns || 0, 1);

const number = (id) => (id === null || id === undefined ? null : Number(id.slice(1)));
const basename = (path) => path.slice(path.lastIndexOf("/") + 1) || path;

// Control and direction-changing characters shown as what they are, so that no line is split or turned round.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const shown = (text) =>
  String(text).replace(UNSAFE, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

function quoted(arg) {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : "'" + arg.replace(/'/g, "'\\''") + "'";
}

function duration(ns) {
  if (ns === null || ns === undefined) return "–";
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    const n = ns / size;
    if (Math.abs(n) >= 0.9995) return n.toFixed(n < 9.995 ? 2 : n < 99.95 ? 1 : 0) + " " + unit;
  }
  return Math.round(ns) + " ns";
}

const counted = (n, word) => n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");

// How a process ended: text and a mood for its colour.
function ending(p) {
  if (!p.exit) return p.end_ns === null ? ["alive", "live"] : ["ended", "good"];
  if ("signal" in p.exit) return ["signal " + p.exit.signal + (p.exit.core ? ", core" : ""), "bug"];
  return ["exit " + p.exit.code, p.exit.code ? "warning" : "good"];
}

const processes = data.processes.map((p, n) => {
  const last = p.images && p.images.length ? p.images[p.images.length - 1] : null;
  const from = Math.max(0, p.start_ns ?? 0);
  const to = Math.max(from, p.end_ns ?? endOfTrace);
  return {
    n, raw: p, from, to,
    gone: p.zombie_ns === null ? to : Math.max(to, to + p.zombie_ns),
    name: shown(p.comm ?? "?"),
    command: last ? shown(last.argv.map(quoted).join(" ")) : "",
    method: METHODS.includes(p.start_method) ? p.start_method : "unknown",
    parent: number(p.parent), creator: number(p.creator), asker: number(p.logical_parent),
    mood: ending(p)[1], children: [], held: [], passes: [], findings: [], haystack: null, row: -1,
  };
});
for (const p of processes) {
  // A parent is born before its child: whatever a trace says, there are no circles.
  if (p.parent !== null && (!processes[p.parent] || p.parent >= p.n)) p.parent = null;
  if (p.parent !== null) processes[p.parent].children.push(p.n);
}
const roots = processes.filter((p) => p.parent === null).map((p) => p.n);
// Children come after their parents, so one walk from the end sums up families.
for (const p of processes) p.family = { size: 1, from: p.from, to: p.gone };
for (let i = processes.length - 1; i >= 0; i--) {
  const p = processes[i], up = p.parent === null ? null : processes[p.parent].family;
  if (!up) continue;
  up.size += p.family.size;
  up.to = Math.max(up.to, p.family.to);
}

const holdings = data.holdings.map(([file, p, fd, got, lost, from, to, by, byFd, cloexec, used]) => ({
  file, p, fd, got, lost, from: Math.max(0, from ?? 0), to: to ?? null, by, byFd, cloexec: !!cloexec,
  used: used === null ? null : !!used,
})).filter((h) => processes[h.p]);
const holdersOf = new Map();
for (const h of holdings) {
  processes[h.p].held.push(h);
  if (!holdersOf.has(h.file)) holdersOf.set(h.file, []);
  holdersOf.get(h.file).push(h);
}
const files = data.files;
const fileName = (f) => (files[f] && files[f].id !== null ? shown(files[f].id) : "f" + f);

const passes = data.fd_passes.map((raw, i) => ({
  i, raw, from: number(raw.from), to: number(raw.to), at: Math.max(0, raw.ts_ns ?? raw.received_ns ?? 0),
  got: raw.received_ns, files: raw.files.map((f) => ({ ...f, file: number(f.file ?? null) })),
}));
for (const pass of passes)
  for (const n of new Set([pass.from, pass.to]))
    if (n !== null && processes[n]) processes[n].passes.push(pass);

const SEVERITIES = ["note", "warning", "bug"];
const findings = data.findings.map((raw, i) => ({ i, raw, process: number(raw.process) }));
for (const f of findings) {
  const p = processes[f.process];
  if (!p) continue;
  p.findings.push(f);
  f.at = f.raw.ts_ns ?? p.from;
}

// All that a search looks at, made when the first search asks.
function haystack(p) {
  if (p.haystack === null) {
    const files = new Set(p.held.map((h) => fileName(h.file)));
    p.haystack = ["p" + p.n, p.raw.pid, p.name, p.raw.role ?? "", p.command, ...(p.raw.images ?? []).map((i) => i.filename),
      ...p.findings.map((f) => f.raw.rule), ...new Set(p.marks.concat(p.spans).map((s) => s.name)), ...files].join("\n").toLowerCase();
  }
  return p.haystack;
}
