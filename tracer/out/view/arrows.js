// SPDX-License-Identifier: MIT
// What connects lanes: starts, passed and inherited descriptors, and the life of a chosen file.
// Arrows are made for what is in view only; those that would lie on each other are drawn once.

const ARROWS_MAX = 4000;

function arrowHead(px, py, angle, size) {
  pen.beginPath();
  pen.moveTo(px, py);
  pen.lineTo(px - size * Math.cos(angle - 0.42), py - size * Math.sin(angle - 0.42));
  pen.lineTo(px - size * Math.cos(angle + 0.42), py - size * Math.sin(angle + 0.42));
  pen.closePath();
  pen.fill();
}

function pill(mx, my, label, name) {
  const w = pen.measureText(label).width + 10;
  pen.fillStyle = color.stage;
  pen.strokeStyle = color[name];
  pen.lineWidth = 1;
  pen.beginPath(); pen.roundRect(mx - w / 2, my - 8, w, 16, 8); pen.fill();
  pen.stroke();
  pen.fillStyle = color[name];
  pen.textAlign = "center";
  pen.fillText(label, mx, my + 0.5);
  pen.textAlign = "left";
}

// From (ax, ay) to (bx, by), bent so that it leaves and arrives along the time line; a label at its middle.
function curve(ax, ay, bx, by, name, label, thick = 1.5) {
  const bend = Math.max(14, Math.min(90, Math.abs(by - ay) * 0.35, 14 + Math.abs(bx - ax)));
  pen.strokeStyle = pen.fillStyle = color[name];
  pen.lineWidth = thick;
  pen.beginPath();
  pen.moveTo(ax, ay);
  pen.bezierCurveTo(ax + bend, ay, bx - bend, by, bx, by);
  pen.stroke();
  arrowHead(bx, by, 0, 6 + thick);
  if (label) pill((ax + bx) / 2, (ay + by) / 2, label, name);
}

// Down from the creator's lane at the birth, then right to the child's: as a tree is drawn.
function elbow(px, ay, by, name) {
  pen.strokeStyle = pen.fillStyle = color[name];
  pen.lineWidth = 1.3;
  const r = Math.min(5, Math.abs(by - ay) / 2), sign = by > ay ? 1 : -1;
  pen.beginPath();
  pen.moveTo(px - 7, ay);
  pen.lineTo(px - 7, by - r * sign);
  pen.quadraticCurveTo(px - 7, by, px - 7 + r, by);
  pen.lineTo(px - 1, by);
  pen.stroke();
  if (state.lane >= 10) arrowHead(px + 1, by, 0, 6);
}

// Straight down, into a row that several share.
function drop(px, ay, by, name) {
  const sign = by > ay ? 1 : -1, from = ay + state.lane * 0.34 * sign, to = by - state.lane * 0.34 * sign;
  pen.strokeStyle = color[name];
  pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(px, from); pen.lineTo(px, to); pen.stroke();
}

const middle = (row) => y(row) + state.lane / 2;
const inSight = (a, b, first, last) => a >= 0 && b >= 0 && Math.max(a, b) >= first && Math.min(a, b) < last;

function drawStarts(first, last, seen) {
  let row = -1, before = 0; // in a row they follow each other: those within 3 pixels are drawn once
  for (const [p, i] of inRows(first, last)) {
    const at = x(p.from);
    if (i === row && at - before < 3 && p.n !== state.process) continue;
    row = i;
    before = at;
    const from = p.creator === null || !processes[p.creator] ? -1 : rowOf(p.creator), px = at;
    if (from < 0 || from === i || px < GUTTER || px > width + 8) continue;
    const key = "s" + from + ":" + Math.round(px / 3) + ":" + Math.round(y(i) / 4);
    if (seen.has(key) || drawn.starts >= ARROWS_MAX) continue;
    seen.add(key);
    pen.globalAlpha = state.process === null || state.process === p.n || state.process === p.creator ? 0.75 : 0.3;
    const name = state.process === p.n ? "accent" : "inherit";
    if (rows[i].list.length > 1) drop(px, middle(from), middle(i), name);
    else elbow(px, middle(from), middle(i), name);
    drawn.starts++;
  }
  pen.globalAlpha = 1;
}

function drawPass(pass, first, last, seen, chosen) {
  const a = pass.from === null ? -1 : rowOf(pass.from), b = pass.to === null ? -1 : rowOf(pass.to);
  if (!inSight(a, b, first, last) || a === b || drawn.passes >= ARROWS_MAX) return;
  const ax = x(pass.at), bx = x(pass.got ?? pass.at);
  if (Math.max(ax, bx) < GUTTER || Math.min(ax, bx) > width) return;
  const key = "f" + a + ":" + b + ":" + Math.round(ax / 5);
  if (seen.has(key) && !chosen) return;
  seen.add(key);
  const roomy = state.lane >= 14 && Math.abs(a - b) * state.lane > 26 && pen.globalAlpha > 0.5;
  const label = roomy ? counted(pass.files.length, "fd") : "";
  curve(ax, middle(a), Math.max(bx, ax + 12), middle(b), "pass", label, chosen ? 2.4 : 1.5);
  drawn.passes++;
}

function drawInherited(p, i, first, last, seen, chosen) {
  const count = p.raw.fds?.inherited, from = p.creator === null || !processes[p.creator] ? -1 : rowOf(p.creator);
  if (!count || !inSight(from, i, first, last) || from === i) return;
  const px = x(p.from);
  const key = "i" + from + ":" + Math.round(px / 6) + ":" + Math.round(y(i) / 6);
  if (px < GUTTER || px > width || (seen.has(key) && !chosen) || drawn.inherit >= ARROWS_MAX) return;
  seen.add(key);
  const unused = p.raw.fds.never_used;
  curve(px - 16, middle(from), px, middle(i), "read", "", Math.min(4, 1 + Math.log2(count) / 3));
  if (state.lane >= 14) {
    const label = counted(count, "fd") + (unused ? ", " + unused + " unused" : "");
    const half = (pen.measureText(label).width + 10) / 2, left = px - 26 - half;
    pill(left - half > GUTTER ? left : px + 12 + half, middle(i), label, "read");
  }
  drawn.inherit++;
}

// --- the life of an open file ---

function drawHolding(h, name) {
  const row = rowOf(h.p);
  if (row < 0) return;
  const p = processes[h.p], a = clip(x(Math.max(h.from, p.from))), b = Math.max(clip(x(h.to ?? p.to)), a + 3);
  const high = Math.max(3, state.lane * 0.3), top = y(row) + state.lane - high - Math.max(1, state.lane * 0.1);
  box(a, b, top, high, color[name], 3);
  pen.strokeStyle = color.stage;
  pen.lineWidth = 1;
  if (state.lane >= 8) { pen.beginPath(); pen.roundRect(a, top, b - a, high, 3); pen.stroke(); }
  const long = "fd " + h.fd + (h.used === false ? ", never used" : ""), brief = "fd " + h.fd;
  const label = pen.measureText(long).width + 6 < b - a ? long : brief;
  if (state.lane >= 18 && pen.measureText(label).width + 6 < b - a) {
    pen.fillStyle = color[name];
    pen.fillText(label, Math.max(a, GUTTER) + 4, top - 6);
  }
  if (h.by !== null && processes[h.by] && h.by !== h.p && rowOf(h.by) >= 0 && rowOf(h.by) !== row && drawn.life < ARROWS_MAX)
    curve(a - 16, middle(rowOf(h.by)), a, top + high / 2, name, "", 1.8);
  drawn.life++;
}

function drawFileLife(first, last) {
  const file = files[state.file];
  const ends = [[state.file, file && file.mode === 1 ? "read" : "write"]];
  for (const other of file?.other_ends ?? []) ends.push([other, ends[0][1] === "read" ? "write" : "read"]);
  for (const [f, name] of ends)
    for (const h of holdersOf.get(f) ?? [])
      if (inSight(rowOf(h.p), h.by !== null && processes[h.by] ? rowOf(h.by) : rowOf(h.p), first, last)) drawHolding(h, name);
}

function drawArrows(first, last) {
  const seen = new Set(), chosen = state.process === null ? null : processes[state.process];
  pen.font = "11px system-ui, -apple-system, sans-serif";
  if (state.file !== null) { drawFileLife(first, last); pen.font = FONT; return; }
  if (state.starts) drawStarts(first, last, seen);
  if (state.inherit) for (const [p, i] of inRows(first, last)) drawInherited(p, i, first, last, seen, false);
  else if (chosen && chosen.row >= 0) drawInherited(chosen, chosen.row, first, last, seen, true);
  if (state.passes) {
    pen.globalAlpha = chosen ? 0.35 : 0.9;
    for (const pass of passes) drawPass(pass, first, last, seen, false);
    pen.globalAlpha = 1;
  }
  if (chosen) for (const pass of chosen.passes) drawPass(pass, first, last, seen, true);
  pen.font = FONT;
}
