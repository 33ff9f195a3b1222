// Pages that the server does not let in: by default those of each other origin, and else those that are not on its list.
// They are refused by either transport, and nothing reaches them or comes from them.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, tab, tabOf, traffic } from "../browser.mjs";

scenario(async (browser) => {
  const [friend, stranger] = [await origin(), await origin()];
  const listed = await serve("--origins", friend);
  const unlisted = await serve();
  for (const [server, welcome] of [
    [listed, await tab(browser, friend, fromPackage)],
    [unlisted, await tabOf(browser, unlisted)],
  ]) {
    await welcome.evaluate(async (server) => {
      window.peer = await connected(server);
    }, server);
    const page = await tab(browser, stranger, fromPackage);
    const requests = await traffic(page);
    const refusals = await page.evaluate(async (server) => [
      await refusal(server),
      await refusal(server, { transports: ["polling"] }),
      await refusal(server, { transports: ["polling"], withCredentials: true }),
      await refusal(server, { transports: ["websocket"] }),
      await refusal(server, { transports: ["polling", "websocket"], tryAllTransports: true }),
    ], server);
    assert.deepEqual(refusals, [
      "xhr poll error",
      "xhr poll error",
      "xhr poll error",
      "websocket error",
      "websocket error",
    ]);

    // The browser is not alone in this: the server has not answered as it answers others, and made no sessions.
    const polls = requests().filter(({ status }) => status !== undefined && status !== 101);
    assert.ok(polls.length >= 4);
    for (const { url, status, received } of polls) {
      assert.ok(status >= 400 && status < 500, `${url} was answered with ${status}`);
      assert.notEqual(received["access-control-allow-origin"], "*");
    }
    const heard = await welcome.evaluate(async () => {
      await peer.call("echo", "behind all that");
      return peer.heard;
    });
    assert.deepEqual(heard, []);
    await page.close();
  }
});
