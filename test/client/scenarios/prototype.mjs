// Names that mean something to JavaScript's objects are ordinary strings.
import assert from "node:assert/strict";
import { call, client, connected, once, record, scenario, settled } from "../client.mjs";

const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "length"];

scenario(async () => {
  const [ann, ben] = [await connected("/"), await connected("/")];
  const heard = record(ben, "room");

  for (const name of names) {
    assert.deepEqual(await call(ben, "rooms"), [ben.id]); // nobody is in one unasked
    await call(ann, "room", name, "too early");
    assert.equal(await call(ben, "join", name), "ok");
    assert.deepEqual(await call(ben, "rooms"), [ben.id, name].sort());
    await call(ann, "room", name, "in time");
    assert.equal(await call(ben, "leave", name), "ok");
    await call(ann, "room", name, "too late");
  }
  await settled(ann, ben);
  assert.deepEqual(heard, names.map((name) => [name, "in time"]));

  // As events that nobody handles, and as the id of a socket that does not exist.
  for (const name of names) {
    ann.emit(name, 1);
    ann.emit(name, () => assert.fail(`an acknowledgement of "${name}"`));
    assert.equal(await call(ann, "direct", name, "nobody"), "ok");
  }

  // As keys of what is sent: JSON.parse makes __proto__ a key like any other.
  const keys = JSON.parse(`{${names.map((name) => `"${name}":{"polluted":true}`).join()}}`);
  for (const event of ["echo", "work"]) {
    assert.deepEqual(await call(ann, event, keys), keys);
  }

  // As what a client tells of itself: a name inside a key called __proto__ is not the client's name.
  const [err] = await once(client("/members", { auth: JSON.parse('{"__proto__":{"name":"ada"}}') }), "connect_error");
  assert.equal(err.message, "a name is required");
  const member = await connected("/members", { auth: { name: "__proto__" } });
  assert.equal(await call(member, "echo", "still here"), "still here");
});
