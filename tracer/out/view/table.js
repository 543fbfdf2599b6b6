// SPDX-License-Identifier: MIT
// The table view: the same processes as text, sortable, page by page, for those whom the drawing does not serve.

const sheet = document.getElementById("sheet");
const PAGE = 250;
const sorting = { column: 0, down: false, page: 0 };

const COLUMNS = [
  ["process", (p) => p.n, (p) => link("p" + p.n + " " + p.name, () => choose({ process: p.n }))],
  ["pid", (p) => p.raw.pid], ["start", (p) => p.method], ["mechanism", (p) => p.raw.mechanism ?? ""], ["role", (p) => p.raw.role ?? ""],
  ["parent", (p) => p.parent ?? -1, (p) => (p.parent === null ? "" : link("p" + p.parent, () => choose({ process: p.parent })))],
  ["asked by", (p) => p.asker ?? -1, (p) => (p.asker === null || p.asker === p.parent ? "" : link("p" + p.asker, () => choose({ process: p.asker })))],
  ["born", (p) => p.from, (p) => duration(p.raw.start_ns)], ["lived", (p) => p.to - p.from, (p) => duration(p.to - p.from)],
  ["end", (p) => ending(p.raw)[0]], ["zombie", (p) => p.raw.zombie_ns ?? -1, (p) => duration(p.raw.zombie_ns)],
  ["fds in", (p) => p.raw.fds?.inherited ?? -1, (p) => p.raw.fds?.inherited ?? "–"],
  ["passed", (p) => p.raw.fds?.received ?? -1, (p) => p.raw.fds?.received ?? "–"],
  ["unused", (p) => p.raw.fds?.never_used ?? -1, (p) => p.raw.fds?.never_used ?? "–"],
  ["findings", (p) => p.findings.length, (p) => p.findings.map((f) => f.raw.rule).join(" ")],
  ["command", (p) => p.command],
];

function tableLines() {
  const by = COLUMNS[sorting.column][1], sign = sorting.down ? -1 : 1;
  const keep = kept();
  const list = keep ? processes.filter((p) => keep[p.n] === 2) : [...processes];
  return list.sort((a, b) => { const u = by(a), v = by(b); return u < v ? -sign : u > v ? sign : a.n - b.n; });
}

function drawTable() {
  if (!state.table) return;
  const lines = tableLines(), pages = Math.max(1, Math.ceil(lines.length / PAGE));
  sorting.page = Math.max(0, Math.min(sorting.page, pages - 1));
  const head = el("tr");
  COLUMNS.forEach(([name], i) => head.append(el("th", { scope: "col", "aria-sort": i === sorting.column ? (sorting.down ? "descending" : "ascending") : "none" },
    el("button", { click: () => { sorting.down = sorting.column === i && !sorting.down; sorting.column = i; drawTable(); } },
      name + (i === sorting.column ? (sorting.down ? " ↓" : " ↑") : "")))));
  const body = el("tbody");
  for (const p of lines.slice(sorting.page * PAGE, (sorting.page + 1) * PAGE))
    body.append(el("tr", { "aria-selected": String(state.process === p.n) },
      COLUMNS.map(([, value, cell]) => el("td", { title: cell ? null : String(value(p)) }, (cell ?? value)(p)))));
  const turn = (by) => () => { sorting.page += by; drawTable(); };
  sheet.replaceChildren(el("table", {}, el("caption", { class: "unseen" }, "Processes"), el("thead", {}, head), body),
    el("div", { class: "pages" }, el("button", { click: turn(-1) }, "Previous"),
      "page " + (sorting.page + 1) + " of " + pages + ", " + counted(lines.length, "row"), el("button", { click: turn(1) }, "Next")));
}
