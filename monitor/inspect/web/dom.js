// What makes elements. Text of the program goes into text nodes, and nowhere else.

const svgNS = "http://www.w3.org/2000/svg";

function fill(el, attrs, children) {
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith("on")) el.addEventListener(k.slice(2), v);
    else el.setAttribute(k, v === true ? "" : v);
  }
  for (const c of children.flat(Infinity)) {
    if (c === undefined || c === null || c === false) continue;
    el.append(c instanceof Node ? c : document.createTextNode(String(c)));
  }
  return el;
}

export const h = (tag, attrs, ...children) => fill(document.createElement(tag), attrs, children);
export const s = (tag, attrs, ...children) => fill(document.createElementNS(svgNS, tag), attrs, children);

// visible shows what is not to be seen: control and format characters, which
// could turn text around, hide in it, or pass for something else.
export const visible = (text) =>
  String(text ?? "").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");

// name is text of the program's, apart from the text around it.
export const name = (text, cls) => h("bdi", { class: "name" + (cls ? " " + cls : ""), title: visible(text) }, visible(text) || "(no name)");

// duration writes milliseconds as people read them.
export function duration(ms) {
  if (!Number.isFinite(ms)) return "";
  const past = ms < 0;
  ms = Math.abs(ms);
  let out;
  if (ms < 1) out = Math.round(ms * 1000) + " µs";
  else if (ms < 10) out = +ms.toFixed(1) + " ms";
  else if (ms < 1000) out = Math.round(ms) + " ms";
  else if (ms < 60e3) out = (ms / 1000).toFixed(1) + " s";
  else if (ms < 3600e3) out = Math.floor(ms / 60e3) + " m " + String(Math.floor((ms % 60e3) / 1000)).padStart(2, "0") + " s";
  else if (ms < 86400e3) out = Math.floor(ms / 3600e3) + " h " + String(Math.floor((ms % 3600e3) / 60e3)).padStart(2, "0") + " m";
  else out = Math.floor(ms / 86400e3) + " d " + Math.floor((ms % 86400e3) / 3600e3) + " h";
  return past ? "−" + out : out;
}

// age is how long ago since was, when the answer was made.
export const age = (data, since) => (since ? duration(Date.parse(data.at) - Date.parse(since)) : "");

export const number = (n) => n.toLocaleString("en");
export const count = (n, what) => number(n) + " " + what + (n === 1 ? "" : "s");

// traceLink leads to the trace backend, if there is one; ids are hexadecimal.
export function traceLink(data, span, attrs) {
  if (!span) return null;
  const short = span.trace_id.slice(0, 8);
  if (!data.trace_url) return h("code", { title: "trace " + span.trace_id + " span " + span.span_id }, short);
  const url = data.trace_url.replaceAll("{trace_id}", span.trace_id).replaceAll("{span_id}", span.span_id);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: "trace " + span.trace_id, ...attrs }, short);
}

// table makes a table of rows, which are lists of cells. Columns: [title, class].
export function table(caption, columns, rows, empty) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hide" }, caption),
      h("thead", {}, h("tr", {}, columns.map(([title, cls]) => h("th", { scope: "col", class: cls }, title)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((c, i) => h("td", { class: columns[i][1] }, c)))))));
}

export const held = (holders, n) =>
  holders?.length ? [name(holders[0]), n > 1 ? " and " + (n - 1) + " more" : ""] : "";

export const times = (n) => (n > 1 ? h("span", { class: "times" }, " ×" + number(n)) : "");

// link leads to one scope or task.
export const link = (id, text, n) => [h("a", { href: "#scope/" + id, "data-key": "l" + id }, name(text)), times(n)];
