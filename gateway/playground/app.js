// The page: two panes, what a backend sends, the server's numbers, and the code of what was done last.

import { call, onSession, refreshSession, session, verdict } from "./api.js";
import { highlight, languages, module, note, own, place, snippet } from "./code.js";
import { Pane } from "./pane.js";

const $ = (id) => document.getElementById(id);
const names = ["acme", "globex"]; // of the workspaces
const tick = 1000; // ms from one look at the server to the next
const copiedTime = 1500; // ms that a button says that it has copied
const roomsMax = 20; // rooms that are searched for sockets
const othersMax = 8; // sockets that are offered beside those of the panes

const panes = [];
let action; // what was done last
let language = "js"; // that its code is shown in
let reachable = true; // the control API is
let begun = false; // everything has been connected once
let others = []; // the sockets that are not of this page: { id, user }

// What the panes want of the page.
const page = { changed, copy, done, perform };

start().catch((err) => alarm(`${err.message}. Is the server running? Reload this page when it is.`));

async function start() {
  await refreshSession();
  onSession(() => render());
  $("version").textContent = session.version;
  const { io } = await client();
  for (const name of names) {
    const pane = new Pane(io, page, name, names.find((other) => other !== name));
    panes.push(pane);
    $("panes").append(pane.root);
  }
  done(panes[0].publication());
  watch();
}

// client is the module of the stock client, which the server has for browsers.
async function client() {
  const url = module(session);
  return import(url).catch(() => {
    throw new Error(`There is no ${url}. Only a binary that "make build" has built has the client in it`);
  });
}

function alarm(words) {
  $("alarm").textContent = words;
  $("alarm").hidden = !words;
}

// changed shows how the server is, and which sockets there are.
function changed() {
  const connected = panes.filter(({ socket }) => socket.connected).length;
  const good = reachable && connected === names.length;
  begun ||= good;
  const words = good ? "connected" : begun ? "reconnecting …" : "connecting …";
  if ($("server").textContent !== words) { // or it would be read out each time
    $("server").textContent = words;
  }
  $("server").className = `state ${good ? "good" : begun ? "bad" : ""}`;
  offer();
}

// offer lists the sockets that can be written to.
function offer() {
  const mine = panes.filter(({ socket }) => socket.connected).map(({ name, user, socket: { id } }) => ({ id, name, user }));
  const all = [...mine, ...others.slice(0, othersMax)];
  const list = $("sockets");
  const ids = all.map(({ id }) => id).join(" ");
  if (list.dataset.ids === ids) {
    return; // whoever has the focus keeps it
  }
  list.dataset.ids = ids;
  list.replaceChildren(...all.map(choice));
  if (others.length > othersMax) {
    list.append(element("li", "and more"));
  }
}

// choice is a button that puts an id into the form.
function choice({ id, user, name }) {
  const [item, button] = [element("li"), element("button", "", name ?? "other")];
  button.type = "button";
  button.append(element("b", user), " ", element("code", id));
  button.addEventListener("click", () => {
    $("sid").value = id;
    $("sid").focus();
  });
  item.append(button);
  return item;
}

function element(tag, text = "", className = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className });
}

// done shows the code of an action, and the reply to it once there is one.
function done(latest, reply) {
  action = latest;
  $("reply").hidden = !reply;
  if (reply) {
    $("reply-title").textContent = reply.title ?? `Reply ${reply.status}`;
    highlight($("reply").querySelector("code"), reply.answer ? JSON.stringify(reply.answer, null, 2) : reply.text);
  }
  render();
}

// perform asks the control API as a backend would, shows it, and resolves to what the answer means.
async function perform(latest) {
  done(latest);
  try {
    const reply = await call(latest);
    done(latest, reply);
    return verdict(reply);
  } catch (err) {
    return { good: false, words: `No answer from the control API: ${err.message}` };
  }
}

// render shows the code in the chosen language, with what the session says at present.
function render() {
  $("code-title").textContent = action.title;
  $("code-note").textContent = note(language, action);
  highlight($("snippet").querySelector("code"), snippet(language, action, session));
  highlight($("lines").querySelector("code"), own(session));
  $("module").textContent = module(session);
}

// copy puts a text where it can be pasted from, and has the button and a screen reader say so.
async function copy(button, text) {
  const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
  button.textContent = copied ? "Copied" : "Refused";
  $("spoken").textContent = copied ? "Copied" : "The browser does not let this page copy";
  button.classList.add(copied ? "good" : "bad");
  setTimeout(() => {
    button.textContent = "Copy";
    $("spoken").textContent = "";
    button.classList.remove("good", "bad");
  }, copiedTime);
}

// watch looks at the server again and again, while anybody looks at the page.
async function watch() {
  if (!document.hidden) {
    reachable = await Promise.all([count(), list()]).then(() => true, () => false);
    if (!reachable) {
      forget();
    }
    changed();
  }
  setTimeout(watch, tick);
}

// forget shows that nothing is known of the server.
function forget() {
  others = [];
  last = undefined;
  for (const number of $("counters").querySelectorAll("dd")) {
    number.textContent = "–";
  }
}

let last; // deliveries, and when they were so many

// count shows the server's numbers.
async function count() {
  const { status, answer } = await call({ method: "GET", path: place("stats") });
  if (status !== 200) {
    throw new Error(`the numbers were answered with ${status}`);
  }
  const { namespaces, total: { sockets, deliveries } } = answer;
  const now = { deliveries, at: performance.now() };
  const rate = last ? Math.max(0, deliveries - last.deliveries) / ((now.at - last.at) / 1000) : 0;
  last = now;
  const rooms = namespaces.reduce((sum, namespace) => sum + namespace.rooms, 0);
  for (const [id, value] of Object.entries({ connected: sockets, rooms, deliveries, rate })) {
    $(id).textContent = Math.round(value).toLocaleString("en");
  }
}

// list finds the sockets that are in rooms.
async function list() {
  const { answer } = await call({ method: "GET", path: `${place("rooms")}?limit=${roomsMax}` });
  const rooms = answer?.rooms ?? [];
  const members = await Promise.all(rooms.map(({ name }) => call({ method: "GET", path: `${place("rooms", name, "sockets")}?limit=${othersMax * 2}` })));
  const found = new Map(members.flatMap(({ answer }) => answer?.sockets ?? []).map(({ sid, user }) => [sid, user ?? "your app"]));
  panes.forEach(({ socket }) => found.delete(socket.id));
  others = Array.from(found, ([id, user]) => ({ id, user }));
  panes.forEach((pane) => pane.populate(rooms.find(({ name }) => name === pane.room)?.sockets));
}

$("direct").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [sid, text] = [$("sid").value.trim(), $("text").value];
  notice(await perform({ title: "Send to a socket", method: "POST", path: place("sockets", sid, "emit"), body: { event: "note", data: { text } } }));
});

$("broadcast").addEventListener("click", async () => {
  notice(await perform({ title: "Broadcast to everyone", method: "POST", path: place("broadcast"), body: { event: "hi", data: { text: $("text").value } } }));
});

function notice({ good, words }) {
  $("backend-notice").textContent = words;
  $("backend-notice").className = `notice ${good ? "good" : "bad"}`;
}

// The tabs of the languages, of which the arrows choose one (WAI-ARIA, tabs pattern).
const tabs = Object.entries(languages).map(([key, name]) => {
  const tab = Object.assign(element("button", name), { type: "button", id: `tab-${key}` });
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", "snippet");
  tab.addEventListener("click", () => choose(tab));
  return tab;
});
document.querySelector("[role=tablist]").append(...tabs);
document.querySelector("[role=tablist]").addEventListener("keydown", ({ key }) => {
  const at = tabs.findIndex((tab) => tab.ariaSelected === "true");
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[key];
  if (next !== undefined) {
    choose(tabs[next % tabs.length]).focus();
  }
});
choose(tabs[0]);

function choose(tab) {
  for (const each of tabs) {
    each.setAttribute("aria-selected", each === tab);
    each.tabIndex = each === tab ? 0 : -1;
  }
  language = tab.id.slice("tab-".length);
  $("snippet").setAttribute("aria-labelledby", tab.id);
  if (action) {
    render();
  }
  return tab;
}

$("copy-code").addEventListener("click", () => copy($("copy-code"), snippet(language, action, session)));
$("copy-own").addEventListener("click", () => copy($("copy-own"), own(session)));
