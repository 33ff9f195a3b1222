// A server that offers WebSocket alone: who begins with polling is refused, and may try the next transport.
import assert from "node:assert/strict";
import { call, client, connected, once, scenario } from "../client.mjs";

scenario(async () => {
  for (const options of [{}, { transports: ["polling"] }, { transports: ["polling"], tryAllTransports: true }]) {
    const [err] = await once(client("/", options), "connect_error");
    assert.equal(err.message, "xhr poll error");
    assert.equal(err.description, 400);
  }
  for (const options of [{ transports: ["websocket"] }, { tryAllTransports: true }]) {
    const socket = await connected("/", options);
    assert.equal(socket.io.engine.transport.name, "websocket");
    assert.equal(await call(socket, "echo", "by WebSocket"), "by WebSocket");
  }
});
