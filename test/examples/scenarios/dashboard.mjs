// A token decides the workspace; a workspace has its own numbers and its own count of who watches.
import assert from "node:assert/strict";
import { client, once, scenario } from "../../client/client.mjs";
import { events, within } from "../inbox.mjs";

const rounds = 3; // a second each

scenario(async () => {
  for (const [auth, message] of [
    [undefined, "this token opens no workspace"],
    [{ token: "north" }, "this token opens no workspace"],
    [{ token: ["north-7f3a"] }, "the token must be a text"],
  ]) {
    const [err] = await once(client("/", { auth }), "connect_error");
    assert.equal(err.message, message);
  }

  const [first, south] = await Promise.all([viewer("north-7f3a"), viewer("south-c41d")]);
  assert.deepEqual(await first.heard.next(), ["viewers", 1]);
  assert.deepEqual(await south.heard.next(), ["viewers", 1]);
  const second = await viewer("north-7f3a");
  assert.deepEqual(await first.heard.next(), ["viewers", 2]);
  assert.deepEqual(await second.heard.next(), ["viewers", 2]);

  await Promise.all([first, second, south].map((socket) => socket.enough));
  for (const [socket, workspace] of [[first, "north"], [second, "north"], [south, "south"]]) {
    let orders = 0;
    for (const numbers of socket.numbers) {
      assert.deepEqual(Object.keys(numbers).sort(), ["latencyMs", "orders", "visitors", "workspace"]);
      assert.equal(numbers.workspace, workspace);
      assert.ok(numbers.orders >= orders);
      ({ orders } = numbers);
    }
  }

  second.disconnect();
  assert.deepEqual(await first.heard.next(), ["viewers", 1]);
  assert.deepEqual([first, second, south].map(({ heard }) => heard.rest), [[], [], []]);
});

// viewer is connected, and notes the numbers that it sees.
async function viewer(token) {
  const socket = client("/", { auth: { token } });
  socket.heard = events(socket, "numbers");
  socket.numbers = [];
  socket.enough = within("enough numbers", (resolve) => {
    socket.on("numbers", (numbers) => socket.numbers.push(numbers) >= rounds && resolve());
  });
  await once(socket, "connect");
  return socket;
}
