// The tabs of a browser talk to each other in a room. By polling they share the six connections that a browser opens to
// a host, five of which wait for news.
import assert from "node:assert/strict";
import { fromPackage, origin, range, scenario, serve, tab } from "../browser.mjs";

const each = 40; // events that every tab sends

scenario(async (browser) => {
  const from = await origin();
  const server = await serve("--origins", from);
  for (const [count, options] of [
    [2, {}],
    [5, { transports: ["polling"] }],
  ]) {
    const context = await browser.newContext();
    const tabs = await Promise.all(range(count).map(() => tab(context, from, fromPackage)));
    await Promise.all(tabs.map((page) => page.evaluate(async ([server, options]) => {
      window.peer = await connected(server, options);
      await peer.call("join", "tabs");
    }, [server, options])));

    // Everybody sends as soon as all are there; whoever has heard each of the others to the end is done.
    const heard = await Promise.all(tabs.map((page, me) => page.evaluate(([me, count, each]) => {
      const done = new Promise((resolve, reject) => {
        const isEnough = () => peer.heard.length === (count - 1) * each && resolve(peer.heard);
        peer.socket.on("room", isEnough);
        isEnough();
        setTimeout(() => reject(new Error(`heard only ${peer.heard.length} events`)), patience);
      });
      for (let i = 0; i < each; i++) {
        peer.socket.emit("room", "tabs", me, i);
      }
      return done;
    }, [me, count, each])));

    for (const [me, list] of heard.entries()) {
      for (const other of range(count).filter((i) => i !== me)) {
        const from = list.filter(([, , sender]) => sender === other).map(([, , , i]) => i);
        assert.deepEqual(from, range(each), `what tab ${other} of ${count} said, as tab ${me} heard it`);
      }
    }
    await context.close();
  }
});
