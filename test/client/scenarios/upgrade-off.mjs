// A client that could upgrade and does not want to stays with polling.
import assert from "node:assert/strict";
import { call, client, once, scenario } from "../client.mjs";

scenario(async () => {
  const socket = client("/", { upgrade: false });
  const { engine } = socket.io;
  engine.on("upgrading", () => assert.fail("it is upgrading"));
  const [{ upgrades }] = await once(engine, "handshake");
  assert.deepEqual(upgrades, ["websocket"]);
  await once(socket, "connect");
  for (let i = 0; i < 20; i++) {
    assert.equal(await call(socket, i % 2 ? "echo" : "work", i), i);
  }
  assert.equal(engine.transport.name, "polling");
});
