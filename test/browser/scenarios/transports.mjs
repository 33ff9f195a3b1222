// A page of another origin talks to the server by each transport: by default it begins with polling and upgrades while
// numbered events go both ways.
import assert from "node:assert/strict";
import { fromPackage, origin, range, scenario, serve, tab, traffic } from "../browser.mjs";

const rounds = 50; // after the connection has come to its last transport

scenario(async (browser) => {
  const from = await origin();
  const server = await serve("--origins", from);
  for (const [options, steps] of [
    [{}, ["open by polling", "upgrade to websocket"]],
    [{ transports: ["polling"] }, ["open by polling"]],
    [{ transports: ["websocket"] }, ["open by websocket"]],
  ]) {
    const page = await tab(browser, from, fromPackage);
    const requests = await traffic(page);
    const talk = { server, options, last: steps.at(-1).split(" ").at(-1), rounds };
    const told = await page.evaluate(async ({ server, options, last, rounds }) => {
      const peer = await connected(server, options);
      let sent = 0;
      const round = async () => {
        for (let i = 0; i < 3; i++) {
          peer.socket.emit("echo", sent++);
        }
        await peer.call("echo", "a round");
      };
      const upgraded = last === peer.transport || peer.upgraded;
      while (peer.transport !== last) {
        await round();
      }
      await upgraded;
      for (let i = 0; i < rounds; i++) {
        await round();
      }
      return { sent, heard: peer.heard, steps: peer.steps };
    }, talk);
    assert.deepEqual(told.steps, steps);
    assert.ok(told.sent >= 3 * rounds);
    assert.deepEqual(told.heard, range(told.sent).map((i) => ["echo", i]));
    if (steps.length === 1) {
      const urls = requests().map(({ url }) => url);
      assert.ok(urls.length > 0 && urls.every((url) => url.includes(`transport=${talk.last}`)), urls.join("\n"));
    }
    await page.close();
  }
});
