// The connection breaks under the client, which comes back by itself as the same socket and hears what it has missed.
import assert from "node:assert/strict";
import { beside, call, connected, disconnection, diary, once, persistent, scenario, settled } from "../client.mjs";
import { Relay } from "../relay.mjs";

scenario(async () => {
  const relay = await Relay.open();
  const witness = await connected("/");
  const guest = await connected("/members", { auth: { name: "grace" } });
  const socket = await connected("/", { relay, ...persistent });
  const member = beside(socket, "/members", { auth: { name: "ada" } });
  await once(member, "connect");
  const [heard, heardByMember, heardByWitness] = [diary(socket), diary(member), diary(witness)];
  for (const one of [socket, member, witness]) {
    assert.equal(one.recovered, false);
    await call(one, "join", "tea");
  }
  const { id } = socket;
  const memberId = member.id;

  const breaks = [
    () => relay.cut(), // of the client of two transports in the middle of its upgrade
    () => relay.cut(),
    () => socket.io.engine.close(),
  ];
  for (const [round, breakIt] of breaks.entries()) {
    await call(witness, "room", "tea", "before", round);
    await settled(witness, socket, member);

    const gone = [disconnection(socket), disconnection(member)];
    const back = [once(socket, "connect"), once(member, "connect")];
    relay.bar();
    breakIt();
    await Promise.all(gone);

    const bytes = Buffer.from([round, 0, 255]);
    await call(witness, "room", "tea", "text", round);
    await call(witness, "room", "coffee", "which it has not joined");
    await call(witness, "room", "tea", { in: [bytes] });
    await call(witness, "everyone", "all", round);
    await call(witness, "direct", id, round);
    await call(witness, "direct", witness.id, "for somebody else");
    await call(witness, "others", round);
    await call(guest, "room", "tea", "for members", round);
    socket.emit("room", "tea", "from afar", round); // the client keeps it until it is back
    relay.mend();
    await Promise.all(back);

    for (const [one, was] of [[socket, id], [member, memberId]]) {
      assert.equal(one.recovered, true);
      assert.equal(one.id, was);
      assert.deepEqual(await call(one, "rooms"), [was, "tea"].sort());
    }
    await call(witness, "room", "tea", "after", round);
    await settled(witness, socket);
    await settled(guest, member);

    assert.deepEqual(heard.splice(0), [
      ["room", "tea", "before", round],
      ["room", "tea", "text", round],
      ["room", "tea", { in: [bytes] }],
      ["everyone", "all", round],
      ["direct", witness.id, round],
      ["others", round],
      "connect",
      ["room", "tea", "after", round],
    ]);
    assert.deepEqual(heardByMember.splice(0), [["room", "tea", "for members", round], "connect"]);
    assert.deepEqual(
      heardByWitness.splice(0).filter(([event]) => event === "room"),
      [["room", "tea", "from afar", round]],
    );
  }

  // Nothing was missed.
  const gone = [disconnection(socket), disconnection(member)];
  const back = [once(socket, "connect"), once(member, "connect")];
  relay.cut();
  await Promise.all(gone);
  relay.mend();
  await Promise.all(back);
  await settled(witness, socket);
  assert.deepEqual([socket.recovered, socket.id, member.recovered, member.id], [true, id, true, memberId]);
  assert.deepEqual([heard, heardByMember], [["connect"], ["connect"]]);

  // Who says goodbye comes back as somebody else, and so does who is sent away.
  for (const leave of [() => socket.disconnect(), () => socket.emit("bye", false)]) {
    const before = { id: socket.id, rooms: await call(socket, "rooms") };
    const gone = disconnection(socket);
    leave();
    await gone;
    await call(member, "echo", "the server has heard of it"); // over the same connection
    await call(witness, "room", "tea", "behind its back");
    heard.splice(0);
    const again = once(socket, "connect");
    socket.connect();
    await again;
    assert.equal(socket.recovered, false);
    assert.notEqual(socket.id, before.id);
    assert.deepEqual(await call(socket, "rooms"), [socket.id]);
    await call(witness, "room", "tea", "it is not here");
    await settled(witness, socket);
    assert.deepEqual(heard, ["connect"]);
    await call(socket, "join", "tea");
  }
  assert.equal(await call(member, "echo", "still here"), "still here");
});
