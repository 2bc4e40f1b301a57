import { h, s, name, visible, age, duration, number, count, table, held, times, link, traceLink } from "./dom.js";
import { state } from "./tree.js";

// screen makes one of which all is drawn anew with each answer; what was focused,
// or unfolded, stays so.
function screen(main, title, url, draw, gone) {
  const box = h("section", { class: "screen" });
  const unfolded = new Set();
  main.replaceChildren(h("h2", {}, title), box);
  return {
    url: () => url,
    show(data) {
      const key = document.activeElement?.closest?.("[data-key]")?.dataset.key;
      const scrolled = [...box.querySelectorAll(".scroll")].map((e) => [e.scrollTop, e.scrollLeft]);
      const parts = draw(data, (k, summary, inner) => {
        const d = h("details", { open: unfolded.has(k), ontoggle: () => (d.open ? unfolded.add(k) : unfolded.delete(k)) }, h("summary", { "data-key": "d" + k }, summary), inner);
        return d;
      });
      box.replaceChildren(...parts.flat().filter(Boolean));
      box.querySelectorAll(".scroll").forEach((e, i) => scrolled[i] && ([e.scrollTop, e.scrollLeft] = scrolled[i]));
      if (key) box.querySelector('[data-key="' + CSS.escape(key) + '"]')?.focus({ preventScroll: true });
    },
    gone: gone && (() => box.replaceChildren(h("p", { class: "empty" }, gone))),
  };
}

const waitText = (w) => (w ? [h("span", { class: "what" }, w.kind), " ", w.name ? name(w.name) : ""] : "");

const why = (data, c) => [h("b", {}, c.kind), c.task ? [" by ", name(c.task)] : "", c.reason ? [": ", name(c.reason)] : "",
  c.from ? h("div", { class: "from" }, "after ", c.from.scope ? [name(c.from.scope), ": "] : "", why(data, c.from)) : ""];

const hidden = (n) => (n ? h("p", { class: "more" }, "… " + number(n) + " more, not shown") : null);

const mark = (f) => (f.certain ? h("span", { class: "mark bad" }, "✖ certain") : h("span", { class: "mark warn" }, "? suspicion"));

export const waits = (main) => screen(main, "Waits", "waits.json", (data) => [
  data.stuck.map((f) => h("article", { class: "card" }, h("h3", {}, mark(f), " " + f.kind), h("p", {}, name(f.text, "long")), f.steps ? [cycle(f), table("Steps of the cycle", [["Who"], ["Waits for"], ["Of"]],
    f.steps.map((st, i) => [link(st.id, st.who), [st.kind, " ", st.name ? name(st.name) : ""], f.more && i === f.steps.length - 1 ? "…" : name(f.steps[(i + 1) % f.steps.length].who)]))] : "")),
  table("Who waits for whom", [["Who", "wide"], ["Waits for", "wide"], ["Held by", "wide"], ["Since", "num"]],
    data.list.map((w) => [link(w.id, w.path, w.count), waitText(w.wait), held(w.wait.holders, w.wait.held), age(data, w.wait.since)]), "Nobody waits for anybody."),
  hidden(data.hidden),
]);

// cycle draws who waits for whom in a circle.
function cycle(f) {
  const n = f.steps.length;
  const w = 640, hh = 230, rx = 210, ry = 75;
  const at = f.steps.map((_, i) => {
    const a = (2 * Math.PI * i) / n - Math.PI / 2 + (n === 2 ? Math.PI / 2 : 0);
    return [w / 2 + rx * Math.cos(a), hh / 2 + ry * Math.sin(a)];
  });
  const short = (t) => { const v = visible(t); return v.length > 26 ? "…" + v.slice(-25) : v; };
  return s("svg", { viewBox: `0 0 ${w} ${hh}`, class: "cycle", role: "img", "aria-label": "A cycle of " + n + " who wait for one another; the table below has the same" },
    s("defs", {}, s("marker", { id: "tip", viewBox: "0 0 8 8", refX: "8", refY: "4", markerWidth: "8", markerHeight: "8", orient: "auto" }, s("path", { d: "M0 0L8 4L0 8z", class: "tip" }))),
    at.map(([x, y], i) => {
      const [tx, ty] = at[(i + 1) % n];
      const mx = (x + tx) / 2, my = (y + ty) / 2 + (n === 2 ? (i ? 70 : -70) : 0); // bent, if there are two
      const k = Math.min(97 / Math.abs(tx - mx), 18 / Math.abs(ty - my), 1); // where it meets the box
      const ex = tx - (tx - mx) * k, ey = ty - (ty - my) * k;
      return s("path", { d: `M${x} ${y}Q${mx} ${my} ${ex} ${ey}`, class: "edge" + (f.more && i === n - 1 ? " dash" : ""), "marker-end": "url(#tip)" });
    }),
    at.map(([x, y], i) => [s("rect", { x: x - 95, y: y - 15, width: 190, height: 30, rx: 6, class: "box" }), s("text", { x, y: y + 5, "text-anchor": "middle" }, short(f.steps[i].who))]));
}

export const queues = (main) => screen(main, "Queues and limiters", "queues.json", (data) => [
  data.watched.length ? h("h3", {}, "Watched") : null,
  data.watched.length ? levels("Watched queues, limiters and pools", data.watched) : null,
  h("h3", {}, "Queues and limiters"),
  data.levels.length ? levels("Queues and limiters", data.levels) : h("p", { class: "note" }, "None that somebody waits for, and none that the program's metrics know. See inspect.Watch."),
  hidden(data.unseen),
  h("h3", {}, "Waited for"),
  table("What is waited for", [["Kind"], ["Name", "wide"], ["Waiting", "num"], ["Longest", "num"], ["Held by", "wide"]],
    data.waited.map((o) => [h("span", { class: "what" }, o.kind), o.name ? name(o.name) : "", number(o.waiting), age(data, o.since), held(o.holders, o.held)]), "Nobody waits for a queue, lock or limiter."),
  hidden(data.hidden),
]);

const levels = (caption, list) => table(caption, [["Kind"], ["Name", "wide"], ["Level", "wide"], ["Size", "num"], ["Capacity", "num"], ["Peak", "num"], ["Waiting", "num"], ["Oldest", "num"]],
  list.map((l) => l.problem ? [l.kind || "", name(l.name), l.problem, "", "", "", "", ""]
    : [l.kind || "", l.name ? name(l.name) : "", [level(l), l.capacity && l.size >= l.capacity ? " full" : ""], number(l.size), l.capacity || l.kind === "limiter" ? number(l.capacity) : "any", l.peak ? number(l.peak) : "", number(l.waiting), l.oldest ? duration(l.oldest * 1000) : ""]));

// level draws how full something is, and where the most was.
function level(l) {
  const most = Math.max(l.capacity, l.peak, l.size, 1);
  const x = (v) => (200 * v) / most;
  return s("svg", { viewBox: "0 0 200 14", class: "level", role: "img", "aria-label": l.size + " of " + (l.capacity || "any number") },
    s("rect", { width: 200, height: 14, rx: 3, class: "trough" }), s("rect", { width: x(l.size), height: 14, rx: 3, class: l.capacity && l.size >= l.capacity ? "full" : "bar" }),
    l.peak ? s("line", { x1: x(l.peak) - 1, x2: x(l.peak) - 1, y1: 0, y2: 14, class: "peak" }) : null);
}

export const cancellations = (main) => screen(main, "Cancelled, and not ended", "cancellations.json", (data) => [
  h("p", { class: "note" }, "Newest first. What has ended is not here: nothing keeps a log of it while nobody looks. Its trace tells."),
  data.list.length ? null : h("p", { class: "empty" }, "Everything that was cancelled has ended."),
  data.list.map((c) => h("article", { class: "card" },
    h("h3", {}, c.kind + " ", link(c.id, c.path, c.count)),
    h("p", {}, why(data, c.cause), c.cause.span ? [" ", traceLink(data, c.cause.span)] : ""),
    h("p", {}, "Cancelled ", h("b", {}, age(data, c.cause.at)), " ago, ", c.state, ", ", count(c.left, "task"), " it has reached ", c.left === 1 ? "has" : "have", " not ended", c.ended ? ", " + number(c.ended) + (c.ended === 1 ? " has." : " have.") : "."),
    c.tasks.length ? table("Who has not ended", [["Task", "wide"], ["State"], ["Runs for", "num"], ["Waits for", "wide"], ["Since", "num"]],
      c.tasks.map((t) => [link(t.id, t.path, t.count), state(t.state), age(data, t.since), waitText(t.wait), t.wait ? age(data, t.wait.since) : ""])) : null,
    hidden(c.hidden))),
  hidden(data.hidden),
]);

let before = null; // the runtime's histogram when the page was opened

export const lag = (main) => screen(main, "Scheduler lag", "lag.json", (data, fold) => {
  before ||= data.runtime.histogram.map((b) => b.count);
  const since = data.runtime.histogram.map((b, i) => ({ ...b, count: Math.max(0, b.count - before[i]) }));
  const some = since.some((b) => b.count);
  const shown = some ? since : data.runtime.histogram;
  const counts = (key, caption, what, list) => fold(key, "As a table", table(caption, [["At most", "num"], [what, "num"]], list.map((b) => [b.below ? duration(b.below * 1e3) : "more", number(b.count)])));
  const title = some ? "since this page was opened" : "since the program began";
  return [
    h("p", { class: "figures" }, figure(number(data.runtime.goroutines), "goroutines"), figure(number(data.runtime.runnable), "ready to run"), figure(number(data.runtime.procs), "processors"),
      data.monitors.map((m) => figure(m.mean.toFixed(2), ["saturation, ", name(m.name)]))),
    data.monitors.length ? [h("h3", {}, "Monitors"), quantiles(data.monitors), table("Monitors", [["Name", "wide"], ["Result", "num"], ["Last", "num"], ["Max", "num"], ["Half below", "num"], ["99 % below", "num"], ["Longest lag", "num"], ["Samples", "num"], ["Window", "num"]],
      data.monitors.map((m) => [name(m.name), m.mean.toFixed(2), m.last.toFixed(2), m.max.toFixed(2), duration(m.lag_p50 * 1e3), duration(m.lag_p99 * 1e3), duration(m.lag_max * 1e3), number(m.samples), duration(m.window * 1e3)])),
      data.monitors.map((m, i) => [h("h4", {}, "Lags of ", name(m.name), ", in the last " + duration(m.window * 1e3)), histogram(m.histogram, "Histogram of the Monitor's lags"), counts("lags" + i, "Lag", "Measurements", m.histogram)])]
      : h("p", { class: "note" }, "No Monitor is shown here: see inspect.Lag."),
    h("h3", {}, "How long goroutines were ready before they ran, " + title),
    histogram(shown, "Histogram of scheduling latency"),
    counts("runtime", "Scheduling latency", "Goroutines", shown),
  ].flat(Infinity);
});

const figure = (value, what) => h("span", { class: "figure" }, h("b", {}, value), " ", what);

function histogram(list, title) {
  const w = 760, hh = 200, base = 160;
  const most = Math.max(1, ...list.map((b) => b.count));
  const step = w / list.length;
  const y = (n) => (n ? Math.max(2, (140 * Math.log1p(n)) / Math.log1p(most)) : 0);
  return s("svg", { viewBox: `0 0 ${w} ${hh}`, class: "chart", role: "img", "aria-label": title + ", logarithmic; the table below has the same" },
    s("line", { x1: 0, x2: w, y1: base, y2: base, class: "axis" }),
    list.map((b, i) => [
      s("rect", { x: i * step + 3, y: base - y(b.count), width: step - 6, height: y(b.count), rx: 2, class: "bar" }),
      s("text", { x: i * step + step / 2, y: base + 16, "text-anchor": "middle", class: "small" }, b.below ? duration(b.below * 1e3).replace(".0", "") : "more"),
      b.count ? s("text", { x: i * step + step / 2, y: base - y(b.count) - 5, "text-anchor": "middle", class: "small" }, b.count > 9999 ? Math.round(b.count / 1000) + "k" : b.count) : null,
    ]));
}

// quantiles draws half, 99 in a hundred and all of a Monitor's lags on one scale.
function quantiles(list) {
  const w = 760, top = Math.max(1e-3, ...list.map((m) => m.lag_max)) * 1000;
  const x = (sec) => 150 + (590 * Math.log1p(sec * 1e6)) / Math.log1p(top * 1000);
  return s("svg", { viewBox: `0 0 ${w} ${list.length * 34 + 6}`, class: "chart", role: "img", "aria-label": "Lag of each Monitor: half, 99 in a hundred, longest; the table below has the same" },
    list.map((m, i) => {
      const y = i * 34 + 18;
      const v = visible(m.name);
      return [s("text", { x: 0, y: y + 4 }, v.length > 20 ? v.slice(0, 19) + "…" : v), s("line", { x1: 150, x2: x(m.lag_max), y1: y, y2: y, class: "axis" }),
        s("rect", { x: 150, y: y - 8, width: Math.max(1, x(m.lag_p50) - 150), height: 16, class: "bar" }), s("rect", { x: x(m.lag_p50), y: y - 4, width: Math.max(0, x(m.lag_p99) - x(m.lag_p50)), height: 8, class: "bar half" }),
        s("line", { x1: x(m.lag_max), x2: x(m.lag_max), y1: y - 10, y2: y + 10, class: "peak" })];
    }));
}

export const findings = (main) => screen(main, "Findings", "findings.json", (data) => [
  data.list.length ? null : h("p", { class: "empty" }, "Nothing looks wrong."),
  data.list.map((f) => h("article", { class: "card" },
    h("h3", {}, mark(f), " " + f.kind, times(f.count)), h("p", {}, name(f.text, "long")),
    h("p", { class: "note" }, f.since ? ["For ", h("b", {}, age(data, f.since)), ". "] : "", f.ids ? ["Look at ", f.ids.map((id, i) => [i ? ", " : "", h("a", { href: "#scope/" + id, "data-key": "f" + f.kind + id }, String(id))])] : ""))),
]);

export const waterfall = (main, id) => screen(main, "Waterfall", "scope.json?id=" + encodeURIComponent(id), (data, fold) => {
  const rows = data.rows;
  const now = Date.parse(data.at);
  const begin = Math.min(now - 1, ...rows.filter((r) => r.since).map((r) => Date.parse(r.since)));
  const w = 900, left = 260, rh = 22;
  const x = (t) => left + ((w - left - 70) * (t - begin)) / (now - begin);
  const chart = s("svg", { viewBox: `0 0 ${w} ${rows.length * rh + 30}`, class: "chart wide", role: "img", "aria-label": "Waterfall: when each began, and since when it waits; the table below has the same" },
    [0, 0.25, 0.5, 0.75, 1].map((p) => {
      const t = begin + p * (now - begin);
      return [s("line", { x1: x(t), x2: x(t), y1: 18, y2: rows.length * rh + 24, class: "axis thin" }), s("text", { x: x(t), y: 12, "text-anchor": p === 1 ? "end" : "middle", class: "small" }, p === 1 ? "now" : "−" + duration(now - t))];
    }),
    rows.map((r, i) => {
      const y = 26 + i * rh;
      const t = visible(r.name);
      const room = 36 - Math.min(r.level, 8) * 2;
      const parts = [s("text", { x: Math.min(r.level, 8) * 12, y: y + 13, class: r.kind === "scope" ? "strong" : "" }, t.length > room ? t.slice(0, room - 1) + "…" : t)];
      if (!r.since) return [...parts, s("text", { x: x(now) + 6, y: y + 13, class: "small" }, r.state)];
      const from = x(Date.parse(r.since)), wait = r.wait ? Math.max(from, x(Date.parse(r.wait.since))) : x(now);
      parts.push(s("rect", { x: from, y: y + 2, width: Math.max(1.5, wait - from), height: rh - 8, rx: 2, class: r.kind === "scope" ? "span" : "bar" }));
      if (r.wait) parts.push(s("rect", { x: wait, y: y + 5, width: Math.max(0, x(now) - wait), height: rh - 14, class: "waits" }));
      parts.push(s("text", { x: x(now) + 6, y: y + 13, class: "small" }, age(data, r.since)));
      return parts;
    }));
  return [
    h("p", { class: "note" }, "Thick: runs, or is open. Thin: waits, since its last wait began; earlier waits are in the trace. Drawn up to now."),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Waterfall" }, chart), hidden(data.hidden),
    fold("rows", "As a table", table("In time", [["Kind"], ["Name", "wide"], ["State"], ["Age", "num"], ["Waits for", "wide"], ["Since", "num"]],
      rows.map((r) => [r.kind, link(r.id, r.name), state(r.state === "running" && r.wait ? "waiting" : r.state), age(data, r.since), waitText(r.wait), r.wait ? age(data, r.wait.since) : ""]))),
  ];
}, "It has ended.");
