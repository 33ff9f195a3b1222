// The tabs of two workspaces: each sees its own numbers move, and never those of the other.
import assert from "node:assert/strict";
import { open, scenario, serve, shows, texts } from "../tab.mjs";

scenario(async (browser) => {
  const server = await serve();
  const north = await open(browser, server);
  await shows(north, "#status", "live");
  await shows(north, "#viewers", "1");
  const second = await open(browser, `${server}/?token=north-7f3a`);
  const south = await open(browser, `${server}/?token=south-c41d`);
  await shows(north, "#viewers", "2");
  await shows(south, "#viewers", "1");

  for (const [page, own, other] of [[north, "north", "south"], [second, "north", "south"], [south, "south", "north"]]) {
    await shows(page, "#workspace", own);
    await page.waitForFunction(() => document.querySelector("#latencyMs polyline").points.length >= 3);
    for (const output of await texts(page, "output")) {
      assert.match(output, /^[\d,.]+$/);
    }
    const seen = page.traffic.join("\n");
    assert.ok(seen.includes(`"workspace":"${own}"`), seen);
    assert.ok(!seen.includes(other), seen);
  }

  await second.close();
  await shows(north, "#viewers", "1");

  const stranger = await open(browser, `${server}/?token=nothing`);
  await shows(stranger, "#status", "this token opens no workspace");
  await stranger.fill("[name=token]", "south-c41d");
  await stranger.click("button");
  await shows(stranger, "#workspace", "south");
  await shows(south, "#viewers", "2");
});
