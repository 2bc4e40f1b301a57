import { h, count, number } from "./dom.js";
import { tree } from "./tree.js";
import { waits, queues, cancellations, lag, findings, waterfall } from "./screens.js";

const screens = { tree, waits, queues, cancellations, lag, findings, scope: waterfall };
const period = 800; // with the half second an answer is good for, well within two

const $ = (id) => document.getElementById(id);
const main = $("main");
let paused = false;
let failures = 0;
let timer = 0;
let inFlight = null;
let screen = null; // what is shown
let route = "";

const looking = () => document.visibilityState === "visible" && !paused;

function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text; // it is read out when it changes
}

// navigate shows the screen that the address names.
function navigate() {
  route = location.hash.slice(1) || "tree";
  const [name, id] = route.split("/");
  const make = screens[name] || tree;
  for (const a of document.querySelectorAll("nav a")) {
    if (a.getAttribute("href") === "#" + name) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  document.title = (name[0] || "").toUpperCase() + name.slice(1) + " · Corral inspector";
  screen = make(main, id, poll);
  inFlight?.abort();
  poll();
}

// poll asks once, and again after a while if somebody looks.
async function poll() {
  clearTimeout(timer);
  if (inFlight || !screen) { // the newest question counts
    inFlight?.abort();
  }
  const mine = new AbortController();
  const shown = screen;
  inFlight = mine;
  const began = performance.now();
  try {
    const timeout = setTimeout(() => mine.abort(new Error("timeout")), 8000);
    let answer;
    try {
      answer = await fetch(shown.url(), { signal: mine.signal, cache: "no-store" });
      if (!answer.ok) {
        const text = (await answer.text()).trim();
        if (inFlight !== mine) return;
        if (answer.status === 404 && shown.gone) shown.gone();
        else throw new Error(text);
      } else {
        const data = await answer.json();
        if (inFlight !== mine) return;
        head(data);
        performance.mark("render");
        shown.show(data);
        performance.measure("render", "render");
      }
    } finally {
      clearTimeout(timeout);
    }
    failures = 0;
    say(paused ? "Paused" : "Live");
  } catch (err) {
    if (inFlight !== mine) return;
    failures++;
    say("No answer: " + (err.message || err) + ". Trying again.");
  }
  inFlight = null;
  if (looking()) timer = setTimeout(poll, Math.max(100, period * Math.min(8, 2 ** failures) - (performance.now() - began)));
}

// head shows what every answer begins with.
function head(data) {
  $("totals").textContent = count(data.scopes, "scope") + ", " + count(data.tasks, "task");
  const badge = $("badge");
  badge.hidden = !data.certain && !data.suspected;
  badge.textContent = data.certain ? " " + number(data.certain) + " certain" : " " + number(data.suspected);
  badge.className = data.certain ? "bad" : "";
  const notices = [];
  if (data.locked) notices.push("A lock of the tree is held for long: what is behind it is missing here.");
  if (data.truncated) notices.push("Truncated: there is more than is shown.");
  $("notice").textContent = notices.join(" ");
  $("notice").hidden = !notices.length;
}

function toggle() {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  if (paused) {
    clearTimeout(timer);
    say("Paused");
  } else {
    poll();
  }
}

$("pause").addEventListener("click", toggle);
addEventListener("keydown", (e) => {
  if (e.key === " " && !e.target.closest("button, input, select, a, summary")) {
    e.preventDefault();
    toggle();
  }
});
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (looking()) {
    poll();
  } else if (document.visibilityState === "hidden") {
    inFlight?.abort();
    inFlight = null;
    say(paused ? "Paused" : "Hidden");
  }
});
addEventListener("hashchange", () => {
  navigate();
  main.focus({ preventScroll: true });
});
main.replaceChildren(h("p", { class: "empty" }, "Asking…"));
navigate();
