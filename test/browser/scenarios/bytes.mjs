// Bytes in the forms that pages have them in, by polling, by WebSocket, and while one becomes the other.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, tab } from "../browser.mjs";

// A large one comes first, so that it is on its way while a client upgrades.
const sizes = [100_000, 0, 1, 2, 3, 4, 125, 126, 1023, 1024, 65_535, 65_536, 200_000];

scenario(async (browser) => {
  const from = await origin();
  const server = await serve("--origins", from);
  const page = await tab(browser, from, fromPackage);
  for (const transports of [["polling", "websocket"], ["polling"], ["websocket"]]) {
    const told = await page.evaluate(async ({ server, transports, sizes }) => {
      const peer = await connected(server, { transports });
      const wrong = [];
      const check = (form, size, sent, got) => isSame(sent, got) || wrong.push(`${form} of ${size} bytes`);
      for (const size of sizes) {
        const buffer = bytesOf(size);
        for (const [form, arg] of Object.entries({
          buffer,
          view: new Uint8Array(buffer),
          "data view": new DataView(buffer),
          blob: new Blob([buffer]),
          file: new File([buffer], "é.bin"),
        })) {
          check(form, size, buffer, await peer.call("echo", arg));
        }
        // As an event, with text around and two pieces inside.
        peer.socket.emit("echo", "before", { parts: [buffer, { last: new Blob([buffer]) }] }, "behind");
        await peer.call("echo", "is it there?");
        const [, before, { parts }, behind] = peer.heard.pop();
        check("part", size, buffer, parts[0]);
        check("part in a blob", size, buffer, parts[1].last);
        if (before !== "before" || behind !== "behind") {
          wrong.push("the text around");
        }
      }
      return { wrong, transport: peer.transport };
    }, { server, transports, sizes });
    assert.deepEqual(told, { wrong: [], transport: transports.at(-1) });
  }
});
