// A page of another origin that may send its cookies: the server's own comes back with each request of the session, and
// the browser lets the page read the responses. With the upgrade Chromium sends no cookies to another origin.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, tab, traffic } from "../browser.mjs";

scenario(async (browser) => {
  const from = await origin();
  const server = await serve("--origins", `http://elsewhere.example,${from}`, "--credentials", "--cookie", "io");
  for (const [withCredentials, transports, last] of [
    [true, ["polling", "websocket"], "websocket"],
    [true, ["polling"], "polling"],
    [false, ["polling"], "polling"],
  ]) {
    const context = await browser.newContext();
    const page = await tab(context, from, fromPackage);
    const requests = await traffic(page);
    const sid = await page.evaluate(async ({ server, last, ...options }) => {
      const peer = await connected(server, options);
      const { id } = peer.socket.io.engine;
      while (peer.transport !== last) {
        await peer.call("echo", "while it upgrades");
      }
      await peer.call("echo", "and behind");
      return id;
    }, { server, last, withCredentials, transports });

    const answered = requests().filter(({ received }) => received !== undefined);
    const [handshake, ...later] = answered.filter(({ url }) => url.includes("transport="));
    assert.match(handshake.received["set-cookie"], new RegExp(`^io=${sid}; Path=/; HttpOnly; SameSite=Lax$`));
    assert.equal(handshake.received["access-control-allow-origin"], from);
    assert.equal(handshake.received["access-control-allow-credentials"], "true");
    assert.equal(handshake.sent.cookie, undefined);
    assert.ok(later.length > 1);
    for (const { url, status, sent } of later) {
      assert.equal(sent.cookie, withCredentials && status !== 101 ? `io=${sid}` : undefined, url);
    }
    assert.equal(later.filter(({ status }) => status === 101).length, last === "websocket" ? 1 : 0);
    const cookies = (await context.cookies(server)).map(({ name, value }) => [name, value]);
    assert.deepEqual(cookies, withCredentials ? [["io", sid]] : []);
    await context.close();
  }
});
