// Who hears what is said in a room, and who never does.
import assert from "node:assert/strict";
import { call, connected, once, record, scenario, settled } from "../client.mjs";

scenario(async () => {
  const [ann, ben, eve] = [await connected("/"), await connected("/"), await connected("/")];
  const mia = await connected("/members", { auth: { name: "mia" } });
  const heard = [ann, ben, eve, mia].map((socket) => record(socket, "room"));
  const expect = (...want) => {
    assert.deepEqual(heard, want);
    heard.forEach((list) => list.splice(0));
  };
  const all = [ann, ben, eve, mia];

  assert.equal(await call(ann, "join", "tea"), "ok");
  assert.equal(await call(ben, "join", "tea"), "ok");
  assert.equal(await call(mia, "join", "tea"), "ok");
  assert.deepEqual(await call(ann, "rooms"), [ann.id, "tea"].sort());
  assert.deepEqual(await call(eve, "rooms"), [eve.id]);

  // A member hears; the sender, a stranger, and the room of that name in another namespace do not.
  assert.equal(await call(ann, "room", "tea", "hello", { n: 1 }), "ok");
  await settled(ann, ...all);
  expect([], [["tea", "hello", { n: 1 }]], [], []);

  // A stranger may speak to a room without hearing from it.
  await call(eve, "room", "tea", "from outside");
  await settled(eve, ...all);
  expect([["tea", "from outside"]], [["tea", "from outside"]], [], []);

  // The other namespace's room has its own members.
  await call(mia, "room", "tea", "only me here");
  await settled(mia, ...all);
  expect([], [], [], []);

  // Joining twice is joining once; after leaving nothing more is heard.
  await call(ben, "join", "tea");
  await call(ann, "room", "tea", "once");
  assert.equal(await call(ben, "leave", "tea"), "ok");
  await call(ann, "room", "tea", "behind your back");
  await settled(ann, ...all);
  expect([], [["tea", "once"]], [], []);
  assert.deepEqual(await call(ben, "rooms"), [ben.id]);

  // Leaving a room one is not in, and speaking to a room with nobody in it, are no errors.
  assert.equal(await call(eve, "leave", "tea"), "ok");
  assert.equal(await call(eve, "room", "empty", "hello?"), "ok");

  // A socket that comes back is a new one, in no room but its own.
  await call(ben, "join", "tea");
  ben.disconnect().connect();
  await once(ben, "connect");
  assert.deepEqual(await call(ben, "rooms"), [ben.id]);
  await call(ann, "room", "tea", "he is not here");
  await settled(ann, ...all);
  expect([], [], [], []);

  // Names have 1 to 255 bytes and are strings.
  const long = "r".repeat(255);
  assert.equal(await call(eve, "join", long), "ok");
  assert.deepEqual(await call(eve, "rooms"), [eve.id, long].sort());
  for (const name of ["", long + "r", "é".repeat(128), 7, null, {}, ["tea"]]) {
    for (const event of ["join", "leave"]) {
      const answer = await call(eve, event, name);
      assert.equal(typeof answer.error, "string", `${event} ${JSON.stringify(name)} answered ${JSON.stringify(answer)}`);
    }
  }
  assert.deepEqual(await call(eve, "rooms"), [eve.id, long].sort());
});
