// Large payloads by polling, both ways. A browser asks for compressed responses, and gets them.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, tab, traffic } from "../browser.mjs";

scenario(async (browser) => {
  const from = await origin();
  for (const [encoding, ...flags] of [["gzip"], [undefined, "--no-http-compression"]]) {
    const server = await serve("--origins", from, ...flags);
    const page = await tab(browser, from, fromPackage);
    const requests = await traffic(page);
    await page.evaluate(async (server) => {
      const peer = await connected(server, { transports: ["polling"] });
      for (const size of [1, 1000, 1100, 10_000, 200_000, 900_000]) {
        const text = "é large ".repeat(Math.ceil(size / 9));
        if ((await peer.call("echo", text)) !== text) {
          throw new Error(`text of ${size} bytes came back as something else`);
        }
      }
    }, server);
    const polls = requests().filter(({ method, received }) => method === "GET" && received !== undefined);
    const encodings = polls.map(({ received }) => received["content-encoding"]);
    assert.ok(encodings.includes(encoding), `the polls were answered in ${encodings}`);
    assert.ok(encodings.includes(undefined), "the small ones are left alone");
    assert.ok(encodings.every((one) => one === encoding || one === undefined), `the polls were answered in ${encodings}`);
    await page.close();
  }
});
