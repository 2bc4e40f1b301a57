import { h, name, visible, age, duration, number, count, traceLink, held } from "./dom.js";

const rowHeight = 28;
const extra = 8; // rows beyond what is seen

const columns = [
  ["Name", "c-name"], ["State", "c-state"], ["Age", "c-age"], ["Waits for", "c-wait"], ["Since", "c-since"],
  ["Held by", "c-held"], ["Deadline", "c-deadline"], ["Inside", "c-inside"], ["Trace", "c-trace"],
];

const glyphs = { running: "●", waiting: "◐", pending: "○", canceling: "⊘", open: "□", closing: "◧", made: "○", locked: "?" };

// What the reader has chosen stays when another screen is shown.
const chosen = { open: new Set(), shut: new Set(), apart: new Map(), sort: "age", find: "", active: 0, only: null };

// stateOf is the word for a state: who runs and waits is waiting.
export const stateOf = (n) => (n.state === "running" && n.wait ? "waiting" : n.state);

export const state = (word) => [h("span", { class: "glyph g-" + word, "aria-hidden": "true" }, glyphs[word] || "·"), " " + word];

export function tree(main, _, poll) {
  let data = null;
  let rows = [];
  let size = 0;
  const pool = new Map(); // by row number

  const find = h("input", { type: "search", id: "find", value: chosen.find, maxlength: "100", spellcheck: "false", placeholder: "part of a name", oninput: later(() => { chosen.find = find.value; poll(); }) });
  const sort = h("select", { id: "sort", onchange: () => { chosen.sort = sort.value; poll(); } },
    [["age", "oldest first"], ["wait", "longest wait first"], ["count", "most alike first"], ["inside", "most inside first"], ["name", "by name"]]
      .map(([v, text]) => h("option", { value: v, selected: v === chosen.sort }, text)));
  const chips = h("span", { class: "chips" });
  const body = h("div", { class: "rows", role: "rowgroup" });
  const grid = h("div", { class: "grid", id: "grid", role: "treegrid", tabindex: "0", "aria-label": "Scopes and tasks", "aria-colcount": String(columns.length), onscroll: () => draw(), onkeydown: key },
    h("div", { role: "rowgroup", class: "head" }, h("div", { role: "row", class: "row", "aria-rowindex": "1" },
      columns.map(([title, cls], i) => h("div", { role: "columnheader", class: cls, "aria-colindex": String(i + 1) }, title)))),
    body);
  const details = h("aside", { id: "details", "aria-label": "Details", hidden: true });
  main.replaceChildren(h("h2", { class: "hide" }, "Scopes and tasks"),
    h("div", { class: "tools" }, h("label", {}, "Find ", find), h("label", {}, "Order ", sort), chips),
    h("div", { class: "split" }, grid, details));
  const watch = new ResizeObserver(() => draw());
  watch.observe(grid);

  function later(f) {
    let t;
    return () => { clearTimeout(t); t = setTimeout(f, 200); };
  }

  function url() {
    const q = new URLSearchParams({ sort: chosen.sort });
    const some = (set) => [...set].slice(-200).join(",");
    if (chosen.only) q.set("in", chosen.only.id);
    if (chosen.find) q.set("find", chosen.find);
    if (chosen.open.size) q.set("open", some(chosen.open));
    if (chosen.shut.size) q.set("shut", some(chosen.shut));
    for (const k of [...chosen.apart.keys()].slice(-16)) q.append("apart", k);
    return "tree.json?" + q;
  }

  // show takes an answer: a list of rows in the order in which they are seen.
  function show(answer) {
    data = answer;
    rows = [];
    const add = (list, hidden, level, up) => {
      const n = list.length + (hidden ? 1 : 0);
      list.forEach((node, i) => {
        rows.push({ node, level, up, pos: i + 1, of: n });
        if (node.children) add(node.children, node.hidden, level + 1, node);
      });
      if (hidden && (list.length || !up)) rows.push({ more: hidden, level, up, pos: n, of: n });
    };
    add(data.nodes, data.hidden, 1, null);
    if (!rows.some((r) => idOf(r) === chosen.active)) chosen.active = rows.length ? idOf(rows[0]) : 0;
    if (size !== rows.length) {
      size = rows.length;
      body.style.height = Math.max(1, size) * rowHeight + "px";
      grid.setAttribute("aria-rowcount", String(size + 1));
    }
    draw(true);
    tell();
  }

  const idOf = (r) => (r.node ? r.node.id : -(r.up ? r.up.id : 1));
  const at = () => rows.findIndex((r) => idOf(r) === chosen.active);

  // draw has elements for the rows that are seen, and no others.
  function draw(all) {
    if (!data) return;
    const first = Math.max(0, Math.floor(grid.scrollTop / rowHeight) - extra);
    const last = Math.min(rows.length, Math.ceil((grid.scrollTop + grid.clientHeight) / rowHeight) + extra);
    for (const [i, el] of pool) {
      if (i < first || i >= last) {
        el.remove();
        pool.delete(i);
      }
    }
    for (let i = first; i < last; i++) {
      let el = pool.get(i);
      if (el && !all) continue;
      const r = rows[i];
      const made = r.node ? nodeRow(r, i) : moreRow(r, i);
      made.style.transform = "translateY(" + i * rowHeight + "px)";
      if (el) el.replaceWith(made);
      else body.append(made);
      pool.set(i, made);
    }
    const active = at();
    if (pool.has(active)) grid.setAttribute("aria-activedescendant", "row" + active);
    else grid.removeAttribute("aria-activedescendant");
    if (!rows.length && !body.firstChild) {
      body.append(h("div", { role: "row", class: "row" }, h("div", { role: "gridcell", class: "c-name" }, chosen.find ? "Nothing of that name is open." : "No scope is open.")));
      pool.set(-1, body.firstChild);
    }
  }

  function attrs(r, i) {
    return {
      role: "row", id: "row" + i, class: "row" + (idOf(r) === chosen.active ? " active" : ""), "aria-level": String(r.level), "aria-posinset": String(r.pos), "aria-setsize": String(r.of),
      "aria-rowindex": String(i + 2), "aria-selected": String(idOf(r) === chosen.active), onclick: () => select(i),
    };
  }

  function nodeRow(r, i) {
    const n = r.node;
    const inside = n.children || n.hidden;
    const word = stateOf(n);
    const cell = (k, ...c) => h("div", { role: "gridcell", class: columns[k][1] }, c);
    const pad = h("span", { class: "pad", "aria-hidden": "true" });
    pad.style.width = Math.min(r.level - 1, 30) * 16 + "px";
    return h("div", { ...attrs(r, i), "aria-expanded": inside ? String(!!n.children) : undefined, ondblclick: () => fold(i) },
      cell(0, pad,
        h("span", { class: "fold", "aria-hidden": "true", onclick: (e) => { e.stopPropagation(); fold(i); } }, inside ? (n.children ? "▾" : "▸") : ""),
        h("span", { class: "kind k-" + n.kind }, n.kind === "scope" ? "scope" : ""), name(n.name),
        n.count > 1 ? h("span", { class: "times", title: "these look alike; what is said is of the oldest. Click for one by one", onclick: (e) => { e.stopPropagation(); select(i); apart(r); } }, "×" + number(n.count)) : ""),
      cell(1, state(word), n.shielded ? h("span", { class: "tag" }, "shield") : "", n.locked ? h("span", { class: "tag" }, "locked") : ""),
      cell(2, age(data, n.since)),
      cell(3, n.wait ? [h("span", { class: "what" }, n.wait.kind), " ", n.wait.name ? name(n.wait.name) : ""] : n.cause ? h("span", { class: "why" }, "cancelled: " + n.cause.kind) : ""),
      cell(4, n.wait ? age(data, n.wait.since) : ""),
      cell(5, n.wait ? held(n.wait.holders, n.wait.held) : ""),
      cell(6, n.deadline ? left(n.deadline) : ""),
      cell(7, n.tasks ? number(n.tasks) : ""),
      cell(8, traceLink(data, n.span, { tabindex: "-1" })));
  }

  function moreRow(r, i) {
    return h("div", { ...attrs(r, i), class: "row more" + (idOf(r) === chosen.active ? " active" : ""), ondblclick: () => more(r) },
      h("div", { role: "gridcell", class: "c-name", "aria-colspan": String(columns.length) }, "… " + number(r.more) + " more, not shown",
        r.up && !chosen.open.has(r.up.id) ? " (Enter for more of them)" : " (look for a name, or change the order)"));
  }

  const left = (deadline) => {
    const ms = Date.parse(deadline) - Date.parse(data.at);
    return ms < 0 ? duration(-ms) + " ago" : "in " + duration(ms);
  };

  function select(i, open) {
    chosen.active = idOf(rows[i]);
    const top = i * rowHeight;
    const room = grid.clientHeight - rowHeight; // the head stays
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + rowHeight > grid.scrollTop + room) grid.scrollTop = top + rowHeight - room;
    if (open !== false) details.hidden = false;
    draw(true);
    tell();
  }

  function fold(i) {
    const r = rows[i];
    if (!r.node) return more(r);
    const n = r.node;
    if (!n.children && !n.hidden) return;
    if (n.children) {
      chosen.shut.add(n.id);
      chosen.open.delete(n.id);
      n.hidden = (n.hidden || 0) + n.children.length;
      delete n.children;
      show(data);
    } else {
      chosen.shut.delete(n.id);
      chosen.open.add(n.id);
    }
    poll();
  }

  function more(r) {
    if (!r.up) return;
    chosen.open.add(r.up.id);
    poll();
  }

  function apart(r) {
    if (!r.node) return;
    const k = (r.up ? r.up.id : 0) + "/" + r.node.name;
    if (chosen.apart.has(k)) chosen.apart.delete(k);
    else if (r.node.count > 1) chosen.apart.set(k, r.node.name);
    tell();
    poll();
  }

  function key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || !rows.length) return;
    let i = at();
    const r = rows[i];
    const page = Math.max(1, Math.floor(grid.clientHeight / rowHeight) - 2);
    const go = (to) => select(Math.max(0, Math.min(rows.length - 1, to)), false);
    switch (e.key) {
      case "ArrowDown": go(i + 1); break;
      case "ArrowUp": go(i - 1); break;
      case "PageDown": go(i + page); break;
      case "PageUp": go(i - page); break;
      case "Home": go(0); break;
      case "End": go(rows.length - 1); break;
      case "ArrowRight":
        if (r.node?.children) go(i + 1);
        else fold(i);
        break;
      case "ArrowLeft":
        if (r.node?.children) fold(i);
        else if (r.up) go(rows.findIndex((x) => x.node === r.up));
        break;
      case "Enter":
        if (r.more) more(r);
        else select(i);
        break;
      case "u": case "U": apart(r); break;
      case "Escape": details.hidden = true; break;
      default: return;
    }
    e.preventDefault();
  }

  // tell fills the details of the row that is chosen.
  let told = null;
  function tell() {
    if (chips.childElementCount !== chosen.apart.size + (chosen.only ? 1 : 0)) {
      const chip = (text, n, undo) => h("button", { type: "button", onclick: () => { undo(); tell(); poll(); } }, text, name(n), " ✕");
      chips.replaceChildren(...(chosen.only ? [chip("Only: ", chosen.only.name, () => { chosen.only = null; })] : []),
        ...[...chosen.apart].map(([k, n]) => chip("One by one: ", n, () => chosen.apart.delete(k))));
    }
    const r = rows[at()];
    if (details.hidden || !r?.node) return;
    const n = r.node;
    const sameText = (a, b) => (a.textContent === b ? a : Object.assign(a, { textContent: b }));
    if (!told || told.id !== n.id) {
      told = { id: n.id, list: h("dl", {}), stack: h("pre", { id: "stack", hidden: true, tabindex: "0" }), title: h("h3", {}) };
      details.replaceChildren(
        h("div", { class: "tools" }, h("button", { type: "button", onclick: () => { details.hidden = true; grid.focus(); } }, "Close"),
          h("a", { class: "button", href: "#scope/" + n.id }, "Waterfall"),
          h("button", { type: "button", onclick: () => stack(n.id) }, "Stack"),
          h("button", { type: "button", onclick: () => { chosen.only = { id: n.id, name: n.name }; tell(); poll(); } }, "Only this"),
          h("button", { type: "button", onclick: () => { const now = rows[at()]; if (now?.node) apart(now); } }, "One by one")),
        told.title, told.list, told.stack);
    }
    sameText(told.title, visible(n.name) + (n.count > 1 ? " ×" + number(n.count) : ""));
    const item = (k, ...v) => (v[0] ? [h("dt", {}, k), h("dd", {}, v)] : []);
    const why = (c) => [c.kind, c.scope ? [" in ", name(c.scope)] : "", c.task ? [" by ", name(c.task)] : "", c.reason ? [": ", name(c.reason)] : "", c.at ? ", " + age(data, c.at) + " ago" : "",
      c.from ? h("div", { class: "from" }, "after: ", why(c.from)) : ""];
    told.list.replaceChildren(...[
      item("Path", name(n.path)), item("State", state(stateOf(n))), item(n.kind === "scope" ? "Open for" : "Runs for", age(data, n.since)),
      n.wait ? item("Waits for", n.wait.kind, n.wait.name ? [" ", name(n.wait.name)] : "", ", " + age(data, n.wait.since)) : [],
      n.wait?.holders ? item("Held by", n.wait.holders.map((x) => h("div", {}, name(x))), n.wait.held > n.wait.holders.length ? "and " + (n.wait.held - n.wait.holders.length) + " more" : "") : [],
      n.deadline ? item("Deadline", left(n.deadline)) : [], n.shielded ? item("Shield", "hides outside cancellation") : [],
      n.cause ? item("Cancelled", why(n.cause)) : [], n.tasks || n.scopes ? item("Inside", count(n.scopes || 0, "scope") + ", " + count(n.tasks || 0, "task")) : [],
      n.span ? [item("Trace", traceLink(data, n.span), " ", h("code", {}, n.span.trace_id)), item("Span", h("code", {}, n.span.span_id))] : [], item("Id", String(n.id)),
    ].flat(Infinity));
  }

  async function stack(id) {
    told.stack.hidden = false;
    told.stack.textContent = "Asking…";
    const answer = await fetch("stack.txt?id=" + id, { cache: "no-store" });
    told.stack.textContent = await answer.text();
  }

  // gone is called when there is nothing to show: what alone was shown has ended.
  function gone() {
    chosen.only = null;
    tell();
    poll();
  }

  return { url, show, gone };
}
