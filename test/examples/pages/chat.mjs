// Three tabs: a name is refused and corrected, two talk in a room, and the third is in another one.
import assert from "node:assert/strict";
import { persist } from "../inbox.mjs";
import { open, scenario, serve, shows, texts } from "../tab.mjs";

scenario(async (browser) => {
  const server = await serve();
  const ada = await open(browser, server);
  await ada.fill("#name", "  ");
  await ada.click("text=Come in");
  await shows(ada, "#refusal", "a name has 1 to 20 characters");
  await enter(ada, "ada");
  await shows(ada, "#log li", "You are in lobby");

  const [bob, eve] = [await open(browser, server), await open(browser, server)];
  await enter(bob, "bob");
  await shows(bob, "#log li", "You are in lobby");
  await shows(ada, "#log li", "bob has come in");
  await enter(eve, "eve");
  await shows(ada, "#log li", "eve has come in");
  await eve.click("nav >> text=music");
  await shows(eve, "#log li", "You are in music");
  await shows(bob, "#log li", "eve has left");

  // What is typed is text, whatever it looks like.
  const text = "<b>hello</b> &amp; you";
  await bob.fill("#text", text);
  await persist(() => bob.dispatchEvent("#text", "input"), shows(ada, "#typing", "bob is typing …"));
  await bob.click("text=Send");
  await shows(ada, "#log li", `bob ${text}`);
  await shows(ada, "#typing", "");
  await shows(bob, "#log .mine", `${text} delivered`);
  await ada.fill("#text", "and good bye");
  await ada.press("#text", "Enter");
  await shows(bob, "#log li", "ada and good bye");

  await bob.close();
  await shows(ada, "#log li", "bob has left");
  assert.deepEqual(await texts(ada, "#log li"), [
    "You are in lobby", "bob has come in", "eve has come in", "eve has left",
    `bob ${text}`, "and good bye delivered", "bob has left",
  ]);

  // Whoever comes into a room has heard nothing of what was said there before.
  await ada.click("nav >> text=music");
  await shows(eve, "#log li", "ada has come in");
  assert.deepEqual(await texts(eve, "#log li"), ["You are in music", "ada has come in"]);
  assert.deepEqual(await texts(ada, "#log li"), ["You are in music"]);
  const seen = eve.traffic.join("\n");
  assert.ok(seen.includes("joined") && !seen.includes("hello"), seen);
});

async function enter(page, name) {
  await page.fill("#name", name);
  await page.click("text=Come in");
  await shows(page, "#room", "lobby");
}
