// By default a server does not agree to compress what goes by WebSocket, although the client offers it.
import assert from "node:assert/strict";
import { call, connected, scenario, upgraded } from "../client.mjs";

scenario(async () => {
  const socket = await connected("/");
  await upgraded(socket);
  const { ws } = socket.io.engine.transport;
  assert.equal(ws.extensions, "");
  const text = "large ".repeat(10_000);
  const { bytesRead } = ws._socket;
  assert.equal(await call(socket, "echo", text), text);
  assert.ok(ws._socket.bytesRead - bytesRead > text.length);
});
