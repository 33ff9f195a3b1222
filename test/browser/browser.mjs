// What the scenarios share on their own side, in Node.js: servers, places that pages come from, and tabs with pages in a
// browser. What runs in the pages is in page.js. A scenario is `scenario(async (browser) => { ... })`; it is over when
// the function returns and has failed when the function throws, with the error's text and what the pages had to say for
// the reader.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

// How long an answer may take before the scenario fails. It bounds failures only: nothing waits for it to pass.
export const patience = 120_000;

const pageScript = readFileSync(new URL("page.js", import.meta.url));
const clientScript = readFileSync(new URL("node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url));

// What the pages wrote on their consoles.
const consoles = [];

export async function scenario(steps) {
  const browser = await chromium.launch({
    executablePath: process.argv[2],
    timeout: patience,
    args: [
      "--headless",
      "--no-sandbox", // which root cannot have
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    await steps(browser);
  } catch (err) {
    console.error([err.stack, ...consoles].join("\n"));
    process.exitCode = 1;
  }
  await browser.close();
  process.exit();
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// serve asks the test for a server with these flags, and resolves to its origin.
export async function serve(...flags) {
  console.log(["serve", ...flags].join(" "));
  const { value: addr, done } = await answers.next();
  assert.ok(!done, "the test has given no server");
  return `http://${addr}`;
}

// skip tells the test why there is nothing to be seen here.
export function skip(reason) {
  console.log(`skip ${reason}`);
}

// origin starts a place that pages come from, which is another one than any server's, and resolves to it.
export async function origin() {
  const pages = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://page");
    const [type, body] = {
      "/": ["text/html", html(linked(searchParams.get("client")), linked("/page.js"))],
      "/page.js": ["text/javascript", pageScript],
      "/client.js": ["text/javascript", clientScript],
    }[pathname] ?? ["text/plain", ""];
    response.writeHead(body ? 200 : 404, { "Content-Type": `${type}; charset=utf-8` }).end(body);
  });
  pages.listen(0, "127.0.0.1");
  await once(pages, "listening");
  return `http://127.0.0.1:${pages.address().port}`;
}

// html is a page with some scripts.
function html(...scripts) {
  return `<!doctype html><link rel="icon" href="data:,">${scripts.join("")}`;
}

const linked = (url) => `<script src="${url}"></script>`;
const inline = (source) => `<script>${source}</script>`;

// The client in its package, which each place of pages has.
export const fromPackage = "/client.js";

// tab opens a page from an origin with the client from the given place, in a browser or a context of it.
export async function tab(browser, from, client) {
  const page = watched(await browser.newPage());
  await page.goto(`${from}/?client=${encodeURIComponent(client)}`);
  return ready(page, client);
}

// tabOf opens a page of the server's own origin. The server serves none, so what the tab gets from there first is a
// refusal.
export async function tabOf(browser, server, client = fromPackage) {
  const page = watched(await browser.newPage());
  await page.goto(`${server}/socket.io/`);
  await page.setContent(html(client === fromPackage ? inline(clientScript) : linked(client), inline(pageScript)));
  return ready(page, client);
}

async function ready(page, client) {
  assert.equal(await page.evaluate(() => typeof io), "function", `${client} has brought no client`);
  return page;
}

// watched has what a page writes on its console noted, for the case of a failure.
function watched(page) {
  page.setDefaultTimeout(patience);
  page.on("console", (message) => consoles.push(`console: ${message.text()} (${message.location().url})`));
  page.on("pageerror", (err) => consoles.push(`error on the page: ${err.stack}`));
  return page;
}

// traffic notes the requests of a page from now on, as the network sees them: for each its headers and those of the
// response, that of a WebSocket among them.
export async function traffic(page) {
  const session = await page.context().newCDPSession(page);
  const requests = new Map();
  const note = (id, what) => requests.set(id, { ...requests.get(id), ...what });
  for (const [event, what] of Object.entries({
    requestWillBeSent: ({ request: { url, method } }) => ({ url, method }),
    requestWillBeSentExtraInfo: ({ headers }) => ({ sent: lower(headers) }),
    responseReceivedExtraInfo: ({ headers, statusCode }) => ({ received: lower(headers), status: statusCode }),
    webSocketCreated: ({ url }) => ({ url, method: "GET" }),
    webSocketHandshakeResponseReceived: ({ response: { headers, requestHeaders, status } }) => ({
      sent: lower(requestHeaders ?? {}),
      received: lower(headers),
      status,
    }),
  })) {
    session.on(`Network.${event}`, (params) => note(params.requestId, what(params)));
  }
  await session.send("Network.enable");
  return () => [...requests.values()].filter(({ url }) => url !== undefined);
}

function lower(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

export const range = (count) => Array.from({ length: count }, (_, i) => i);
