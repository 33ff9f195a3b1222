// Clients that have missed more than the server keeps begin anew, all others get what they have missed.
import assert from "node:assert/strict";
import { call, connected, diary, disconnection, once, persistent, scenario, settled } from "../client.mjs";
import { Relay } from "../relay.mjs";

const kilobyte = "k".repeat(1000);

scenario(async () => {
  const relay = await Relay.open();
  const witness = await connected("/");
  const sockets = {};
  for (const room of ["few", "many"]) {
    sockets[room] = await connected("/", { relay, ...persistent });
    await call(sockets[room], "join", room);
  }
  const { few, many } = sockets;
  await settled(witness, few, many); // both have an offset
  const ids = [few.id, many.id];
  const heard = [diary(few), diary(many)];

  const gone = [disconnection(few), disconnection(many)];
  const back = [once(few, "connect"), once(many, "connect")];
  relay.cut();
  await Promise.all(gone);
  for (let i = 0; i < 10; i++) { // 5,000 bytes are kept for a room
    await call(witness, "room", "many", i, kilobyte);
  }
  for (let i = 0; i < 3; i++) {
    await call(witness, "room", "few", i, kilobyte);
  }
  relay.mend();
  await Promise.all(back);

  await settled(witness, few, many);
  assert.deepEqual([few.recovered, few.id], [true, ids[0]]);
  assert.deepEqual(heard[0], [0, 1, 2].map((i) => ["room", "few", i, kilobyte]).concat("connect"));
  assert.equal(many.recovered, false);
  assert.notEqual(many.id, ids[1]);
  assert.deepEqual(heard[1], ["connect"]);
  assert.deepEqual(await call(many, "rooms"), [many.id]);
});
