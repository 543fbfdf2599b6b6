// SPDX-License-Identifier: MIT
// Mouse, keys, buttons and search; and what happens first.

const byId = (id) => document.getElementById(id);
const lanes = byId("lanes"), tip = byId("tip"), live = byId("live"), search = byId("search"), hits = byId("hits");

// Chooses a process or a file; what is not named stays as it is, but a process ends the look at a file.
function choose(what) {
  if ("file" in what) state.file = what.file;
  if ("process" in what) {
    state.process = what.process;
    if (!("file" in what)) state.file = null;
  }
  if (what.process !== null && what.process !== undefined) {
    const p = processes[what.process];
    uncover(p.n);
    reveal(p.row);
    if (p.gone < state.from || p.from > state.to) showProcess(p);
    live.textContent = "p" + p.n + " " + p.name + ", " + p.method + ", " + ending(p.raw)[0];
  }
  if (state.file !== null) {
    const held = holdersOf.get(state.file) ?? [];
    for (const h of held.slice(0, 500)) uncover(h.p);
    if (held.length && "file" in what) reveal(rowOf(held[0].p));
    live.textContent = fileName(state.file) + ", " + counted(held.length, "holding");
  }
  drawPanel();
  drawTable();
  redraw();
}

// --- search and filters ---

function filtersChanged() {
  layRows();
  sorting.page = 0;
  drawTable();
  redraw();
}

function find(text) {
  const words = text.trim().toLowerCase();
  state.hits = words ? processes.filter((p) => haystack(p).includes(words)).map((p) => p.n) : [];
  state.hitFiles = words ? Object.keys(files).map(Number).filter((f) => fileName(f).toLowerCase().includes(words)) : [];
  state.hitSet = new Set(state.hits);
  state.hit = -1;
  hits.textContent = words ? state.hits.length.toLocaleString("en") : "";
  filtersChanged();
  if (state.process === null && state.file === null) drawPanel();
}

function nextHit(by) {
  if (!state.hits.length) {
    if (state.hitFiles.length) choose({ file: state.hitFiles[0] });
    return;
  }
  state.hit = (state.hit + by + state.hits.length) % state.hits.length;
  hits.textContent = state.hit + 1 + "/" + state.hits.length;
  choose({ process: state.hits[state.hit] });
}

let typing = 0;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => find(search.value), processes.length > 2000 ? 150 : 0);
});
search.addEventListener("keydown", (e) => {
  if (e.key === "Enter") { clearTimeout(typing); if (state.hit < 0) find(search.value); nextHit(e.shiftKey ? -1 : 1); e.preventDefault(); }
  if (e.key === "Escape") { search.value = ""; find(""); lanes.focus(); }
  e.stopPropagation();
});

function toggle(id, key, after) {
  const button = byId(id);
  const turn = () => { state[key] = !state[key]; button.setAttribute("aria-pressed", state[key]); after(); };
  button.addEventListener("click", turn);
  return turn;
}

toggle("only-failed", "onlyFailed", filtersChanged);
toggle("only-hits", "onlyHits", filtersChanged);
toggle("only-found", "onlyFound", filtersChanged);
const turnStarts = toggle("show-starts", "starts", redraw);
const turnPasses = toggle("show-passes", "passes", redraw);
const turnInherit = toggle("show-inherit", "inherit", redraw);
const turnSaid = toggle("show-said", "said", redraw);
const turnPacked = toggle("pack", "packed", () => { layRows(); fitLanes(18); redraw(); });
const turnTable = toggle("mode", "table", () => {
  byId("stage").hidden = state.table;
  sheet.hidden = !state.table;
  if (state.table) drawTable(); else redraw();
});

function methodButtons() {
  for (const m of METHODS) {
    const count = processes.filter((p) => p.method === m).length;
    if (!count) continue;
    const button = el("button", { "aria-pressed": "true", title: "Show or hide processes started by " + m },
      el("span", { class: "swatch", paint: "var(--" + m + ")" }), m, el("small", {}, count.toLocaleString("en")));
    button.addEventListener("click", () => {
      if (!state.methods.delete(m)) state.methods.add(m);
      button.setAttribute("aria-pressed", state.methods.has(m));
      filtersChanged();
    });
    byId("methods").append(button);
  }
}

// --- keys ---

function step(by) {
  const at = state.process === null ? -1 : rowOf(state.process);
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
  if (next) choose({ process: next.p.n });
}

// The one before or after in a row that several share.
function beside(p, by) {
  const list = rows[p.row]?.list ?? [], next = list[list.indexOf(p) + by];
  if (next && list.length > 1) choose({ process: next.n });
  return !!next && list.length > 1;
}

function left() {
  const p = processes[state.process];
  if (!p || beside(p, -1)) return;
  if (p.children.length && !state.folded.has(p.n)) setFolded(p.n, true);
  else if (p.parent !== null) choose({ process: p.parent });
}

function right() {
  const p = processes[state.process];
  if (!p) return step(0);
  if (beside(p, 1)) return;
  if (state.folded.has(p.n)) setFolded(p.n, false);
  else if (p.children.length) step(1);
}

let atFinding = -1;
function nextFinding(by) {
  const list = findings.filter((f) => f.process !== null && processes[f.process]);
  if (!list.length) return;
  atFinding = (atFinding + by + list.length) % list.length;
  choose({ process: list[atFinding].process });
}

const pan = (by) => show(state.from + (state.to - state.from) * by, state.to + (state.to - state.from) * by);
const KEYS = [
  [["ArrowDown", "j"], "↓ ↑", "next or previous process", () => step(1)],
  [["ArrowUp", "k"], null, null, () => step(-1)],
  [["PageDown"], null, null, () => step(20)], [["PageUp"], null, null, () => step(-20)],
  [["Home"], null, null, () => step(-1e9)], [["End"], null, null, () => step(1e9)],
  [["ArrowLeft", "h"], "← →", "fold or unfold; go to the parent or the first child", left],
  [["ArrowRight", "l"], null, null, right],
  [["Enter"], "Enter", "zoom to the chosen process", () => processes[state.process] && showProcess(processes[state.process])],
  [["+", "="], "+ −", "zoom (or Ctrl and wheel)", () => zoom(0.6)], [["-"], null, null, () => zoom(1 / 0.6)],
  [["a"], "a d", "move along the time line (or drag, or Shift and wheel)", () => pan(-0.25)], [["d"], null, null, () => pan(0.25)],
  [["0"], "0", "all of the time line", () => { showAll(); fitLanes(); }],
  [["["], "[ ]", "thinner or thicker lanes", () => setLane(state.lane * 0.75)], [["]"], null, null, () => setLane(state.lane / 0.75)],
  [["/"], "/", "search; Enter goes from hit to hit", () => { search.focus(); search.select(); }],
  [["n"], "n N", "next or previous finding", () => nextFinding(1)], [["N"], null, null, () => nextFinding(-1)],
  [["s"], "s f i", "arrows of starts, of passed and of inherited descriptors", () => turnStarts()],
  [["f"], null, null, () => turnPasses()], [["i"], null, null, () => turnInherit()],
  [["m"], "m", "marks, spans and pools' tasks, by the programs' own word", () => turnSaid()],
  [["*"], "*", "unfold all", () => foldAll(false)],
  [["p"], "p", "processes without children share rows, or not", () => turnPacked()],
  [["t"], "t", "table or drawing", () => turnTable()],
  [["Escape"], "Esc", "back to the overview", () => choose({ process: null, file: null })],
  [["?"], "?", "these keys", () => byId("help").showModal()],
];

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || byId("help").open) return;
  const inControl = e.target.closest?.("button, input, #panel, #sheet");
  if (inControl && (e.key === "Enter" || e.key === " " || e.key.startsWith("Arrow") || e.key.startsWith("Page"))) return;
  const key = KEYS.find(([names]) => names.includes(e.key));
  if (!key) return;
  key[3]();
  e.preventDefault();
});

function fillHelp() {
  const dl = el("dl");
  for (const [, keys, text] of KEYS)
    if (keys) dl.append(el("dt", {}, keys.split(" ").map((k) => [el("kbd", {}, k), " "])), el("dd", {}, text));
  byId("help").append(el("h2", {}, "Keys"), dl, el("p", {}, el("button", { click: () => byId("help").close() }, "Close")));
}

// --- mouse ---

let drag = null;
scroll.addEventListener("scroll", redraw, { passive: true });
scroll.addEventListener("wheel", (e) => {
  if (e.ctrlKey || e.metaKey) zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) / 120), timeAt(e.offsetX));
  else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan((e.deltaX || e.deltaY) / 900);
  else return;
  e.preventDefault();
}, { passive: false });

const place = (e) => { const b = lanes.getBoundingClientRect(); return [e.clientX - b.left, e.clientY - b.top]; };

scroll.addEventListener("pointerdown", (e) => {
  const [px] = place(e);
  if (e.button === 0 && px > GUTTER && e.offsetX < scroll.clientWidth) {
    drag = { px, from: state.from, to: state.to, moved: false };
    scroll.setPointerCapture(e.pointerId);
  }
});
scroll.addEventListener("pointermove", (e) => {
  const [px, py] = place(e);
  if (drag) {
    const by = ((drag.px - px) / (width - GUTTER - 2 * PAD)) * (drag.to - drag.from);
    drag.moved ||= Math.abs(px - drag.px) > 3;
    if (drag.moved) { tip.hidden = true; show(drag.from + by, drag.to + by); return; }
  }
  hover(px, py);
});
scroll.addEventListener("pointerup", (e) => {
  const [px, py] = place(e), moved = drag?.moved, row = rows[rowAt(py)];
  drag = null;
  if (moved || !row) return;
  if (px > GUTTER) choose({ process: processAt(row, px).n });
  else if (px < 12 + Math.min(row.depth, 9) * 14 + 7 && row.p.children.length) setFolded(row.p.n, !state.folded.has(row.p.n));
  else choose({ process: row.p.n });
  lanes.focus({ preventScroll: true });
});
scroll.addEventListener("dblclick", (e) => {
  const [px, py] = place(e), row = rows[rowAt(py)];
  if (row) showProcess(px > GUTTER ? processAt(row, px) : row.p);
});
scroll.addEventListener("pointerleave", () => { state.hover = null; tip.hidden = true; redraw(); });

function hover(px, py) {
  const i = rowAt(py), row = py > AXIS ? rows[i] : null;
  if (state.hover !== (row ? i : null)) { state.hover = row ? i : null; redraw(); }
  tip.hidden = !row || px < GUTTER && state.lane >= 11;
  if (tip.hidden) return;
  const p = px > GUTTER ? processAt(row, px) : row.p, near = p.findings[0];
  const said = px > GUTTER ? saidAt(p, timeAt(px - 3), timeAt(px + 3)) : [];
  tip.replaceChildren(
    el("div", {}, el("b", {}, "p" + p.n + " " + p.name), " ", p.raw.pid, " · ", p.method, p.raw.mechanism && p.raw.mechanism !== p.method ? " by " + p.raw.mechanism : ""),
    p.command ? el("div", { class: "mono" }, p.command.length > 220 ? p.command.slice(0, 220) + "…" : p.command) : "",
    el("div", { class: "dim" }, "born " + duration(p.raw.start_ns) + " · lived " + duration(p.to - p.from) + " · " + ending(p.raw)[0],
      p.children.length ? " · " + p.children.length + " children" : "", p.raw.zombie_ns > 1e6 ? " · zombie " + duration(p.raw.zombie_ns) : ""),
    said.length ? el("div", {}, said.map((text) => el("div", { class: "said" }, text))) : "",
    near ? el("div", { class: "badge " + near.raw.severity }, near.raw.rule + " " + near.raw.title) : "");
  const area = byId("stage").getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(px + 16, area.width - tip.offsetWidth - 10)) + "px";
  tip.style.top = 46 + (py + tip.offsetHeight + 40 > area.height - 46 ? py - tip.offsetHeight - 12 : py + 18) + "px";
}

// In the strip a drag moves what is in view; a press beside it jumps there.
function scrub(e) {
  const b = overview.getBoundingClientRect(), inside = b.width - GUTTER - 2 * PAD;
  const at = ((e.clientX - b.left - GUTTER - PAD) / inside) * endOfTrace, half = (state.to - state.from) / 2;
  show(at - half, at + half);
}
overview.addEventListener("pointerdown", (e) => { overview.setPointerCapture(e.pointerId); scrub(e); });
overview.addEventListener("pointermove", (e) => { if (e.buttons & 1) scrub(e); });

// --- buttons, and the beginning ---

const buttons = {
  "unfold": () => foldAll(false), "fold": () => foldAll(true), "zoom-in": () => zoom(0.6), "zoom-out": () => zoom(1 / 0.6),
  "zoom-fit": () => { showAll(); fitLanes(); }, "thinner": () => setLane(state.lane * 0.75), "thicker": () => setLane(state.lane / 0.75),
  "help-button": () => byId("help").showModal(),
  "theme": () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
};
for (const [id, click] of Object.entries(buttons)) byId(id).addEventListener("click", click);

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  readColors();
  redraw();
}

function fillHeader() {
  const argv = data.target?.argv;
  byId("command").textContent = argv ? shown(argv.map(quoted).join(" ")) : "attached";
  document.title = "forkscope: " + (argv ? shown(argv.map(quoted).join(" ")).slice(0, 80) : shown(data.name ?? ""));
  const fact = (n, word, bad) => el("span", { class: bad ? "bad" : "" }, el("b", {}, n), " " + word);
  byId("facts").append(fact(processes.length.toLocaleString("en"), processes.length === 1 ? "process" : "processes"), fact(duration(endOfTrace), ""),
    fact(passes.length.toLocaleString("en"), passes.length === 1 ? "passing" : "passings"),
    fact(data.lost.toLocaleString("en"), "lost", data.lost > 0), data.incomplete ? fact("", "incomplete", true) : "",
    findings.length ? fact(findings.length, findings.length === 1 ? "finding" : "findings", true) : "");
}

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
fillHeader();
methodButtons();
fillHelp();
if (!processes.some(saysAnything)) byId("show-said").hidden = true;
byId("pack").setAttribute("aria-pressed", state.packed);
({ width, height } = lanes.getBoundingClientRect());
layRows();
fitLanes(18); // names can be read; the button fits all
scroll.scrollTop = 0;
showAll();
drawPanel();
drawStage();
new ResizeObserver(() => redraw()).observe(lanes);
// For tests and the console: what was drawn last, and where things are.
window.forkscope = { drawn, state, rows: () => rows, processes, x, y, choose, find, show };
