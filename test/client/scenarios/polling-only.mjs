// A server that offers polling alone: nobody upgrades, and who begins with a WebSocket is refused.
import assert from "node:assert/strict";
import { call, client, connected, once, scenario } from "../client.mjs";

scenario(async () => {
  for (const options of [{}, { transports: ["polling"] }]) {
    const socket = client("/", options);
    const [{ upgrades }] = await once(socket.io.engine, "handshake");
    assert.deepEqual(upgrades, []);
    await once(socket, "connect");
    await staysWithPolling(socket);
  }
  const [err] = await once(client("/", { transports: ["websocket"] }), "connect_error");
  assert.equal(err.message, "websocket error");
  await staysWithPolling(await connected("/", { transports: ["websocket", "polling"], tryAllTransports: true }));
});

async function staysWithPolling(socket) {
  for (let i = 0; i < 5; i++) {
    assert.equal(await call(socket, "echo", i), i);
  }
  assert.equal(socket.io.engine.transport.name, "polling");
}
