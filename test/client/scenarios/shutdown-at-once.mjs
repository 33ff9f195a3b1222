// The server is stopped and takes no time for it: what it has to say is still heard first.
import assert from "node:assert/strict";
import { connected, isDropped, record, scenario, stopServer } from "../client.mjs";

scenario(async () => {
  const sockets = await Promise.all(Array.from({ length: 10 }, () => connected("/")));
  const notices = sockets.map((socket) => record(socket, "closing time"));
  const dropped = sockets.map((socket) => isDropped(socket));
  await stopServer();
  await Promise.all(dropped);
  assert.deepEqual(notices, Array(10).fill([[]]));
});
