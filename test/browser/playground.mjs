// The playground of a server for developers: what it shows, on which screens, and that it survives the server.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patience, scenario, serve, skip } from "./browser.mjs";

const shots = process.argv[3];

scenario(async (browser) => {
  const url = await serve("--dev");
  const { url: server } = await (await fetch(`${url}/dev/session`)).json();
  if (!(await fetch(`${server}/socket.io/socket.io.esm.min.js`)).ok) {
    return skip("the binary was built without the client");
  }
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const requests = new Set();
  page.on("request", (request) => requests.add(new URL(request.url()).origin));
  await page.addInitScript(watchPolicy);
  await page.goto(url);

  const [acme, globex] = await Promise.all(["acme", "globex"].map((name) => pane(page, name)));
  await connected(acme, globex);
  assert.deepEqual([await acme.user(), await globex.user()], ["ann", "gus"]);
  await shoot(page, "start");

  await publishing(page, acme, globex);
  await refusing(page, acme, globex);
  await writing(page, acme, globex);
  await leaving(page, acme);
  await shoot(page, "used");
  await showingCode(page, acme);
  await runningCode(page, acme);
  await owning(page, acme, globex);
  await keyboard(page);
  await screens(page, acme);
  await surviving(page, acme, globex);

  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await clientless(context, url);
  assert.deepEqual([...requests].sort(), [url, new URL(server).origin].sort(), "the page fetches from elsewhere");
});

// watchPolicy runs in the page, before it: what the page's own policy forbids is a mistake of the page.
function watchPolicy() {
  window.violations = [];
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    window.violations.push(`${violatedDirective} ${blockedURI}`);
  });
}

// pane is a workspace on the page.
async function pane(page, name) {
  const root = page.getByRole("region", { name: `ws:${name}`, exact: true });
  await root.waitFor();
  const text = (selector) => async () => (await root.locator(selector).textContent()).trim();
  await root.evaluate((pane) => {
    pane.timesLit = 0;
    new MutationObserver((changes) => {
      pane.timesLit += changes.filter(({ oldValue }) => pane.classList.contains("lit") && !oldValue.includes("lit")).length > 0;
    }).observe(pane, { attributeFilter: ["class"], attributeOldValue: true });
  });
  return {
    root,
    room: `ws:${name}`,
    user: text(".user"),
    state: text(".state"),
    transport: text(".transport"),
    sid: text(".id code"),
    membership: text(".room"),
    notice: text(".notice"),
    count: async () => Number(await text(".count")()),
    lit: () => root.evaluate(({ timesLit }) => timesLit),
    log: () => root.locator("[role=log] li").evaluateAll((lines) => lines.map((line) => `${line.querySelector("b").textContent} ${line.querySelector("code").textContent}`)),
    press: (name) => root.getByRole("button", { name, exact: true }).click(),
  };
}

// becomes waits until what is looked at is as wanted.
async function becomes(look, wanted) {
  const is = typeof wanted === "function" ? wanted : (seen) => seen === wanted;
  const until = Date.now() + patience;
  for (;;) {
    const seen = await look();
    if (is(seen)) {
      return seen;
    }
    assert.ok(Date.now() < until, `it is still ${JSON.stringify(seen)}, and not ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function connected(...panes) {
  for (const pane of panes) {
    await becomes(pane.state, "connected");
    await becomes(pane.transport, "polling → websocket");
    await becomes(pane.membership, `${pane.room} · 1 socket`);
    assert.match(await pane.sid(), /^[\w-]{20}$/);
  }
}

const everyone = "matched 2 · queued 2 · dropped 0";
const one = "matched 1 · queued 1 · dropped 0";
const nobody = "matched 0 · queued 0 · dropped 0";

// backend is what is said of a message from the card of the backend.
const backend = (page) => async () => (await page.locator("#backend-notice").textContent()).trim();

// behind waits for a broadcast, which each pane gets behind whatever was sent before, and returns it as it is shown: nothing
// else is under way then.
let broadcasts = 0;
async function behind(page, acme, globex) {
  const text = `broadcast ${++broadcasts}`;
  await page.getByLabel("Text").fill(text);
  await page.getByRole("button", { name: "Broadcast to everyone" }).click();
  const shown = `hi {"text":"${text}"}`;
  for (const { log } of [acme, globex]) {
    await becomes(async () => (await log())[0], shown);
  }
  await becomes(backend(page), everyone);
  return shown;
}

// publish presses the button of a pane, and waits for what comes of it.
async function publish({ press, room, notice, count }) {
  const before = await count();
  await press(`Publish to ${room}`);
  await becomes(count, before + 1);
  await becomes(notice, one);
}

async function publishing(page, acme, globex) {
  await publish(acme);
  await becomes(acme.lit, 1);
  assert.equal(await globex.lit(), 0);
  await publish(globex);
  await becomes(globex.lit, 1);
  const hi = await behind(page, acme, globex);
  assert.deepEqual(await acme.log(), [hi, 'news {"text":"Hello acme","n":1}']);
  assert.deepEqual(await globex.log(), [hi, 'news {"text":"Hello globex","n":1}']);
  assert.deepEqual([await acme.lit(), await globex.lit()], [2, 2]);
}

async function refusing(page, acme, globex) {
  await acme.press("Try to join ws:globex");
  await becomes(acme.notice, (words) => words.startsWith("Refused, room_forbidden: "));
  await globex.press("Try to join ws:acme");
  await becomes(globex.notice, (words) => words.startsWith("Refused, room_forbidden: "));
  const before = await acme.count();
  await publish(globex);
  await behind(page, acme, globex);
  assert.equal(await acme.count(), before + 1, "only the broadcast");
}

async function writing(page, acme, globex) {
  const before = await acme.count();
  await page.getByLabel("Text").fill("<b>for one</b> & 'no' \"other\" \\ `é`");
  await page.getByRole("button", { name: `gus ${await globex.sid()}` }).click();
  assert.equal(await page.getByLabel("To the socket").inputValue(), await globex.sid());
  await page.keyboard.press("Enter");
  await becomes(backend(page), one);
  await becomes(async () => (await globex.log())[0], `note ${JSON.stringify({ text: "<b>for one</b> & 'no' \"other\" \\ `é`" })}`);
  await behind(page, acme, globex);
  assert.equal(await acme.count(), before + 1, "only the broadcast");

  await page.getByLabel("To the socket").fill("nobody/../?#");
  await page.getByRole("button", { name: "Send to this socket" }).click();
  await becomes(backend(page), (words) => words.startsWith("400 socket_id_invalid: "));
}

async function leaving(page, acme) {
  await acme.press("Leave ws:acme");
  await becomes(acme.membership, "none");
  await acme.press("Publish to ws:acme");
  await becomes(acme.notice, nobody);
  await acme.press("Join ws:acme");
  await becomes(acme.membership, "ws:acme · 1 socket");
  await publish(acme);
  await acme.press("Clear what ws:acme has received");
  assert.deepEqual([await acme.count(), await acme.log()], [0, []]);
}

const code = (page) => page.getByRole("tabpanel").textContent();
const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());
const session = (page) => page.evaluate(async () => (await fetch("/dev/session")).json());

async function showingCode(page, acme) {
  const { key } = await session(page);
  await publish(acme);
  for (const name of ["curl", "Python", "PHP", "Go", "JS"]) {
    await page.getByRole("tab", { name }).click();
    const shown = await code(page);
    assert.ok(shown.split("\n").every((line) => line.length < 100), shown);
    for (const part of [`${page.url()}v1/rooms/ws:acme/emit`, `Bearer ${key}`, "Hello acme"]) {
      assert.ok(shown.includes(part), `${name} has no ${part}:\n${shown}`);
    }
    await page.locator("#copy-code").click();
    await becomes(() => clipboard(page), shown);
  }
  await acme.press("Copy the socket id of ann");
  const sid = await acme.sid();
  await becomes(() => clipboard(page), sid);

  await acme.press("Try to join ws:globex");
  await becomes(() => code(page), (shown) => /token = "eyJ[\w-]+\.[\w-]+\.[\w-]+"/.test(shown) && shown.includes('emitWithAck("join", "ws:globex")'));
  await page.getByRole("tab", { name: "Go" }).click();
  assert.ok((await code(page)).includes(`"PUT",\n\t\t"${page.url()}v1/rooms/ws:globex/sockets/${sid}",`));
  assert.ok((await page.locator("#reply").textContent()).includes("room_forbidden"));
  await page.getByRole("tab", { name: "JS" }).click();
  const { stdout } = await run("node", ["--input-type=module", "-e", `${await code(page)}\nsocket.close();`]);
  assert.ok(stdout.includes("room_forbidden"), stdout);
}

// runningCode runs what the page shows, in all languages that there are here.
async function runningCode(page, acme) {
  const folder = mkdtempSync(join(tmpdir(), "playground"));
  const programs = {
    JS: ["node", "a.mjs"],
    curl: ["sh", "a.sh"],
    Python: ["python3", "a.py"],
    PHP: ["php", "a.php"],
    Go: ["go", "run", "a.go"],
  };
  await page.getByLabel("Text").fill("it's `\\n` \"$HOME\" é");
  for (const [name, [program, ...args]] of Object.entries(programs)) {
    const before = await acme.count();
    await page.getByLabel("To the socket").fill(await acme.sid());
    await page.getByRole("button", { name: "Send to this socket" }).click();
    await becomes(acme.count, before + 1);
    await page.getByRole("tab", { name }).click();
    writeFileSync(join(folder, args.at(-1)), await code(page));
    const { stdout, missing } = await run(program, args, folder);
    if (missing) {
      console.log(`there is no ${program} here`);
      continue;
    }
    assert.match(stdout, /"matched":1/, name);
    await becomes(acme.count, before + 2);
    const [again, first] = await acme.log();
    assert.equal(again, first, name);
  }
  rmSync(folder, { recursive: true });
}

function run(program, args, cwd) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, timeout: patience, env: { ...process.env, GOFLAGS: "" } }, (err, stdout, stderr) => {
      if (err && err.code !== "ENOENT") {
        reject(new Error(`${program}: ${err.message}\n${stdout}${stderr}`));
      }
      resolve({ stdout, missing: err?.code === "ENOENT" });
    });
  });
}

// owning connects an app with the lines that the page gives, finds it on the page, and writes to it.
async function owning(page, acme, globex) {
  await page.locator("#copy-own").click();
  const lines = await page.locator("#lines").textContent();
  await becomes(() => clipboard(page), lines);
  assert.equal(lines.split("\n").length, 4);
  const app = run("node", ["--input-type=module", "-e", `${lines}\nsocket.on("note", () => socket.close());`]);
  const choice = page.getByRole("button", { name: /^your app / });
  await becomes(acme.membership, "ws:acme · 2 sockets");
  await acme.press("Publish to ws:acme");
  await becomes(acme.notice, "matched 2 · queued 2 · dropped 0");
  await choice.click();
  const sid = await page.getByLabel("To the socket").inputValue();
  assert.ok(![await acme.sid(), await globex.sid()].includes(sid));
  await shoot(page, "own");
  await page.getByLabel("Text").fill("for the app");
  await page.getByRole("button", { name: "Send to this socket" }).click();
  const { stdout } = await app;
  assert.match(stdout, /^news { text: 'Hello acme', n: \d+ }\nnote { text: 'for the app' }\n$/);
  await choice.waitFor({ state: "detached" });
  await becomes(acme.membership, "ws:acme · 1 socket");
  await page.getByRole("button", { name: "Send to this socket" }).click();
  await becomes(backend(page), nobody);
}

// keyboard walks through the page without a mouse.
async function keyboard(page) {
  await page.getByRole("tab", { name: "JS" }).click();
  const chosen = async () => [await page.locator("[role=tab][aria-selected=true]").textContent(), await page.evaluate(() => document.activeElement.textContent)];
  for (const [key, name] of [["ArrowRight", "curl"], ["End", "Go"], ["ArrowRight", "JS"], ["ArrowLeft", "Go"], ["Home", "JS"]]) {
    await page.keyboard.press(key);
    assert.deepEqual(await chosen(), [name, name]);
  }
  const all = await page.locator("button:enabled:not([role=tab][aria-selected=false]), input").count();
  await page.evaluate(() => document.activeElement.blur());
  const seen = new Set();
  for (let i = 0; i < all + 20; i++) {
    await page.keyboard.press("Tab");
    const [tag, name, ring] = await page.evaluate(() => {
      const { activeElement: at } = document;
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      return [at.tagName, at.ariaLabel || at.labels?.[0]?.textContent || at.textContent, `${outlineStyle} ${outlineWidth}`];
    });
    if (["BUTTON", "INPUT"].includes(tag)) {
      seen.add(name);
      assert.equal(ring, "solid 2px", `the ring around ${name}`);
    }
  }
  for (const name of ["Publish to ws:acme", "Try to join ws:acme", "Copy the socket id of gus", "Text", "To the socket", "Broadcast to everyone", "JS"]) {
    assert.ok(seen.has(name), `the Tab key does not come to ${name}, only to ${[...seen].join(", ")}`);
  }
}

// screens looks at the page on each kind of screen.
async function screens(page, acme) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [width, height] of [[1200, 900], [1440, 900], [768, 1024], [360, 740], [320, 568]]) {
      await page.setViewportSize({ width, height });
      await publish(acme);
      assert.deepEqual(await page.evaluate(spill), [], `${width} wide`);
      assert.deepEqual(await layout(page), { panes: width >= 700, code: width >= 1100 }, `what is side by side, ${width} wide`);
      const pale = await becomes(() => page.evaluate(contrasts), (all) => all.length > 20 && all.every(({ settled }) => settled));
      assert.deepEqual(pale.filter(({ ratio }) => ratio < 4.5), [], `${colorScheme}, ${width} wide`);
      await shoot(page, `${width}-${colorScheme}`);
    }
  }
  await page.setViewportSize({ width: 1200, height: 900 });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  assert.deepEqual(await acme.root.evaluate(motion), { animation: "none", transition: "0s", marked: true });
  await page.emulateMedia({ reducedMotion: "no-preference" });
  assert.equal((await acme.root.evaluate(motion)).animation, "lit");
}

// layout tells whether the panes stand side by side, and the code beside them.
async function layout(page) {
  const [acme, globex, code] = await Promise.all(["#pane-acme", "#pane-globex", "#code"].map((id) => page.locator(id).boundingBox()));
  const beside = (a, b) => a.x + a.width <= b.x && a.y === b.y;
  const below = (a, b) => a.x === b.x && a.y + a.height < b.y;
  assert.ok([[acme, globex], [globex, code], [acme, code]].every(([a, b]) => beside(a, b) || b.y >= a.y + a.height), "they overlap");
  assert.ok(beside(acme, globex) || below(acme, globex));
  return { panes: beside(acme, globex), code: beside(globex, code) };
}

// motion runs in the page: what moves when a pane is lit.
function motion(pane) {
  const { borderColor: before } = getComputedStyle(pane);
  pane.classList.add("lit");
  const { animationName, transitionDuration, boxShadow } = getComputedStyle(pane);
  const told = { animation: animationName, transition: transitionDuration.split(",")[0], marked: boxShadow !== "none" || before !== getComputedStyle(pane).borderColor };
  pane.classList.remove("lit");
  return told;
}

// spill runs in the page: what reaches out of the page, or is cut off.
function spill() {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) {
    found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  }
  for (const element of document.querySelectorAll("body *")) {
    const { left, right, width } = element.getBoundingClientRect();
    const scrolls = element.closest("pre, .unseen");
    if (width > 0 && !scrolls && (left < 0 || right > innerWidth + 0.5)) {
      found.push(`${element.tagName} ${element.className} reaches to ${right}`);
    }
    if (width > 0 && !element.matches("pre, pre *, ol, input, .unseen, svg *") && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline") {
      found.push(`${element.tagName} ${element.className} ${element.id} is cut: ${element.scrollWidth} in ${element.clientWidth}`);
    }
  }
  return found;
}

// contrasts runs in the page: for each text its contrast with what is behind it (WCAG 2.2, 1.4.3). Disabled buttons count too.
function contrasts() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a] = rgba(getComputedStyle(at).backgroundColor);
      if (a === 255) {
        return [r, g, b];
      }
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) =>
    element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.map((element) => {
    const [a, b] = [luminance(rgba(getComputedStyle(element).color).slice(0, 3)), luminance(ground(element))];
    return {
      text: element.textContent.trim().slice(0, 40),
      ratio: Number(((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)).toFixed(2)),
      settled: document.getAnimations().every(({ playState }) => playState !== "running") && !document.querySelector(".lit"),
    };
  });
}

async function surviving(page, acme, globex) {
  const { key } = await session(page);
  const sids = [await acme.sid(), await globex.sid()];
  const before = [await acme.count(), await globex.count()];
  await serve("nothing");
  for (const { state, sid, transport } of [acme, globex]) {
    await becomes(state, (words) => words.startsWith("reconnecting …"));
    assert.deepEqual([await sid(), await transport()], ["–", "–"]);
  }
  await becomes(async () => (await page.locator("#server").textContent()).trim(), "reconnecting …");
  assert.ok(await acme.root.getByRole("button", { name: "Try to join ws:globex" }).isDisabled());
  await acme.press("Publish to ws:acme");
  await becomes(acme.notice, (words) => words.startsWith("No answer from the control API"));
  await shoot(page, "away");
  await page.setViewportSize({ width: 360, height: 740 });
  assert.deepEqual(await page.evaluate(spill), []);
  await shoot(page, "away-360");
  await page.setViewportSize({ width: 1200, height: 900 });

  await serve("--dev");
  await connected(acme, globex);
  await becomes(async () => (await page.locator("#server").textContent()).trim(), "connected");
  assert.notDeepEqual([await acme.sid(), await globex.sid()], sids);
  await publish(globex);
  assert.equal(await globex.count(), before[1] + 1);
  await behind(page, acme, globex);
  assert.equal(await acme.count(), before[0] + 1, "only the broadcast");
  const { key: next } = await session(page);
  assert.notEqual(next, key);
  await globex.press("Publish to ws:globex");
  await becomes(() => code(page), (shown) => shown.includes(next) && !shown.includes(key));
}

// clientless opens the page of a binary that was built without the client.
async function clientless(context, url) {
  const page = await context.newPage();
  await page.route("**/socket.io/*.js", (route) => route.fulfill({ status: 400 }));
  await page.goto(url);
  assert.match(await page.getByRole("alert").filter({ visible: true }).textContent(), /^There is no http.*"make build"/);
  await page.close();
}

async function shoot(page, name) {
  if (shots) {
    await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  }
}
