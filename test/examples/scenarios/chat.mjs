// Names are checked at the door; rooms are apart; who comes and goes is told; an acknowledgement tells "delivered".
import assert from "node:assert/strict";
import { call, client, disconnection, once, scenario } from "../../client/client.mjs";
import { events, persist } from "../inbox.mjs";

const longest = "é".repeat(20);

scenario(async () => {
  for (const [auth, message] of [
    [undefined, "a name has 1 to 20 characters"],
    [{ name: " \t " }, "a name has 1 to 20 characters"],
    [{ name: `${longest}s` }, "a name has 1 to 20 characters"],
    [{ name: 7 }, "the name must be a text"],
    [{ name: { first: "Ada" } }, "the name must be a text"],
  ]) {
    const [err] = await once(client("/", { auth }), "connect_error");
    assert.equal(err.message, message);
  }

  const [ada, bob, eve] = await Promise.all([" ada ", "b", longest].map(guest));
  assert.deepEqual(await call(ada, "message", "to whom?"), { error: "join a room first" });
  assert.deepEqual(await call(ada, "join", "cellar"), { error: "there is no such room" });

  assert.equal(await call(ada, "join", "lobby"), "ok");
  assert.equal(await call(bob, "join", "lobby"), "ok");
  assert.deepEqual(await ada.heard.next(), ["joined", "lobby", "b"]);
  assert.equal(await call(eve, "join", "music"), "ok");

  assert.equal(await call(ada, "message", "hello"), "delivered");
  assert.deepEqual(await bob.heard.next(), ["message", { room: "lobby", from: "ada", text: "hello" }]);
  assert.deepEqual(await persist(() => bob.emit("typing"), once(ada, "typing")), ["lobby", "b"]);

  // Bob moves: the lobby hears that he has gone, the music room that he has come, and he only what is said there.
  assert.equal(await call(bob, "join", "music"), "ok");
  assert.deepEqual(await ada.heard.next(), ["left", "lobby", "b"]);
  assert.deepEqual(await eve.heard.next(), ["joined", "music", "b"]);
  assert.equal(await call(ada, "message", "is anybody here?"), "delivered");
  assert.equal(await call(eve, "message", "listen"), "delivered");
  assert.deepEqual(await bob.heard.next(), ["message", { room: "music", from: longest, text: "listen" }]);

  // Too long a message costs the connection, which is told to those who are left.
  const end = disconnection(eve);
  eve.emit("message", "x".repeat(9 << 10));
  await end;
  assert.deepEqual(await bob.heard.next(), ["left", "music", longest]);

  assert.deepEqual([ada, bob].map(({ heard }) => heard.rest), [[], []]);
});

// guest is connected and knows the rooms.
async function guest(name) {
  const socket = client("/", { auth: { name } });
  socket.heard = events(socket, "typing");
  await once(socket, "connect");
  assert.deepEqual(await socket.heard.next(), ["rooms", ["lobby", "gophers", "music"]]);
  return socket;
}
