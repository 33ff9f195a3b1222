// A client that wants back what the server does not know begins anew.
import assert from "node:assert/strict";
import { call, connected, once, persistent, restartServer, scenario } from "../client.mjs";

scenario(async () => {
  // What the client would say by itself, an application may put into its auth.
  const pids = new Set();
  for (const auth of [
    { pid: "nobody-has-this" },
    { pid: "nobody-has-this", offset: "nor-this" },
    { pid: "", offset: "" },
    { pid: 7, offset: 8 },
    { pid: { a: 1 }, offset: ["b"] },
    { offset: "nor-this" },
  ]) {
    const socket = await connected("/", { auth });
    assert.equal(socket.recovered, false);
    assert.deepEqual(await call(socket, "rooms"), [socket.id]);
    pids.add(socket._pid);
  }
  assert.equal(pids.size, 6);
  assert.ok([...pids].every((pid) => typeof pid === "string" && pid !== "" && pid !== "nobody-has-this"));

  // Who only knows the id of a socket, which is public, does not get it.
  const victim = await connected("/");
  const thief = await connected("/", { auth: { pid: victim.id } });
  assert.equal(thief.recovered, false);
  assert.notEqual(thief.id, victim.id);
  assert.equal(await call(victim, "echo", "still here"), "still here");

  // Another server knows nothing of the one before, and says so.
  const socket = await connected("/", persistent);
  await call(socket, "join", "tea");
  socket.emit("echo", "an offset"); // to come back with
  await once(socket, "echo");
  const before = { id: socket.id, pid: socket._pid };
  const back = once(socket, "connect");
  await restartServer();
  await back;
  assert.equal(socket.recovered, false);
  assert.notEqual(socket.id, before.id);
  assert.notEqual(socket._pid, before.pid);
  assert.deepEqual(await call(socket, "rooms"), [socket.id]);
});
