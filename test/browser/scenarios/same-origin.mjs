// A page of the server's own origin needs no permission, its client finds the server by itself, and the server's cookie
// comes back with each request of the session, the upgrade among them.
import assert from "node:assert/strict";
import { scenario, serve, tabOf, traffic } from "../browser.mjs";

scenario(async (browser) => {
  const server = await serve("--cookie", "io");
  const page = await tabOf(browser, server);
  const requests = await traffic(page);
  const told = await page.evaluate(async () => {
    const peer = await connected();
    await peer.upgraded;
    return { sid: peer.socket.io.engine.id, answer: await peer.call("echo", "é"), steps: peer.steps };
  });
  const { sid, ...rest } = told;
  assert.deepEqual(rest, { answer: "é", steps: ["open by polling", "upgrade to websocket"] });
  const [handshake, ...later] = requests().filter(({ url, received }) => received && url.includes("transport="));
  assert.equal(handshake.received["set-cookie"], `io=${sid}; Path=/; HttpOnly; SameSite=Lax`);
  assert.equal(later.filter(({ status }) => status === 101).length, 1);
  for (const { url, sent, received } of later) {
    assert.equal(sent.cookie, `io=${sid}`, url);
    assert.equal(received["access-control-allow-origin"], undefined);
  }
});
