// A list of who is there, which follows who comes and goes; and a letter to one, which nobody else sees.
import assert from "node:assert/strict";
import { call, client, once, scenario } from "../../client/client.mjs";
import { events } from "../inbox.mjs";

scenario(async () => {
  const ada = await person("ada", {});
  const bob = await person("bob", { [ada.id]: "ada" });
  assert.deepEqual(await ada.heard.next(), ["joined", bob.id, "bob"]);
  const eve = await person("", { [ada.id]: "ada", [bob.id]: "bob" });
  assert.deepEqual(await ada.heard.next(), ["joined", eve.id, "somebody"]);
  assert.deepEqual(await bob.heard.next(), ["joined", eve.id, "somebody"]);

  bob.on("message", (from, text, arrived) => arrived());
  assert.equal(await call(ada, "message", { to: bob.id, text: "for you alone" }), "arrived");
  assert.deepEqual((await bob.heard.next()).slice(0, 3), ["message", ada.id, "for you alone"]);

  // Who goes before an acknowledgement has not told that it arrived; and then there is nobody.
  const { id } = eve;
  eve.on("message", () => eve.disconnect());
  assert.equal(await call(ada, "message", { to: id, text: "wait" }), "it is not known whether it has arrived");
  assert.deepEqual((await eve.heard.next()).slice(0, 3), ["message", ada.id, "wait"]);
  assert.deepEqual(await ada.heard.next(), ["left", id]);
  assert.deepEqual(await bob.heard.next(), ["left", id]);
  for (const to of [id, "", "nobody"]) {
    assert.equal(await call(ada, "message", { to, text: "gone" }), "nobody is there any more");
  }

  assert.deepEqual([ada, bob, eve].map(({ heard }) => heard.rest), [[], [], []]);
});

// person is connected and has been told who else is there.
async function person(name, others) {
  const socket = client("/", { auth: { name } });
  socket.heard = events(socket);
  await once(socket, "connect");
  assert.deepEqual(await socket.heard.next(), ["people", others]);
  return socket;
}
