// A page of another origin that adds headers to its requests: the browser asks the server whether it may, before each kind
// of request.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, tab, traffic } from "../browser.mjs";

const extraHeaders = { Authorization: "Bearer 1", "X-Token": "1" };

scenario(async (browser) => {
  const [friend, stranger] = [await origin(), await origin()];
  for (const [flags, options] of [
    [["--origins", friend], {}],
    [["--origins", "*"], {}],
    [["--origins", friend, "--credentials"], { withCredentials: true }],
  ]) {
    const server = await serve(...flags);
    const page = await tab(browser, friend, fromPackage);
    const requests = await traffic(page);
    const told = await page.evaluate(async ({ server, options }) => {
      const peer = await connected(server, options);
      await peer.upgraded;
      return { answer: await peer.call("echo", "é"), steps: peer.steps };
    }, { server, options: { ...options, extraHeaders } });
    assert.deepEqual(told, { answer: "é", steps: ["open by polling", "upgrade to websocket"] });
    const polls = requests().filter(({ sent }) => sent?.["x-token"] === "1");
    assert.deepEqual([...new Set(polls.map(({ method }) => method))].sort(), ["GET", "POST"]);
    assert.ok(requests().some(({ method }) => method === "OPTIONS"), "nobody asked");
    await page.close();
  }

  const server = await serve("--origins", friend);
  const page = await tab(browser, stranger, fromPackage);
  const refused = await page.evaluate(
    ({ server, options }) => refusal(server, options),
    { server, options: { transports: ["polling"], extraHeaders } },
  );
  assert.equal(refused, "xhr poll error");
});
