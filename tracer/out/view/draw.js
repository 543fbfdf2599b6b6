// SPDX-License-Identifier: MIT
// The drawing: the axis, a lane for each row in view, gaps, pins. Only rows in view are touched, and what is
// narrower than a pixel is drawn once for all that share it, so that 10,000 processes stay fluid.

const canvas = document.getElementById("canvas"), pen = canvas.getContext("2d");
const overview = document.getElementById("overview"), small = overview.getContext("2d");
const scroll = document.getElementById("scroll"), scrolled = document.getElementById("scrolled");
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
const drawn = { rows: 0, starts: 0, passes: 0, inherit: 0, life: 0, pins: 0, said: 0, ms: 0 };

let color = {};
let hatch = {};

function readColors() {
  const style = getComputedStyle(document.documentElement);
  color = new Proxy({}, { get: (cache, name) => (cache[name] ??= style.getPropertyValue("--" + name).trim()) });
  hatch = {};
}

// Diagonal lines of a colour, for what is a state rather than work.
function hatched(name) {
  if (hatch[name]) return hatch[name];
  const tile = document.createElement("canvas"), t = tile.getContext("2d");
  tile.width = tile.height = 6;
  t.strokeStyle = color[name];
  t.lineWidth = 1.4;
  t.beginPath();
  for (const o of [-6, 0, 6]) { t.moveTo(o - 1, 7); t.lineTo(o + 7, -1); }
  t.stroke();
  return (hatch[name] = pen.createPattern(tile, "repeat"));
}

function sizeScroll() {
  scrolled.style.height = rows.length * state.lane + 40 + "px";
}

function fit(target, context) {
  const box = target.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  const w = Math.round(box.width * ratio), h = Math.round(box.height * ratio);
  if (target.width !== w || target.height !== h) { target.width = w; target.height = h; }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return box;
}

// --- the axis ---

function tickStep() {
  const rough = ((state.to - state.from) / Math.max(width - GUTTER, 100)) * 110;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= rough) ?? rough;
}

function tickText(ns, step) {
  const [unit, size] = step >= 2e8 ? ["s", 1e9] : step >= 2e5 ? ["ms", 1e6] : step >= 200 ? ["µs", 1e3] : ["ns", 1];
  const digits = Math.max(0, -Math.floor(Math.log10(step / size) + 1e-9));
  return (ns / size).toFixed(Math.min(digits, 6)) + " " + unit;
}

function drawAxis() {
  const step = tickStep();
  pen.font = FONT;
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  for (let t = Math.ceil(state.from / step) * step; t <= state.to; t += step) {
    const px = Math.round(x(t)) + 0.5;
    if (px < GUTTER + 2) continue;
    pen.strokeStyle = color.line;
    pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(px, AXIS); pen.lineTo(px, height); pen.stroke();
    pen.fillStyle = color.dim;
    if (px < width - 30) pen.fillText(tickText(t, step), px, AXIS / 2);
  }
  pen.strokeStyle = color.line;
  pen.beginPath(); pen.moveTo(0, AXIS - 0.5); pen.lineTo(width, AXIS - 0.5); pen.stroke();
  pen.textAlign = "left";
  pen.fillStyle = color.faint;
  pen.fillText(counted(rows.length, "row"), 12, AXIS / 2);
}

// --- a lane ---

function box(left, right, top, high, fill, radius) {
  const w = Math.max(right - left, 1);
  pen.fillStyle = fill;
  if (w < 5 || high < 5) { pen.fillRect(left, top, w, high); return; }
  pen.beginPath();
  pen.roundRect(left, top, w, high, Math.min(radius, w / 2, high / 2));
  pen.fill();
}

function clip(px) {
  return Math.max(GUTTER - 40, Math.min(width + 40, px));
}

function drawEnd(p, px, mid, size) {
  if (p.mood === "live" || px > width || (p.mood === "good" && px - x(p.from) < 10)) return;
  pen.lineWidth = 1.8;
  if (p.mood === "bug") {
    pen.strokeStyle = color.bug;
    pen.beginPath();
    pen.moveTo(px - size, mid - size); pen.lineTo(px + size, mid + size);
    pen.moveTo(px + size, mid - size); pen.lineTo(px - size, mid + size);
    pen.stroke();
  } else {
    pen.fillStyle = p.mood === "warning" ? color.warn : color.stage;
    pen.strokeStyle = p.mood === "warning" ? color.warn : color[p.method];
    pen.beginPath(); pen.arc(px, mid, size - 0.6, 0, 7); pen.fill(); pen.stroke();
  }
}

// The text of an image where there is room for it.
function drawLabel(text, left, right, mid) {
  const from = Math.max(left + 9, GUTTER + 9), room = right - from - 8;
  if (room < 26 || state.lane < 17 || state.file !== null) return;
  pen.fillStyle = color["on-color"];
  pen.fillText(cut(text, room), from, mid + 0.5);
}

const widths = new Map();
function cut(text, room) {
  let w = widths.get(text);
  if (w === undefined) {
    if (widths.size > 20000) widths.clear();
    widths.set(text, (w = pen.measureText(text).width));
  }
  if (w <= room) return text;
  const keep = Math.max(1, Math.floor((text.length * (room - 12)) / w));
  return text.slice(0, keep) + "…";
}

function drawFine(p, top, high, left, right) {
  const mid = top + high / 2, images = p.raw.images ?? [];
  const first = images.length ? clip(x(images[0].ts_ns)) : right;
  // From fork to exec: still the parent's image.
  if (images.length && p.method !== "attached" && first - left > 1.5) {
    box(left, first, top, high, color.stage, 4);
    pen.globalAlpha *= 0.75; box(left, first, top, high, hatched(p.method), 4); pen.globalAlpha /= 0.75;
  }
  for (const [i, image] of images.entries()) {
    const at = clip(x(image.ts_ns)), until = i + 1 < images.length ? clip(x(images[i + 1].ts_ns)) : right;
    if (until - at > 40 && high >= 9) drawLabel(shown(basename(image.filename)), at, until, mid);
    pen.fillStyle = color.stage;
    pen.fillRect(at - 0.75, top + 1, 1.5, high - 2);
  }
  if (!images.length && right - left > 40 && high >= 9) drawLabel(p.raw.role ?? p.name, left, right, mid);
  // Its creator stood still while it had the creator's memory.
  if (p.raw.suspended_ns !== null && p.creator !== null && processes[p.creator]?.row >= 0) {
    const up = y(processes[p.creator].row) + state.lane * 0.17, a = clip(x(p.from)), b = clip(x(p.from + p.raw.suspended_ns));
    if (b - a > 1) { pen.fillStyle = hatched("stage"); pen.fillRect(a, up, b - a, state.lane * 0.66); }
  }
  const threads = p.raw.threads ?? [];
  for (let i = 1; i < Math.min(threads.length, 4); i++) {
    const a = clip(x(threads[i].start_ns ?? 0)), b = clip(x(threads[i].end_ns ?? p.to));
    pen.fillStyle = color["on-color"];
    pen.globalAlpha *= 0.55; pen.fillRect(a, top + high - 1 - 2.2 * i, Math.max(b - a, 1), 1.2); pen.globalAlpha /= 0.55;
  }
}

// A folded family: how long any of it lived, and when its members began.
function drawFamily(p, top, high) {
  const from = clip(x(p.family.from)), to = clip(x(p.family.to));
  pen.globalAlpha *= 0.18; box(from, to, top - 2, high + 4, color[p.method], 4); pen.globalAlpha /= 0.18;
}

function drawLane(row, top) {
  let covered = -1;
  for (const p of visible(row)) {
    const end = x(p.gone); // the row's are in order
    // Within a pixel that is drawn already.
    if (row.list.length > 1 && end < covered && p.n !== state.process && p.mood === "good") continue;
    covered = Math.max(Math.ceil(end), x(p.from) + 1);
    drawProcess(p, row.dim, top);
  }
}

function drawProcess(p, dim, top) {
  const high = Math.max(1, state.lane * (state.lane >= 8 ? 0.66 : 0.8)), at = top + (state.lane - high) / 2;
  const left = clip(x(p.from)), right = Math.max(clip(x(p.to)), left + 1);
  pen.globalAlpha = dim || state.file !== null ? 0.28 : 1;
  if (state.folded.has(p.n)) drawFamily(p, at, high);
  // Who says something has the lower part of its lane for that.
  const says = state.said && state.lane >= 10 && saysAnything(p), own = says ? high * 0.28 : high;
  box(left, right, at, own, color[p.method], 4);
  if (state.lane >= 12 && right - left > 3) drawFine(p, at, own, left, right);
  if (says) drawSaid(p, at, high);
  if (p.gone > p.to) {
    const end = clip(x(p.gone));
    if (end - right > 1) { pen.fillStyle = state.lane >= 8 ? hatched("zombie") : color.zombie; pen.fillRect(right, at + high * 0.25, end - right, high * 0.5); }
  }
  if (state.lane >= 8) drawEnd(p, right, at + high / 2, Math.min(4, high / 3));
  else if (p.mood === "bug") { pen.fillStyle = color.bug; pen.fillRect(right - 1, at, 3, high); }
  pen.globalAlpha = 1;
  if (state.process === p.n) {
    pen.strokeStyle = color.accent;
    pen.lineWidth = 2;
    pen.beginPath(); pen.roundRect(left - 2, at - 2, right - left + 4, high + 4, 5); pen.stroke();
  }
}

// --- the names left of the lanes ---

function drawName(row, top) {
  const p = row.p, mid = top + state.lane / 2, indent = 12 + Math.min(row.depth, 9) * 14;
  if (p.children.length) {
    const open = !state.folded.has(p.n);
    pen.strokeStyle = color.dim;
    pen.lineWidth = 1.5;
    pen.beginPath();
    if (open) { pen.moveTo(indent - 3, mid - 2); pen.lineTo(indent, mid + 2); pen.lineTo(indent + 3, mid - 2); }
    else { pen.moveTo(indent - 2, mid - 3.5); pen.lineTo(indent + 2, mid); pen.lineTo(indent - 2, mid + 3.5); }
    pen.stroke();
  }
  pen.globalAlpha = row.dim ? 0.5 : 1;
  pen.fillStyle = color[p.method];
  pen.beginPath(); pen.roundRect(indent + 8, mid - 4, 8, 8, 2.5); pen.fill();
  const many = row.list.length, number = many > 1 ? "×" + many.toLocaleString("en") : "p" + p.n, right = GUTTER - 12;
  pen.textAlign = "right";
  pen.fillStyle = color.faint;
  const told = state.folded.has(p.n) ? "+" + (p.family.size - 1).toLocaleString("en") : many > 1 ? "" : String(p.raw.pid);
  pen.fillText(told, right, mid);
  const taken = pen.measureText(told).width + 8;
  pen.textAlign = "left";
  pen.fillStyle = color.dim;
  pen.fillText(number, indent + 22, mid);
  const after = indent + 28 + pen.measureText(number).width;
  pen.fillStyle = row.list.some((one) => state.hitSet.has(one.n)) ? color.accent : color.text;
  const images = p.raw.images ?? [];
  const name = p.raw.role ? p.name + " · " + p.raw.role : images.length ? shown(basename(images[images.length - 1].filename)) : p.name;
  if (right - taken - after > 14) pen.fillText(cut(name, right - taken - after), after, mid);
  pen.globalAlpha = 1;
}

function drawRowBack(row, i, top) {
  const chosen = state.process !== null && processes[state.process].row === i;
  if (chosen || state.hover === i) {
    pen.fillStyle = chosen ? color.select : color.hover;
    pen.fillRect(0, top, width, state.lane);
  } else if (i % 2 && state.lane >= 8) {
    pen.fillStyle = color.row;
    pen.fillRect(0, top, width, state.lane);
  }
  if (state.hitSet.size && row.list.some((p) => state.hitSet.has(p.n))) {
    pen.fillStyle = color.accent;
    pen.fillRect(0, top, 3, state.lane);
  }
}

function* inRows(first, last) {
  for (let i = first; i < last; i++) for (const p of visible(rows[i])) yield [p, i];
}

const severityColor = (severity) => severity === "bug" ? color.bug : severity === "warning" ? color.warn : color.accent;

// Each where it happened, the gravest on top; of no one moment: where its process begins.
function drawPins(first, last) {
  if (!findings.length) return;
  for (const [p, i] of inRows(first, last)) {
    const top = y(i), size = Math.max(4, Math.min(7, state.lane / 3));
    for (const severity of SEVERITIES)
      for (const f of p.findings) {
        const px = x(f.at);
        if (f.raw.severity !== severity || px < GUTTER || px > width) continue;
        pen.fillStyle = severityColor(severity);
        pen.strokeStyle = color.stage;
        pen.lineWidth = 1.5;
        pen.beginPath();
        pen.moveTo(px, top + size * 1.7); pen.lineTo(px - size, top); pen.lineTo(px + size, top); pen.closePath();
        pen.fill(); pen.stroke();
        drawn.pins++;
      }
  }
}

function drawGaps() {
  for (const gap of data.gaps) {
    const a = clip(x(gap.from_ns)), b = Math.max(clip(x(gap.to_ns)), a + 2);
    pen.globalAlpha = 0.16; pen.fillStyle = hatched("lost"); pen.fillRect(a, AXIS, b - a, height); pen.globalAlpha = 1;
    pen.fillStyle = color.lost;
    pen.fillRect(a, AXIS - 3, b - a, 3);
  }
}

function drawStage() {
  const began = performance.now(), area = fit(canvas, pen);
  width = area.width;
  height = area.height;
  for (const key of Object.keys(drawn)) drawn[key] = 0;
  pen.fillStyle = color.stage;
  pen.fillRect(0, 0, width, height);
  pen.font = FONT;
  pen.textBaseline = "middle";
  const first = Math.max(0, rowAt(AXIS)), last = Math.min(rows.length, rowAt(height) + 1);
  pen.save();
  pen.beginPath(); pen.rect(0, AXIS, width, height); pen.clip();
  for (let i = first; i < last; i++) drawRowBack(rows[i], i, y(i));
  pen.restore();
  drawAxis();
  pen.save();
  pen.beginPath(); pen.rect(GUTTER, AXIS, width - GUTTER, height); pen.clip();
  for (let i = first; i < last; i++) drawLane(rows[i], y(i));
  drawGaps();
  drawArrows(first, last);
  drawPins(first, last);
  pen.restore();
  pen.save();
  pen.beginPath(); pen.rect(0, AXIS, GUTTER, height); pen.clip();
  if (state.lane >= 11) for (let i = first; i < last; i++) drawName(rows[i], y(i));
  pen.restore();
  pen.fillStyle = color.line;
  pen.fillRect(GUTTER - 1, 0, 1, height);
  drawn.rows = Math.max(0, last - first);
  drawOverview();
  drawn.ms = performance.now() - began;
}

// --- the strip above: how many lived at each time, and what part of it is in view ---

let density = null;
function countAlive(columns) {
  const d = new Int32Array(columns + 1);
  for (const p of processes) {
    d[Math.min(columns - 1, Math.floor((p.from / endOfTrace) * columns))]++;
    d[Math.min(columns, Math.floor((p.to / endOfTrace) * columns) + 1)]--;
  }
  for (let i = 1; i <= columns; i++) d[i] += d[i - 1];
  return d;
}

// How many lived at the same time, at most.
const atOnce = (() => {
  const steps = processes.flatMap((p) => [[p.from, 1], [p.to, -1]]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let now = 0, most = 0;
  for (const [, by] of steps) most = Math.max(most, (now += by));
  return most;
})();

const overviewX = (ns, w) => GUTTER + PAD + (ns / endOfTrace) * (w - GUTTER - 2 * PAD);

function drawOverview() {
  const area = fit(overview, small), w = area.width, h = area.height, columns = Math.max(10, Math.floor(w - GUTTER - 2 * PAD));
  if (!density || density.length !== columns + 1) density = countAlive(columns);
  const most = density.reduce((a, b) => Math.max(a, b), 1);
  small.fillStyle = color.bg;
  small.fillRect(0, 0, w, h);
  small.fillStyle = color.accent;
  small.globalAlpha = 0.45;
  for (let i = 0; i < columns; i++) {
    const high = (density[i] / most) * (h - 14);
    small.fillRect(GUTTER + PAD + i, h - 4 - high, 1, high);
  }
  small.globalAlpha = 1;
  for (const f of findings) {
    if (!processes[f.process]) continue;
    small.fillStyle = severityColor(f.raw.severity);
    small.fillRect(overviewX(f.at, w) - 1, 3, 3, 5);
  }
  const a = overviewX(state.from, w), b = overviewX(state.to, w);
  small.fillStyle = color.bg;
  small.globalAlpha = 0.72;
  small.fillRect(GUTTER, 0, Math.max(0, a - GUTTER), h);
  small.fillRect(b, 0, w, h);
  small.globalAlpha = 1;
  small.strokeStyle = color.accent;
  small.strokeRect(a, 0.5, Math.max(b - a, 2), h - 1.5);
  small.font = FONT;
  small.textBaseline = "middle";
  small.fillStyle = color.dim;
  small.fillText("at most " + atOnce.toLocaleString("en") + " at once", 12, h / 2);
}

let asked = 0;
function redraw() {
  if (!asked) asked = requestAnimationFrame(() => { asked = 0; if (!state.table) drawStage(); });
}
