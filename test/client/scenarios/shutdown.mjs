// The server is stopped: all clients hear of it, and then go one after the other instead of all at once.
import assert from "node:assert/strict";
import { call, client, connected, isDropped, once, record, scenario, stopServer } from "../client.mjs";

const count = 40;

scenario(async () => {
  const sockets = await Promise.all(Array.from({ length: count }, () => connected("/")));
  const notices = sockets.map((socket) => record(socket, "closing time"));
  const noticed = sockets.map((socket) => once(socket, "closing time"));
  const dropped = sockets.map((socket, i) => {
    socket.on("disconnect", () => assert.equal(notices[i].length, 1, "it was disconnected unwarned"));
    return isDropped(socket);
  });

  await stopServer();
  await Promise.all(noticed);

  // When the first has gone others are still there, and are served; and so it is when half of them have gone.
  const gone = () => sockets.filter((socket) => !socket.connected).length;
  for (const part of [1, count / 2]) {
    while (gone() < part) {
      await Promise.race(sockets.filter((socket) => socket.connected).map((socket) => once(socket, "disconnect")));
    }
    await once(client("/"), "connect_error"); // nobody comes any more
    const answers = sockets.filter((socket) => socket.connected).map((socket) => call(socket, "echo", part));
    assert.equal(await Promise.any(answers), part);
  }

  await Promise.all(dropped);
  assert.deepEqual(notices, Array(count).fill([[]]));
});
