// What the pages' tests share: tabs of a browser, and what is to be seen in them.
import assert from "node:assert/strict";
import { patience } from "../browser/browser.mjs";

export { scenario, serve } from "../browser/browser.mjs";

// open opens a page in a browser, or in a context of one. What it writes on its console is told to the test. Its traffic
// is every message that the server has sent to it, as text.
export async function open(browser, url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  page.on("console", (message) => console.log(`on the console: ${message.text()}`));
  page.on("pageerror", (err) => console.log(`error on the page: ${err.stack}`));
  page.traffic = [];
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => page.traffic.push(String(payload))));
  page.on("response", async (response) => {
    if (response.url().includes("transport=polling")) {
      page.traffic.push(await response.text().catch(() => "")); // the answer to a poll that was given up has none
    }
  });
  await page.goto(url);
  return page;
}

// shows resolves when one of such elements has the given text.
export async function shows(page, selector, text) {
  const isThere = ([selector, text]) => [...document.querySelectorAll(selector)]
    .some((element) => element.innerText.replaceAll(/\s+/g, " ").trim() === text);
  await page.waitForFunction(isThere, [selector, text]).catch(async (err) => {
    assert.fail(`${selector} shows ${JSON.stringify(await texts(page, selector))}, not "${text}": ${err.message}`);
  });
}

// texts are the texts of all such elements.
export async function texts(page, selector) {
  const there = await page.locator(selector).allInnerTexts();
  return there.map((text) => text.replaceAll(/\s+/g, " ").trim());
}
