// The main namespace and another one, apart and over one connection, and one that does not exist.
import assert from "node:assert/strict";
import { beside, call, client, connected, once, record, scenario, settled } from "../client.mjs";

scenario(async () => {
  const main = await connected("/");
  const members = await connected("/members", { auth: { name: "ada" } });
  assert.match(main.id, /^\S+$/);
  assert.notEqual(main.id, members.id);
  assert.notEqual(main.id, main.io.engine.id, "the session's id is a secret, the socket's is public");
  assert.equal(await call(main, "echo", "a"), "a");
  assert.equal(await call(members, "echo", "b"), "b");

  // Two namespaces share a connection and nothing else.
  const second = beside(main, "/members", { auth: { name: "bob" } });
  await once(second, "connect");
  assert.equal(second.io.engine, main.io.engine);
  assert.notEqual(second.id, main.id);
  const heardByMain = record(main, "everyone");
  const heardBySecond = record(second, "everyone");
  await call(members, "everyone", "members only");
  await settled(members, main, second);
  assert.deepEqual(heardByMain, []);
  assert.deepEqual(heardBySecond[0], ["members only"]);

  // Leaving one of them leaves the other where it was.
  second.disconnect();
  assert.equal(await call(main, "echo", "still here"), "still here");

  // A namespace that does not exist is refused; the connection goes on.
  const lost = beside(main, "/nowhere");
  const [err] = await once(lost, "connect_error");
  assert.equal(err.message, "Invalid namespace");
  assert.equal(err.data, undefined);
  assert.equal(lost.connected, false);
  assert.equal(await call(main, "echo", "and still"), "and still");

  // So it is when it is the first thing a connection asks for.
  const [alone] = await once(client("/nowhere"), "connect_error");
  assert.equal(alone.message, "Invalid namespace");
});
