// A network loses the client's connection, and the server does not learn of it: it goes on sending, and pings would tell
// only after a while. The client comes back before, from another address.
import assert from "node:assert/strict";
import { call, connected, diary, disconnection, once, patience, persistent, scenario, settled } from "../client.mjs";
import { Relay } from "../relay.mjs";

scenario(async () => {
  const relay = await Relay.open();
  const witness = await connected("/");
  const socket = await connected("/", { relay, ...persistent });
  const { id } = socket;
  await call(socket, "join", "tea");
  const heard = diary(socket);
  assert.ok(socket.io.engine._pingInterval > patience, "the heartbeat is to be too slow for this scenario");

  for (const address of ["127.0.0.2", "127.0.0.3"]) {
    const gone = disconnection(socket);
    const back = once(socket, "connect");
    relay.lose();
    await gone;
    await call(witness, "room", "tea", "into the void");
    await call(witness, "direct", id, "and this");
    relay.mend(address);
    await back;
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
    assert.deepEqual(await call(socket, "rooms"), [id, "tea"].sort());

    await call(witness, "room", "tea", "once"); // to nobody else in its name
    await settled(witness, socket);
    assert.deepEqual(heard.splice(0), [
      ["room", "tea", "into the void"],
      ["direct", witness.id, "and this"],
      "connect",
      ["room", "tea", "once"],
    ]);
  }
});
