// SPDX-License-Identifier: MIT
// What is shown: the state of the page, which processes have rows, and how time and rows become pixels.

const AXIS = 28, GUTTER = 268, PAD = 14;
const LANE_MIN = 1, LANE_MAX = 40;

const state = {
  from: 0, to: endOfTrace, // the time in view
  lane: 24, // height of a row
  folded: new Set(), methods: new Set(METHODS),
  onlyFailed: false, onlyHits: false, onlyFound: false,
  starts: true, passes: true, inherit: false, said: true,
  process: null, file: null, finding: null, // what is chosen; a file stays chosen beside a process
  hover: null, hits: [], hitSet: new Set(), hitFiles: [], hit: -1,
  table: false,
  packed: processes.length > 80, // childless siblings share rows
};

let rows = []; // { p, list, depth, dim }: p is the first of its list; most lists have one
let width = 0, height = 0; // of the drawing

function passesFilter(p) {
  return state.methods.has(p.method) && (!state.onlyFailed || p.mood === "bug" || p.mood === "warning") &&
    (!state.onlyHits || state.hitSet.has(p.n)) && (!state.onlyFound || p.findings.length > 0);
}

// Who passes the filters, and their ancestors, so that each stays in its family.
function kept() {
  const all = !state.onlyFailed && !state.onlyHits && !state.onlyFound && state.methods.size === METHODS.length;
  if (all) return null;
  const keep = new Uint8Array(processes.length);
  for (let i = processes.length - 1; i >= 0; i--) {
    if (passesFilter(processes[i])) keep[i] = 2;
    if (keep[i] && processes[i].parent !== null && !keep[processes[i].parent]) keep[processes[i].parent] = 1;
  }
  return keep;
}

// Siblings as lists, a row each. Those without children that follow each other share one when packed.
function packed(family) {
  const lists = [], shared = [];
  for (const n of family) {
    const p = processes[n];
    const lane = state.packed && !p.children.length ? shared.find((list) => list[list.length - 1].gone <= p.from) : null;
    if (lane) { lane.push(p); continue; }
    lists.push([p]);
    if (!p.children.length) shared.push(lists[lists.length - 1]);
  }
  return lists;
}

// Those of a row that the time in view touches; they follow each other, so the first is found by halving.
function visible(row) {
  const list = row.list;
  if (list.length === 1) return list;
  let low = 0, high = list.length;
  while (low < high) { const mid = (low + high) >> 1; if (list[mid].gone < state.from) low = mid + 1; else high = mid; }
  const first = Math.max(0, low - 1);
  for (high = low; high < list.length && list[high].from <= state.to; ) high++;
  return list.slice(first, high);
}

// Who of a row is at a place, or nearest to it.
function processAt(row, px) {
  let best = row.p, far = Infinity;
  for (const p of visible(row)) {
    const away = Math.max(x(p.from) - px, px - x(p.gone), 0);
    if (away < far) { far = away; best = p; }
  }
  return best;
}

function layRows() {
  const keep = kept(), stack = [];
  rows = [];
  for (const p of processes) p.row = -1;
  const push = (family, depth) => {
    const lists = packed(keep ? family.filter((n) => keep[n]) : family);
    for (let i = lists.length - 1; i >= 0; i--) stack.push([lists[i], depth]);
  };
  push(roots, 0);
  while (stack.length) {
    const [list, depth] = stack.pop(), p = list[0];
    for (const one of list) one.row = rows.length;
    rows.push({ p, list, depth, dim: keep !== null && keep[p.n] === 1 });
    if (!state.folded.has(p.n)) push(p.children, depth + 1);
  }
  sizeScroll();
}

// The row that stands for a process: its own, or that of the folded ancestor it is in. -1: filtered out.
function rowOf(n) {
  let p = processes[n];
  while (p && p.row < 0) p = p.parent === null ? null : processes[p.parent];
  return p ? p.row : -1;
}

const x = (ns) => GUTTER + PAD + ((ns - state.from) / (state.to - state.from)) * (width - GUTTER - 2 * PAD);
const timeAt = (px) => state.from + ((px - GUTTER - PAD) / (width - GUTTER - 2 * PAD)) * (state.to - state.from);
const y = (row) => AXIS + row * state.lane - scroll.scrollTop;
const rowAt = (py) => Math.floor((py - AXIS + scroll.scrollTop) / state.lane);

function show(from, to) {
  const least = 200; // ns
  if (!(to - from >= least)) { const mid = (from + to) / 2; from = mid - least / 2; to = mid + least / 2; }
  const span = Math.min(to - from, endOfTrace * 1.1);
  from = Math.max(-endOfTrace * 0.05, Math.min(from, endOfTrace * 1.05 - span));
  state.from = from;
  state.to = from + span;
  redraw();
}

function zoom(factor, at = (state.from + state.to) / 2) {
  show(at - (at - state.from) * factor, at + (state.to - at) * factor);
}

// From where the target is the target's program, or from a finding before: how long the recorder took is no story.
function showAll() {
  const first = processes[0], image = first?.method === "initial" ? first.raw.images?.[0]?.ts_ns ?? 0 : 0;
  const begin = findings.reduce((least, f) => Math.min(least, f.at ?? least), image);
  const span = Math.max(endOfTrace - begin, 1);
  show(Math.max(begin - span * 0.03, -endOfTrace * 0.004), endOfTrace + span * 0.012);
}

function showProcess(p) {
  const room = Math.max((p.gone - p.from) * 0.15, 1000);
  show(p.from - room, p.gone + room);
}

// Brings a row into view.
function reveal(row) {
  if (row < 0) return;
  const top = row * state.lane, view = height - AXIS;
  if (top < scroll.scrollTop + state.lane) scroll.scrollTop = top - view / 3;
  else if (top + 2 * state.lane > scroll.scrollTop + view) scroll.scrollTop = top - (view * 2) / 3;
}

// Unfolds what hides a process.
function uncover(n) {
  let changed = false;
  for (let p = processes[n]; p && p.parent !== null; p = processes[p.parent])
    changed = state.folded.delete(p.parent) || changed;
  if (changed) layRows();
}

// The lanes as high as lets all be seen, within reason.
function fitLanes(least = 2) {
  const view = Math.max(height - AXIS - 10, 100);
  setLane(Math.max(least, Math.min(32, Math.floor(view / Math.max(rows.length, 1)))));
}

function setLane(lane, keepRow = null) {
  const at = keepRow ?? rowAt(AXIS + (height - AXIS) / 2);
  const old = state.lane;
  state.lane = Math.max(LANE_MIN, Math.min(LANE_MAX, lane));
  sizeScroll();
  if (rows.length) scroll.scrollTop += at * (state.lane - old);
  redraw();
}

function setFolded(n, fold) {
  if (!processes[n].children.length) return;
  if (fold) state.folded.add(n); else state.folded.delete(n);
  layRows();
  redraw();
}

function foldAll(fold) {
  state.folded = new Set(fold ? processes.filter((p) => p.children.length && p.parent !== null).map((p) => p.n) : []);
  if (fold && roots.length === 1 && processes.every((p) => p.parent === null || p.parent === roots[0]))
    state.folded.add(roots[0]);
  layRows();
  redraw();
}
