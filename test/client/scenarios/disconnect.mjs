// The reasons for a disconnection, as the client sees them.
import assert from "node:assert/strict";
import { beside, call, connected, disconnection, once, record, scenario, settled } from "../client.mjs";

scenario(async () => {
  const witness = await connected("/");

  // The server says goodbye to one socket: the connection and its other namespace stay.
  const pair = await connectedPair();
  let reason = disconnection(pair.main);
  pair.main.emit("bye", false);
  assert.equal(await reason, "io server disconnect");
  assert.equal(await call(pair.member, "echo", "still here"), "still here");

  // It may come back on the same connection, and is another socket then.
  const engine = pair.main.io.engine;
  pair.main.connect();
  await once(pair.main, "connect");
  assert.equal(pair.main.io.engine, engine);
  assert.deepEqual(await call(pair.main, "rooms"), [pair.main.id]);

  // The server closes the connection: both sockets are told goodbye before, so neither tries again.
  const reasons = [disconnection(pair.main), disconnection(pair.member)];
  pair.main.emit("bye", true);
  assert.deepEqual(await Promise.all(reasons), ["io server disconnect", "io server disconnect"]);
  assert.equal(pair.main.active, false);
  assert.equal(pair.member.active, false);

  // The same with one socket only.
  const single = await connected("/", { reconnection: true });
  reason = disconnection(single);
  single.emit("bye", true);
  assert.equal(await reason, "io server disconnect");
  assert.equal(single.active, false);

  // The client says goodbye: to one namespace, then to the last one and with it the connection.
  const leaving = await connectedPair();
  const id = leaving.main.id;
  reason = disconnection(leaving.main);
  leaving.main.disconnect();
  assert.equal(await reason, "io client disconnect");
  assert.equal(await call(leaving.member, "echo", "one left"), "one left");
  await call(witness, "direct", id, "to nobody");
  const closed = once(leaving.member.io.engine, "close");
  reason = disconnection(leaving.member);
  leaving.member.disconnect();
  assert.equal(await reason, "io client disconnect");
  await closed;

  // Those who are gone are told nothing, and nobody else noticed anything.
  const heard = record(witness, "others");
  const fresh = await connected("/");
  await call(fresh, "others", "who is left?");
  await settled(fresh, witness);
  assert.deepEqual(heard, [["who is left?"]]);
});

async function connectedPair() {
  const main = await connected("/");
  const member = beside(main, "/members", { auth: { name: "ada" } });
  await once(member, "connect");
  return { main, member };
}
