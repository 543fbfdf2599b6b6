// SPDX-License-Identifier: MIT
// What programs say of themselves: marks and spans (forkscope.h), names of threads, and runs of pools' tasks. They
// have the lower part of their process's lane; the panel and the tip tell them in words.

const SAID_LEVELS = 4; // spans within spans, and threads, below each other

for (const p of processes) Object.assign(p, { marks: [], spans: [], levels: 1, until: [] });

for (const m of data.marks ?? []) {
  const p = processes[number(m.process)];
  if (!p) continue;
  const one = { kind: m.kind, at: Math.max(0, m.ts_ns ?? 0), name: shown(m.name ?? ""), value: m.value, tid: m.tid };
  if (m.kind === "span") p.spans.push({ ...one, from: one.at, to: m.end_ns ?? p.to, open: m.end_ns == null });
  else if (m.kind === "mark" || m.kind === "name") p.marks.push(one);
}

for (const pool of data.pools ?? [])
  for (const r of pool.runs ?? []) {
    const p = processes[number(r.worker)];
    if (!p || r.start_ns == null) continue;
    const name = shown(r.task ?? "task") + " " + r.first + (r.count > 1 ? "–" + (r.first + r.count - 1) : "");
    p.spans.push({ kind: "run", from: Math.max(0, r.start_ns), to: r.end_ns ?? p.to, open: r.end_ns == null, name,
      count: r.count, failed: r.failed ?? 0, attempt: r.attempt, tid: r.tid });
  }

// In order of time; what overlaps lies on different levels. `until` never falls, so it can be searched by halving.
for (const p of processes) {
  if (!p.spans.length) continue;
  p.spans.sort((a, b) => a.from - b.from || b.to - a.to);
  const ends = [];
  let until = 0;
  for (const s of p.spans) {
    s.to = Math.max(s.to, s.from);
    let level = ends.findIndex((end) => end <= s.from);
    if (level < 0) level = Math.min(ends.length, SAID_LEVELS - 1);
    ends[level] = Math.max(ends[level] ?? 0, s.to);
    s.level = level;
    p.levels = Math.max(p.levels, level + 1);
    p.until.push((until = Math.max(until, s.to)));
  }
}

const saysAnything = (p) => p.marks.length + p.spans.length > 0;

// Those of a process that touch a stretch of time.
function* spansIn(p, from, to) {
  let low = 0, high = p.spans.length;
  while (low < high) { const mid = (low + high) >> 1; if (p.until[mid] < from) low = mid + 1; else high = mid; }
  for (let i = low; i < p.spans.length && p.spans[i].from <= to; i++) if (p.spans[i].to >= from) yield p.spans[i];
}

const spanColor = (s) => (s.failed || (s.open && s.kind === "run") ? color.bug : s.kind === "run" ? color.run : color.mark);

// Where in its lane what a process says is drawn: [top, height]. Its own box has what is above.
const saidBand = (top, high) => [top + high * 0.34, high * 0.66];

function drawSpans(p, top, high) {
  const covered = [], each = high / p.levels;
  for (const s of spansIn(p, state.from, state.to)) {
    const a = clip(x(s.from)), b = Math.max(clip(x(s.to)), a + 1);
    // Within a pixel that is drawn already.
    if (!s.failed && b <= (covered[s.level] ?? -1)) continue;
    covered[s.level] = Math.ceil(b);
    const at = top + s.level * each;
    box(a, b > a + 3 ? b - 0.75 : b, at + 0.5, Math.max(1, each - 0.75), spanColor(s), 3);
    drawn.said++;
    const left = Math.max(a, GUTTER) + 5;
    if (each < 9 || b - left < 22) continue;
    pen.fillStyle = color["on-color"];
    pen.fillText(cut(s.name, b - left - 4), left, at + each / 2 + 0.5);
  }
}

function drawMarks(p, top, high) {
  let before = -9, free = -9;
  for (const m of p.marks) {
    const px = x(m.at);
    if (m.kind !== "mark" || px < GUTTER - 10 || px > width + 10 || px - before < 2) continue;
    before = px;
    const mid = top + high * 0.17, size = Math.max(2.5, Math.min(4.5, high / 4));
    pen.fillStyle = color.mark;
    pen.strokeStyle = color.stage;
    pen.lineWidth = 1;
    pen.fillRect(px - 0.6, top, 1.2, high);
    pen.beginPath();
    pen.moveTo(px, mid - size); pen.lineTo(px + size, mid); pen.lineTo(px, mid + size); pen.lineTo(px - size, mid);
    pen.closePath(); pen.fill(); pen.stroke();
    drawn.said++;
    // Its name where nothing else is written: the band, when no span has it.
    if (high < 12 || p.spans.length || px < free) continue;
    const text = cut(m.name, 150);
    pen.fillText(text, px + 5, top + high * 0.67);
    free = px + 12 + pen.measureText(text).width;
  }
}

function drawSaid(p, top, high) {
  if (!state.said || !saysAnything(p) || state.lane < 10) return;
  const font = pen.font, [band, bandHigh] = saidBand(top, high);
  pen.font = "10.5px system-ui, -apple-system, sans-serif";
  drawSpans(p, band, bandHigh);
  drawMarks(p, top, high);
  pen.font = font;
}

// --- in words ---

const spanText = (s) => s.name + (s.count > 1 ? " (" + counted(s.count, "task") + ")" : "") + ": " +
  (s.open ? "did not end" : duration(s.to - s.from)) + (s.failed ? ", " + s.failed + " failed" : "");

// What a process says at a moment, give or take some pixels.
function saidAt(p, from, to) {
  if (!state.said) return [];
  const list = p.marks.filter((m) => m.kind === "mark" && m.at >= from && m.at <= to)
    .map((m) => "◆ " + m.name + (m.value ? " " + m.value.toLocaleString("en") : ""));
  for (const s of spansIn(p, from, to)) {
    list.push(spanText(s));
    if (list.length > 6) break;
  }
  return list;
}

function saidBy(p) {
  const parts = [], names = p.marks.filter((m) => m.kind === "name"), marks = p.marks.filter((m) => m.kind === "mark");
  const runs = p.spans.filter((s) => s.kind === "run"), spans = p.spans.filter((s) => s.kind === "span");
  const at = (s) => link(duration(s.from ?? s.at), () => show((s.from ?? s.at) - 1000, (s.to ?? s.at) + 1000), "Zoom there");
  const life = (s) => s.open ? el("span", { class: "unused" }, "did not end") : duration(s.to - s.from);
  if (names.length)
    parts.push(...section("What its threads are for", longTable([">tid", ""], names.map((m) => [m.tid, m.name]), 12)));
  if (runs.length) {
    const busy = runs.reduce((sum, s) => sum + (s.to - s.from), 0), tasks = runs.reduce((sum, s) => sum + (s.count ?? 1), 0);
    parts.push(...section("Tasks of a pool (" + tasks.toLocaleString("en") + ")",
      el("p", { class: "dim" }, "in " + counted(runs.length, "run") + ", busy for " + duration(busy)),
      longTable([">at", "tasks", ">for"], runs.map((s) => [at(s),
        el("span", {}, s.name, s.failed ? el("span", { class: "unused" }, " " + s.failed + " failed") : null,
          s.attempt ? " (attempt " + (s.attempt + 1) + ")" : null), life(s)]), 20)));
  }
  if (spans.length)
    parts.push(...section("Spans (" + spans.length.toLocaleString("en") + ")",
      longTable([">at", "", ">for"], spans.map((s) => [at(s), s.name, life(s)]), 20)));
  if (marks.length)
    parts.push(...section("Marks (" + marks.length.toLocaleString("en") + ")",
      longTable([">at", "", ">value"], marks.map((m) => [at(m), m.name, m.value ? m.value.toLocaleString("en") : ""]), 20)));
  return parts;
}
