// Three tabs: one writes to another, which sees it and says so; the third sees nothing of it.
import assert from "node:assert/strict";
import { open, scenario, serve, shows, texts } from "../tab.mjs";

scenario(async (browser) => {
  const server = await serve();
  const ada = await person("ada");
  const bob = await person("bob", ada);
  const eve = await person("eve", ada, bob);

  await ada.click("nav >> text=bob");
  await write(ada, "for you alone");
  await shows(ada, "#log .mine", "for you alone arrived");
  await shows(bob, "#people i", "1");
  await bob.click("nav >> text=ada");
  await shows(bob, "#log .theirs", "for you alone");
  await write(bob, "nobody else");
  await shows(ada, "#log .theirs", "nobody else");

  // Each pair has letters of its own. What comes to eve comes in order, so nothing can have come to her before.
  await ada.click("nav >> text=eve");
  assert.deepEqual(await texts(ada, "#log li"), []);
  await write(ada, "hello");
  await shows(ada, "#log .mine", "hello arrived");
  await eve.click("nav >> text=ada");
  assert.deepEqual(await texts(eve, "#log li"), ["hello"]);
  const seen = eve.traffic.join("\n");
  assert.ok(seen.includes("hello"));
  assert.ok(!seen.includes("for you alone") && !seen.includes("nobody else"), seen);

  await ada.close();
  await shows(eve, "#whom", "ada has left");
  await shows(bob, "#whom", "ada has left");
  assert.deepEqual(await texts(eve, "#people li"), ["bob"]);

  async function person(name, ...others) {
    const page = await open(browser, `${server}/?name=${name}`);
    await shows(page, "#me", name);
    for (const other of others) {
      await shows(other, "#people li", name);
    }
    return page;
  }
});

async function write(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}
