// A client that answers the server's pings stays connected.
import assert from "node:assert/strict";
import { call, connected, once, scenario } from "../client.mjs";

scenario(async () => {
  const socket = await connected("/");
  const { engine } = socket.io;
  assert.equal(engine._pingInterval, 300);

  // A ping follows only upon the pong before it, so five pings are four answers that the server took.
  for (let i = 0; i < 5; i++) {
    await once(engine, "ping");
  }
  assert.equal(socket.connected, true);
  assert.equal(await call(socket, "echo", "still here"), "still here");
});
