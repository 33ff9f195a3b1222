// The server is at another path than everybody else's, and lets in pages from anywhere.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, tab } from "../browser.mjs";

scenario(async (browser) => {
  const server = await serve("--path", "/chat/v1/", "--origins", "*");
  const page = await tab(browser, await origin(), fromPackage);
  const told = await page.evaluate(async (server) => {
    const peer = await connected(server, { path: "/chat/v1/" });
    await peer.upgraded;
    return { answer: await peer.call("echo", "é"), refused: await refusal(server) };
  }, server);
  assert.deepEqual(told, { answer: "é", refused: "xhr poll error" });
});
