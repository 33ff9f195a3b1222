// The client's script in the forms that the server serves it in; and a server that does not.
import assert from "node:assert/strict";
import { fromPackage, origin, scenario, serve, skip, tab, tabOf } from "../browser.mjs";

scenario(async (browser) => {
  const from = await origin();
  const server = await serve("--origins", from);
  if (isNone(await fetch(`${server}/socket.io/socket.io.js`))) {
    return skip("the binary was built without the client");
  }
  for (const name of ["socket.io.min.js", "socket.io.js"]) {
    for (const page of [
      await tabOf(browser, server, `/socket.io/${name}`),
      await tab(browser, from, `${server}/socket.io/${name}`),
    ]) {
      assert.equal(await page.evaluate(echo, { server, text: name }), name);
      await page.close();
    }
  }

  // A module is fetched under the rules for other origins.
  for (const page of [await tabOf(browser, server), await tab(browser, from, fromPackage)]) {
    const answer = await page.evaluate(async (server) => {
      const module = await import(`${server}/socket.io/socket.io.esm.min.js`);
      const socket = module.io(server, { reconnection: false });
      return socket.timeout(patience).emitWithAck("echo", module.protocol);
    }, server);
    assert.equal(answer, 5);
    await page.close();
  }

  // What a browser has, it does not fetch again.
  const bundle = `${server}/socket.io/socket.io.min.js`;
  const first = await fetch(bundle);
  assert.equal(first.status, 200);
  assert.match(first.headers.get("content-type"), /javascript/);
  assert.match(await first.text(), /^\/\*!\n \* Socket\.IO v4\./);
  const second = await fetch(bundle, { headers: { "If-None-Match": first.headers.get("etag") } });
  assert.deepEqual([second.status, await second.text()], [304, ""]);

  // Where the sessions are, there is the script.
  const elsewhere = await serve("--path", "/chat/v1/", "--origins", from);
  await (await tab(browser, from, `${elsewhere}/chat/v1/socket.io.min.js`)).close();
  assert.equal((await fetch(`${elsewhere}/socket.io/socket.io.min.js`)).status, 404);

  const bare = await serve("--origins", from, "--no-client");
  for (const name of ["socket.io.min.js", "socket.io.js", "socket.io.esm.min.js"]) {
    assert.ok(isNone(await fetch(`${bare}/socket.io/${name}`)), name);
  }
  const page = await tab(browser, from, fromPackage);
  assert.equal(await page.evaluate(echo, { server: bare, text: "without" }), "without");
});

// isNone tells that there is no such script; it is then a request for a session like any other, and a bad one.
const isNone = ({ status }) => status === 400 || status === 404;

// echo runs in a page.
async function echo({ server, text }) {
  const peer = await connected(server);
  await peer.upgraded;
  return peer.call("echo", text);
}
