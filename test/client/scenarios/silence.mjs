// A client that does not answer the server's ping is dropped, although its connection is fine.
import assert from "node:assert/strict";
import { call, connected, isDropped, scenario } from "../client.mjs";

scenario(async () => {
  const socket = await connected("/");
  const { engine } = socket.io;

  // The client keeps its pongs to itself, and its own watch over the server is off, so the server must act first.
  const send = engine._sendPacket;
  engine._sendPacket = (type, ...rest) => (type === "pong" ? undefined : send.call(engine, type, ...rest));
  clearTimeout(engine._pingTimeoutTimer);
  engine._resetPingTimeout = () => {};
  engine._pingTimeoutTime = Infinity;

  let pings = 0;
  engine.on("ping", () => pings++);

  // Other traffic is no answer, though it goes on until the end.
  socket.on("echo", (n) => socket.emit("echo", n + 1));
  socket.emit("echo", 0);
  await isDropped(socket);
  assert.equal(pings, 1);

  // The next one is welcome.
  assert.equal(await call(await connected("/"), "echo", "fine"), "fine");
});
