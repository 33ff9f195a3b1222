// A backend pushes by HTTP: to everybody, to the tabs of a user, to one socket. What else the server serves, it serves.
import assert from "node:assert/strict";
import { client, once, scenario, url } from "../../client/client.mjs";
import { answers, events } from "../inbox.mjs";

scenario(async () => {
  await answers(url);
  const [err] = await once(client(), "connect_error");
  assert.equal(err.message, "say who you are: auth.user");

  const [desk, phone, bob] = await Promise.all(["ada", "ada", "bob"].map(user));
  await notify({ to: "user:ada", text: "to a user" });
  await notify({ to: phone.id, text: "to a socket" });
  await notify({ to: "user:eve", text: "to nobody" });
  await notify({ text: "to whom?" });
  await notify({ to: "everybody", text: "to everybody" });

  // What is refused is sent to nobody.
  assert.equal((await post({ to: "everybody", text: "no" }, { Authorization: "Bearer wrong" })).status, 401);
  assert.equal((await post({ to: "everybody", text: "no" }, {})).status, 401);
  assert.equal((await post("no")).status, 400);
  assert.equal((await post({ to: "everybody", text: "x".repeat(16 << 10) })).status, 400);

  for (const [socket, ...texts] of [
    [desk, "to a user", "to everybody"],
    [phone, "to a user", "to a socket", "to everybody"],
    [bob, "to everybody"],
  ]) {
    for (const text of texts) {
      assert.deepEqual(await socket.heard.next(), ["notification", text]);
    }
  }
  await notify({ to: "everybody", text: "the last" });
  for (const { heard } of [desk, phone, bob]) {
    assert.deepEqual(await heard.next(), ["notification", "the last"]);
    assert.deepEqual(heard.rest, []);
  }

  const page = await fetch(url);
  assert.match(await page.text(), /<!doctype html>/);
  assert.equal((await fetch(`${url}/nowhere`)).status, 404);
});

async function user(name) {
  const socket = client("/", { auth: { user: name } });
  socket.heard = events(socket);
  await once(socket, "connect");
  return socket;
}

// post is what a backend does.
function post(body, headers = { Authorization: "Bearer demo" }) {
  return fetch(`${url}/notify`, { method: "POST", headers, body: JSON.stringify(body) });
}

async function notify(notification) {
  const response = await post(notification);
  assert.deepEqual([response.status, await response.text()], [202, ""]);
}
