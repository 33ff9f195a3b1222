// A browser offers to compress what goes by WebSocket; the server agrees when it was told to.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, tab } from "../browser.mjs";

scenario(async (browser) => {
  const from = await origin();
  for (const [extensions, ...flags] of [[/^permessage-deflate/, "--per-message-deflate"], [/^$/]]) {
    const server = await serve("--origins", from, ...flags);
    const page = await tab(browser, from, fromPackage);
    const told = await page.evaluate(async (server) => {
      const peer = await connected(server);
      await peer.upgraded;
      const wrong = [];
      for (const text of ["", "small", "large ".repeat(20_000), "é".repeat(2000), "large ".repeat(20_000)]) {
        if ((await peer.call("echo", text)) !== text) {
          wrong.push(text);
        }
        const buffer = bytesOf(text.length);
        if (!isSame(buffer, await peer.call("work", buffer))) {
          wrong.push(buffer.length);
        }
      }
      return { wrong, extensions: peer.socket.io.engine.transport.ws.extensions };
    }, server);
    assert.deepEqual(told.wrong, []);
    assert.match(told.extensions, extensions);
    await page.close();
  }
});
