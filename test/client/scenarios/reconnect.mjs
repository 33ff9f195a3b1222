// The connection breaks under the client, which comes back by itself as another socket.
import assert from "node:assert/strict";
import { beside, Cable, call, connected, disconnection, isDropped, once, record, scenario, settled } from "../client.mjs";

scenario(async () => {
  const witness = await connected("/");
  const cable = new Cable();
  const socket = await connected("/", { agent: cable, reconnection: true, reconnectionDelay: 10 });
  const member = beside(socket, "/members", { auth: { name: "ada" } });
  await once(member, "connect");

  for (const [breakIt, isGone] of [
    [() => cable.cut(), isDropped],
    [() => socket.io.engine.close(), isClosed],
  ]) {
    const before = { id: socket.id, member: member.id, session: socket.io.engine.id };
    await call(socket, "join", "tea");
    const heard = record(socket, "room");
    const gone = [isGone(socket), isGone(member)];
    const back = [once(socket, "connect"), once(member, "connect")];

    breakIt();
    await Promise.all(gone);
    await Promise.all(back);

    assert.notEqual(socket.id, before.id);
    assert.notEqual(member.id, before.member);
    assert.notEqual(socket.io.engine.id, before.session);
    assert.ok(!socket.recovered);
    assert.deepEqual(await call(socket, "rooms"), [socket.id]);
    await call(witness, "room", "tea", "are you there?");
    await settled(witness, socket);
    assert.deepEqual(heard, []); // the room was the socket's before
    assert.equal(await call(member, "echo", "both are back"), "both are back");
    socket.off("room");
  }
});

// isClosed resolves when the client itself has closed the connection of the socket.
async function isClosed(socket) {
  assert.equal(await disconnection(socket), "forced close");
}
