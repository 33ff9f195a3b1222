// The page shows which commands push to it; what they send is done here, and arrives where it says.
import assert from "node:assert/strict";
import { answers } from "../inbox.mjs";
import { open, scenario, serve, shows, texts } from "../tab.mjs";

scenario(async (browser) => {
  const server = await serve();
  await answers(server);
  const first = await open(browser, server); // of ada
  const second = await open(browser, `${server}/?user=ada`);
  const other = await open(browser, `${server}/?user=o'hara`);
  for (const page of [first, second, other]) {
    await shows(page, "#status", "live");
  }

  await push(first, "#socket", "one tab");
  await push(second, "#room", "two tabs");
  await push(other, "#room", "another user");
  await push(first, "#everybody", "<i>everybody</i>");
  for (const [page, ...want] of [
    [first, "<i>everybody</i>", "two tabs", "one tab"],
    [second, "<i>everybody</i>", "two tabs"],
    [other, "<i>everybody</i>", "another user"],
  ]) {
    await shows(page, "#log span", "<i>everybody</i>");
    assert.deepEqual(await texts(page, "#log span"), want);
  }
});

// push does what a command on the page does, with another text.
async function push(page, selector, text) {
  const [, url, header, body] = (await page.innerText(selector)).match(/^curl (\S+) -H '([^']+)' -d '([^']+)'$/);
  const [name, value] = header.split(": ");
  const notification = { ...JSON.parse(body), text };
  const response = await fetch(url, { method: "POST", headers: { [name]: value }, body: JSON.stringify(notification) });
  assert.equal(response.status, 202);
}
